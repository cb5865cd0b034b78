"""Restarts of one service: what one look proves, and what the earlier run adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cdbctl.assess.case import AnyReading
from cdbctl.assess.changes import TOGETHER, WHO_STARTS_MANY, Change, changes, company
from cdbctl.assess.units import clock, duration, plural, rate
from cdbctl.model.reading import Observed
from cdbctl.model.runtime import Restart, RuntimeFacts, ServiceFacts, ServiceState
from cdbctl.model.snapshot import EarlierRun, EarlierService, Snapshot, Window

WAITING = timedelta(seconds=5)
"""An engine waits this long before a start only after several short runs in a row: it doubles 100 ms each time."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Unplanned restarts of a stretch of time."""

    count: int
    since: datetime
    at_least: bool = False
    """Whether there may have been more."""

    def words(self, until: datetime) -> str:
        """``3 unplanned restarts counted since … (12 min)``."""
        least = "at least " if self.at_least else ""
        length = duration(self.seconds(until))
        return f"{least}{plural(self.count, 'unplanned restart')} counted since {clock(self.since)} ({length})"

    def seconds(self, until: datetime) -> float:
        """Its length, the basis of the rate."""
        return max(1.0, (until - self.since).total_seconds())


@dataclass(frozen=True, slots=True)
class History:
    """What the earlier run adds to the story of a service."""

    change: Change | None
    compared_with: datetime | None
    """When the earlier run saw the same service; None when it did not."""
    readings: tuple[AnyReading, ...]


def restarts_in_window(facts: ServiceFacts, runtime: RuntimeFacts) -> tuple[tuple[Restart, ...], tuple[Restart, ...]]:
    """The restarts of a service: its own ones, and those that at least half of all services shared."""
    others = [other.recent_restarts for other in runtime.services if other.name != facts.name]
    counted = by_policy(EarlierService.of(facts), facts.recent_restarts, runtime.started_at)
    return apart(facts.recent_restarts, others, len(runtime.services), counted=counted)


def by_policy(
    service: EarlierService, restarts: Sequence[Restart], engine_started_at: datetime | None
) -> tuple[Restart, ...]:
    """The restarts that a container's own policy made: an engine that starts anew begins to count at 0."""
    count = (service.restarts or 0) if service.is_container else 0
    last = restarts[-count:] if count else ()
    return tuple(restart for restart in last if engine_started_at is None or restart.at > engine_started_at)


