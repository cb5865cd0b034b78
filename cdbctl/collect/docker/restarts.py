"""The restarts of containers, as far as the engine proves them.

What an engine keeps: ``RestartCount`` counts the starts by the restart policy since somebody (a person, or the
engine when it started itself) last started the container; then it begins at 0 again. The times of the current start
and of the last end. And the last 256 events of everything, in memory: about a minute with healthchecks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.times import of_nanoseconds
from cdbctl.collect.docker.untyped import mapping, text, whole
from cdbctl.collect.docker.words import exit_words
from cdbctl.collect.wire import Deadline
from cdbctl.model.runtime import Restart

_LIMIT_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 64 * 1024
_ACTIONS = frozenset({"kill", "oom", "die", "stop", "start"})
_GOES_ON = frozenset({"1", "10", "12", "17", "18", "23", "28", "HUP", "USR1", "USR2", "CHLD", "CONT", "URG", "WINCH"})
"""Signals that ask a program for something else than its end."""
_SAME_MOMENT = timedelta(seconds=1)
_NOT_TOLD = "exit status not told by the engine"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a container."""

    at: datetime
    action: str
    exit_code: int | None
    signal: str


@dataclass(frozen=True, slots=True)
class Events:
    """The memory of the engine."""

    by_container: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    """Only those that tell of starts and ends, oldest first."""
    since: datetime | None = None
    """Nothing that happened later than this is missing; None when that is not known."""
    count: int = 0
    """Of all events, whatever they tell."""


def read_events(engine: Engine, *, since: datetime | None, until: datetime, deadline: Deadline) -> Events:
    """What the engine remembers up to a moment of its own clock; raises NoAnswer.

    A moment that is past for the engine, else it waits for it. Without ``since`` everything is asked for: only the
    oldest event of all shows how far a memory of a fixed size reaches back.
    """
    query = {"since": str(int(since.timestamp()) if since else 1), "until": str(int(until.timestamp()))}
    pieces, size = [], 0
    with engine.stream("/events", query, deadline) as stream:
        while piece := stream.read(_BLOCK_BYTES):
            pieces.append(piece)
            size += len(piece)
            if size > _LIMIT_BYTES:
                raise NoAnswer("the engine remembers more events than can be read in a check-up")
    events = parse_events(b"".join(pieces))
    return events if since is None else replace(events, since=None)


def parse_events(answer: bytes) -> Events:
    """Read one JSON object per line; raises NoAnswer when something else comes."""
    by_container: defaultdict[str, list[Event]] = defaultdict(list)
    oldest: datetime | None = None
    count = 0
    for line in answer.splitlines():
        if not line.strip():
            continue
        try:
            event = mapping(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise NoAnswer("the engine sends something else than its events") from error
        nanoseconds = whole(event.get("timeNano"))
        at = of_nanoseconds(nanoseconds) if nanoseconds and nanoseconds > 0 else None
        count += 1
        oldest = at if oldest is None else oldest
        action, actor = text(event.get("Action")), mapping(event.get("Actor"))
        if at and event.get("Type") == "container" and action in _ACTIONS:
            by_container[text(actor.get("ID"))].append(_event(at, action, mapping(actor.get("Attributes"))))
    return Events(by_container, oldest, count)


def _event(at: datetime, action: str, attributes: Mapping[str, Any]) -> Event:
    code = whole(attributes.get("exitCode", attributes.get("containerExitCode")))
    return Event(at, action, code, text(attributes.get("signal")).upper().removeprefix("SIG"))


@dataclass(frozen=True, slots=True)
class Life:
    """What inspecting a container tells of its starts and ends."""

    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    """Its last end, in an earlier life or, when it does not run, in this one."""
    runs: bool
    waits: bool
    """Whether the engine is about to start it again."""
    restarts: int | None
    exit_code: int | None
    out_of_memory: bool
    policy: str


def restarts_of(life: Life, events: Sequence[Event]) -> tuple[Restart, ...]:
    """Every unplanned end that a start followed, or that is about to be followed by one; oldest first."""
    found = list(_told_by_events(life, events))
    inferred = _last_restart(life)
    if inferred and not any(abs(inferred.at - restart.at) <= _SAME_MOMENT for restart in found):
        found.append(inferred)
    return tuple(sorted(found, key=lambda restart: restart.at))


def counted_since(life: Life, events_since: datetime | None) -> datetime | None:
    """From when on ``restarts_of`` is complete: the earliest moment that something proves.

    - A container that runs and never ended has never been restarted: since it was created.
    - A count of 0 means that the current start was nobody's restart: since that start.
    - A larger count means that the current start was one. The ones before it have no times: since the last end.
    - The events of the engine may reach further back than these.
    """
    proven = _proven_since(life)
    if events_since is None:
        return proven
    return max(life.created_at, min(events_since, proven or events_since))


def _proven_since(life: Life) -> datetime | None:
    if life.started_at is None or (life.runs and life.finished_at is None):
        return life.created_at
    if life.restarts is None:
        return None
    return life.started_at if life.restarts == 0 else life.finished_at


def _told_by_events(life: Life, events: Sequence[Event]) -> Iterator[Restart]:
    planned = out_of_memory = False
    end: Event | None = None
    for event in events:
        match event.action:
            case "kill":
                planned = planned or event.signal not in _GOES_ON
            case "stop":
                planned = True
            case "oom":
                out_of_memory = True
            case "die":
                end = event
            case _:
                if end and not planned and not _is_done(life, end):
                    yield _restart(end, out_of_memory)
                planned = out_of_memory = False
                end = None
    if life.waits and end and not planned:
        yield _restart(end, out_of_memory or life.out_of_memory)


def _is_done(life: Life, end: Event) -> bool:
    """A program that was to run once and succeeded; whoever starts it again does so on purpose."""
    return life.policy == "no" and end.exit_code == 0


def _restart(end: Event, out_of_memory: bool) -> Restart:
    words = _NOT_TOLD if end.exit_code is None else exit_words(end.exit_code)
    return Restart(at=end.at, exit_status=words, out_of_memory=out_of_memory)


def _last_restart(life: Life) -> Restart | None:
    """What a count above 0 proves by itself: the current start, or the one that is awaited, is a restart."""
    if not life.restarts or life.finished_at is None or life.started_at is None:
        return None
    if life.waits:
        words = _NOT_TOLD if life.exit_code is None else exit_words(life.exit_code)
        return Restart(at=life.finished_at, exit_status=words, out_of_memory=life.out_of_memory)
    if life.runs and life.finished_at <= life.started_at:
        return Restart(at=life.finished_at, exit_status=_NOT_TOLD)
    return None
