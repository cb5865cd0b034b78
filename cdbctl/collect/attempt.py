"""The one boundary between the collectors and the world's failures: all at once, each with its deadline."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable

T = TypeVar("T")

SWITCH_SECONDS = 0.001
"""How long a thread keeps the interpreter from the others: with Python's own 5 ms a short answer comes late."""
HEAD_START_SECONDS = 0.15
"""For the first look of those that look twice: side by side with everything else it would come late."""


class NoAnswer(Exception):
    """A source could not be read; the reason and the remedy are for a person."""

    def __init__(self, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """What a collector brings back: the facts, and the text that proves them."""

    value: T
    text: str


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """One source to be read."""

    key: str
    """Its place in the snapshot, unique within one run; the id of its evidence until all are numbered."""
    source: str
    deadline_seconds: float
    read: Callable[[], Seen[T]]
    """Raises NoAnswer when the source does not answer."""
    looks_twice: bool = False
    """Whether it waits between two looks; then it starts first, and the others work while it waits."""


def run_all(jobs: Sequence[Job[Any]]) -> Iterator[tuple[Job[Any], Reading[Any]]]:
    """Run every job in a thread of its own and yield each reading as it arrives.

    A job that is not done at its deadline yields Unavailable; its thread is a daemon and is left behind, so a
    source that never answers costs its deadline and nothing more.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    arrived: SimpleQueue[tuple[Job[Any], Reading[Any]]] = SimpleQueue()
    waiting: dict[str, tuple[Job[Any], float]] = {}
    _start([job for job in jobs if job.looks_twice], arrived, waiting)
    if waiting:
        time.sleep(HEAD_START_SECONDS)
    _start([job for job in jobs if not job.looks_twice], arrived, waiting)
    while waiting:
        next_deadline = min(started + job.deadline_seconds for job, started in waiting.values())
        try:
            job, reading = arrived.get(timeout=max(0.0, next_deadline - time.monotonic()))
        except Empty:
            yield from _late(waiting)
            continue
        if waiting.pop(job.key, None):
            yield job, reading


def _start(
    jobs: Sequence[Job[Any]],
    arrived: SimpleQueue[tuple[Job[Any], Reading[Any]]],
    waiting: dict[str, tuple[Job[Any], float]],
) -> None:
    for job in jobs:
        waiting[job.key] = job, time.monotonic()
        threading.Thread(target=lambda job=job: arrived.put((job, attempt(job))), daemon=True).start()


def _late(waiting: dict[str, tuple[Job[Any], float]]) -> Iterator[tuple[Job[Any], Reading[Any]]]:
    """Give up on every job whose deadline has passed."""
    now = time.monotonic()
    for job, started in list(waiting.values()):
        if started + job.deadline_seconds <= now:
            del waiting[job.key]
            yield job, _gave_up(job, f"no answer within {job.deadline_seconds:g} s", "", now - started)


def attempt(job: Job[T]) -> Reading[T]:
    """Read one source; whatever goes wrong becomes Unavailable with its reason."""
    started = time.monotonic()
    try:
        seen = job.read()
    except NoAnswer as failure:
        return _gave_up(job, failure.reason, failure.remedy, time.monotonic() - started)
    except Exception as failure:  # noqa: BLE001 - the boundary: a broken collector must not cost the report
        reason = f"cdbctl could not read it: {type(failure).__name__}: {failure}"
        return _gave_up(job, reason, "this is a defect of cdbctl: please report it", time.monotonic() - started)
    at = datetime.now(UTC)
    return Observed(
        source=job.source,
        at=at,
        took_ms=round((time.monotonic() - started) * 1000, 1),
        value=seen.value,
        evidence=Evidence(id=job.key, source=job.source, at=at, text=seen.text),
    )


def _gave_up(job: Job[Any], reason: str, remedy: str, elapsed_seconds: float) -> Unavailable:
    at = datetime.now(UTC)
    text = f"{at.isoformat()} {job.source}: {reason}\n"
    return Unavailable(
        source=job.source,
        at=at,
        took_ms=round(elapsed_seconds * 1000, 1),
        reason=reason,
        remedy=remedy,
        evidence=Evidence(id=job.key, source=job.source, at=at, text=text),
    )
