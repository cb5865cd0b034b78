"""What the services under test went through in a stretch, run by run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cdbctl.assess.changes import WHO_STARTS_MANY, What, changes, company
from cdbctl.assess.memory import out_of_memory
from cdbctl.assess.restarts import apart, by_policy, is_counted
from cdbctl.assess.units import clock, plural
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import EarlierRun, EarlierService, Window
from cdbctl.model.soak import Doubt, Failure

NAMED = 4
CRASHED = (ServiceState.BACKOFF, ServiceState.FATAL)
"""States that only an end by itself leads to."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one service, and the run that saw it."""

    what: What
    service: str
    at: datetime
    text: str
    run: EarlierRun


def events(runs: Sequence[EarlierRun], stretch: Window, under_test: Collection[str]) -> tuple[Event, ...]:
    """Everything that happened inside the stretch; ``runs`` begin with the newest one before it, if there is one."""
    found: list[Event] = []
    before: EarlierRun | None = None
    for run in runs:
        if not run.services:  # the runtime did not answer: the next run is compared with the one before
            continue
        if run.taken_at >= stretch.since:
            found += _in_one_run(run, before, stretch)
            found += _between(before, run, stretch) if before else ()
        before = run
    return tuple(event for event in found if event.service in under_test)


def failures(found: Sequence[Event]) -> tuple[Failure, ...]:
    """The services that crashed or ran out of memory, each told once."""
    by_service: dict[str, list[Event]] = {}
    for event in found:
        if event.what in (What.CRASH, What.OOM):
            by_service.setdefault(event.service, []).append(event)
    return tuple(_failure(service, seen) for service, seen in by_service.items())


def doubts(found: Sequence[Event]) -> tuple[Doubt, ...]:
    """What else happened: it proves nothing against the stack, but the soak is not one whole."""
    groups: dict[tuple[What, str], list[Event]] = {}
    for event in found:
        if event.what not in (What.CRASH, What.OOM):
            groups.setdefault((event.what, event.run.path), []).append(event)
    return tuple(_doubt(what, seen) for (what, _), seen in groups.items())


def _between(before: EarlierRun, run: EarlierRun, stretch: Window) -> Iterator[Event]:
    for change in changes(before, run).values():
        at = change.at or run.taken_at
        started = next(item.started_at for item in run.services if item.name == change.service)
        if change.crashes and (started or run.taken_at) >= stretch.since:
            memory = change.what is What.OOM
            yield Event(What.OOM if memory else What.CRASH, change.service, started or at, change.sentence, run)
        if change.what not in (What.CRASH, What.OOM) and at >= stretch.since:
            yield Event(change.what, change.service, at, change.sentence, run)
    known = {service.name for service in before.services}
    for service in run.services:
        at = service.created_at or service.started_at or run.taken_at
        if service.name not in known and at >= stretch.since:
            yield Event(What.DEPLOY, service.name, at, "not there in the run before", run)


def _in_one_run(run: EarlierRun, before: EarlierRun | None, stretch: Window) -> Iterator[Event]:
    """What a single run saw by itself: ends in its window, and what waits for a start."""
    for service in run.services:
        others = [other.recent_restarts for other in run.services if other is not service]
        counted = by_policy(service, service.recent_restarts, run.runtime_started_at)
        own, _ = apart(service.recent_restarts, others, len(run.services), counted=counted)
        ends = [end for end in own if end.at >= stretch.since]
        if ends:
            what = What.OOM if any(end.out_of_memory for end in ends) else What.CRASH
            yield Event(what, service.name, ends[-1].at, f"{plural(len(ends), 'end')}: {ends[-1].exit_status}", run)
        if service.state in CRASHED:
            text = f"{service.state}" + (f", last end: {service.exit_status}" if service.exit_status else "")
            yield Event(What.CRASH, service.name, run.taken_at, text, run)
        if before is None:
            yield from _first_look(service, run, stretch)


def _first_look(service: EarlierService, run: EarlierRun, stretch: Window) -> Iterator[Event]:
    """Nothing to compare with: the times that the runtime keeps have to do."""
    at = service.started_at
    if at is None or at < stretch.since:
        return
    starts = [item.started_at for item in run.services if item.started_at and item.finished_at]
    counted = is_counted(service, run.runtime_started_at, since=stretch.since)
    outside = service.finished_at is not None and not counted and company(at, starts, len(run.services))
    memory = out_of_memory(service, since=stretch.since)
    if memory:
        yield Event(What.OOM, service.name, at, f"out of memory: {memory}", run)
    elif service.is_container and service.restarts and not outside:
        text = f"{plural(service.restarts, 'unplanned restart')} counted, the last at {clock(at)}"
        yield Event(What.CRASH, service.name, at, text, run)
    if service.created_at and service.created_at >= stretch.since:
        yield Event(What.DEPLOY, service.name, service.created_at, "made in this time", run)
    elif outside:
        yield Event(What.DAEMON, service.name, at, "started together with other services", run)
    else:
        yield Event(What.MANUAL, service.name, at, "started in this time, nobody saw why", run)


def _failure(service: str, seen: Sequence[Event]) -> Failure:
    kind = What.OOM if any(event.what is What.OOM for event in seen) else What.CRASH
    telling = [event for event in seen if event.what is kind]
    word = "ran out of memory" if kind is What.OOM else "ended by itself"
    times = sorted(event.at for event in seen)
    paths = tuple(dict.fromkeys(event.run.path for event in seen if event.run.path))
    return Failure(kind.value, service, f"{service} {word}: {telling[-1].text}", times[0], times[-1], paths)


_SENTENCES = {
    What.DEPLOY: "deployed anew",
    What.MANUAL: "started again without a counted crash",
    What.RECOUNT: "started again, the count of restarts began anew, so nothing is proven about it",
    What.DAEMON: f"started again together by {WHO_STARTS_MANY}, which is no crash",
    What.HOST: "started again after the machine had booted, which is no crash",
    What.ENDED: "ended and not started again",
    What.GONE: "gone from the runtime",
}


def _doubt(what: What, seen: Sequence[Event]) -> Doubt:
    names = ", ".join(event.service for event in seen[:NAMED])
    more = f" and {len(seen) - NAMED} more" if len(seen) > NAMED else ""
    first, last = min(event.at for event in seen), max(event.at for event in seen)
    return Doubt(what.value, f"{names}{more}: {_SENTENCES[what]} at {clock(last)}", first, last)
