"""Processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from cdbctl.collect.processes import Look, cpu_percent, find_daemon, look
from tests.collect.servers import PYTHON


def a_look(*, at: float = 0.0, busy: float = 0.0, created: datetime = datetime(2026, 2, 9, tzinfo=UTC)) -> Look:
    return Look(at, busy, 1, created, frozen=False)


def test_the_share_is_the_time_on_a_processor_over_the_time_that_passed() -> None:
    assert cpu_percent(a_look(at=10, busy=1), a_look(at=12, busy=2)) == 50.0
    assert cpu_percent(a_look(), a_look(at=1)) == 0.0


def test_a_process_that_vanished_has_no_share_instead_of_zero() -> None:
    assert cpu_percent(a_look(), None) is None
    assert cpu_percent(None, a_look()) is None
    later = datetime(2026, 2, 9, tzinfo=UTC) + timedelta(seconds=1)
    assert cpu_percent(a_look(), a_look(at=1, created=later)) is None
    assert cpu_percent(a_look(busy=5), a_look(at=1, busy=1)) is None


def test_this_very_process_is_seen() -> None:
    own = look([os.getpid()], below=os.getpid())[os.getpid()]
    assert own.memory_bytes > 1_000_000
    assert own.busy_seconds > 0
    assert not own.frozen
    assert own.created_at < datetime.now(UTC)


def test_a_process_that_is_gone_is_missing_in_the_answer() -> None:
    process = subprocess.Popen([PYTHON, "-c", ""])
    process.wait()
    assert look([process.pid], below=os.getpid()) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_process_that_nobody_buried_holds_no_memory() -> None:
    process = subprocess.Popen([PYTHON, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    try:
        assert all(found.memory_bytes == 0 for found in look([process.pid], below=os.getpid()).values())
    finally:
        process.stdout.close()
        process.wait()


def test_a_process_that_may_not_be_seen_is_missing_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", refuse)
    assert look([os.getpid()], below=os.getpid()) == {}


def test_what_is_not_a_supervisord_is_not_taken_for_one() -> None:
    process = subprocess.Popen([PYTHON, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert find_daemon(process.pid) is None
    finally:
        process.communicate(b"\n")
    assert find_daemon(process.pid) is None
    assert find_daemon(0) is None
    assert find_daemon(-1) is None
    assert find_daemon(2**40) is None
