"""The verdict over the stored runs of a stretch, and the laws that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdbctl.assess import assess, judge
from cdbctl.assess.soak import judge_soak
from cdbctl.model.check import Waiver
from cdbctl.model.finding import Verdict
from cdbctl.model.report import Report
from cdbctl.model.runtime import ServiceFacts, ServiceState
from cdbctl.model.snapshot import EarlierFinding, EarlierRun, Snapshot, SoakHistory, UnusedRun, Window
from cdbctl.model.soak import Soak, SoakVerdict
from cdbctl.model.stack import Group
from tests.assess import snapshots
from tests.assess.cases import waiver
from tests.assess.looks import BOOTED, NAME, ago, ends, in_docker, run_of, service
from tests.assess.snapshots import NOW, TITLES

HOURS = 12
STRETCH = Window(NOW - timedelta(hours=HOURS), NOW)
PASS, FAIL, INCONCLUSIVE = SoakVerdict.PASS, SoakVerdict.FAIL, SoakVerdict.INCONCLUSIVE


def chained(runs: Sequence[EarlierRun]) -> tuple[EarlierRun, ...]:
    """Each run names the one before it, as real ones do."""
    linked = [replace(run, follows=runs[number - 1].path if number else None) for number, run in enumerate(runs)]
    return tuple(linked)


def hourly(*services: ServiceFacts, hours: int = HOURS, **changes: Any) -> list[EarlierRun]:
    """A run every hour, the oldest one before the stretch."""
    return [run_of(*services, at=NOW - timedelta(hours=hour), **changes) for hour in range(hours, 0, -1)]


def with_runs(snapshot: Snapshot, runs: Sequence[EarlierRun], **changes: Any) -> Snapshot:
    linked = chained(runs)
    history = replace(SoakHistory(linked, (), ()), **changes)
    asked = replace(
        snapshot, soak_stretch=STRETCH, soak=snapshots.observed("E008", "stored runs of the soak", history, text="runs")
    )
    if not linked:
        return asked
    return replace(asked, previous=snapshots.observed("E007", "stored runs", linked[-1]))


def judged(snapshot: Snapshot) -> Report:
    return judge(snapshot, assess(snapshot))


def soak(runs: Sequence[EarlierRun], *services: ServiceFacts, verdict: Verdict = Verdict.PASS, **changes: Any) -> Soak:
    """The soak alone: the verdict of the run itself is given."""
    found = judge_soak(with_runs(in_docker(*services), runs, **changes), (), verdict)
    assert found is not None
    return found


def kinds(found: Soak) -> list[str]:
    return [doubt.kind for doubt in found.doubts]


def finding(title: str = "table risk_events does not exist", status: str = "FAIL", **changes: Any) -> EarlierFinding:
    facts = EarlierFinding("0123456789ab", "logs.known-signatures", NAME, title, status, ago(hours=5), None)
    return replace(facts, **changes)


def changed(runs: list[EarlierRun], number: int, **changes: Any) -> list[EarlierRun]:
    return [replace(run, **changes) if index == number else run for index, run in enumerate(runs)]


def test_without_the_question_there_is_no_soak() -> None:
    assert judged(in_docker()).soak is None


def test_a_stack_that_was_looked_at_all_the_time_and_never_stumbled_passes() -> None:
    found = soak(hourly())
    assert found.verdict is PASS
    assert (found.runs, found.covered_seconds) == (HOURS + 1, HOURS * 3600)
    assert (found.clean_since, found.passes_at) == (STRETCH.since, NOW)
    assert not found.failures
    assert not found.doubts
    assert found.evidence == ("E008",)


class TestGaps:
    def test_a_missing_hour_is_named_with_its_ends_and_its_length(self) -> None:
        runs = hourly()
        found = soak([*runs[:5], *runs[6:]])
        assert found.verdict is INCONCLUSIVE
        assert [doubt.text for doubt in found.doubts] == [
            "no run covers 60 min from 2026-02-09 01:00:00 to 02:00:00 UTC"
        ]
        assert found.clean_since == ago(hours=7)
        assert found.passes_at == ago(hours=7) + timedelta(hours=HOURS)

    def test_over_midnight_the_second_day_is_named(self) -> None:
        runs = hourly()
        found = soak([*runs[:2], *runs[5:]])
        assert found.doubts[0].text == "no run covers 3 h from 2026-02-08 22:00:00 to 2026-02-09 01:00:00 UTC"

    def test_less_history_than_the_stretch_is_no_pass(self) -> None:
        found = soak(hourly(hours=4))
        assert kinds(found) == ["HISTORY"]
        assert "the history is shorter than the soak: no run covers 7 h" in found.doubts[0].text

    def test_without_any_run_nothing_is_proven(self) -> None:
        assert kinds(soak([])) == ["HISTORY"]

    def test_a_timer_that_is_some_seconds_late_is_no_gap_and_is_told(self) -> None:
        runs = [
            replace(run, window=Window(run.taken_at - timedelta(minutes=59, seconds=55), run.taken_at))
            for run in hourly()
        ]
        found = soak(runs)
        assert found.verdict is PASS
        assert found.notes == ("11 gaps of at most 5 min, together 55 s, in the cover",)

    def test_many_short_gaps_are_a_long_one(self) -> None:
        runs = [replace(run, window=Window(run.taken_at - timedelta(minutes=57), run.taken_at)) for run in hourly()]
        assert kinds(soak(runs)) == ["GAP"]

    def test_a_window_that_ends_after_the_look_covers_nothing_that_was_still_to_come(self) -> None:
        late = [replace(run, window=Window(run.taken_at, run.taken_at + timedelta(hours=2))) for run in hourly()]
        assert soak(late).verdict is INCONCLUSIVE

    def test_a_run_that_did_not_store_its_window_covers_nothing(self) -> None:
        assert kinds(soak(changed(hourly(), 4, window=None))) == ["GAP"]


class TestVerdicts:
    def test_a_failed_run_fails_the_soak_with_its_findings_and_its_runs(self) -> None:
        runs = hourly()
        for number in (3, 5):
            runs = changed(runs, number, verdict="FAIL", findings=(finding(),))
        found = soak(runs)
        assert found.verdict is FAIL
        (failure,) = found.failures
        assert (failure.kind, failure.title) == ("FINDING", "table risk_events does not exist")
        assert (failure.first_at, failure.last_at) == (runs[3].taken_at, runs[5].taken_at)
        assert failure.runs == (runs[3].path, runs[5].path)

    def test_a_failed_run_whose_findings_are_lost_fails_it_too(self) -> None:
        found = soak(changed(hourly(), 3, verdict="FAIL"))
        assert found.failures[0].title == "the verdict was FAIL, and no finding of it is stored"

    def test_a_failed_run_before_the_stretch_is_history(self) -> None:
        early = run_of(at=ago(hours=HOURS + 1), verdict="FAIL", findings=(finding(),))
        assert soak([early, *hourly()]).verdict is PASS

    @pytest.mark.parametrize("by", [{"fingerprint": "0123456789ab", "check": None}, {"check": "logs.known-signatures"}])
    def test_what_is_accepted_by_now_does_not_fail_it_and_is_told(self, by: dict[str, Any]) -> None:
        runs = changed(hourly(), 3, verdict="FAIL", findings=(finding(),))
        snapshot = replace(with_runs(in_docker(), runs), waivers=(waiver(until=NOW.date(), **by),))
        found = judge_soak(snapshot, (), Verdict.PASS)
        assert found is not None
        assert found.verdict is PASS
        assert found.notes == ("accepted by a waiver by now: table risk_events does not exist",)

    def test_an_expired_waiver_accepts_nothing(self) -> None:
        late: tuple[Waiver, ...] = (waiver(until=NOW.date() - timedelta(days=1), check="logs.known-signatures"),)
        runs = changed(hourly(), 3, verdict="FAIL", findings=(finding(),))
        found = judge_soak(replace(with_runs(in_docker(), runs), waivers=late), (), Verdict.PASS)
        assert found is not None
        assert found.verdict is FAIL

    def test_runs_that_could_not_decide_are_told_once_for_one_reason(self) -> None:
        runs = hourly()
        for number in (3, 4):
            runs = changed(runs, number, verdict="UNKNOWN", findings=(finding("redis did not answer", "UNKNOWN"),))
        found = soak(runs)
        assert found.verdict is INCONCLUSIVE
        assert [doubt.text for doubt in found.doubts] == [
            "2 runs from 2026-02-09 00:00:00 to 01:00:00 UTC could not decide: redis did not answer"
        ]

    def test_a_failed_run_whose_failure_is_accepted_by_now_leaves_open_what_it_could_not_decide(self) -> None:
        silent = finding("redis did not answer", "UNKNOWN", fingerprint="b" * 12, check="redis.reachable")
        runs = changed(hourly(), 3, verdict="FAIL", findings=(finding(), silent))
        accepted = waiver(until=NOW.date(), check="logs.known-signatures")
        found = judge_soak(replace(with_runs(in_docker(), runs), waivers=(accepted,)), (), Verdict.PASS)
        assert found is not None
        assert found.verdict is INCONCLUSIVE
        assert found.doubts[0].text.endswith("could not decide: redis did not answer")

    def test_the_run_itself_is_the_last_one(self) -> None:
        assert soak(hourly(), verdict=Verdict.FAIL).verdict is FAIL
        assert soak(hourly(), verdict=Verdict.UNKNOWN).doubts[-1].text.startswith("this run at 2026-02-09 09:00:00 UTC")

    def test_a_run_to_which_the_runtime_gave_no_answer_saw_no_service(self) -> None:
        assert "the runtime did not answer" in soak(changed(hourly(), 3, services=())).doubts[0].text

    def test_a_verdict_of_another_version_decides_nothing(self) -> None:
        assert kinds(soak(changed(hourly(), 3, verdict="GREEN"))) == ["UNKNOWN"]


class TestServices:
    def test_a_count_that_went_up_fails_it(self) -> None:
        crashed = service(restarts=1, started_at=ago(minutes=150), finished_at=ago(minutes=150))
        runs = hourly()
        found = soak([*runs[:-2], *hourly(crashed)[-2:]], crashed)
        assert found.verdict is FAIL
        (failure,) = found.failures
        assert (failure.kind, failure.subject, failure.first_at) == ("CRASH", NAME, ago(minutes=150))
        assert failure.runs == (runs[-2].path,)

    def test_a_lack_of_memory_says_so(self) -> None:
        dead = service(restarts=1, started_at=ago(minutes=30), finished_at=ago(minutes=30), oom_killed=True)
        found = soak(hourly(), dead)
        assert [(item.kind, item.subject) for item in found.failures] == [("OOM", NAME)]
        assert "ran out of memory" in found.failures[0].title

    def test_an_end_inside_the_window_of_the_only_run_fails_it(self) -> None:
        seen = service(restarts_counted_since=ago(hours=9), recent_restarts=ends(ago(minutes=5)))
        assert soak(hourly(), seen).verdict is FAIL

    def test_a_crash_that_was_counted_before_the_stretch_is_history(self) -> None:
        crashed = service(restarts=1, started_at=ago(hours=HOURS + 1), finished_at=ago(hours=HOURS + 1))
        before = run_of(at=ago(hours=HOURS + 2))
        assert soak([before, *hourly(crashed)], crashed).verdict is PASS

    def test_a_container_that_waits_for_its_next_start_has_crashed(self) -> None:
        loops = service(state=ServiceState.BACKOFF, pid=None)
        assert soak(changed(hourly(), 4, services=run_of(loops, at=NOW).services)).verdict is FAIL

    def test_services_that_only_watch_may_crash(self) -> None:
        name = "cdb_postgres_exporter"
        crashed = service(name, restarts=1, started_at=ago(minutes=30), finished_at=ago(minutes=30))
        assert soak(hourly(), crashed).verdict is PASS

    def test_with_a_deployment_the_soak_begins_anew(self) -> None:
        new = service(identity="new", created_at=ago(hours=3), started_at=ago(hours=3))
        runs = hourly()
        found = soak([*runs[:-3], *hourly(new)[-3:]], new)
        assert (found.verdict, kinds(found)) == (INCONCLUSIVE, ["DEPLOY"])
        assert found.doubts[0].text == f"{NAME}: deployed anew at 2026-02-09 06:00:00 UTC"
        assert (found.clean_since, found.passes_at) == (ago(hours=3), NOW + timedelta(hours=HOURS - 3))

    def test_a_service_that_is_new_is_a_deployment(self) -> None:
        runs = hourly()
        before = [replace(run, services=run.services[:-1]) for run in runs[:5]]
        assert kinds(soak([*before, *runs[5:]])) == []
        new = service("cdb_redis", created_at=ago(hours=8), started_at=ago(hours=8))
        assert kinds(soak([*before, *hourly(new)[5:]], new)) == ["DEPLOY"]

    def test_a_hand_on_the_switch_is_named(self) -> None:
        again = service(started_at=ago(minutes=30), finished_at=ago(minutes=31))
        assert kinds(soak(hourly(), again)) == ["MANUAL"]

    def test_a_count_that_began_anew_hides_nothing(self) -> None:
        two = service(restarts=2, started_at=ago(hours=30), finished_at=ago(hours=30))
        none = service(restarts=0, started_at=ago(minutes=30), finished_at=ago(minutes=30))
        assert kinds(soak(hourly(two), none)) == ["RECOUNT"]

    @pytest.mark.parametrize("reboot", [False, True])
    def test_the_machine_and_the_engine_are_no_crash_of_the_stack(self, reboot: bool) -> None:
        all_ = [service(name, started_at=ago(minutes=30), finished_at=ago(minutes=31)) for name in TITLES]
        snapshot = in_docker(*all_)
        if reboot:
            booted = snapshots.edit(snapshot.host, lambda value: replace(value, booted_at=ago(minutes=31)))
            snapshot = replace(snapshot, host=booted)
        found = judge_soak(with_runs(snapshot, hourly()), (), Verdict.PASS)
        assert found is not None
        assert (found.verdict, kinds(found)) == (INCONCLUSIVE, ["HOST" if reboot else "DAEMON"])
        assert "which is no crash" in found.doubts[0].text
        assert found.doubts[0].text.startswith("cdb_ws, cdb_candles, cdb_regime, cdb_allocation and 6 more: ")

    @pytest.mark.parametrize("first", [False, True], ids=["after an earlier run", "in a first run"])
    def test_a_mass_crash_is_no_doing_of_the_engine(self, first: bool) -> None:
        crashed = {"restarts": 1, "started_at": ago(minutes=30), "finished_at": ago(minutes=30)}
        seen = {**crashed, "recent_restarts": ends(ago(minutes=30))}
        for facts in (crashed, seen):
            all_ = [service(name, **facts) for name in TITLES]
            found = soak([] if first else hourly(), *all_)
            assert found.verdict is FAIL
            assert "DAEMON" not in kinds(found)

    def test_a_service_that_stands_still_is_named(self) -> None:
        down = service(state=ServiceState.EXITED, pid=None, exit_status="exit status 0", finished_at=ago(minutes=20))
        assert kinds(soak(hourly(), down)) == ["ENDED"]
        gone = service(state=ServiceState.MISSING, identity="", started_at=None)
        assert kinds(soak(hourly(), gone)) == ["GONE"]

    def test_a_first_run_with_a_long_window_still_sees_a_start_inside_it(self) -> None:
        whole = run_of(at=ago(minutes=1), window=Window(STRETCH.since, ago(minutes=1)))
        assert soak([whole]).verdict is PASS
        fresh = service(created_at=ago(hours=5), started_at=ago(hours=5))
        seen = run_of(fresh, at=ago(minutes=1), window=Window(STRETCH.since, ago(minutes=1)))
        assert kinds(soak([seen], fresh)) == ["DEPLOY"]

    def test_the_start_of_a_run_without_services_is_compared_with_the_one_before(self) -> None:
        crashed = service(restarts=1, started_at=ago(minutes=90), finished_at=ago(minutes=90))
        runs = [*hourly()[:-1], run_of(at=ago(hours=1), services=())]
        assert soak(runs, crashed).verdict is FAIL


class TestRuns:
    def test_a_broken_run_may_have_seen_anything(self) -> None:
        broken = (UnusedRun("reports/daily/2026-02-09/043000Z", "report.json is cut off"),)
        found = soak(hourly(), broken=broken)
        assert (found.verdict, kinds(found)) == (INCONCLUSIVE, ["BROKEN"])
        assert found.clean_since == datetime.fromisoformat("2026-02-09T04:30:00+00:00")

    def test_runs_of_other_stacks_are_passed_over_and_named(self) -> None:
        other = (UnusedRun("reports/daily/2026-02-09/043000Z", "it is of the stack other, not of cdb"),)
        found = soak(hourly(), foreign=other)
        assert (found.verdict, found.ignored) == (PASS, other)

    def test_a_run_that_was_stored_once_and_is_gone_is_missed(self) -> None:
        runs = hourly()
        long = changed(runs, 6, window=Window(runs[4].taken_at, runs[6].taken_at))
        linked = chained(long)
        history = SoakHistory((*linked[:5], *linked[6:]), (), ())
        snapshot = with_runs(in_docker(), runs)
        held = snapshots.observed("E008", "stored runs", history, text="runs")
        found = judge_soak(replace(snapshot, soak=held), (), Verdict.PASS)
        assert found is not None
        assert [doubt.text for doubt in found.doubts] == [f"{runs[5].path} was stored once, and is not there any more"]

    def test_runs_that_were_not_read_leave_it_open(self) -> None:
        assert kinds(soak(hourly(), not_read="the time of 2 s was over")) == ["HISTORY"]

    def test_a_folder_that_cannot_be_read_leaves_it_open(self) -> None:
        snapshot = with_runs(in_docker(), hourly())
        assert snapshot.soak is not None
        silent = replace(snapshot, soak=snapshots.unavailable(snapshot.soak, "Permission denied"))
        found = judge_soak(silent, (), Verdict.PASS)
        assert found is not None
        assert "Permission denied" in found.doubts[0].text

    def test_several_versions_are_told(self) -> None:
        found = soak(changed(hourly(), 3, tool_version="0.0.9"))
        assert found.notes == ("judged by several versions of cdbctl: 0.0.0 (12 runs), 0.0.9 (1 run)",)

    def test_two_runs_of_one_second_are_both_read_in_their_order(self) -> None:
        runs = hourly()
        second = replace(runs[3], path=f"{runs[3].path}-2", verdict="FAIL", findings=(finding(),))
        found = soak([*runs[:4], second, *runs[4:]])
        assert found.failures[0].runs == (second.path,)

    def test_without_a_service_under_test_nothing_is_soaked(self) -> None:
        snapshot = with_runs(in_docker(), hourly())
        watchers = tuple(item for item in snapshot.services if item.name == "cdb_postgres_exporter")
        found = judge_soak(replace(snapshot, services=watchers), (), Verdict.PASS)
        assert found is not None
        assert kinds(found) == ["UNKNOWN"]
        assert found.passes_at is None


class TestReport:
    def test_the_next_step_of_a_well_stack_is_that_of_its_soak(self) -> None:
        report = judged(with_runs(snapshots.healthy(), hourly(hours=3)))
        assert report.verdict is Verdict.PASS
        assert report.next_step.text.startswith("Let the stack run as it is and look at it at least every 60 min")
        assert report.next_step.command == "cdbctl daily-check --soak 12h --root .demo"

    def test_the_next_step_of_a_failed_soak_names_who_saw_it(self) -> None:
        runs = changed(hourly(), 3, verdict="FAIL", findings=(finding(),))
        report = judged(with_runs(snapshots.healthy(), runs))
        assert f"table risk_events does not exist, seen by {runs[3].path}" in report.next_step.text
        assert "Repair" not in report.next_step.text

    def test_the_next_step_of_a_failed_soak_names_the_failure_that_was_seen_last(self) -> None:
        long, short = finding(), finding("redis ran full", fingerprint="b" * 12)
        runs = changed(hourly(), 3, verdict="FAIL", findings=(long,))
        runs = changed(runs, 5, verdict="FAIL", findings=(short,))
        runs = changed(runs, 9, verdict="FAIL", findings=(long,))
        step = judged(with_runs(snapshots.healthy(), runs)).next_step.text
        assert f"the last of its 2 failures was: table risk_events does not exist, seen by {runs[9].path}" in step

    def test_without_a_service_under_test_no_time_is_promised(self) -> None:
        snapshot = with_runs(snapshots.healthy(), hourly(hours=3))
        watchers = tuple(replace(item, group=Group.OBSERVABILITY) for item in snapshot.services)
        report = judged(replace(snapshot, services=watchers))
        assert "no soak can pass" in report.next_step.text

    def test_the_soak_is_the_same_from_a_stored_snapshot(self) -> None:
        from cdbctl.model.codec import decode, encode

        snapshot = with_runs(in_docker(), changed(hourly(), 3, verdict="FAIL", findings=(finding(),)))
        again = decode(Snapshot, encode(snapshot))
        assert judged(again).soak == judged(snapshot).soak


# -- laws ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """What happens to the stack: moments of its own crashes, of starts by hand, deployments and boots."""

    crashes: tuple[int, ...]
    by_hand: tuple[int, ...]
    deployed: tuple[int, ...]
    boots: tuple[int, ...]

    def at(self, minute: int) -> tuple[ServiceFacts, datetime]:
        """Container and boot as somebody sees them so many minutes before now."""
        facts, booted = service(), BOOTED
        events = [
            *((when, "crash") for when in self.crashes),
            *((when, "hand") for when in self.by_hand),
            *((when, "deploy") for when in self.deployed),
            *((when, "boot") for when in self.boots),
        ]
        for when, what in sorted(events, reverse=True):
            if when < minute:
                break
            start = ago(minutes=when)
            restarts = (facts.restarts or 0) + 1 if what == "crash" else 0
            facts = replace(facts, started_at=start, restarts=restarts)
            container = facts.container
            assert container is not None
            if what == "deploy":
                fresh = replace(container, created_at=start, finished_at=None)
                facts = replace(facts, identity=f"deployed-{when}", container=fresh)
            else:
                facts = replace(facts, container=replace(container, finished_at=start))
            booted = start if what == "boot" else booted
        return facts, booted


def lives() -> st.SearchStrategy[Life]:
    moments = st.lists(st.integers(1, HOURS * 60 + 60), max_size=2, unique=True).map(tuple)
    return st.builds(Life, moments, moments, moments, st.lists(st.integers(1, 800), max_size=1).map(tuple))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Snapshot, list[EarlierRun]]:
    """A stack with a life, and the runs that looked at it."""
    life = draw(lives())
    minutes = draw(st.lists(st.integers(1, HOURS * 60 + 90), min_size=1, max_size=14, unique=True))
    verdicts = st.sampled_from(["PASS"] * 8 + ["WARN", "UNKNOWN"])
    runs = []
    for minute in sorted(minutes, reverse=True):
        facts, booted = life.at(minute)
        window = Window(ago(minutes=minute + draw(st.sampled_from([10, 60, 300, 900]))), ago(minutes=minute))
        run = run_of(facts, at=ago(minutes=minute), verdict=draw(verdicts), window=window, host_booted_at=booted)
        runs.append(run)
    facts, booted = life.at(0)
    snapshot = in_docker(facts)
    host = snapshots.edit(snapshot.host, lambda value: replace(value, booted_at=booted))
    return replace(snapshot, host=host), runs


def verdict_of(snapshot: Snapshot, runs: Sequence[EarlierRun]) -> Soak:
    """The soak of runs that are linked already."""
    history = SoakHistory(tuple(runs), (), ())
    asked = replace(snapshot, soak_stretch=STRETCH, soak=snapshots.observed("E008", "runs", history, text="runs"))
    found = judge_soak(asked, (), Verdict.PASS)
    assert found is not None
    return found


def linked(snapshot: Snapshot, runs: Sequence[EarlierRun]) -> tuple[Snapshot, tuple[EarlierRun, ...]]:
    chain = chained(runs)
    return replace(snapshot, previous=snapshots.observed("E007", "stored runs", chain[-1])), chain


@settings(max_examples=80, deadline=None)
@given(histories(), st.integers(1, HOURS * 60))
def test_adding_a_run_that_failed_never_makes_a_pass(drawn: tuple[Snapshot, list[EarlierRun]], minute: int) -> None:
    snapshot, runs = drawn
    failed = run_of(at=ago(minutes=minute), verdict="FAIL", findings=(finding(),), path="reports/daily/x/1")
    with_it = sorted([*runs, failed], key=lambda run: run.taken_at)
    assert verdict_of(*linked(snapshot, with_it)).verdict is FAIL


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_removing_a_run_never_makes_a_pass_of_what_was_open(
    drawn: tuple[Snapshot, list[EarlierRun]], data: st.DataObject
) -> None:
    snapshot, chain = linked(*drawn)
    before = verdict_of(snapshot, chain)
    gone = data.draw(st.integers(0, len(chain) - 1))
    after = verdict_of(snapshot, [run for number, run in enumerate(chain) if number != gone])
    if before.verdict is INCONCLUSIVE:
        assert after.verdict is not PASS
    assert after.covered_seconds <= before.covered_seconds


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers())
def test_the_order_of_reading_does_not_matter(drawn: tuple[Snapshot, list[EarlierRun]], seed: int) -> None:
    snapshot, chain = linked(*drawn)
    shuffled = list(chain)
    Random(seed).shuffle(shuffled)
    assert verdict_of(snapshot, shuffled) == verdict_of(snapshot, chain)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_a_pass_needs_cover_and_quiet(drawn: tuple[Snapshot, list[EarlierRun]]) -> None:
    snapshot, chain = linked(*drawn)
    found = verdict_of(snapshot, chain)
    assert (found.verdict is PASS) == (not found.failures and not found.doubts)
    assert STRETCH.since <= found.clean_since <= STRETCH.until
    if found.verdict is PASS:
        assert found.covered_seconds >= HOURS * 3600 * 0.99
