"""What a file would bring into the catalog."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.sql.catalog_state import Effects
from cdbctl.sql.effects import effects
from cdbctl.sql.grammar import parse


def of(sql: str) -> Effects:
    return effects(parse(sql))


@pytest.mark.parametrize(
    ("sql", "creates"),
    [
        ("CREATE TABLE IF NOT EXISTS risk_events (id SERIAL PRIMARY KEY)", ("public.risk_events",)),
        ("CREATE TABLE Audit.\"Mixed Case\" (i int)", ("audit.Mixed Case",)),
        ("CREATE TABLE t AS SELECT 1", ("public.t",)),
        ("SELECT 1 AS a INTO s.t", ("s.t",)),
        ("CREATE VIEW v AS SELECT 1", ("public.v",)),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", ("public.v",)),
        ("CREATE MATERIALIZED VIEW m AS SELECT 1", ("public.m",)),
        ("CREATE SEQUENCE IF NOT EXISTS s.q", ("s.q",)),
        ("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON s.t (a)", ("s.i",)),
        ("CREATE FOREIGN TABLE f (a int) SERVER x", ("public.f",)),
        ("CREATE TABLE p PARTITION OF q FOR VALUES IN (1)", ("public.p",)),
        ("CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT 1", ("s.t", "s.v")),
        ("ALTER TABLE a RENAME TO b", ("public.b",)),
        ("ALTER VIEW a SET SCHEMA s", ("s.a",)),
        ("SET search_path TO audit, public; CREATE TABLE t (a int)", ("audit.t",)),
        ("SET search_path = '$user', audit; RESET search_path; CREATE TABLE t (a int)", ("public.t",)),
        ("CREATE TEMP TABLE t AS SELECT 1", ()),
        ("CREATE TABLE t (a int); DROP TABLE t", ()),
        ("CREATE TABLE t (a int); CREATE INDEX i ON t (a); DROP TABLE t", ()),
        ("CREATE TABLE s.t (a int); DROP SCHEMA s CASCADE", ()),
        ("CREATE TABLE a (i int); CREATE INDEX x ON a (i); ALTER TABLE a RENAME TO b", ("public.b", "public.x")),
        ("CREATE TABLE a (i int); CREATE INDEX x ON a (i); ALTER TABLE a SET SCHEMA s", ("s.a", "s.x")),
        ("EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", ()),
        ("CREATE TYPE c AS (a int)", ()),
    ],
)  # fmt: skip
def test_relations_that_exist_afterwards(sql: str, creates: tuple[str, ...]) -> None:
    assert of(sql).creates == creates


@pytest.mark.parametrize(
    ("sql", "drops", "recreates"),
    [
        ("DROP TABLE IF EXISTS a, s.b CASCADE", ("public.a", "s.b"), ()),
        ("DROP VIEW v; DROP INDEX s.i; DROP SEQUENCE q", ("public.v", "s.i", "public.q"), ()),
        ("DROP TABLE IF EXISTS t; CREATE TABLE t (a int)", (), ("public.t",)),
        ("DROP TABLE t; CREATE TABLE t (a int); DROP TABLE t", ("public.t",), ()),
        ("CREATE TABLE t (a int); DROP TABLE t", (), ()),
        ("CREATE TEMP TABLE t AS SELECT 1; DROP TABLE t", (), ()),
        ("ALTER TABLE a RENAME TO b", ("public.a",), ()),
        ("ALTER TABLE a RENAME TO b; ALTER TABLE b RENAME TO a", (), ()),
        ("DROP FUNCTION f(int)", (), ()),
    ],
)
def test_relations_that_are_gone_afterwards(sql: str, drops: tuple[str, ...], recreates: tuple[str, ...]) -> None:
    found = of(sql)
    assert (found.drops, found.recreates) == (drops, recreates)


@pytest.mark.parametrize(
    ("sql", "adds", "drops"),
    [
        ("ALTER TABLE t ADD COLUMN IF NOT EXISTS a int, ADD b text", (("public.t", "a"), ("public.t", "b")), ()),
        ("ALTER TABLE s.t DROP COLUMN a", (), (("s.t", "a"),)),
        ("ALTER TABLE t RENAME COLUMN a TO b", (("public.t", "b"),), (("public.t", "a"),)),
        ("ALTER TABLE t ADD a int; ALTER TABLE t DROP a", (), ()),
        ("ALTER TABLE t ADD a int; DROP TABLE t", (), ()),
        ("ALTER TABLE t ADD a int; ALTER TABLE t RENAME TO u", (("public.u", "a"),), ()),
        ("CREATE TABLE t (a int); ALTER TABLE t DROP a", (), ()),
        ("ALTER TYPE c ADD ATTRIBUTE a int", (), ()),
    ],
)
def test_columns(sql: str, adds: tuple[tuple[str, str], ...], drops: tuple[tuple[str, str], ...]) -> None:
    found = of(sql)
    assert (found.adds_columns, found.drops_columns) == (adds, drops)


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("BEGIN; SET lock_timeout = '1s'; CREATE TABLE t (a int); COMMIT", 0),
        ("INSERT INTO schema_version VALUES (4); GRANT SELECT ON t TO r; DO $$ BEGIN END $$", 3),
        ("CREATE INDEX ON t (a)", 1),
        ("ALTER TABLE t ADD a int, ALTER b SET NOT NULL", 1),
        ("ALTER TABLE t ADD a int", 0),
        ("SELECT setval('q', 1)", 1),
        ("CREATE TEMP TABLE t AS SELECT 1", 1),
    ],
)
def test_statements_whose_effect_cannot_be_seen_are_counted(sql: str, count: int) -> None:
    assert of(sql).other_statements == count


def test_each_effect_is_named_with_its_line() -> None:
    assert of("DROP TABLE t;\n\nCREATE TABLE t (a int);\nALTER TABLE t ADD b int").notable == (
        (1, "drops public.t"),
        (3, "creates public.t"),
        (4, "adds column public.t.b"),
    )


@given(
    st.lists(
        st.sampled_from(
            [
                "CREATE TABLE a (\n i int\n);\n",
                "DROP TABLE a;\n",
                "ALTER TABLE a\n RENAME TO b;\n",
                "ALTER TABLE b ADD c int;\n",
                "CREATE INDEX x ON a (i);\n",
                "INSERT INTO a\nVALUES (1);\n",
            ]
        ),
        max_size=8,
    )
)
def test_effects_hold_together_and_do_not_depend_on_line_ends(parts: list[str]) -> None:
    sql = "".join(parts)
    found = of(sql)
    assert of(sql.replace("\n", "\r\n")) == found
    assert not set(found.creates) & set(found.drops)
    assert set(found.recreates) <= set(found.creates)
    assert not set(found.adds_columns) & set(found.drops_columns)
