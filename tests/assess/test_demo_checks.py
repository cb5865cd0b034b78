"""The checks of the demo stack: content with a healthy one, and each fault of the demo comes out on top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from cdbctl.assess import assess, judge
from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.report import Report
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.snapshots import NOW, healthy

Hurt = Callable[[Snapshot], Snapshot]


def report(snapshot: Snapshot) -> Report:
    return judge(snapshot, assess(snapshot))


def top(snapshot: Snapshot) -> Finding:
    judged = report(snapshot)
    return next(finding for finding in judged.findings if finding.fingerprint == judged.top[0])


def test_a_healthy_stack_passes_without_a_warning() -> None:
    judged = report(healthy())
    assert judged.findings == ()
    assert judged.verdict is Verdict.PASS
    assert judged.coverage.ran == judged.coverage.declared > 100
    assert judged.next_step.command == "cdbctl daily-check --root .demo"
    assert all(row.status is Status.OK and row.action == "none" for row in judged.matrix)


@pytest.mark.parametrize(
    ("hurt", "check", "subject"),
    [
        (snapshots.with_missing_table, "logs.known-signatures", "cdb_risk"),
        (snapshots.with_crash_loop, "services.restarts", "cdb_regime"),
        (snapshots.with_stalled_feed, "pipeline.continuity", "market_data"),
        (snapshots.with_lying_exporter, "contradictions.postgres-up", "cdb_postgres_exporter"),
        (snapshots.with_healthy_but_erroring, "services.healthy-but-erroring", "cdb_execution"),
    ],
)
def test_a_fault_comes_out_on_top_and_alone(hurt: Hurt, check: str, subject: str) -> None:
    judged = report(hurt(healthy()))
    assert judged.verdict is Verdict.FAIL
    assert (judged.findings[0].check, judged.findings[0].subject) == (check, subject)
    others = [finding for finding in judged.findings if finding.caused_by is None]
    assert others == [judged.findings[0]]
    assert judged.top == (judged.findings[0].fingerprint,)


class TestMissingTable:
    """The reference day, by itself, faster, and without its mistakes."""

    def test_the_fix_names_the_pending_migration_file_first(self) -> None:
        fix = top(snapshots.with_missing_table(healthy())).fix
        assert fix is not None
        assert fix.summary == (
            "Have the owner approve and apply governance/migrations/0004_risk_events.sql: "
            "it is pending and creates risk_events"
        )
        assert fix.migration == "governance/migrations/0004_risk_events.sql"
        assert fix.commands[0] == "cdbctl migrate status --root .demo"
        assert fix.options[1].startswith("NOT recommended")

    def test_the_next_step_is_the_first_line_of_that_fix(self) -> None:
        judged = report(snapshots.with_missing_table(healthy()))
        assert "0004_risk_events.sql" in judged.next_step.text
        assert judged.next_step.command == "cdbctl migrate status --root .demo"

    def test_the_tests_after_the_fix_name_the_service_the_fingerprint_and_the_table(self) -> None:
        finding = top(snapshots.with_missing_table(healthy()))
        assert finding.fix is not None
        verify = "\n".join(finding.fix.verify)
        assert "Restart cdb_risk, and no other service." in verify
        assert finding.fingerprint in verify
        assert "SELECT count(*) FROM risk_events;" in verify
        assert "cdbctl daily-check --root .demo" in verify

    def test_rates_and_times_are_computed(self) -> None:
        finding = top(snapshots.with_missing_table(healthy()))
        assert finding.actual == (
            "812 times in 60 min (13.5/min), every 4.4 s on average, from 2026-02-09 08:00:48 to 08:59:58 UTC"
        )
        assert finding.details["sqlstate"] == "42P01"
        assert finding.details["relation"] == "risk_events"
        assert finding.details["per_minute"] == 13.53
        assert "does not exist" in finding.quotes[0].text

    def test_without_a_file_that_creates_it_no_columns_are_invented(self) -> None:
        hurt = snapshots.with_missing_table(healthy())
        folder = snapshots.edit(hurt.migrations, lambda value: replace(value, files=value.files[:3]))
        fix = top(replace(hurt, migrations=folder)).fix
        assert fix is not None
        assert fix.migration is None
        assert fix.summary == "Write a migration that creates risk_events: no file in governance/migrations does"
        assert "CREATE TABLE" not in str(fix)

    def test_a_folder_that_cannot_be_read_is_what_is_corrected_first(self) -> None:
        hurt = snapshots.with_missing_table(healthy())
        assert hurt.migrations is not None
        remedy = "correct paths.migrations in cdbctl.yaml"
        folder = snapshots.unavailable(hurt.migrations, "the folder does not exist", remedy)
        fix = top(replace(hurt, migrations=folder)).fix
        assert fix is not None
        assert fix.summary.startswith("Correct paths.migrations in cdbctl.yaml: ")
        assert "the folder does not exist" in fix.summary
        assert not any("migrate" in line for line in fix.commands)

    def test_a_silent_execution_service_is_an_effect_and_not_a_cause(self) -> None:
        judged = report(snapshots.with_missing_table(healthy()))
        silent = [finding for finding in judged.findings if finding.subject == "cdb_execution"]
        assert silent
        assert all(finding.caused_by == judged.top[0] for finding in silent)

    def test_every_order_blocked_is_a_finding(self) -> None:
        judged = report(snapshots.with_missing_table(healthy()))
        mix = next(finding for finding in judged.findings if finding.check == "pipeline.decisions")
        assert mix.title == "decisions: 100 % BLOCK RC_002"
        assert mix.caused_by == judged.top[0]

    def test_the_proof_of_the_answer_that_the_matrix_tells_comes_first(self) -> None:
        day = healthy()
        (row,) = (row for row in report(day).matrix if row.component == "market data feed")
        assert "running since" in row.summary
        assert row.evidence[0] == day.runtime.evidence.id

    def test_the_matrix_sends_the_reader_to_the_cause(self) -> None:
        rows = {row.component: row for row in report(snapshots.with_missing_table(healthy())).matrix}
        assert rows["risk manager"].status is Status.FAIL
        assert "0004_risk_events.sql" in rows["risk manager"].action
        assert rows["paper execution"].action.startswith("follows from logs.known-signatures (cdb_risk)")
        assert rows["market data feed"].status is Status.OK

    def test_it_is_over_once_the_table_exists_and_the_error_stays_away(self) -> None:
        text = '2026-02-09 [ERROR] risk_manager: relation "risk_events" does not exist'
        known = snapshots.signature("undefined_table", sqlstate="42P01", relation="risk_events")
        past = snapshots.group(text, signature=known, last_at=NOW - timedelta(minutes=5))
        repaired = snapshots.with_log(healthy(), "cdb_risk", snapshots.log(past))
        assert report(repaired).verdict is Verdict.PASS

    def test_once_the_table_exists_no_migration_is_asked_for(self) -> None:
        hurt = snapshots.with_missing_table(healthy())
        fix = top(replace(hurt, database=healthy().database)).fix
        assert fix is not None
        assert fix.summary == "Look again in 30 s: risk_events exists now, and the error has to stay away"
        assert fix.migration is None

    def test_an_error_that_stays_away_while_the_table_is_still_missing_is_a_warning(self) -> None:
        text = '2026-02-09 [ERROR] risk_manager: relation "risk_events" does not exist'
        known = snapshots.signature("undefined_table", sqlstate="42P01", relation="risk_events")
        past = snapshots.group(text, signature=known, last_at=NOW - timedelta(minutes=5))
        quiet = snapshots.with_log(healthy(), "cdb_risk", snapshots.log(past))
        finding = next(
            item
            for item in assess(snapshots.without_table(quiet, "risk_events"))
            if (item.check, item.subject) == ("logs.known-signatures", "cdb_risk")
        )
        assert finding.status is Status.WARN
        assert "not seen again" in finding.actual


def test_postgresql_that_is_down_speaks_for_everything_that_needs_it() -> None:
    hurt = snapshots.with_service(healthy(), "cdb_postgres", state=ServiceState.EXITED, pid=None)
    answers = {id: snapshots.unavailable(reading, "refused the connection") for id, reading in hurt.answers.items()}
    assert hurt.database is not None
    hurt = replace(hurt, database=snapshots.unavailable(hurt.database, "refused the connection"), answers=answers)
    hurt = snapshots.with_metric(hurt, "cdb_postgres_exporter", "pg_up", 0.0)
    text = "2026-02-09 08:59:58,001 [ERROR] db_writer: connection refused"
    lost = snapshots.group(text, signature=snapshots.signature("connection_refused"))
    judged = report(snapshots.with_log(hurt, "cdb_db_writer", snapshots.log(lost)))
    assert (judged.findings[0].check, judged.findings[0].subject) == ("services.running", "cdb_postgres")
    assert [finding.check for finding in judged.findings if finding.caused_by is None] == ["services.running"]


def test_a_runtime_that_does_not_answer_has_one_voice() -> None:
    hurt = healthy()
    judged = report(replace(hurt, runtime=snapshots.unavailable(hurt.runtime, "connection refused")))
    assert judged.verdict is Verdict.UNKNOWN
    assert len([finding for finding in judged.findings if finding.caused_by is None]) == 1
    assert judged.next_step.text == "start it again"
    assert judged.coverage.declared - judged.coverage.ran == len(judged.coverage.not_checked) == 23
