"""Restarts are told as far as they are proven, and no further."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.restarts import Event, Life, counted_since, parse_events, restarts_of
from cdbctl.model.runtime import Restart

NOON = datetime(2026, 2, 9, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def life(
    *,
    created: float = 0,
    started: float | None = 0,
    finished: float | None = None,
    runs: bool = True,
    waits: bool = False,
    restarts: int | None = 0,
    exit_code: int | None = 0,
    out_of_memory: bool = False,
    policy: str = "unless-stopped",
) -> Life:
    return Life(
        created_at=at(created),
        started_at=None if started is None else at(started),
        finished_at=None if finished is None else at(finished),
        runs=runs,
        waits=waits,
        restarts=restarts,
        exit_code=exit_code,
        out_of_memory=out_of_memory,
        policy=policy,
    )


def events(*told: str) -> list[Event]:
    """``5 die 137``: minute, action, exit code or signal."""
    found = []
    for line in told:
        minute, action, *more = line.split()
        code = int(more[0]) if action == "die" else None
        found.append(Event(at(float(minute)), action, code, more[0] if action == "kill" else ""))
    return found


class TestCountedSince:
    def test_what_runs_and_never_ended_was_never_restarted(self) -> None:
        assert counted_since(life(created=0, started=1), None) == at(0)

    def test_a_count_of_0_covers_the_time_since_the_current_start_only(self) -> None:
        assert counted_since(life(created=0, started=50, finished=49), None) == at(50)

    def test_a_count_above_0_knows_the_time_of_its_last_restart_only(self) -> None:
        assert counted_since(life(created=0, started=50, finished=49, restarts=7), None) == at(49)

    def test_what_waits_for_its_restart_is_counted_since_its_end(self) -> None:
        waiting = life(started=50, finished=51, restarts=7, runs=False, waits=True)
        assert counted_since(waiting, None) == at(51)

    def test_what_was_never_started_is_counted_since_it_was_made(self) -> None:
        assert counted_since(life(created=3, started=None, runs=False), None) == at(3)

    def test_an_engine_that_tells_no_count_proves_nothing(self) -> None:
        assert counted_since(life(started=50, finished=49, restarts=None), None) is None

    def test_events_that_reach_further_back_prove_more(self) -> None:
        assert counted_since(life(started=50, finished=49), at(10)) == at(10)
        assert counted_since(life(started=50, finished=49), at(55)) == at(50)

    def test_no_container_is_counted_before_it_was_made(self) -> None:
        assert counted_since(life(created=20, started=50, finished=49), at(10)) == at(20)


class TestRestarts:
    def test_an_end_and_a_start_that_nobody_asked_for(self) -> None:
        running = life(started=5.1, finished=5, restarts=1)
        assert restarts_of(running, events("5 die 1", "5.1 start")) == (Restart(at(5), "exit status 1"),)

    def test_docker_restart_is_no_crash(self) -> None:
        told = events("5 kill 15", "5 die 143", "5 stop", "5 start")
        assert restarts_of(life(started=5, finished=5), told) == ()

    def test_docker_kill_and_docker_start_are_no_crash(self) -> None:
        assert restarts_of(life(started=6, finished=5), events("5 kill 9", "5 die 137", "6 start")) == ()

    def test_a_signal_to_reload_does_not_excuse_a_later_crash(self) -> None:
        told = events("1 kill 1", "5 die 1", "5 start")
        assert len(restarts_of(life(started=5, finished=5, restarts=1), told)) == 1

    def test_a_stop_excuses_only_the_end_that_it_caused(self) -> None:
        told = events("1 kill 15", "1 die 0", "1 stop", "2 start", "5 die 139", "5 start")
        found = restarts_of(life(started=5, finished=5, restarts=1), told)
        assert found == (Restart(at(5), "exit status 139 (SIGSEGV)"),)

    def test_memory_that_ran_out_is_told_by_the_event_before_the_end(self) -> None:
        told = events("5 oom", "5 die 137", "5 start", "6 die 1", "6 start")
        first, second = restarts_of(life(started=6, finished=6, restarts=2), told)
        assert first == Restart(at(5), "exit status 137 (SIGKILL)", out_of_memory=True)
        assert not second.out_of_memory

    def test_a_job_that_ended_well_and_was_started_again_did_not_crash(self) -> None:
        told = events("5 die 0", "9 start")
        assert restarts_of(life(started=9, finished=5, policy="no"), told) == ()

    def test_the_count_proves_the_last_restart_when_the_events_are_gone(self) -> None:
        found = restarts_of(life(started=50, finished=49, restarts=3), ())
        assert found == (Restart(at(49), "exit status not told by the engine"),)

    def test_the_last_restart_is_not_told_twice(self) -> None:
        running = life(started=5.1, finished=5 + 0.001, restarts=1)
        assert len(restarts_of(running, events("5 die 1", "5.1 start"))) == 1

    def test_what_waits_for_its_restart_has_ended_unplanned(self) -> None:
        waiting = life(started=4, finished=5, restarts=2, runs=False, waits=True, exit_code=137, out_of_memory=True)
        expected = Restart(at(5), "exit status 137 (SIGKILL)", out_of_memory=True)
        assert restarts_of(waiting, ()) == (expected,)
        assert restarts_of(waiting, events("5 die 137")) == (expected,)

    def test_what_was_stopped_by_hand_after_restarts_does_not_wait(self) -> None:
        assert restarts_of(life(started=4, finished=5, restarts=3, runs=False), ()) == ()

    @given(st.lists(st.sampled_from(("kill 15", "kill 1", "die 1", "die 0", "start", "stop", "oom")), max_size=12))
    def test_there_are_never_more_restarts_than_starts(self, told: list[str]) -> None:
        found = restarts_of(life(), events(*(f"{minute} {words}" for minute, words in enumerate(told))))
        assert len(found) <= told.count("start")
        assert list(found) == sorted(found, key=lambda restart: restart.at)


def line(minute: float, action: str, *, kind: str = "container", **attributes: str) -> bytes:
    nanoseconds = int(at(minute).timestamp()) * 10**9 + 5
    actor = {"ID": "abc", "Attributes": attributes}
    return json.dumps({"Type": kind, "Action": action, "Actor": actor, "timeNano": nanoseconds}).encode() + b"\n"


def test_events_reach_back_to_the_oldest_of_any_kind() -> None:
    told = line(0, "connect", kind="network") + line(1, "exec_die") + line(2, "die", exitCode="3") + line(3, "start")
    found = parse_events(told)
    assert (found.since, found.count) == (at(0), 4)
    assert [(event.action, event.exit_code) for event in found.by_container["abc"]] == [("die", 3), ("start", None)]


def test_podman_has_another_word_for_the_exit_code() -> None:
    assert parse_events(line(0, "die", containerExitCode="3")).by_container["abc"][0].exit_code == 3


def test_an_engine_that_remembers_nothing_proves_nothing() -> None:
    assert parse_events(b"").since is None


@pytest.mark.parametrize("answer", [b"nonsense", b"{", b"[" * 100_000])
def test_other_than_events_is_a_reason(answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        parse_events(answer)


@pytest.mark.parametrize("answer", [b"[]", b"5", b'{"Type": "container", "Action": "die", "timeNano": 1e99}', b"{}"])
def test_an_event_of_another_form_tells_nothing(answer: bytes) -> None:
    assert all(not told for told in parse_events(answer).by_container.values())
