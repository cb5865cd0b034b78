"""A server that is down while the runtime says nothing: its clients are the second witness."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cdbctl.assess import assess, judge
from cdbctl.assess.outage import address_of
from cdbctl.model.finding import Status, Verdict
from cdbctl.model.report import Report
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.snapshots import NOW, healthy

REFUSED = "connection refused by 127.0.0.1:5432"
LINE = '[ERROR] db_writer: connection to server at "127.0.0.1", port 5432 failed: Connection refused'


def without_postgresql(snapshot: Snapshot) -> Snapshot:
    """PostgreSQL answers neither the run nor its questions."""
    assert snapshot.database is not None
    answers = {id: snapshots.unavailable(reading, REFUSED) for id, reading in snapshot.answers.items()}
    return replace(snapshot, database=snapshots.unavailable(snapshot.database, REFUSED), answers=answers)


def refused(snapshot: Snapshot, *names: str, subject: str = "127.0.0.1:5432", minutes: float = 0.1) -> Snapshot:
    """Services whose log says that their connection is refused."""
    known = snapshots.signature("connection_refused", subject=subject)
    for name in names:
        last = NOW - timedelta(minutes=minutes)
        log = snapshots.log(snapshots.group(LINE, signature=known, last_at=last))
        snapshot = snapshots.with_log(snapshot, name, log)
    return snapshot


def silent_runtime(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, runtime=snapshots.unavailable(snapshot.runtime, "no such socket"))


def report(snapshot: Snapshot) -> Report:
    return judge(snapshot, assess(snapshot))


def test_clients_that_are_refused_point_to_the_database_also_when_the_runtime_is_silent() -> None:
    hurt = refused(without_postgresql(silent_runtime(healthy())), "cdb_db_writer", "cdb_candles")
    judged = report(hurt)
    down = next(item for item in judged.findings if item.rule == "database.reachable")
    assert (down.status, down.caused_by) == (Status.FAIL, None)
    assert down.title == "PostgreSQL gave no answer, and 2 clients are refused"
    assert [quote.text for quote in down.quotes] == [REFUSED, LINE, LINE]
    clients = [item for item in judged.findings if item.rule == "logs.signature"]
    assert [item.caused_by for item in clients] == [down.fingerprint] * 2
    assert judged.findings[0] == down
    assert judged.verdict is Verdict.FAIL


def test_without_a_second_witness_nobody_knows() -> None:
    judged = report(without_postgresql(silent_runtime(healthy())))
    down = next(item for item in judged.findings if item.rule == "database.reachable")
    assert down.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("subject", "minutes"),
    [("127.0.0.1:6379", 0.1), ("127.0.0.1:5432", 1), ("10.0.0.9:5432", 0.1)],
    ids=["another port", "long ago", "another machine"],
)
def test_who_was_refused_elsewhere_or_long_ago_is_no_witness(subject: str, minutes: float) -> None:
    hurt = refused(without_postgresql(healthy()), "cdb_db_writer", subject=subject, minutes=minutes)
    down = next(item for item in report(hurt).findings if item.rule == "database.reachable")
    assert down.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("subject", "status"), [("127.0.0.1:5432", Status.UNKNOWN), ("cdb_postgres:5432", Status.FAIL)]
)
@pytest.mark.parametrize("engine_answers", [True, False])
def test_the_loopback_address_of_a_container_is_the_container_itself(
    subject: str, status: Status, engine_answers: bool
) -> None:
    hurt = without_postgresql(healthy())
    engine = snapshots.edit(hurt.runtime, lambda facts: replace(facts, kind="docker"))
    silent = replace(snapshots.unavailable(hurt.runtime, "no such socket"), source="docker engine unix:///x.sock")
    hurt = replace(hurt, runtime=engine if engine_answers else silent)
    findings = assess(refused(hurt, "cdb_db_writer", subject=subject))
    assert next(item for item in findings if item.rule == "database.reachable").status is status


def test_redis_is_judged_alike() -> None:
    hurt = silent_runtime(healthy())
    assert hurt.redis is not None
    hurt = replace(hurt, redis=snapshots.unavailable(hurt.redis, "connection refused by 127.0.0.1:6379"))
    judged = report(refused(hurt, "cdb_regime", subject="127.0.0.1:6379"))
    down = next(item for item in judged.findings if item.rule == "redis.reachable")
    assert down.status is Status.FAIL
    client = next(item for item in judged.findings if item.rule == "logs.signature")
    assert client.caused_by == down.fingerprint


def test_with_a_runtime_that_answers_its_word_stays_the_root() -> None:
    hurt = snapshots.with_service(without_postgresql(healthy()), "cdb_postgres", state=ServiceState.STOPPED, pid=None)
    judged = report(refused(hurt, "cdb_db_writer"))
    assert [item.check for item in judged.findings if item.caused_by is None] == ["services.running"]


@pytest.mark.parametrize("runtime_answers", [True, False])
def test_a_migration_is_not_the_next_step_while_the_database_is_down(runtime_answers: bool) -> None:
    hurt = without_postgresql(snapshots.with_missing_table(healthy()))
    if runtime_answers:
        hurt = snapshots.with_service(hurt, "cdb_postgres", state=ServiceState.STOPPED, pid=None)
    else:
        hurt = silent_runtime(hurt)
    judged = report(refused(hurt, "cdb_db_writer"))
    first = (
        "Bring PostgreSQL back first (cdb_postgres does not run: stopped). " if runtime_answers else "Check that Post"
    )
    assert judged.next_step.text.startswith(first)
    assert "migrate" not in judged.next_step.command
    missing = next(item for item in judged.findings if item.details.get("relation") == "risk_events")
    assert missing.fix is not None
    assert missing.fix.summary.startswith("Make PostgreSQL answer again, then have the owner approve and apply")


def test_without_a_check_of_the_database_its_reason_is_the_next_step() -> None:
    hurt = without_postgresql(snapshots.with_missing_table(healthy()))
    checks = tuple(check for check in hurt.checks if check.rule != "database.reachable")
    judged = report(replace(hurt, checks=checks))
    source = "postgresql://127.0.0.1:5432/cdb"
    assert judged.next_step.text == f"cdbctl got no answer from {source}: see why ({REFUSED}); start it again"


def test_a_database_that_only_gave_us_no_answer_is_not_brought_back() -> None:
    judged = report(without_postgresql(snapshots.with_missing_table(healthy())))
    assert judged.next_step.text.startswith("cdbctl got no answer from postgresql://127.0.0.1:5432/cdb: see why")
    assert judged.next_step.command == "cdbctl doctor --root .demo"


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("postgresql://cdb_reader@127.0.0.1:5433/cdb", "localhost:5433"),
        ("postgresql://cdb_reader@db.example/cdb", "db.example:5432"),
        ("docker://cdb_reader@cdb_postgres/cdb", "cdb_postgres:5432"),
        ("docker://cdb_reader@cdb_postgres:5432/cdb", "cdb_postgres:5432"),
        ("postgresql://cdb_reader@127.0.0.1:15432/cdb", "cdb_postgres:5432"),
    ],
)
def test_a_client_may_name_the_server_in_several_ways(source: str, address: str) -> None:
    assert address in address_of(source, "database", "cdb_postgres")