def apart(
    restarts: Sequence[Restart],
    others: Sequence[Sequence[Restart]],
    services: int,
    *,
    counted: Sequence[Restart],
) -> tuple[tuple[Restart, ...], tuple[Restart, ...]]:
    """Split the restarts of one of so many services: its own ones, and those that at least half of them shared.

    Those that its policy ``counted`` are its own, whoever else ended at that time.
    """
    enough = max(3, (services + 1) // 2)

    def is_shared(restart: Restart) -> bool:
        together = sum(any(abs(theirs.at - restart.at) <= TOGETHER for theirs in other) for other in others)
        return together + 1 >= enough and restart not in counted

    shared = tuple(restart for restart in restarts if is_shared(restart))
    return tuple(restart for restart in restarts if restart not in shared), shared


def started_together(facts: ServiceFacts, runtime: RuntimeFacts, window: Window) -> bool:
    """Whether it was started again in the window together with at least half of all services: from outside."""
    if is_counted(EarlierService.of(facts), runtime.started_at, since=window.since):
        return False
    starts = list(_starts_again(runtime.services, window))
    here = [service for service in runtime.services if service.state is not ServiceState.MISSING]
    at = next(_starts_again((facts,), window), None)
    return at is not None and company(at, starts, len(here))


def is_counted(service: EarlierService, engine_started_at: datetime | None, *, since: datetime) -> bool:
    """Whether its policy started a container last, and no engine that started itself since then."""
    anew = engine_started_at is not None and engine_started_at > since
    return service.is_container and bool(service.restarts) and not anew


def _starts_again(services: Sequence[ServiceFacts], window: Window) -> Iterator[datetime]:
    """When containers were started that had run before."""
    for service in services:
        ended = service.container.finished_at if service.container else None
        if service.started_at and ended and window.since <= service.started_at and ended <= service.started_at:
            yield service.started_at


def history(facts: ServiceFacts, snapshot: Snapshot) -> History:
    """Compare the identity facts of a service with those of the earlier run."""
    previous = snapshot.previous
    if not isinstance(previous, Observed):
        return History(None, None, ())
    run = previous.value
    if all(service.name != facts.name for service in run.services):
        return History(None, None, ())
    change = changes(run, this_run(snapshot)).get(facts.name)
    return History(change, run.taken_at, (previous,))


def this_run(snapshot: Snapshot) -> EarlierRun:
    """The run itself, as those to come will remember it; its verdict and findings are not known yet."""
    runtime, host, previous = snapshot.runtime, snapshot.host, snapshot.previous
    seen = runtime.value if isinstance(runtime, Observed) else None
    return EarlierRun(
        taken_at=snapshot.taken_at,
        path="",
        verdict="",
        findings=(),
        services=tuple(map(EarlierService.of, seen.services)) if seen else (),
        stack=snapshot.stack,
        tool_version=snapshot.tool_version,
        window=snapshot.window,
        follows=previous.value.path if isinstance(previous, Observed) else None,
        host_booted_at=host.value.booted_at if isinstance(host, Observed) else None,
        runtime_started_at=seen.started_at if seen else None,
    )


def counted(facts: ServiceFacts, own: Sequence[Restart], story: History, window: Window, *, fail_at: int) -> Stretch:
    """The most telling count of unplanned restarts that anything proves: enough for a FAIL at the highest rate."""
    known = facts.restarts_counted_since
    since = max(window.since, known) if known else window.since
    unseen = facts.container is not None and since > window.since and (facts.restarts or 0) > len(own)
    found = [Stretch(len(own), since, at_least=bool(own) and unseen), *_by_policy(facts, window, fail_at)]
    if story.change and story.compared_with:
        found.append(Stretch(story.change.crashes, story.compared_with))
    bad = [stretch for stretch in found if stretch.count >= fail_at]
    if bad:
        return max(bad, key=lambda stretch: stretch.count / stretch.seconds(window.until))
    return max(found, key=lambda stretch: stretch.count)


def _by_policy(facts: ServiceFacts, window: Window, fail_at: int) -> Iterator[Stretch]:
    """What the engine's count of restarts proves when nobody saw each of them: so many since it was created."""
    count, last = facts.restarts or 0, _last_restart(facts)
    if facts.container is None or not count or last is None or last < window.since:
        return
    created_at = facts.container.created_at
    if created_at >= window.since or (count >= fail_at and _loops(facts, created_at, window, fail_at)):
        yield Stretch(count, created_at)


def _last_restart(facts: ServiceFacts) -> datetime | None:
    """When its policy started it last, or decided to: a container that waits for its start is counted already."""
    ended = facts.container.finished_at if facts.container else None
    return ended if facts.state in (ServiceState.BACKOFF, ServiceState.EXITED, ServiceState.FATAL) else facts.started_at


def _loops(facts: ServiceFacts, created_at: datetime, window: Window, fail_at: int) -> bool:
    """Whether it does not only restart now and then: it is down between two starts, waited long, or keeps a pace."""
    if facts.state is not ServiceState.RUNNING or facts.container is None:
        return True
    ended, started = facts.container.finished_at, facts.started_at
    if ended and started and started - ended >= WAITING:
        return True
    life = max(1.0, (window.until - created_at).total_seconds())
    return (facts.restarts or 0) * (window.until - window.since).total_seconds() / life >= fail_at


def proof(facts: ServiceFacts, story: History, window: Window, stretch: Stretch) -> str:
    """Why there was no unplanned restart, exactly as far as it is proven."""
    if facts.container is None:
        return _after(stretch.words(window.until), story)
    return _after(_one_look(facts, facts.container.created_at, facts.container.finished_at, story, window), story)


def _one_look(
    facts: ServiceFacts, created_at: datetime, finished_at: datetime | None, story: History, window: Window
) -> str:
    started, count = facts.started_at, facts.restarts or 0
    if started is None:
        return f"created at {clock(created_at)}, never started"
    if facts.state not in (ServiceState.RUNNING, ServiceState.PAUSED):
        end = f" with {facts.exit_status}" if facts.exit_status else ""
        tries = f"after {plural(count, 'restart')} by its policy" if count else "no restart"
        return f"ended at {clock(finished_at)}{end} and was not started again: {tries}, and it does not run"
    runs = facts.state is ServiceState.RUNNING
    stands = f"running since {clock(started)}" if runs else f"{facts.state.value}, started at {clock(started)}"
    seen = story.compared_with
    unchanged = seen is not None and story.change is None
    since_run = f", no restart since the run of {clock(seen)}" if unchanged else ""
    if started < window.since:
        before = f", after {plural(count, 'restart')} before that" if count else ""
        return f"{stands}, before the window began{before}{since_run}"
    if finished_at is None and not count:
        return f"created at {clock(created_at)}, {stands}, never restarted since{since_run}"
    if unchanged:
        return f"{stands}{since_run}"
    policy = "by its restart policy" if count else "not by its restart policy"
    again = f"started again at {clock(started)} after its end at {clock(finished_at)}, {policy}"
    before = _of_the_time_before(facts.restarts_counted_since, started, max(window.since, created_at))
    return f"{'' if runs else f'{facts.state.value}, '}{again}; {before}"


def proves_nothing(facts: ServiceFacts, story: History, window: Window) -> bool:
    """Whether it was started by a hand in the window, which sets the count to 0, and nobody saw what was before."""
    if facts.container is None or facts.state not in (ServiceState.RUNNING, ServiceState.PAUSED):
        return False
    ended, started, known = facts.container.finished_at, facts.started_at, facts.restarts_counted_since
    if facts.restarts or story.compared_with or ended is None or started is None or started < window.since:
        return False
    return known is None or known > max(window.since, facts.container.created_at)


def _of_the_time_before(known: datetime | None, started: datetime, begin: datetime) -> str:
    if known is None or known >= started:
        return "nothing is proven about the time before"
    if known > begin:
        return f"nothing is proven about the time before {clock(known)}"
    return f"the engine remembers no unplanned end since {clock(begin)}"


def _after(words: str, story: History) -> str:
    return f"{words}; {story.change.sentence}" if story.change else words


def told(stretch: Stretch, own: Sequence[Restart], shared: Sequence[Restart], story: History, until: datetime) -> str:
    """What was counted, how often that is, and what it was like."""
    words = stretch.words(until)
    if stretch.count:
        words += f", {rate(stretch.count, stretch.seconds(until))}"
    if own:
        words += f", the last at {clock(own[-1].at)}: {own[-1].exit_status}"
    if shared:
        words += f"; {len(shared)} more together with other services at {clock(shared[-1].at)}: {WHO_STARTS_MANY}"
    return _after(words, story)
