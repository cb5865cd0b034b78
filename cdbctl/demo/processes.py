"""The processes of one demo, found by what they are: by their mark and by where they stand, never by a name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cdbctl.demo.places import Places
from cdbctl.demo.supervision import MARK
from cdbctl.errors import CdbctlError

if TYPE_CHECKING:
    import psutil

PATIENCE_SECONDS = 6.0
KILL_SECONDS = 5.0


def processes_of(places: Places) -> list[psutil.Process]:
    """Every living process of this demo, never this one or those that started it."""
    import psutil

    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in own and _belongs(process, places)]


def end_all(places: Places) -> None:
    """End every process of this demo: politely first, then for sure. Raises CdbctlError when one survives."""
    deadline = time.monotonic() + PATIENCE_SECONDS + KILL_SECONDS
    while found := processes_of(places):
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in found)
            raise CdbctlError(
                "processes of the demo could not be ended", why=f"still alive: {pids}",
                next_step=f"kill -9 {pids.replace(',', '')}",
            )  # fmt: skip
        _end(found)


def _end(found: Sequence[psutil.Process]) -> None:
    # The supervisor first and at once: it would start again what we end.
    supervisors = [process for process in found if _is_supervisor(process)]
    for process in supervisors:
        _kill(process)
    others = [process for process in found if process not in supervisors]
    for process in _first_ones(others):
        _ask_to_end(process)
    alive = _wait(others, PATIENCE_SECONDS)
    for process in alive:
        _kill(process)
    _wait([*supervisors, *alive], 1.0)


def _wait(processes: Sequence[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait for the end of processes and return those that live on. A zombie is dead: its parent is just slow."""
    deadline = time.monotonic() + timeout_seconds
    while alive := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return alive


def _lives(process: psutil.Process) -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _belongs(process: psutil.Process, places: Places) -> bool:
    """Whether a process carries the mark, or stands in a folder of ours and has no environment left to carry one.

    PostgreSQL and Redis write their titles over it. A person who looks around there has one, without the mark.
    """
    import psutil

    if not _lives(process):
        return False
    try:
        variables = process.environ()
        if "PATH" in variables:
            return variables.get(MARK) == places.token
        folder = Path(process.cwd())
    except (psutil.Error, OSError):
        return False
    return folder.is_relative_to(places.postgres) or folder.is_relative_to(places.redis)


def _is_supervisor(process: psutil.Process) -> bool:
    import psutil

    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def _first_ones(found: Sequence[psutil.Process]) -> Iterator[psutil.Process]:
    """Those that no other one started: PostgreSQL ends its own children in good order."""
    import psutil

    pids = {process.pid for process in found}
    for process in found:
        try:
            if process.ppid() not in pids:
                yield process
        except psutil.Error:
            continue


def _ask_to_end(process: psutil.Process) -> None:
    """SIGINT: PostgreSQL then ends its sessions and stops; Redis and our programs stop too."""
    import signal

    import psutil

    try:
        process.send_signal(signal.SIGINT)
    except psutil.Error:
        return


def _kill(process: psutil.Process) -> None:
    import psutil

    try:
        process.kill()
    except psutil.Error:
        return
