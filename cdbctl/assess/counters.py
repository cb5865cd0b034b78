"""Counters that only grow: what they gained since the previous run, else since they began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdbctl.assess.case import AnyReading
from cdbctl.assess.units import clock
from cdbctl.model.database import DatabaseFacts
from cdbctl.model.reading import Observed
from cdbctl.model.redis import RedisFacts
from cdbctl.model.snapshot import EarlierCounters, Snapshot


@dataclass(frozen=True, slots=True)
class Growth:
    """What the counters of one server gained."""

    values: Mapping[str, int]
    since: str
    """``since the run of 2026-02-09 08:00:48 UTC``, or since when the server counts."""
    readings: tuple[AnyReading, ...]
    """What proves the beginning, where that is not the server itself."""


def database_growth(facts: DatabaseFacts, snapshot: Snapshot) -> Growth:
    """What PostgreSQL counted for this database since the previous run, else since it counts."""
    previous = snapshot.previous
    began = f"since {clock(facts.counted_since)}" if facts.counted_since else "since the statistics began"
    then = previous.value.database if isinstance(previous, Observed) else None
    return _growth(EarlierCounters.of_database(facts), then, snapshot, began)


def redis_growth(facts: RedisFacts, snapshot: Snapshot) -> Growth:
    """What Redis counted since the previous run, else since its start."""
    previous = snapshot.previous
    then = previous.value.redis if isinstance(previous, Observed) else None
    return _growth(EarlierCounters.of_redis(facts), then, snapshot, f"since its start at {clock(facts.started_at)}")


def _growth(now: EarlierCounters, then: EarlierCounters | None, snapshot: Snapshot, began: str) -> Growth:
    previous = snapshot.previous
    if then is None or not isinstance(previous, Observed) or not _goes_on(then, now):
        return Growth(now.values, began, ())
    gained = {name: value - then.values[name] for name, value in now.values.items()}
    return Growth(gained, f"since the run of {clock(previous.value.taken_at)}", (previous,))


def _goes_on(then: EarlierCounters, now: EarlierCounters) -> bool:
    """Whether the same server goes on counting: nobody set its counters to zero in between."""
    same = bool(now.counted_by) and then.counted_by == now.counted_by
    return same and all(then.values.get(name, value + 1) <= value for name, value in now.values.items())
