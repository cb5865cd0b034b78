"""Counts unplanned restarts from the log of supervisord, which keeps no count itself."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cdbctl.collect.supervisord.log import local_time
from cdbctl.model.runtime import Restart
from cdbctl.model.snapshot import Window

Clock = Callable[[datetime], datetime]
"""Turns the naive local time of the log into UTC."""

_MOST_RECENT = 1000
_QUARTER_SECONDS = 15 * 60
_SAME_MOMENT_SECONDS = 10
_NEXT_ROUND = timedelta(seconds=3)

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ([A-Z]{4}) (.*)")
_ENDED = re.compile(r"exited: (.+?) \((.*); (not expected|expected)\)$")
_SPAWNED = re.compile(r"spawned: '(.+)' with pid (\d+)$")
_STOPPED = re.compile(r"stopped: (.+?) \((.*)\)$")
_GAVE_UP = re.compile(r"gave up: (.+) entered FATAL state")
_DAEMON = re.compile(r"supervisord started with pid \d+$")


@dataclass(frozen=True, slots=True)
class Program:
    """What supervisord itself says of a program, to prove the log with."""

    name: str
    """Without its group, as the log names it."""
    pid: int
    """0 when it does not run."""
    start_epoch_seconds: int
    """Of the newest start; 0 when it was never started."""
    could_not_start: bool
    """Whether the newest start failed before there was a process; the log shows no start then."""


@dataclass(frozen=True, slots=True)
class Count:
    """The unplanned restarts of one program."""

    restarts: int
    recent: tuple[Restart, ...]
    since: datetime
    last_end: str | None
    """How it last ended, e.g. ``exit status 1``."""
    lines: tuple[str, ...]
    """The lines of the log that were counted."""


@dataclass(frozen=True, slots=True)
class _Spawn:
    pid: int
    local_at: datetime


@dataclass(frozen=True, slots=True)
class _End:
    local_at: datetime
    how: str
    expected: bool
    line: str


@dataclass(slots=True)
class Journal:
    """What the log tells, in the local time of the machine that wrote it."""

    oldest: datetime | None = None
    daemon_at: datetime | None = None
    """When the newest supervisord of the log started."""
    spawns: dict[str, list[_Spawn]] = field(default_factory=lambda: defaultdict(list))
    restarts: dict[str, list[_End]] = field(default_factory=lambda: defaultdict(list))
    last_end: dict[str, str] = field(default_factory=dict)
    shows_starts: bool = False
    """Whether it is written at a level that includes starts."""


def read_journal(text: str) -> Journal:
    """Pair each end that nobody asked for with the start that followed it.

    A program that was stopped on request is logged as ``stopped``, never as ``exited``. After ``gave up`` only a
    person starts it again. An end with an expected status counts when the start followed at once: later it was
    a person, too.
    """
    journal = Journal()
    open_ends: dict[str, _End] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        at = local_time(found[1]) if found else None
        if found is None or at is None:
            continue
        journal.oldest = journal.oldest or at
        journal.shows_starts = journal.shows_starts or found[2] == "INFO"
        _take(journal, open_ends, at, found[3], line)
    return journal


def _take(journal: Journal, open_ends: dict[str, _End], at: datetime, message: str, line: str) -> None:
    if ended := _ENDED.match(message):
        open_ends[ended[1]] = _End(at, ended[2], ended[3] == "expected", line)
        journal.last_end[ended[1]] = ended[2]
    elif spawned := _SPAWNED.match(message):
        name = spawned[1]
        journal.spawns[name].append(_Spawn(int(spawned[2]), at))
        end = open_ends.pop(name, None)
        if end and (not end.expected or at - end.local_at <= _NEXT_ROUND):
            journal.restarts[name].append(end)
    elif stopped := _STOPPED.match(message):
        open_ends.pop(stopped[1], None)
        journal.last_end[stopped[1]] = stopped[2]
    elif gave_up := _GAVE_UP.match(message):
        open_ends.pop(gave_up[1], None)
    elif _DAEMON.match(message):
        journal.daemon_at = at
        open_ends.clear()


def machine_clock(local_at: datetime) -> datetime:
    """The clock of this machine: it knows about summer time."""
    return local_at.astimezone(UTC)


def measured_clock(journal: Journal, programs: Sequence[Program]) -> Clock | None:
    """The clock of the log, measured: supervisord says when it started a program, the log says it in local time.

    None when no start can be found in both.
    """
    for program in programs:
        spawn = _newest_spawn(journal, program)
        if spawn is None or not program.start_epoch_seconds:
            continue
        started_at = datetime.fromtimestamp(program.start_epoch_seconds, UTC)
        apart_seconds = (spawn.local_at.replace(tzinfo=UTC) - started_at).total_seconds()
        offset = timedelta(seconds=round(apart_seconds / _QUARTER_SECONDS) * _QUARTER_SECONDS)
        if abs(apart_seconds - offset.total_seconds()) <= _SAME_MOMENT_SECONDS:
            fixed = _fixed_clock(offset)
            return machine_clock if machine_clock(spawn.local_at) == fixed(spawn.local_at) else fixed
    return None


def count(journal: Journal, program: Program, *, clock: Clock, window: Window) -> Count | None:
    """The restarts of one program; None when the log does not prove that it would have shown them."""
    if journal.oldest is None or not journal.shows_starts:
        return None
    since = clock(journal.oldest)
    started_at = datetime.fromtimestamp(program.start_epoch_seconds, UTC) if program.start_epoch_seconds else None
    must_be_shown = started_at is not None and started_at > since and not program.could_not_start
    if must_be_shown and _newest_spawn(journal, program) is None:
        return None
    ends = journal.restarts.get(program.name, [])
    restarts = [Restart(at=clock(end.local_at), exit_status=end.how) for end in ends]
    recent = [restart for restart in restarts if window.since <= restart.at <= window.until]
    return Count(
        restarts=len(restarts),
        recent=tuple(recent[-_MOST_RECENT:]),
        since=since,
        last_end=journal.last_end.get(program.name),
        lines=tuple(end.line for end in ends),
    )


def _fixed_clock(offset: timedelta) -> Clock:
    return lambda local_at: (local_at - offset).replace(tzinfo=UTC)


def _newest_spawn(journal: Journal, program: Program) -> _Spawn | None:
    """The newest start of the process that runs; of any process when none does."""
    spawns = reversed(journal.spawns.get(program.name, []))
    return next((spawn for spawn in spawns if program.pid in (0, spawn.pid)), None)
