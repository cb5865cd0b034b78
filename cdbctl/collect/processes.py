"""Looks at processes of this machine: how busy they are, how much memory they hold, whether they are frozen."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True)
class Look:
    """One process together with its descendants, at one moment.

    Descendants belong to it: PostgreSQL works in the backends of its first process, and a shell wrapper does
    nothing itself.
    """

    at_seconds: float
    """Monotonic."""
    busy_seconds: float
    """CPU time of the family, ended members included: a parent inherits the time of a child that it waited for."""
    memory_bytes: int
    """Resident memory of the process, and what its descendants hold and do not share."""
    created_at: datetime
    frozen: bool
    """Stopped by a signal (SIGSTOP, SIGTSTP): it exists, and does nothing."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A supervisord that runs on this machine."""

    started_at: datetime
    children: frozenset[int]


def find_daemon(pid: int) -> Daemon | None:
    """The supervisord with that pid, or None when that pid is something else here.

    The pid may come from another machine or from inside a container, where it means another process.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if not any("supervisord" in word for word in process.cmdline()):
            return None
        children = frozenset(child.pid for child in process.children())
        return Daemon(datetime.fromtimestamp(process.create_time(), UTC), children)
    except (psutil.Error, OSError, ValueError):
        return None


def look(pids: Collection[int], *, below: int) -> dict[int, Look]:
    """Look at the given processes; one that is gone or may not be seen is missing in the answer.

    ``below`` is the process that they descend from: one pass over all processes of the machine is enough then.
    """
    import psutil

    children = _children(below)
    looks = {}
    for pid in pids:
        try:
            looks[pid] = _look(psutil.Process(pid), children)
        except (psutil.Error, OSError):
            continue
    return looks


def cpu_percent(earlier: Look | None, later: Look | None) -> float | None:
    """Of one core, between two looks at the same process; None when one look is missing."""
    if earlier is None or later is None or earlier.created_at != later.created_at:
        return None
    elapsed_seconds = later.at_seconds - earlier.at_seconds
    busy_seconds = later.busy_seconds - earlier.busy_seconds
    # A descendant that left the family takes its time along: then nothing can be said.
    if elapsed_seconds <= 0 or busy_seconds < 0:
        return None
    return round(busy_seconds / elapsed_seconds * 100, 2)


def _children(below: int) -> Mapping[int, list[int]]:
    """Parent -> children, for all descendants of one process."""
    import psutil

    children: dict[int, list[int]] = defaultdict(list)
    with suppress(psutil.Error, OSError):
        for process in psutil.Process(below).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                children[process.ppid()].append(process.pid)
    return children


def _look(process: psutil.Process, children: Mapping[int, list[int]]) -> Look:
    import psutil

    with process.oneshot():
        created = process.create_time()
        busy = _busy_seconds(process)
        memory = process.memory_info().rss
        frozen = process.status() == psutil.STATUS_STOPPED
        at = time.monotonic()
    for pid in _descendants(process.pid, children):
        try:
            member = psutil.Process(pid)
            with member.oneshot():
                busy += _busy_seconds(member)
                held = member.memory_info()
        except psutil.NoSuchProcess:
            continue
        memory += max(0, held.rss - getattr(held, "shared", 0))
    return Look(at, busy, memory, datetime.fromtimestamp(created, UTC), frozen)


def _busy_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def _descendants(pid: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    waiting = list(children.get(pid, ()))
    seen = {pid}
    while waiting:
        member = waiting.pop()
        if member not in seen:
            seen.add(member)
            yield member
            waiting.extend(children.get(member, ()))
