"""The migrations and contracts of the demo stack, against a real PostgreSQL and the code of the services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from cdbctl.sql.server import Scratch
from tests.demo.pipeline import MIGRATIONS, REPOSITORY, apply, empty_database, migration_names

CONTRACTS = sorted((REPOSITORY / "governance" / "contracts").glob("*.yaml"))
SERVICES = REPOSITORY / "cdbctl/demo/stack"
TYPES = {"serial": "integer", "bigserial": "bigint", "timestamptz": "timestamp with time zone"}
CATALOG = """
    SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i') AND a.attnum > 0
    ORDER BY c.relname, a.attnum
"""


@pytest.fixture
def database(postgres: Scratch) -> Iterator[str]:
    """An empty database with the roles that the migrations name."""
    with empty_database(postgres) as name:
        yield name


def catalog(server: Scratch, database: str) -> list[tuple[Any, ...]]:
    """Every column of every table and index."""
    with psycopg.connect(server.dsn(database=database)) as session:
        return session.execute(CATALOG).fetchall()


@pytest.mark.live
class TestMigrations:
    def test_apply_in_order_and_refuse_to_be_applied_twice(self, postgres: Scratch, database: str) -> None:
        apply(postgres, database, *migration_names())
        before = catalog(postgres, database)
        for name in migration_names():
            with pytest.raises(psycopg.errors.DuplicateTable, match="already exists"):
                apply(postgres, database, name)
        assert catalog(postgres, database) == before

    def test_all_others_apply_without_the_one_of_the_reference_day_and_it_after_them(
        self, postgres: Scratch, database: str
    ) -> None:
        pending = "0004_risk_events.sql"
        apply(postgres, database, *(name for name in migration_names() if name != pending))
        assert not any(row[0].startswith("risk_events.") for row in catalog(postgres, database))
        apply(postgres, database, pending)
        with empty_database(postgres) as other:
            apply(postgres, other, *migration_names())
            assert catalog(postgres, database) == catalog(postgres, other)

    @pytest.mark.parametrize("statement", ["UPDATE risk_events SET decision = 'ALLOW'", "DELETE FROM risk_events"])
    def test_the_audit_trail_can_only_grow(self, postgres: Scratch, database: str, statement: str) -> None:
        apply(postgres, database, *migration_names())
        with (
            psycopg.connect(postgres.dsn(database=database, user="cdb_risk")) as session,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table risk_events"),
        ):
            session.execute(statement.encode())


@pytest.mark.parametrize("name", migration_names())
def test_a_migration_leaves_its_transaction_to_whoever_applies_it(name: str) -> None:
    text = (MIGRATIONS / name).read_bytes()
    assert b"\r" not in text
    assert not re.search(rb"(?mi)^\s*(COMMIT|ROLLBACK|BEGIN\s*;|BEGIN TRANSACTION|DROP)\b", text)


@pytest.mark.live
@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.name)
class TestAContract:
    def test_says_what_the_migrations_make(self, postgres: Scratch, database: str, path: Path) -> None:
        apply(postgres, database, *migration_names())
        contract = yaml.safe_load(path.read_text(encoding="utf-8"))
        table, fields = contract["table"], contract["fields"]
        rows = [row for row in catalog(postgres, database) if row[0].startswith(f"{table}.")]
        assert [row[0].partition(".")[2] for row in rows] == list(fields)
        for qualified, kind, not_null in rows:
            column = qualified.partition(".")[2]
            assert (column, stated_type(fields[column])) == (column, kind)
            assert (column, column in contract["required"]) == (column, not_null)
            assert fields[column].get("nullable", False) is not not_null
        assert sorted(stated_index(table, index) for index in contract["indexes"]) == indexes(postgres, database, table)
        assert set(contract["insert_columns"]) <= set(fields)

    def test_names_the_lines_of_the_code_that_insert_its_columns(self, path: Path) -> None:
        contract = yaml.safe_load(path.read_text(encoding="utf-8"))
        first, last = map(int, contract["source"]["code_lines"].split("-"))
        code = (SERVICES / contract["source"]["code_file"]).read_text(encoding="utf-8").splitlines()
        statement = " ".join(line.strip() for line in code[first - 1 : last])
        match = re.match(r"INSERT INTO (\w+) \(([\w, ]+)\) VALUES", statement)
        assert match
        assert match.group(1) == contract["table"]
        assert match.group(2).split(", ") == contract["insert_columns"]
        assert '"""' not in statement
        assert code[last].strip().startswith('"""')


def stated_type(column: dict[str, Any]) -> str:
    """The type of a contract in the words of PostgreSQL."""
    kind: str = column["type"].lower().replace(" ", "").replace("varchar", "character varying")
    length = f"({column['max_length']})" if "max_length" in column else ""
    return TYPES.get(kind, kind) + length


def stated_index(table: str, index: dict[str, Any]) -> str:
    order = f" {index['order']}" if "order" in index else ""
    return f"CREATE INDEX {index['name']} ON public.{table} USING btree ({', '.join(index['columns'])}{order})"


def indexes(server: Scratch, database: str, table: str) -> list[str]:
    """The indexes that no constraint brought along."""
    with psycopg.connect(server.dsn(database=database)) as session:
        rows = session.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = %s"
            " AND indexdef NOT LIKE 'CREATE UNIQUE%%' ORDER BY indexdef",
            (table,),
        ).fetchall()
    return [row[0] for row in rows]
