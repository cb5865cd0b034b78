"""The log of one service inside the window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.logs.clock import Clock
from cdbctl.collect.logs.files import BLOCK, Entry, LogFile, enter, open_log, packed_rotation
from cdbctl.collect.logs.scanner import Scanner
from cdbctl.collect.logs.text import log_text
from cdbctl.model.logs import LogFacts
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service

_SHARE_FOR_READING = 0.85
"""Of the time: the rest is for grouping and writing up what was read."""


@dataclass(slots=True)
class _Progress:
    """What became known about the reading itself."""

    deadline: float
    reaches_back: bool = True
    bytes_wanted: int = 0
    bytes_read: int = 0
    out_of_time: bool = False
    gaps: list[str] = field(default_factory=list)
    """Why something of the window is missing."""


def read_log(
    service: Service,
    *,
    root: Path,
    window: Window,
    timeout_seconds: float,
    conceal: Callable[[str], str] = str,
) -> Seen[LogFacts]:
    """Read what a service wrote in the window: every line counted, warnings and errors grouped.

    Reads ``service.log_paths`` below ``root`` and their rotations, from where the window begins. NoAnswer when there
    is nothing to read; when only a part could be read, ``window.complete`` is False and ``window.note`` says why.
    ``conceal`` takes secrets out of a text before it is masked: masked in part, no one would know them any more.
    """
    progress = _Progress(deadline=time.monotonic() + timeout_seconds * _SHARE_FOR_READING)
    try:
        zone = ZoneInfo(service.log_timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise NoAnswer(
            f"the time zone {service.log_timezone!r} of the log is not known",
            remedy=f"correct services.{service.name}.log.timezone in cdbctl.yaml, or install tzdata",
        ) from error
    scanner = Scanner(window, zone, conceal)
    clock = Clock(window, zone)
    with ExitStack() as stack:
        for files in _open_all(service, root, stack, progress):
            _read(files, scanner, clock, window, progress)
    if progress.out_of_time:
        progress.gaps.append(
            f"the time of {timeout_seconds:g} s was used up after "
            f"{progress.bytes_read:,} of {progress.bytes_wanted:,} bytes, oldest first"
        )
    facts = scanner.finish(complete=not progress.gaps, reaches_back=progress.reaches_back, notes=progress.gaps)
    source = (
        f"log of {service.name}: {', '.join(service.log_paths)} (and rotations)",
        f"time zone of its time stamps: {service.log_timezone}",
    )
    return Seen(facts, log_text(source, facts, scanner.last_lines()))


def _open_all(service: Service, root: Path, stack: ExitStack, progress: _Progress) -> Iterator[list[LogFile]]:
    """Every declared log with its rotations; a missing one is a gap, all of them missing is no answer."""
    failures: list[NoAnswer] = []
    logs: list[list[LogFile]] = []
    for path in service.log_paths:
        try:
            logs.append(open_log(root / path, stack))
        except NoAnswer as failure:
            failures.append(failure)
    if not logs:
        if failures:
            raise failures[0]
        raise NoAnswer(
            f"no log of {service.name} is declared", remedy=f"add services.{service.name}.log to cdbctl.yaml"
        )
    progress.gaps.extend(failure.reason for failure in failures)
    yield from logs


def _read(files: list[LogFile], scanner: Scanner, clock: Clock, window: Window, progress: _Progress) -> None:
    """Read one log from its oldest file that the window reaches to its newest."""
    entries: list[tuple[LogFile, Entry]] = []
    for file in files:
        entry = enter(file, clock, window.since)
        entries.append((file, entry))
        if entry.reaches_back:
            break
    reaches_back = entries[-1][1].reaches_back
    progress.reaches_back &= reaches_back
    packed = None if reaches_back else packed_rotation(files[0].path, rotations=len(files), since=window.since)
    if packed is not None:
        progress.gaps.append(f"older lines are in {packed.name}, which is compressed and was not read")
    progress.bytes_wanted += sum(file.size - entry.offset for file, entry in entries)
    for file, entry in reversed(entries):
        if entry.skipped_bytes:
            progress.gaps.append(f"the first {entry.skipped_bytes:,} bytes of {file.path.name} were not read")
        _read_file(file, entry, scanner, progress)


def _read_file(file: LogFile, entry: Entry, scanner: Scanner, progress: _Progress) -> None:
    in_line = entry.offset > 0
    file.handle.seek(entry.offset - in_line)
    scanner.begin(inside=entry.inside, in_line=in_line)
    left = file.size - entry.offset + in_line
    while left > 0:
        if time.monotonic() > progress.deadline:
            progress.out_of_time = True
            return
        piece = file.handle.read(min(BLOCK, left))
        if not piece:
            progress.gaps.append(f"{file.path.name} became shorter while it was read")
            return
        left -= len(piece)
        progress.bytes_read += len(piece)
        scanner.feed(piece)
