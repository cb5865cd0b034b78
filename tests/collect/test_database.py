"""PostgreSQL, read from a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.database import MAX_TEXT, read_database
from cdbctl.model.codec import decode, encode
from cdbctl.model.database import DatabaseFacts, Relation
from cdbctl.sql.server import Scratch
from tests.collect.servers import until

pytestmark = pytest.mark.live

SCHEMA = """
CREATE SCHEMA audit;
CREATE TABLE signals (id SERIAL PRIMARY KEY, symbol text, gone int, created_at timestamptz);
ALTER TABLE signals DROP COLUMN gone;
CREATE TABLE audit."Mixed Case" (a int) PARTITION BY LIST (a);
CREATE VIEW latest AS SELECT symbol FROM signals;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM signals;
CREATE SEQUENCE wide;
CREATE TABLE fed (narrow int DEFAULT nextval('wide'), big bigint GENERATED ALWAYS AS IDENTITY, small smallserial);
CREATE SEQUENCE downwards INCREMENT -1 MINVALUE -100 MAXVALUE -1;
CREATE SEQUENCE round_and_round MAXVALUE 10 CYCLE;
SELECT setval('wide', 2000000000), setval('downwards', -90), setval('round_and_round', 10);
SELECT setval('fed_small_seq', 32000);
CREATE TABLE schema_version (version int, name text, applied_at timestamptz DEFAULT '2026-02-09 09:00:58+01');
INSERT INTO schema_version VALUES (2, NULL), (1, 'core');
"""


@pytest.fixture(scope="module")
def database(postgres: Scratch) -> Iterator[str]:
    """A database with a bit of everything."""
    name = "facts of a day"
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        admin.execute("CREATE ROLE facts_weak LOGIN; CREATE ROLE facts_reader LOGIN")
        admin.execute("GRANT pg_monitor, pg_read_all_data TO facts_reader")
        with psycopg.connect(postgres.dsn(), dbname=name, autocommit=True) as connection:
            connection.execute(SCHEMA)
        yield name
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        admin.execute("DROP ROLE facts_weak; DROP ROLE facts_reader")


def dsn(postgres: Scratch, database: str, user: str = "facts_reader") -> str:
    return f"{postgres.dsn(user=user).replace('dbname=postgres', '')} dbname='{database}'"


def read(postgres: Scratch, database: str, user: str = "facts_reader") -> Seen[DatabaseFacts]:
    return read_database(dsn(postgres, database, user), None, timeout_seconds=5.0)


@pytest.fixture
def facts(postgres: Scratch, database: str) -> DatabaseFacts:
    return read(postgres, database).value


def test_the_server_tells_what_it_is(facts: DatabaseFacts, postgres: Scratch, database: str) -> None:
    now = datetime.now(UTC)
    assert facts.database == database
    assert postgres.version.startswith(facts.version) or facts.version.startswith(postgres.version)
    assert facts.timezone
    assert now - timedelta(days=1) < facts.started_at < facts.server_at < now
    assert abs(facts.server_at - facts.host_at) < timedelta(seconds=0.5)
    assert {facts.server_at.tzinfo, facts.host_at.tzinfo, facts.started_at.tzinfo} == {UTC}
    assert 0 < facts.round_trip_ms < 1000
    assert 1 <= facts.connections <= facts.max_connections
    assert (facts.in_recovery, facts.deadlocks, facts.invalid_indexes, facts.not_read) == (False, 0, (), ())
    assert 0 <= facts.wraparound_fraction < 0.01
    assert facts.oldest_xmin_age >= 0


def test_every_relation_outside_the_system_is_listed_with_its_columns(facts: DatabaseFacts) -> None:
    expected = {
        Relation("public", "signals", "table", ("id", "symbol", "created_at")),
        Relation("public", "signals_pkey", "index", ()),
        Relation("public", "signals_id_seq", "sequence", ()),
        Relation("audit", "Mixed Case", "table", ("a",)),
        Relation("public", "latest", "view", ("symbol",)),
        Relation("public", "totals", "materialized view", ("n",)),
    }
    assert expected <= set(facts.relations)
    assert {relation.schema for relation in facts.relations} == {"public", "audit"}


def test_sequences_are_measured_against_the_column_that_they_feed(facts: DatabaseFacts) -> None:
    assert facts.sequences is not None
    used = {item.name: round(item.used_fraction, 3) for item in facts.sequences}
    assert used["public.fed.narrow"] == 0.931
    assert used["public.wide"] == 0.0
    assert used["public.downwards"] == 0.9
    assert used["public.fed_small_seq"] == 0.977
    assert used["public.signals_id_seq"] == 0.0
    assert "public.round_and_round" not in used
    assert list(used.values()) == sorted(used.values(), reverse=True)


def test_the_list_of_versions_of_the_stack_is_shown(facts: DatabaseFacts) -> None:
    assert facts.schema_versions == ("1 | core | 2026-02-09T08:00:58+00:00", "2 | NULL | 2026-02-09T08:00:58+00:00")


def test_without_a_list_of_versions_there_is_none(postgres: Scratch) -> None:
    assert read_database(postgres.dsn(), None, timeout_seconds=5.0).value.schema_versions is None


def test_the_evidence_holds_every_fact(postgres: Scratch, database: str) -> None:
    seen = read(postgres, database)
    for words in (
        f"SELECT 1: {seen.value.round_trip_ms:g} ms",
        f"  server_at: {seen.value.server_at.isoformat()}",
        f"  max_connections: {seen.value.max_connections}",
        "  public | signals | table | id, symbol, created_at",
        "  public.fed.narrow | 0.93132",
        "  1 | core | 2026-02-09T08:00:58+00:00",
    ):
        assert words in seen.text


def test_the_facts_survive_the_snapshot(facts: DatabaseFacts) -> None:
    assert decode(DatabaseFacts, encode(facts)) == facts


def test_a_missing_right_gives_less_and_says_so(postgres: Scratch, database: str) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=False) as idle:
        idle.execute("SELECT 1")
        facts = read(postgres, database, "facts_weak").value
    assert (facts.idle_in_transaction, facts.longest_transaction_seconds) == (None, None)
    assert facts.schema_versions is None
    assert facts.sequences == ()
    assert facts.connections >= 2
    assert {
        "public.schema_version: 42501 permission denied for table schema_version",
        "transactions of other sessions: the role is not a member of pg_read_all_stats",
        "sequence public.wide: no right to read it",
    } <= set(facts.not_read)
    assert "signals" in {relation.name for relation in facts.relations}


def test_transactions_left_open_are_counted_and_timed(postgres: Scratch, database: str) -> None:
    with psycopg.connect(postgres.dsn(), dbname=database) as idle:
        idle.execute("SELECT pg_sleep(0.05), txid_current()")
        facts = read(postgres, database).value
        idle.rollback()
    assert facts.idle_in_transaction is not None
    assert facts.idle_in_transaction >= 1
    assert facts.longest_transaction_seconds is not None
    assert 0.05 <= facts.longest_transaction_seconds < 60


def test_an_index_that_a_failed_build_left_behind_is_named(postgres: Scratch, database: str) -> None:
    with psycopg.connect(postgres.dsn(), dbname=database, autocommit=True) as connection:
        connection.execute("CREATE TABLE audit.twice AS SELECT 1 AS a FROM generate_series(1, 2)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON audit.twice (a)")
        try:
            assert read(postgres, database).value.invalid_indexes == ("audit.broken",)
        finally:
            connection.execute("DROP TABLE audit.twice")


def test_a_locked_table_costs_only_what_it_holds(postgres: Scratch, database: str) -> None:
    with psycopg.connect(postgres.dsn(), dbname=database) as connection:
        connection.execute("LOCK TABLE schema_version")
        started = time.monotonic()
        facts = read_database(dsn(postgres, database), None, timeout_seconds=1.0).value
        assert time.monotonic() - started < 1.0
        connection.rollback()
    assert facts.schema_versions is None
    assert facts.not_read == ("public.schema_version: 55P03 canceling statement due to lock timeout",)
    assert facts.relations


def test_a_big_catalog_is_read_whole_and_its_evidence_is_cut(postgres: Scratch, database: str) -> None:
    with psycopg.connect(postgres.dsn(), dbname=database, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA big")
        connection.execute(
            "DO $$ BEGIN FOR i IN 1..400 LOOP EXECUTE format('CREATE TABLE big.t%s (%s)', i, "
            "(SELECT string_agg(format('a_rather_long_column_name_%s int', n), ',') FROM generate_series(1, 30) n));"
            " END LOOP; END $$"
        )
        try:
            seen = read(postgres, database)
        finally:
            connection.execute("SET client_min_messages = error; DROP SCHEMA big CASCADE")
    assert sum(relation.schema == "big" for relation in seen.value.relations) == 400
    assert MAX_TEXT < len(seen.text) < MAX_TEXT + 100


def test_a_server_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="refused the connection"):
        read_database("postgresql://x@127.0.0.1:1/cdb", None, timeout_seconds=2.0)


def test_commits_rollbacks_and_deadlocks_are_counted_from_a_moment_that_is_told(
    postgres: Scratch, database: str
) -> None:
    with psycopg.connect(postgres.dsn(), dbname=database, autocommit=True) as owner:
        owner.execute("SELECT pg_stat_reset()")
    before = read(postgres, database).value
    assert before.counted_since is not None
    assert before.counted_since.tzinfo is UTC
    with psycopg.connect(postgres.dsn(), dbname=database) as connection:
        for _ in range(5):
            connection.execute("SELECT 1")
            connection.rollback()
    _embrace(postgres, database)

    def counted() -> bool:
        now = read(postgres, database).value
        assert now.counted_since == before.counted_since
        assert now.commits is not None
        assert before.commits is not None
        return now.deadlocks == 1 and now.rollbacks >= before.rollbacks + 6 and now.commits > before.commits

    until(counted, what="the server's own count")


def _embrace(postgres: Scratch, database: str) -> None:
    """Two transactions that wait for each other, until the server ends one of them."""
    with (
        psycopg.connect(postgres.dsn(), dbname=database, options="-c deadlock_timeout=50ms") as one,
        psycopg.connect(postgres.dsn(), dbname=database, options="-c deadlock_timeout=10s") as other,
        ThreadPoolExecutor(1) as pool,
    ):
        one.execute("LOCK TABLE signals")
        other.execute("LOCK TABLE fed")
        waiting = pool.submit(other.execute, "LOCK TABLE signals")
        with pytest.raises(psycopg.errors.DeadlockDetected):
            one.execute("LOCK TABLE fed")
        one.rollback()
        waiting.result(10)
        other.rollback()
