"""One cause, one voice."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

from cdbctl.assess import assess, judge
from cdbctl.assess.stages import Flow
from cdbctl.model.finding import Finding, Status
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.cases import waiver
from tests.assess.snapshots import NOW, healthy

UNDEFINED = snapshots.signature("undefined_table", sqlstate="42P01", relation="risk_events")


def found(snapshot: Snapshot, check: str, subject: str) -> Finding:
    return next(item for item in assess(snapshot) if (item.check, item.subject) == (check, subject))


def test_the_flow_branches_where_a_stage_says_so() -> None:
    flow = Flow.of(healthy().checks)
    assert flow.feeders("fills") == ("decisions", "signals", "market_data")
    assert flow.feeders("allocation") == ("regime", "candles", "market_data")
    assert flow.feeds_service("cdb_risk", "cdb_execution")
    assert not flow.feeds_service("cdb_risk", "cdb_regime")
    assert not flow.feeds_stage("cdb_execution", "order rows")


def test_a_flow_in_a_circle_is_walked_once() -> None:
    stages = [
        {"name": "a", "service": "x", "after": "b", "streams": ["s"], "max_age_seconds": 1},
        {"name": "b", "service": "y", "after": "a", "streams": ["s"], "max_age_seconds": 1},
    ]
    check = snapshots.make_check("pipeline.continuity", "a", "b", stages=stages)
    assert Flow.of((check,)).feeders("a") == ("b",)
    assert assess(healthy((check,)))


def test_a_stage_of_the_other_branch_is_not_explained() -> None:
    hurt = snapshots.with_missing_table(healthy())
    hurt = snapshots.with_stream(hurt, snapshots.stream("stream.regime_signals", 3600))
    regime = found(hurt, "pipeline.continuity", "regime")
    assert regime.caused_by is None


def test_an_effect_is_at_most_as_severe_as_its_cause() -> None:
    traceback = found(snapshots.with_crash_loop(healthy()), "logs.known-signatures", "cdb_regime")
    assert traceback.severity == "P1"
    assert str(traceback.details["cause"]).startswith("possible")


def test_the_log_of_the_server_only_echoes_its_client() -> None:
    hurt = snapshots.with_missing_table(healthy())
    check = snapshots.make_check("logs.signature", "cdb_postgres", "cdb_risk", id="logs.all")
    text = 'ERROR:  relation "risk_events" does not exist at character 13'
    log = snapshots.observed("E299", "log of cdb_postgres", snapshots.log(snapshots.group(text, signature=UNDEFINED)))
    findings = assess(replace(hurt, logs={**hurt.logs, "cdb_postgres": log}, checks=(check,)))
    client, echo = (next(item for item in findings if item.subject == name) for name in ("cdb_risk", "cdb_postgres"))
    assert client.caused_by is None
    assert echo.caused_by == client.fingerprint


def test_a_crash_because_of_a_missing_table_points_to_the_table() -> None:
    hurt = snapshots.with_missing_table(healthy())
    crashing = snapshots.with_crash_loop(healthy(), "cdb_risk")
    hurt = replace(hurt, runtime=crashing.runtime)
    judged = judge(hurt, assess(hurt))
    assert judged.findings[0].check == "logs.known-signatures"
    assert found(hurt, "services.restarts", "cdb_risk").caused_by == judged.findings[0].fingerprint


def test_an_accepted_finding_explains_nothing() -> None:
    hurt = snapshots.with_healthy_but_erroring(healthy())
    hurt = replace(hurt, waivers=(waiver(until=NOW.date(), check="services.healthy-but-erroring"),))
    assert found(hurt, "logs.error-rate", "cdb_execution").caused_by is None


def test_two_faults_at_once_keep_two_voices() -> None:
    hurt = snapshots.with_healthy_but_erroring(snapshots.with_crash_loop(healthy()), "cdb_signal")
    judged = judge(hurt, assess(hurt))
    roots = {(item.check, item.subject) for item in judged.findings if item.caused_by is None}
    assert roots == {
        ("services.restarts", "cdb_regime"),
        ("services.healthy-but-erroring", "cdb_signal"),
    }


def test_a_dead_server_also_explains_late_pages_and_errors_elsewhere() -> None:
    hurt = snapshots.with_service(healthy(), "cdb_redis", state=ServiceState.PAUSED)
    hurt = snapshots.with_dead_pages(hurt, "cdb_db_writer", "no answer within 2 s")
    hurt = snapshots.with_log(hurt, "cdb_regime", snapshots.log(snapshots.group("[ERROR] gone", count=900)))
    assert hurt.redis is not None
    hurt = replace(hurt, redis=snapshots.unavailable(hurt.redis, "no answer within 2 s"))
    judged = judge(hurt, assess(hurt))
    roots = [(item.check, item.subject) for item in judged.findings if item.caused_by is None]
    assert roots == [("services.running", "cdb_redis")]


def test_a_health_page_that_does_not_answer_speaks_for_what_needs_its_answer() -> None:
    hurt = snapshots.with_dead_pages(healthy(), "cdb_db_writer")
    page = found(hurt, "services.healthy", "cdb_db_writer")
    assert page.caused_by is None
    assert found(hurt, "services.healthy-but-erroring", "cdb_db_writer").caused_by == page.fingerprint


def test_rights_that_were_taken_away_speak_with_one_voice() -> None:
    hurt = healthy()
    answers = {
        id: snapshots.unavailable(
            reading, f"42501 permission denied for table {id}", "grant the right to the role of database.dsn"
        )
        for id, reading in hurt.answers.items()
    }
    assert len(answers) > 3
    silent = [item for item in assess(replace(hurt, answers=answers)) if item.status is Status.UNKNOWN]
    assert len(silent) == len(answers)
    (root,) = [item for item in silent if item.caused_by is None]
    assert root.severity == "P0"
    assert {item.caused_by for item in silent if item is not root} == {root.fingerprint}
    assert all(item.details["cause"] == "proven: the same role may not read" for item in silent if item is not root)


def test_a_refused_question_and_one_that_is_slow_have_no_common_cause() -> None:
    hurt = healthy()
    reasons = cycle(("42501 permission denied for table x", "57014 canceling statement due to statement timeout"))
    answers = {id: snapshots.unavailable(reading, next(reasons)) for id, reading in hurt.answers.items()}
    silent = [item for item in assess(replace(hurt, answers=answers)) if item.status is Status.UNKNOWN]
    slow = [item for item in silent if "57014" in item.actual]
    assert slow
    assert all(item.caused_by is None for item in slow)


def test_what_fails_in_a_log_is_what_is_rolled_back() -> None:
    hurt = snapshots.with_database(snapshots.with_missing_table(healthy()), commits=100, rollbacks=400)
    rollbacks = found(hurt, "database.health", "rollbacks")
    assert rollbacks.details["cause"] == "possible: each statement that fails is rolled back"
    alone = found(snapshots.with_database(healthy(), commits=100, rollbacks=400), "database.health", "rollbacks")
    assert alone.caused_by is None
