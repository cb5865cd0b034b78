"""What the log of supervisord proves, line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.supervisord.journal import (
    Count,
    Program,
    count,
    machine_clock,
    measured_clock,
    read_journal,
)
from cdbctl.model.snapshot import Window

DAY = datetime(2026, 2, 9, 8, 0, 0, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(hours=1))


def utc(local_at: datetime) -> datetime:
    return local_at.replace(tzinfo=UTC)


def log(*lines: str) -> str:
    """Lines without a time get one, a second apart."""
    return "".join(f"2026-02-09 08:00:{second:02},000 {line}\n" for second, line in enumerate(lines))


def counted(text: str, program: Program | None = None) -> Count | None:
    return count(read_journal(text), program or Program("cdb_x", 0, 0, could_not_start=False), clock=utc, window=WINDOW)


SPAWNED = "INFO spawned: 'cdb_x' with pid 7"
CRASHED = "WARN exited: cdb_x (exit status 1; not expected)"
ENDED_WELL = "INFO exited: cdb_x (exit status 0; expected)"


@pytest.mark.parametrize(
    ("lines", "restarts"),
    [
        ([SPAWNED], 0),
        ([SPAWNED, CRASHED], 0),
        ([SPAWNED, CRASHED, SPAWNED], 1),
        ([SPAWNED, CRASHED, SPAWNED, CRASHED, SPAWNED], 2),
        ([SPAWNED, "WARN exited: cdb_x (terminated by SIGKILL; not expected)", SPAWNED], 1),
        ([SPAWNED, "WARN exited: cdb_x (terminated by SIGSEGV (core dumped); not expected)", SPAWNED], 1),
        # A program that ends well and is started again at once was not asked to end either.
        ([SPAWNED, ENDED_WELL, SPAWNED], 1),
        ([SPAWNED, ENDED_WELL, *["INFO nothing"] * 5, SPAWNED], 0),
        ([SPAWNED, "INFO waiting for cdb_x to stop", "WARN stopped: cdb_x (terminated by SIGTERM)", SPAWNED], 0),
        ([SPAWNED, CRASHED, "INFO gave up: cdb_x entered FATAL state, too many start retries", SPAWNED], 0),
        ([SPAWNED, CRASHED, "INFO supervisord started with pid 1", SPAWNED], 0),
        ([SPAWNED, "WARN exited: cdb_y (exit status 1; not expected)", SPAWNED], 0),
        ([SPAWNED, CRASHED, "INFO spawned: 'cdb_y' with pid 8"], 0),
    ],
)
def test_an_end_that_nobody_asked_for_and_that_a_start_followed_is_a_restart(lines: list[str], restarts: int) -> None:
    found = counted(log(*lines))
    assert found is not None
    assert found.restarts == restarts
    assert len(found.recent) == len(found.lines) == restarts


def test_only_the_restarts_of_the_window_are_recent_and_all_are_counted() -> None:
    text = "2026-02-09 06:00:00,000 WARN exited: cdb_x (exit status 2; not expected)\n" + log(SPAWNED, CRASHED, SPAWNED)
    found = counted(text)
    assert found is not None
    assert found.restarts == 2
    assert [(restart.at, restart.exit_status) for restart in found.recent] == [
        (DAY + timedelta(seconds=1), "exit status 1")
    ]
    assert found.since == DAY - timedelta(hours=2)
    assert found.last_end == "exit status 1"


def test_a_thousand_recent_restarts_are_enough() -> None:
    lines = [
        f"2026-02-09 08:{n // 60 % 60:02}:{n % 60:02},000 {line}" for n in range(1500) for line in (CRASHED, SPAWNED)
    ]
    found = counted("\n".join([f"2026-02-09 08:00:00,000 {SPAWNED}", *lines]))
    assert found is not None
    assert (found.restarts, len(found.recent)) == (1500, 1000)


@pytest.mark.parametrize(
    "text",
    ["", "no time at all\n", log(CRASHED), "9999-99-99 99:99:99,999 INFO spawned: 'cdb_x' with pid 7\n"],
)
def test_a_log_that_shows_no_starts_proves_nothing(text: str) -> None:
    assert counted(text) is None


def test_a_start_that_must_be_in_the_log_and_is_not_makes_it_worthless() -> None:
    started = int(DAY.timestamp()) + 30
    text = log(SPAWNED)
    assert counted(text, Program("cdb_x", 8, started, could_not_start=False)) is None
    assert counted(text, Program("cdb_x", 7, started, could_not_start=False)) is not None
    assert counted(text, Program("cdb_x", 8, started - 3600, could_not_start=False)) is not None
    assert counted(text, Program("cdb_y", 0, started, could_not_start=True)) is not None


@given(offset=st.integers(-12 * 4, 14 * 4), second=st.integers(0, 59), late_ms=st.integers(0, 3000))
def test_the_offset_of_the_log_is_measured(offset: int, second: int, late_ms: int) -> None:
    at = DAY + timedelta(seconds=second)
    local = at + timedelta(minutes=15 * offset, milliseconds=late_ms)
    line = f"{local:%Y-%m-%d %H:%M:%S},{local.microsecond // 1000:03} {SPAWNED}"
    program = Program("cdb_x", 7, int(at.timestamp()), could_not_start=False)
    clock = measured_clock(read_journal(line), [program])
    assert clock is not None
    assert clock(local.replace(tzinfo=None)) == at + timedelta(milliseconds=late_ms)


def test_without_a_start_in_both_nothing_can_be_measured() -> None:
    journal = read_journal(log(SPAWNED))
    assert measured_clock(journal, []) is None
    assert measured_clock(journal, [Program("cdb_x", 9, 1, could_not_start=False)]) is None
    assert measured_clock(journal, [Program("cdb_x", 7, 0, could_not_start=False)]) is None
    seven_minutes_off = int(DAY.timestamp()) + 420
    assert measured_clock(journal, [Program("cdb_x", 7, seven_minutes_off, could_not_start=False)]) is None


def test_the_clock_of_this_machine_gives_utc() -> None:
    local_at = DAY.astimezone().replace(tzinfo=None)
    assert machine_clock(local_at) == DAY


@given(text=st.text())
def test_any_text_is_a_log(text: str) -> None:
    read_journal(text)
    read_journal(log(f"WARN exited: {text}", f"INFO spawned: '{text}' with pid {text}"))
