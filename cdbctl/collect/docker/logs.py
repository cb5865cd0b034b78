"""The log of one container inside the window, read from where the window begins.

The engine's own time stamps decide what lies inside and prove it. Where its files can be read they are, because that
costs the engine nothing. Elsewhere it is asked: it looks for ``since`` from the beginning of its file, seconds for a
long log, but finds the newest lines at once. So growing tails are asked for, and the first entry of each tells whether
it reaches back far enough.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.log_files import DRIVER, open_files
from cdbctl.collect.docker.log_look import Container, LogReader, Look
from cdbctl.collect.logs.text import log_text
from cdbctl.collect.wire import Deadline
from cdbctl.model.logs import LogFacts
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service

_SHARE_FOR_READING = 0.85
"""Of the time: the rest is for grouping and writing up what was read."""
_FIRST_TAIL, _SECOND_TAIL = 2000, 8000
_GROWTH, _MOST_TAILS = 2, 4
_MORE_THAN_ESTIMATED = 1.25
_SIZE = re.compile(r"(\d{1,9})([bkmg]?)b?")
_UNITS = {"": 1, "b": 1, "k": 1000, "m": 1000**2, "g": 1000**3}
_MOST_ESCAPED = 6
"""A byte of text takes at most so many in the file of an engine, the frame of its entry included."""
_NEWEST_SHARE = 0.5
"""Of the lines that could be read in the time that is left, so that it suffices."""


def read_container_log(
    engine: Engine,
    service: Service,
    services: Sequence[Service],
    *,
    window: Window,
    timeout_seconds: float,
    conceal: Callable[[str], str] = str,
    may_open_files: bool = True,
) -> Seen[LogFacts]:
    """Read what a container wrote in the window: every line counted, warnings and errors grouped.

    NoAnswer when there is nothing to read; when only a part could be read, ``window.complete`` is False and
    ``window.note`` says why. ``conceal`` takes secrets out of a text before it is masked. Without ``may_open_files``
    everything comes through the engine.
    """
    end = time.monotonic() + timeout_seconds * _SHARE_FOR_READING
    inspected = engine.find(service.name, Deadline(timeout_seconds), services)
    container = Container.of(service.name, inspected)
    reader = LogReader(
        engine,
        container,
        window,
        timezone=service.log_timezone,
        seconds=max(0.001, end - time.monotonic()),
        conceal=conceal,
    )
    has_files = may_open_files and engine.local and container.driver == DRIVER
    with open_files(inspected if has_files else {}, window) as files:
        look, reaches_back = _covering(reader) if files is None else (reader.look_into(files), files.reaches_back)
    begins = _why_it_begins(container, look.oldest, window)
    if look.out_of_time:
        look, reaches_back, begins = _newest(reader, look), False, ""
        if look.out_of_time or not look.scanner.reaches_back:
            look.gaps.append(_too_much(look, timeout_seconds))
    proven = not look.gaps and (reaches_back or not _may_have_lost(container, look, window))
    facts = look.scanner.finish(complete=proven, reaches_back=reaches_back, notes=look.gaps, begins=begins)
    source = (
        f"docker logs {service.name}: container {container.id[:12]}, logging driver {container.driver}",
        "read through the engine" if files is None else f"read from {inspected['LogPath']}",
        "times are those of the engine",
    )
    return Seen(facts, log_text(source, facts, look.scanner.last_lines()))


def _covering(reader: LogReader) -> tuple[Look, bool]:
    """Read all of the window, and tell whether the log holds something older."""
    since, created_at = reader.window.since, reader.container.created_at
    newest = None
    if created_at is None or created_at < since:
        look = reader.look(tail=_FIRST_TAIL)
        if look.oldest is None or look.oldest < since or look.out_of_time or look.gaps:
            return look, look.scanner.reaches_back
        newest = look.newest
    look = reader.look(wanted=lambda oldest: oldest >= since)
    if not look.unwanted:
        return look, False
    tail = _SECOND_TAIL
    for _ in range(_MOST_TAILS):
        look = reader.look(tail=tail, wanted=lambda oldest: oldest < since)
        if not look.unwanted:
            return look, True
        tail = max(_GROWTH * tail, _estimated_tail(tail, look.oldest, newest, since))
    return reader.look(since=since), True


def _estimated_tail(tail: int, oldest: datetime | None, newest: datetime | None, since: datetime) -> int:
    """How many lines the window holds if all of it was as busy as its newest lines."""
    if oldest is None or newest is None or newest <= oldest:
        return 0
    return math.ceil(_MORE_THAN_ESTIMATED * tail * ((newest - since) / (newest - oldest)))


def _newest(reader: LogReader, abandoned: Look) -> Look:
    """As many of the newest lines as the rest of the time allows: what is true now is worth more than the oldest."""
    pace = abandoned.lines / max(0.001, time.monotonic() - abandoned.started)
    tail = max(_FIRST_TAIL, int(pace * reader.seconds_left() * _NEWEST_SHARE)) if pace else _SECOND_TAIL
    look = reader.look(tail=tail, to_the_end=True)
    if look.oldest is None and look.out_of_time:
        raise NoAnswer("the engine does not send the log in time", remedy="give it more time: deadlines.logs")
    return look


def _too_much(look: Look, timeout_seconds: float) -> str:
    since = "" if look.oldest is None else f", from {_shown(look.oldest)}"
    limit = f"reading all of the window takes longer than {timeout_seconds:.3g} s"
    cut = ", and not all of them" if look.out_of_time else ""
    return f"{limit}: only the newest lines were read{since}{cut}"


def _may_have_lost(container: Container, look: Look, window: Window) -> bool:
    """Whether entries of the window may have been removed to keep the log within its limits.

    A driver removes something only when all of its files but the newest are full.
    """
    if look.oldest is None or container.created_at is None or container.created_at >= window.since:
        return False
    if container.driver == DRIVER and "max-size" not in container.options:
        return False
    defaults = {"local": ("20m", "5"), DRIVER: ("", "1")}.get(container.driver, ("", "1"))
    size = _SIZE.fullmatch(container.options.get("max-size", defaults[0]).lower())
    files = container.options.get("max-file", defaults[1])
    if size is None or not files.isdecimal():
        return True
    full = int(size[1]) * _UNITS[size[2]] * (int(files) - 1)
    return look.size_bytes * _MOST_ESCAPED >= full


def _why_it_begins(container: Container, oldest: datetime | None, window: Window) -> str:
    """What is known about a log that holds nothing older than the window."""
    created_at = container.created_at
    if created_at is None or oldest is None:
        return ""
    if created_at >= window.since:
        return f"the log begins with the container at {_shown(created_at)}"
    begins = f"the log begins at {_shown(oldest)}, the container is older"
    if container.driver == DRIVER and "max-size" not in container.options:
        return f"{begins}: nothing older is in its log, which has no limit"
    limits = ", ".join(f"{name}={container.options[name]}" for name in sorted(container.options))
    kept = f"{container.driver}, {limits}" if limits else container.driver
    return f"{begins}: what it wrote before is not kept any more ({kept}), if there was anything"


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
