"""PostgreSQL: its catalog, its statistics, and the answers to the questions of the checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.postgres import Session, read_only_session
from cdbctl.collect.questions import read_answers
from cdbctl.model.database import DatabaseFacts, Relation, SequenceFacts
from cdbctl.sql.catalog import query

__all__ = ["read_answers", "read_database"]

Row = Mapping[str, Any]

MAX_VERSION_ROWS = 200
MAX_TEXT = 200_000


def read_database(dsn: str, password: str | None, *, timeout_seconds: float) -> Seen[DatabaseFacts]:
    """Read the whole database in one read-only session. What only lacks a right is named in ``not_read``."""
    with read_only_session(dsn, password, timeout_seconds=timeout_seconds) as session:
        notes = _Notes(session)
        round_trip_ms = _ping(session)
        notes.lines.append(f"SELECT 1: {round_trip_ms:g} ms")
        asked_at = datetime.now(UTC)
        server = notes.one("server")
        host_at = asked_at + (datetime.now(UTC) - asked_at) / 2
        activity = notes.one("activity")
        relations = tuple(
            Relation(schema=row["schema"], name=row["name"], kind=row["kind"], columns=tuple(row["columns"]))
            for row in notes.all("relations")
        )
        invalid_indexes = tuple(row["name"] for row in notes.all("invalid_indexes"))
        sequences = notes.if_possible("sequences")
        schema_versions = _schema_versions(notes, relations)
    counted_since = activity["counted_since"]
    if activity["idle_in_transaction"] is None:
        notes.not_read.append("transactions of other sessions: the role is not a member of pg_read_all_stats")
    return Seen(
        DatabaseFacts(
            database=server["database"],
            version=server["version"].split()[0],
            server_at=server["server_at"].astimezone(UTC),
            host_at=host_at,
            timezone=server["timezone"],
            started_at=server["started_at"].astimezone(UTC),
            round_trip_ms=round_trip_ms,
            max_connections=server["max_connections"],
            in_recovery=server["in_recovery"],
            **{**activity, "counted_since": counted_since and counted_since.astimezone(UTC)},
            relations=relations,
            invalid_indexes=invalid_indexes,
            sequences=None if sequences is None else tuple(_readable_sequences(sequences, notes)),
            schema_versions=schema_versions,
            not_read=tuple(notes.not_read),
        ),
        notes.text(),
    )


@dataclass(slots=True)
class _Notes:
    """Asks, and writes down every answer: the evidence."""

    session: Session
    lines: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[Row]:
        """The rows of a catalog query; raises NoAnswer."""
        return self.ask(name, query(name))

    def one(self, name: str) -> Row:
        return self.all(name)[0]

    def if_possible(self, name: str, sql: object | None = None) -> list[Row] | None:
        """The rows, or None and a word about why there are none."""
        try:
            return self.ask(name, sql or query(name))
        except NoAnswer as failure:
            if self.session.lost:
                raise
            self.not_read.append(f"{name}: {failure.reason}")
            self.lines.append(f"{name}: {failure.reason}")
            return None

    def ask(self, name: str, sql: Any) -> list[Row]:
        from psycopg import Error
        from psycopg.rows import dict_row

        try:
            with self.session.connection.cursor(row_factory=dict_row) as cursor:
                rows: list[Row] = list(cursor.execute(sql).fetchall())
        except Error as error:
            raise self.session.failure(error) from error
        self.lines.append(f"{name}: {len(rows)} {'row' if len(rows) == 1 else 'rows'}")
        self.lines.extend(f"  {line}" for line in _table(rows))
        return rows

    def text(self) -> str:
        whole = "\n".join(self.lines) + "\n"
        return whole if len(whole) <= MAX_TEXT else f"{whole[:MAX_TEXT]}\n[cut after {MAX_TEXT:,} characters]\n"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    if len(rows) == 1:
        yield from (f"{name}: {_shown(value)}" for name, value in rows[0].items())
        return
    for row in rows:
        yield " | ".join(_shown(value) for value in row.values())


def _shown(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case list():
            return ", ".join(map(str, value))
        case datetime():
            return value.isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat()
        case _:
            return str(value)


def _ping(session: Session) -> float:
    started = perf_counter()
    session.connection.execute("SELECT 1").fetchone()
    return round((perf_counter() - started) * 1000, 2)


def _readable_sequences(rows: Sequence[Row], notes: _Notes) -> Iterator[SequenceFacts]:
    for row in rows:
        if row["used_fraction"] is None:
            notes.not_read.append(f"sequence {row['name']}: no right to read it")
        else:
            yield SequenceFacts(name=row["name"], used_fraction=row["used_fraction"])


def _schema_versions(notes: _Notes, relations: Sequence[Relation]) -> tuple[str, ...] | None:
    """The rows of the stack's own list of versions, as text; the one in ``public`` if there are several."""
    from psycopg.sql import SQL, Identifier

    tables = [item for item in relations if item.name == "schema_version" and item.kind in ("table", "view")]
    if not tables:
        return None
    table = min(tables, key=lambda item: (item.schema != "public", item.schema))
    sql = SQL("SELECT * FROM {} LIMIT {}").format(Identifier(table.schema, table.name), MAX_VERSION_ROWS)
    rows = notes.if_possible(f"{table.schema}.{table.name}", sql)
    return None if rows is None else tuple(sorted(" | ".join(map(_shown, row.values())) for row in rows))
