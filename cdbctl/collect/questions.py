"""The questions that checks ask the database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.postgres import Session, read_only_session
from cdbctl.model.database import QueryAnswer
from cdbctl.model.needs import Question
from cdbctl.sql.grammar import GrammarError, Node, Statement, parse

if TYPE_CHECKING:
    from psycopg import Cursor
    from psycopg.rows import TupleRow

MAX_ROWS = 100
MAX_VALUE = 1_000
"""Characters of one value."""

Value: TypeAlias = bool | int | float | str | None
Answer: TypeAlias = Seen[QueryAnswer] | NoAnswer


def read_answers(
    dsn: str, password: str | None, questions: Sequence[Question], *, timeout_seconds: float
) -> Seen[Mapping[str, Answer]]:
    """Ask every question over one read-only connection; each has half of the time and fails by itself.

    Raises NoAnswer when there is no connection at all.
    """
    answers: dict[str, Answer] = {}
    with read_only_session(dsn, password, timeout_seconds=timeout_seconds) as session:
        lost: NoAnswer | None = None
        for question in questions:
            answers[question.id] = answer = lost or _attempt(session, question.sql)
            if isinstance(answer, NoAnswer) and session.lost:
                lost = answer
    return Seen(answers, "".join(_paragraph(question, answers[question.id]) for question in questions))


def plain(value: object) -> Value:
    """A value of PostgreSQL as JSON knows it: times as ISO 8601 (in UTC where they have a zone), intervals in
    seconds, what is not a finite number as text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if value - value == 0 else str(value)
        case Decimal():
            return _number(value)
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes() | bytearray() | memoryview():
            return _cut("\\x" + bytes(value).hex())
        case dict() | list():
            return _cut(json.dumps(value, ensure_ascii=False, default=str))
        case _:
            return _cut(str(value))


def _number(value: Decimal) -> Value:
    if not value.is_finite():
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}… [{len(text):,} characters]"


def _attempt(session: Session, sql: str) -> Answer:
    try:
        return _answer(session, sql)
    except NoAnswer as failure:
        return failure


def _answer(session: Session, sql: str) -> Seen[QueryAnswer]:
    statement = _the_one_query(sql)
    with _read_only_transaction(session):
        # A question without LIMIT must not fill our memory; SHOW and EXPLAIN know no cursor and are short.
        is_select = statement.kind == "SelectStmt"
        with session.connection.cursor("question") if is_select else session.connection.cursor() as cursor:
            answer = _rows(cursor.execute(sql.encode()), sql)
    return Seen(answer, _table(answer))


@contextmanager
def _read_only_transaction(session: Session) -> Iterator[None]:
    """A transaction after which nothing is left that the question set; its failure is a NoAnswer."""
    from psycopg import Error

    execute = session.connection.execute
    try:
        execute("BEGIN READ ONLY")
        yield
        execute("COMMIT; RESET ALL")  # rolled back instead, we would count among the failures of the stack
    except Error as error:
        failure = session.failure(error)
        with suppress(Error):  # a lost connection has rolled back already
            execute("ROLLBACK")
        raise failure from error


def _rows(cursor: Cursor[TupleRow], sql: str) -> QueryAnswer:
    rows = tuple(tuple(map(plain, row)) for row in cursor.fetchmany(MAX_ROWS + 1))
    columns = tuple(column.name for column in cursor.description or ())
    return QueryAnswer(sql=sql, columns=columns, rows=rows[:MAX_ROWS], more_rows=len(rows) > MAX_ROWS)


def _the_one_query(sql: str) -> Statement:
    """The statement of a question; raises NoAnswer for several ones and for anything but a query."""
    try:
        statements = parse(sql)
    except GrammarError as error:
        raise NoAnswer(f"42601 {error}", remedy="correct the SQL of the check") from error
    if len(statements) != 1:
        raise NoAnswer(
            f"42601 a question is one statement, not {len(statements)}", remedy="correct the SQL of the check"
        )
    if written := _writes(statements[0].kind, statements[0].node):
        raise NoAnswer(
            f"25006 a question may only read, and this one is {written}", remedy="correct the SQL of the check"
        )
    return statements[0]


def _writes(kind: str, node: Node) -> str | None:
    """What makes a statement something else than a query; COPY … TO PROGRAM would pass a read-only session."""
    if kind == "ExplainStmt":
        kind, node = next(iter(node["query"].items()))
    if kind not in ("SelectStmt", "VariableShowStmt"):
        return kind.removesuffix("Stmt").upper()
    if "intoClause" in node:
        return "SELECT INTO"
    for item in node.get("withClause", {}).get("ctes", ()):
        inner = next(iter(item["CommonTableExpr"]["ctequery"]))
        if inner != "SelectStmt":
            return f"{inner.removesuffix('Stmt').upper()} in WITH"
    return None


def _paragraph(question: Question, answer: Answer) -> str:
    said = answer.reason if isinstance(answer, NoAnswer) else answer.text
    return f"{question.id}\n{said.rstrip()}\n\n"


def _table(answer: QueryAnswer) -> str:
    lines = [answer.sql.strip(), " | ".join(answer.columns)]
    lines += [" | ".join("NULL" if value is None else str(value) for value in row) for row in answer.rows]
    count = len(answer.rows)
    more = "; there are more" if answer.more_rows else ""
    lines.append(f"({'the first ' if more else ''}{count} {'row' if count == 1 else 'rows'}{more})")
    return "\n".join(lines) + "\n"
