"""Findings compared with the earlier run, and findings that are accepted for a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cdbctl.assess import assess, judge
from cdbctl.model.finding import Finding, Lifecycle, Status, Verdict
from cdbctl.model.reading import Observed
from cdbctl.model.snapshot import EarlierFinding, EarlierRun, Snapshot
from tests.assess import snapshots
from tests.assess.cases import waiver
from tests.assess.snapshots import NOW, healthy, with_earlier_run, with_healthy_but_erroring

YESTERDAY = NOW - timedelta(days=1)


def erroring() -> Snapshot:
    return with_healthy_but_erroring(healthy())


def remembered(finding: Finding, lifecycle: str | None = "NEW", **changes: str) -> EarlierFinding:
    facts = {"fingerprint": finding.fingerprint, "check": finding.check, "subject": finding.subject, **changes}
    return EarlierFinding(
        title=finding.title, status=finding.status.value, first_seen=YESTERDAY, lifecycle=lifecycle, **facts
    )


def worst(snapshot: Snapshot) -> Finding:
    return judge(snapshot, assess(snapshot)).findings[0]


def test_the_first_run_calls_nothing_new() -> None:
    finding = worst(erroring())
    assert finding.lifecycle is None
    assert finding.first_seen == NOW


def test_a_finding_that_the_earlier_run_did_not_have_is_new() -> None:
    finding = worst(with_earlier_run(erroring()))
    assert (finding.lifecycle, finding.first_seen) == (Lifecycle.NEW, NOW)


def test_a_finding_that_goes_on_keeps_the_day_it_was_first_seen() -> None:
    finding = worst(with_earlier_run(erroring(), remembered(worst(erroring()))))
    assert (finding.lifecycle, finding.first_seen) == (Lifecycle.ONGOING, YESTERDAY)


def test_a_finding_that_was_resolved_or_accepted_has_come_back() -> None:
    for before in ("RESOLVED", "ACCEPTED"):
        finding = worst(with_earlier_run(erroring(), remembered(worst(erroring()), before)))
        assert finding.lifecycle is Lifecycle.REGRESSED


def test_resolved_only_when_the_same_check_ran_again_and_was_ok() -> None:
    snapshot = with_earlier_run(healthy(), remembered(worst(erroring())))
    judged = judge(snapshot, assess(snapshot))
    assert [item.check for item in judged.resolved] == ["services.healthy-but-erroring"]
    assert judged.unverified == ()


def test_what_could_not_be_looked_at_again_is_unverified() -> None:
    snapshot = with_earlier_run(healthy(), remembered(worst(erroring())))
    snapshot = snapshots.with_dead_pages(snapshot, "cdb_execution")
    judged = judge(snapshot, assess(snapshot))
    assert judged.resolved == ()
    assert [item.check for item in judged.unverified] == ["services.healthy-but-erroring"]


def test_what_no_check_looks_at_any_more_is_unverified() -> None:
    snapshot = with_earlier_run(healthy(), remembered(worst(erroring()), check="old.check"))
    assert [item.check for item in judge(snapshot, assess(snapshot)).unverified] == ["old.check"]


def test_an_earlier_run_that_cannot_be_read_leaves_no_lifecycle_and_is_said() -> None:
    snapshot = with_earlier_run(erroring())
    assert snapshot.previous is not None
    snapshot = replace(snapshot, previous=snapshots.unavailable(snapshot.previous, "it is not JSON"))
    judged = judge(snapshot, assess(snapshot))
    assert judged.findings[0].lifecycle is None
    assert "it is not JSON" in judged.coverage.not_checked[-1].reason
    assert judged.resolved == judged.unverified == ()


class TestWaivers:
    def test_what_is_accepted_is_listed_and_does_not_count(self) -> None:
        both = (waiver(until=NOW.date(), check="services.healthy-but-erroring"), waiver(until=NOW.date()))
        snapshot = replace(erroring(), waivers=both)
        judged = judge(snapshot, assess(snapshot))
        assert judged.verdict is Verdict.PASS
        assert {finding.lifecycle for finding in judged.findings} == {Lifecycle.ACCEPTED}
        assert judged.findings[0].accepted_until == "2026-02-09 by owner: known and harmless"
        assert judged.top == ()
        assert "accepted" in next(row for row in judged.matrix if row.component == "paper execution").summary

    def test_a_waiver_for_one_fingerprint_covers_only_that(self) -> None:
        root = worst(erroring())
        snapshot = replace(erroring(), waivers=(waiver(until=NOW.date(), check=None, fingerprint=root.fingerprint),))
        judged = judge(snapshot, assess(snapshot))
        accepted = [finding.check for finding in judged.findings if finding.lifecycle is Lifecycle.ACCEPTED]
        assert accepted == ["services.healthy-but-erroring"]
        assert judged.verdict is Verdict.FAIL

    def test_an_expired_waiver_covers_nothing_and_is_a_finding_itself(self) -> None:
        late = waiver(until=NOW.date() - timedelta(days=1), check="services.healthy-but-erroring")
        judged = judge(replace(erroring(), waivers=(late,)), assess(replace(erroring(), waivers=(late,))))
        assert judged.verdict is Verdict.FAIL
        assert judged.findings[0].lifecycle is None
        expired = next(finding for finding in judged.findings if finding.check == "waivers.expired")
        assert expired.status is Status.WARN
        assert "governance/waivers.yaml:3" in expired.actual


class TestRestartsAgainstTheEarlierRun:
    def answer(self, snapshot: Snapshot) -> str:
        return next(
            finding.actual
            for finding in assess(snapshot)
            if (finding.check, finding.subject) == ("services.restarts", "cdb_risk")
        )

    def earlier(self, **changes: object) -> Snapshot:
        snapshot = with_earlier_run(healthy())
        assert isinstance(snapshot.previous, Observed)
        run: EarlierRun = snapshot.previous.value
        services = tuple(replace(item, **changes) for item in run.services)  # type: ignore[arg-type]  # a test's choice
        return replace(
            snapshot, previous=snapshots.edit(snapshot.previous, lambda value: replace(value, services=services))
        )

    def test_no_restart_is_only_said_with_the_time_that_was_counted(self) -> None:
        assert self.answer(healthy()) == "0 unplanned restarts counted since 2026-02-09 08:00:00 UTC (60 min)"
        young = snapshots.with_service(healthy(), "cdb_risk", restarts_counted_since=NOW - timedelta(minutes=2))
        assert self.answer(young) == "0 unplanned restarts counted since 2026-02-09 08:58:00 UTC (2 min)"

    def test_a_runtime_that_does_not_count_proves_nothing(self) -> None:
        blind = snapshots.with_service(healthy(), "cdb_risk", restarts_counted_since=None, restarts=None)
        assert "does not count restarts" in self.answer(blind)

    def test_another_identity_is_a_deployment(self) -> None:
        assert "deployed anew since the run of 2026-02-09 08:00:00 UTC" in self.answer(self.earlier(identity="other"))

    def test_a_higher_count_is_a_crash(self) -> None:
        assert "1 unplanned restart since" in self.answer(
            snapshots.with_service(self.earlier(), "cdb_risk", restarts=1)
        )

    def test_a_later_start_with_the_same_count_is_a_hand_on_the_switch(self) -> None:
        restarted = snapshots.with_service(self.earlier(), "cdb_risk", started_at=NOW - timedelta(minutes=58))
        assert "without a counted crash" in self.answer(restarted)

    def test_many_services_at_once_are_the_machine_and_not_their_fault(self) -> None:
        from cdbctl.model.runtime import Restart

        snapshot = healthy()
        for name in snapshots.TITLES:
            end = (Restart(NOW - timedelta(minutes=5), "exit status 1"),) * 3
            snapshot = snapshots.with_service(snapshot, name, recent_restarts=end, restarts=3)
        statuses = {finding.status for finding in assess(snapshot) if finding.check == "services.restarts"}
        assert statuses == {Status.WARN}
        assert "the machine, the engine, or a restart of the whole project" in self.answer(snapshot)
