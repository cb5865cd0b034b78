"""Restarts told apart: a crash of one service, a restart of everything, a deployment, a hand on the switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cdbctl.assess.case import AnyReading
from cdbctl.assess.units import clock, plural
from cdbctl.model.reading import Observed
from cdbctl.model.runtime import Restart, RuntimeFacts, ServiceFacts
from cdbctl.model.snapshot import EarlierService, Snapshot

TOGETHER = timedelta(seconds=30)
"""Services that restart within this time of each other were restarted by something outside of them."""


def restarts_in_window(facts: ServiceFacts, runtime: RuntimeFacts) -> tuple[tuple[Restart, ...], tuple[Restart, ...]]:
    """The restarts of a service: its own ones, and those that at least half of all services shared."""
    others = [other for other in runtime.services if other.name != facts.name]
    enough = max(3, (len(runtime.services) + 1) // 2)

    def is_shared(restart: Restart) -> bool:
        company = sum(
            any(abs(theirs.at - restart.at) <= TOGETHER for theirs in other.recent_restarts) for other in others
        )
        return company + 1 >= enough

    shared = tuple(restart for restart in facts.recent_restarts if is_shared(restart))
    return tuple(restart for restart in facts.recent_restarts if restart not in shared), shared


@dataclass(frozen=True, slots=True)
class Change:
    """What the earlier run's facts add to the story of a service."""

    word: str | None
    """``DEPLOY``, ``CRASH``, ``MANUAL``, ``RECOUNT`` (the counter was lost, so nothing is proven) or None."""
    sentence: str
    readings: tuple[AnyReading, ...]


def changes_since_earlier_run(facts: ServiceFacts, snapshot: Snapshot) -> Change:
    """Compare the identity facts of a service with those of the earlier run."""
    previous = snapshot.previous
    if not isinstance(previous, Observed):
        return Change(None, "", ())
    earlier = next((item for item in previous.value.services if item.name == facts.name), None)
    if earlier is None:
        return Change(None, "", ())
    word, sentence = _classify(facts, earlier, f"since the run of {clock(previous.value.taken_at)}")
    return Change(word, sentence, (previous,) if word else ())


def _classify(facts: ServiceFacts, earlier: EarlierService, since: str) -> tuple[str | None, str]:
    if facts.identity != earlier.identity:
        return "DEPLOY", f"deployed anew {since}"
    if facts.restarts is not None and earlier.restarts is not None and facts.restarts > earlier.restarts:
        return "CRASH", f"{plural(facts.restarts - earlier.restarts, 'unplanned restart')} {since}"
    if not (facts.started_at and earlier.started_at and facts.started_at > earlier.started_at):
        return None, ""
    if facts.restarts is not None and facts.restarts == earlier.restarts:
        return "MANUAL", f"started again at {clock(facts.started_at)} without a counted crash {since}"
    return "RECOUNT", f"started again at {clock(facts.started_at)}, its count of restarts began anew {since}"
