"""Restarts of containers: what one look proves, what two looks prove, and what nothing proves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from cdbctl.assess import assess, judge
from cdbctl.assess.changes import What, changes
from cdbctl.assess.restarts import this_run
from cdbctl.model.finding import Finding, Status
from cdbctl.model.runtime import ServiceFacts, ServiceState
from cdbctl.model.snapshot import EarlierRun, Snapshot
from tests.assess import snapshots
from tests.assess.looks import (
    NAME,
    after,
    ago,
    container,
    ends,
    in_docker,
    run_of,
    service,
)
from tests.assess.snapshots import TITLES

OK, WARN, FAIL, UNKNOWN = Status.OK, Status.WARN, Status.FAIL, Status.UNKNOWN
EXITED: dict[str, Any] = {"state": ServiceState.EXITED, "pid": None}
LOOP: dict[str, Any] = {
    "created_at": ago(minutes=2),
    "started_at": ago(seconds=2),
    "finished_at": ago(seconds=3),
    "restarts": 5,
}


def answer(snapshot: Snapshot, name: str = NAME, check: str = "services.restarts") -> Finding:
    return next(item for item in assess(snapshot) if (item.check, item.subject) == (check, name))


@dataclass(frozen=True)
class Look:
    """Facts of one look at a container, and what may be said of them."""

    name: str
    facts: dict[str, Any]
    status: Status
    says: str
    never: str = "\0"


ONE_LOOK = (
    Look("never ended", {}, OK, "running since 2026-02-06 09:00:01 UTC, before the window began"),
    Look(
        "made in the window",
        {"created_at": ago(minutes=9), "started_at": ago(minutes=8)},
        OK,
        "created at 2026-02-09 08:51:00 UTC, running since 2026-02-09 08:52:00 UTC, never restarted since",
    ),
    Look(
        "started again before the window",
        {"started_at": ago(hours=5), "finished_at": ago(hours=6)},
        OK,
        "running since 2026-02-09 04:00:00 UTC, before the window began",
        "never restarted",
    ),
    Look(
        "restarted by its policy before the window",
        {"started_at": ago(hours=5), "finished_at": ago(hours=5), "restarts": 7},
        OK,
        "before the window began, after 7 restarts before that",
        "never restarted",
    ),
    Look(
        "started by hand in the window",
        {"started_at": ago(minutes=5), "finished_at": ago(minutes=6), "restarts_counted_since": ago(minutes=5)},
        UNKNOWN,
        "started again at 2026-02-09 08:55:00 UTC after its end at 2026-02-09 08:54:00 UTC, not by its restart policy; "
        "nothing is proven about the time before",
        "never restarted",
    ),
    Look(
        "started by hand in the window, and the engine remembers a part of it",
        {"started_at": ago(minutes=5), "finished_at": ago(minutes=6), "restarts_counted_since": ago(minutes=9)},
        UNKNOWN,
        "nothing is proven about the time before 2026-02-09 08:51:00 UTC",
    ),
    Look(
        "started by hand in a window that the engine remembers",
        {"started_at": ago(minutes=5), "finished_at": ago(minutes=6)},
        OK,
        "not by its restart policy; the engine remembers no unplanned end since 2026-02-09 08:00:00 UTC",
    ),
    Look(
        "started by hand, and the engine remembers all since it was made",
        {
            "created_at": ago(minutes=20),
            "started_at": ago(minutes=5),
            "finished_at": ago(minutes=6),
            "restarts_counted_since": ago(minutes=20),
        },
        OK,
        "the engine remembers no unplanned end since 2026-02-09 08:40:00 UTC",
    ),
    Look(
        "restarted once, seen by the engine",
        {
            "started_at": ago(minutes=5),
            "finished_at": ago(minutes=5),
            "restarts": 1,
            "recent_restarts": ends(ago(minutes=5)),
        },
        WARN,
        "1 unplanned restart counted since 2026-02-09 08:00:00 UTC (60 min), 0.02/min, the last at",
    ),
    Look(
        "restarted now and then for days",
        {
            "started_at": ago(minutes=5),
            "finished_at": ago(minutes=5),
            "restarts": 7,
            "recent_restarts": ends(ago(minutes=5)),
            "restarts_counted_since": ago(minutes=5),
        },
        WARN,
        "at least 1 unplanned restart",
    ),
    Look(
        "loops, made in the window",
        {
            "created_at": ago(minutes=2),
            "started_at": ago(seconds=2),
            "finished_at": ago(seconds=3),
            "restarts": 12,
            "recent_restarts": ends(ago(seconds=3)),
        },
        FAIL,
        "12 unplanned restarts counted since 2026-02-09 08:58:00 UTC (2 min), 6/min",
    ),
    Look(
        "loops, and waits for its next start",
        {
            "state": ServiceState.BACKOFF,
            "pid": None,
            "exit_status": "exit status 3",
            "started_at": ago(seconds=40),
            "finished_at": ago(seconds=39),
            "restarts": 31,
            "recent_restarts": ends(ago(seconds=39), exit_status="exit status 3"),
        },
        FAIL,
        "31 unplanned restarts counted since 2026-02-06 09:00:00 UTC (3 d)",
    ),
    Look(
        "loops, and was kept waiting before it was started",
        {
            "started_at": ago(seconds=2),
            "finished_at": ago(seconds=53),
            "restarts": 31,
            "recent_restarts": ends(ago(seconds=53)),
        },
        FAIL,
        "31 unplanned restarts",
    ),
    Look(
        "loops at a pace",
        {
            "created_at": ago(hours=8),
            "started_at": ago(seconds=2),
            "finished_at": ago(seconds=3),
            "restarts": 400,
            "recent_restarts": ends(ago(seconds=3)),
        },
        FAIL,
        "400 unplanned restarts counted since 2026-02-09 01:00:00 UTC (8 h), 0.83/min",
    ),
    Look(
        "gave up after its last try",
        {
            **EXITED,
            "exit_status": "exit status 1",
            "started_at": ago(minutes=3),
            "finished_at": ago(minutes=3),
            "restarts": 5,
            "restart_policy": "on-failure:5",
        },
        FAIL,
        "5 unplanned restarts",
    ),
    Look(
        "ended and stays down",
        {**EXITED, "exit_status": "exit status 1", "finished_at": ago(minutes=3)},
        OK,
        "ended at 2026-02-09 08:57:00 UTC with exit status 1 and was not started again: no restart, "
        "and it does not run",
        "running since",
    ),
    Look("never started", {**EXITED, "started_at": None}, OK, "created at 2026-02-06 09:00:00 UTC, never started"),
    Look(
        "gave up before the window",
        {
            **EXITED,
            "exit_status": "exit status 1",
            "started_at": ago(hours=3),
            "finished_at": ago(hours=3),
            "restarts": 3,
        },
        OK,
        "was not started again: after 3 restarts by its policy, and it does not run",
        "no restart",
    ),
    Look(
        "frozen",
        {"state": ServiceState.PAUSED},
        OK,
        "paused, started at 2026-02-06 09:00:01 UTC, before the window",
        "running since",
    ),
    Look(
        "an engine that does not count, started before the window",
        {"restarts": None, "restarts_counted_since": None},
        OK,
        "before the window began",
    ),
    Look(
        "an engine that does not count, started in the window",
        {"restarts": None, "restarts_counted_since": None, "started_at": ago(minutes=3), "finished_at": ago(minutes=4)},
        UNKNOWN,
        "does not count restarts",
    ),
)


@pytest.mark.parametrize("look", ONE_LOOK, ids=lambda look: look.name)
def test_one_look_says_exactly_what_it_proves(look: Look) -> None:
    finding = answer(in_docker(service(**look.facts)))
    assert finding.status is look.status, finding.actual
    assert look.says in finding.actual
    assert look.never not in finding.actual
    assert "100 %" not in finding.actual


@pytest.mark.parametrize(("kind", "says"), [("docker", "no container of cdb_risk"), ("supervisord", "no cdb_risk")])
def test_what_is_not_there_is_said_to_be_missing_and_nothing_of_counts(kind: str, says: str) -> None:
    gone = service(state=ServiceState.MISSING, started_at=None, restarts=None, restarts_counted_since=None)
    snapshot = in_docker(replace(gone, container=None))
    snapshot = replace(snapshot, runtime=snapshots.edit(snapshot.runtime, lambda value: replace(value, kind=kind)))
    finding = answer(snapshot)
    assert finding.status is UNKNOWN
    assert finding.actual.endswith(f"knows {says}")


def test_a_crash_loop_in_a_first_run_is_on_top_with_its_count_and_its_rate() -> None:
    looping = service(
        created_at=ago(minutes=2),
        state=ServiceState.BACKOFF,
        pid=None,
        started_at=ago(seconds=5),
        finished_at=ago(seconds=4),
        restarts=12,
        recent_restarts=ends(ago(seconds=4)),
    )
    finding = answer(in_docker(looping))
    assert finding.title == f"{NAME} was restarted 12 times"
    assert (finding.details["count"], finding.details["per_minute"]) == (12, 6.0)
    snapshot = in_docker(looping)
    assert judge(snapshot, assess(snapshot)).findings[0] == finding


class TestMemory:
    def test_an_event_of_the_engine_is_proof(self) -> None:
        seen = ends(ago(seconds=3), exit_status="exit status 137 (SIGKILL)", out_of_memory=True)
        finding = answer(in_docker(service(**LOOP, recent_restarts=seen)))
        assert finding.title == f"{NAME} was restarted 5 times: out of memory"
        assert "out of memory: the engine reported an oom event" in finding.actual

    def test_the_flag_of_a_container_that_its_policy_started_again_is_named_as_what_it_is(self) -> None:
        finding = answer(in_docker(service(**LOOP, oom_killed=True)))
        assert finding.title.endswith("out of memory")
        assert "the engine's OOM flag is set and its restart policy started it again" in finding.actual

    def test_the_flag_alone_makes_no_finding(self) -> None:
        finding = answer(in_docker(service(oom_killed=True)))
        assert (finding.status, finding.details["out_of_memory"]) == (OK, False)

    def test_a_crash_without_any_sign_of_it_is_no_lack_of_memory(self) -> None:
        finding = answer(in_docker(service(**LOOP)))
        assert (finding.status, finding.details["out_of_memory"]) == (FAIL, False)
        assert "memory" not in finding.title

    @pytest.mark.parametrize(
        ("facts", "title", "says"),
        [
            (
                {"oom_killed": True, "exit_status": "exit status 137 (SIGKILL)"},
                f"{NAME} does not run: exited, out of memory",
                "with exit status 137 (SIGKILL) and the engine's OOM flag is set; its memory limit is 256.0 MiB",
            ),
            (
                {"out_of_memory_at": ago(minutes=3), "exit_status": "exit status 1"},
                f"{NAME} does not run: exited, out of memory",
                "the engine reported an oom event at 2026-02-09 08:57:00 UTC before its end",
            ),
            (
                {"exit_status": "exit status 137 (SIGKILL)"},
                f"{NAME} does not run: exited",
                "a kill from outside or the end of memory",
            ),
            (
                {"oom_killed": True, "exit_status": "exit status 1"},
                f"{NAME} does not run: exited",
                "the engine's OOM flag is set, which proves little by itself",
            ),
        ],
    )
    def test_what_stands_still_says_what_it_died_of(self, facts: dict[str, Any], title: str, says: str) -> None:
        finding = answer(in_docker(service(**EXITED, finished_at=ago(minutes=2), **facts)), check="services.running")
        assert (finding.status, finding.title) == (FAIL, title)
        assert says in finding.actual

    def test_a_child_that_was_killed_for_lack_of_memory_is_no_end_but_worth_a_word(self) -> None:
        finding = answer(in_docker(service(out_of_memory_at=ago(minutes=3))), check="services.running")
        assert (finding.status, finding.title) == (WARN, f"something in {NAME} was killed for lack of memory")
        old = answer(in_docker(service(out_of_memory_at=ago(hours=3))), check="services.running")
        assert old.status is OK


@dataclass(frozen=True)
class Two:
    """A container in two looks, and what happened in between."""

    name: str
    then: ServiceFacts
    now: ServiceFacts
    what: What | None
    crashes: int = 0
    says: str = ""
    status: Status = OK


BEFORE = service(restarts=2, started_at=ago(hours=30), finished_at=ago(hours=30))
TWO_LOOKS = (
    Two("nothing", service(), service(), None, says="no restart since the run of 2026-02-08 09:00:00 UTC"),
    Two("a new container of the same image", service(), service(identity="new"), What.DEPLOY, says="of the same image"),
    Two(
        "a new container of another image",
        service(),
        service(identity="new", image=replace(container().image, id="sha256:" + "b" * 64)),
        What.DEPLOY,
        says="of another image (sha256:bbbbbbbbbbbb)",
    ),
    Two(
        "a new container that crashes",
        service(),
        service(identity="new", created_at=ago(hours=3), started_at=ago(hours=2), finished_at=ago(hours=2), restarts=4),
        What.DEPLOY,
        4,
        "restarted 4 times by itself",
        FAIL,
    ),
    Two(
        "the count went up",
        BEFORE,
        replace(BEFORE, restarts=3, started_at=ago(hours=3)),
        What.CRASH,
        1,
        "1 unplanned restart since the run of",
        WARN,
    ),
    Two(
        "a new start with the same count of 0",
        service(),
        service(started_at=ago(hours=3), finished_at=ago(hours=3)),
        What.MANUAL,
        says="started again at 2026-02-09 06:00:00 UTC without a counted crash",
    ),
    Two(
        "the count went back to 0: nothing is proven",
        BEFORE,
        replace(BEFORE, restarts=0, started_at=ago(hours=3)),
        What.RECOUNT,
        says="what it counted last is not known",
    ),
    Two(
        "the count went back in the window",
        BEFORE,
        replace(BEFORE, restarts=0, started_at=ago(minutes=3)),
        What.RECOUNT,
        says="its count of restarts began anew",
        status=WARN,
    ),
    Two(
        "the count went back, and up again",
        BEFORE,
        replace(BEFORE, restarts=1, started_at=ago(hours=3)),
        What.CRASH,
        1,
        "1 unplanned restart",
        WARN,
    ),
    Two(
        "the same count after a new start was reached anew",
        BEFORE,
        replace(BEFORE, restarts=2, started_at=ago(hours=3)),
        What.CRASH,
        2,
        "2 unplanned restarts",
        WARN,
    ),
    Two(
        "out of memory, told by the flag and the restart",
        service(),
        service(restarts=1, started_at=ago(hours=3), finished_at=ago(hours=3), oom_killed=True),
        What.OOM,
        1,
        "out of memory: the engine's OOM flag is set",
        WARN,
    ),
    Two(
        "an old flag is no new lack of memory",
        service(oom_killed=True, finished_at=ago(hours=40), started_at=ago(hours=40), restarts=1),
        service(oom_killed=True, finished_at=ago(hours=40), started_at=ago(hours=40), restarts=1),
        None,
    ),
    Two(
        "ended, and not started again",
        service(),
        service(**EXITED, exit_status="exit status 1", finished_at=ago(hours=2)),
        What.ENDED,
        says="ended since the run of 2026-02-08 09:00:00 UTC with exit status 1 and was not started again",
    ),
    Two(
        "a healthy container whose pid is another one is the same as long as its start is",
        service(pid=1),
        service(pid=2),
        None,
    ),
)


def compared(two: Two) -> tuple[EarlierRun, Snapshot]:
    earlier = run_of(two.then, at=ago(days=1))
    return earlier, after(earlier, in_docker(two.now))


@pytest.mark.parametrize("two", TWO_LOOKS, ids=lambda two: two.name)
def test_two_looks_tell_what_happened_in_between(two: Two) -> None:
    earlier, snapshot = compared(two)
    change = changes(earlier, this_run(snapshot)).get(NAME)
    assert (change.what if change else None, change.crashes if change else 0) == (two.what, two.crashes)
    finding = answer(snapshot)
    assert two.says in finding.actual
    assert finding.status is two.status, finding.actual
    assert finding.details["change"] == (two.what.value if two.what else None)
    if two.what:
        assert "E007" in finding.evidence


class TestManyAtOnce:
    def together(self, count: int, *, apart_seconds: float = 2, **facts: Any) -> tuple[ServiceFacts, ...]:
        start = ago(minutes=20)
        return tuple(
            service(
                name,
                started_at=start + timedelta(seconds=number * apart_seconds),
                finished_at=start - timedelta(seconds=10),
                **facts,
            )
            for number, name in enumerate(tuple(TITLES)[:count])
        )

    def word(self, snapshot: Snapshot, earlier: EarlierRun | None = None, name: str = "cdb_ws") -> What | None:
        earlier = earlier or run_of(at=ago(days=1))
        change = changes(earlier, this_run(snapshot)).get(name)
        return change.what if change else None

    def test_half_of_the_services_within_thirty_seconds_is_the_engine(self) -> None:
        snapshot = in_docker(*self.together(6))
        assert self.word(snapshot) is What.DAEMON
        finding = answer(after(run_of(at=ago(days=1)), snapshot), "cdb_ws")
        assert finding.status is WARN
        assert finding.title == "cdb_ws was restarted together with other services"
        assert "the machine, the engine, or a restart of the whole project" in finding.actual

    def test_fewer_than_half_are_hands(self) -> None:
        assert self.word(in_docker(*self.together(5))) is What.MANUAL

    def test_far_apart_they_are_hands(self) -> None:
        assert self.word(in_docker(*self.together(11, apart_seconds=40))) is What.MANUAL

    def test_two_of_two_are_not_many(self) -> None:
        snapshot = in_docker(*self.together(2))
        facts = snapshots.edit(snapshot.runtime, lambda value: replace(value, services=value.services[:2]))
        assert self.word(replace(snapshot, runtime=facts)) is What.MANUAL

    def test_one_look_at_all_of_them_is_enough_to_warn_and_never_to_fail(self) -> None:
        statuses = {
            finding.status for finding in assess(in_docker(*self.together(11))) if finding.check == "services.restarts"
        }
        assert statuses == {WARN}

    def test_a_mass_crash_that_the_policies_counted_is_no_doing_of_the_engine(self) -> None:
        seen = in_docker(*self.together(11, restarts=1, recent_restarts=ends(ago(minutes=20))))
        counted = in_docker(*self.together(11, restarts=1))
        assert self.word(counted) is What.CRASH
        for snapshot in (seen, after(run_of(at=ago(days=1)), seen), after(run_of(at=ago(days=1)), counted)):
            finding = answer(snapshot, "cdb_ws")
            assert (finding.title, finding.details["count"]) == ("cdb_ws was restarted", 1)
            assert "together" not in finding.actual

    def test_all_killed_by_an_engine_that_starts_anew_is_no_crash_of_their_own(self) -> None:
        snapshot = in_docker(*self.together(11, restarts=1), started_at=ago(minutes=20, seconds=5))
        assert self.word(snapshot) is What.DAEMON

    def test_the_first_speaks_for_all_that_were_restarted_together(self) -> None:
        found = [item for item in assess(in_docker(*self.together(11))) if item.check == "services.restarts"]
        (voice,) = (item for item in found if item.caused_by is None)
        follow = [item for item in found if item is not voice]
        assert {item.caused_by for item in follow} == {voice.fingerprint}
        assert {item.details["cause"] for item in follow} == {"proven: restarted together"}

    def test_who_crashed_by_itself_is_not_spoken_for(self) -> None:
        started = {item.name: item for item in self.together(11)}
        crashed = replace(started["cdb_risk"], restarts=1, recent_restarts=ends(ago(minutes=2)))
        finding = answer(in_docker(*(started | {"cdb_risk": crashed}).values()))
        assert (finding.status, finding.caused_by) == (WARN, None)

    def test_who_crashes_after_the_engine_came_back_still_crashes(self) -> None:
        started = {item.name: item for item in self.together(11)}
        crashing = replace(started["cdb_risk"], restarts=3, started_at=ago(minutes=2))
        snapshot = in_docker(*(started | {"cdb_risk": crashing}).values())
        change = changes(run_of(at=ago(days=1)), this_run(snapshot))["cdb_risk"]
        assert (change.what, change.crashes) == (What.CRASH, 3)

    def test_after_a_boot_it_is_the_machine(self) -> None:
        snapshot = in_docker(*self.together(11, apart_seconds=60))
        booted = snapshots.edit(snapshot.host, lambda value: replace(value, booted_at=ago(minutes=21)))
        assert self.word(replace(snapshot, host=booted)) is What.HOST

    def test_the_boot_of_another_machine_is_not_theirs(self) -> None:
        snapshot = in_docker(service("cdb_ws", started_at=ago(minutes=20), finished_at=ago(minutes=20)))
        booted = snapshots.edit(snapshot.host, lambda value: replace(value, booted_at=ago(minutes=21)))
        assert self.word(replace(snapshot, host=booted)) is What.MANUAL

    def test_after_a_start_of_the_engine_it_is_the_engine(self) -> None:
        services = self.together(11, apart_seconds=60)
        assert self.word(in_docker(*services, started_at=ago(minutes=21))) is What.DAEMON

    def test_deployed_at_once_is_deployed(self) -> None:
        assert self.word(in_docker(*self.together(11, identity="new"))) is What.DEPLOY


class TestProcesses:
    """Without containers the start is computed from the clock."""

    def earlier(self, **changes_: Any) -> EarlierRun:
        run = this_run(snapshots.healthy())
        services = tuple(replace(item, **changes_) for item in run.services)
        return replace(run, taken_at=ago(days=1), services=services)

    def test_a_start_that_moved_by_a_second_is_the_same_start(self) -> None:
        before = self.earlier(started_at=snapshots.STARTED - timedelta(seconds=1))
        assert changes(before, this_run(snapshots.healthy())) == {}

    def test_a_clock_that_was_set_moves_every_start_and_the_boot(self) -> None:
        hour = timedelta(hours=1)
        before = replace(
            self.earlier(started_at=snapshots.STARTED - hour),
            host_booted_at=snapshots.STARTED - timedelta(days=3) - hour,
        )
        assert changes(before, this_run(snapshots.healthy())) == {}

    def test_another_token_of_the_same_secret_is_no_deployment(self) -> None:
        before = self.earlier(identity="run --key [REDACTED:env:aaaaaa]")
        now = this_run(snapshots.healthy())
        again = tuple(replace(item, identity="run --key [REDACTED:env:bbbbbb]") for item in now.services)
        assert changes(before, replace(now, services=again)) == {}

    def test_a_run_of_an_older_version_kept_no_state_and_nothing_is_said_of_it(self) -> None:
        before = self.earlier(state="")
        assert changes(before, this_run(snapshots.healthy())) == {}
