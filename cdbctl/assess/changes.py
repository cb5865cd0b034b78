"""What happened to the services between two runs: a deployment, a crash, a hand on the switch, or the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cdbctl.assess.memory import out_of_memory, perhaps_out_of_memory
from cdbctl.assess.units import clock, plural
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import EarlierRun, EarlierService

TOGETHER = timedelta(seconds=30)
"""Services that restart within this time of each other were restarted by something outside of them."""
WHO_STARTS_MANY = "the machine, the engine, or a restart of the whole project"
JITTER = timedelta(seconds=5)
"""The start of a process is computed from the time of the boot, and that from the clock."""
_TOKEN = re.compile(r"\[REDACTED:[^\]]*\]")
"""What stands for a secret: another one in every run."""


class What(StrEnum):
    """The kinds of change."""

    DEPLOY = "DEPLOY"
    """Another container, or another command line."""
    CRASH = "CRASH"
    """It ended by itself and was started again: its count went up."""
    OOM = "OOM"
    """The same, because memory ended."""
    MANUAL = "MANUAL"
    """A new start that the runtime does not count as one of its own."""
    DAEMON = "DAEMON"
    """Started again together with many others: not its own doing."""
    HOST = "HOST"
    """Started again after the machine was."""
    RECOUNT = "RECOUNT"
    """A new start, and the count of restarts began anew: nothing is proven about what it counted last."""
    ENDED = "ENDED"
    """It ran, and does not any more."""
    GONE = "GONE"
    """The runtime does not know it any more."""


OUTSIDE = (What.DAEMON, What.HOST)
"""Never a crash of the system under test."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one service between two runs."""

    service: str
    what: What
    at: datetime | None
    """When it was started last, or ended."""
    crashes: int
    """Unplanned restarts of its own that are proven; there may have been more where the count began anew."""
    sentence: str


def changes(earlier: EarlierRun, later: EarlierRun) -> dict[str, Change]:
    """What happened to each service between two runs, by name; a service without a change is missing."""
    before = {service.name: service for service in earlier.services}
    pairs = [(before[service.name], service) for service in later.services if service.name in before]
    here = [service for service in later.services if service.state != ServiceState.MISSING]
    started = [now.started_at for then, now in pairs if _same(then, now) and _started_again(then, now, earlier, later)]
    world = _World(earlier, later, tuple(at for at in started if at), here)
    found = (_change(then, now, world) for then, now in pairs)
    return {change.service: change for change in found if change}


def company(at: datetime, starts: Iterable[datetime], services: int) -> bool:
    """Whether at least half of all services, and at least three, were started within 30 s of this moment."""
    together = sum(abs(other - at) <= TOGETHER for other in starts)
    return together >= max(3, (services + 1) // 2)


@dataclass(frozen=True, slots=True)
class _World:
    """What both runs show of everything around a service."""

    earlier: EarlierRun
    later: EarlierRun
    starts: Sequence[datetime]
    """Of the services that were started again as they were."""
    here: Sequence[EarlierService]

    @property
    def since(self) -> str:
        """Names the earlier run."""
        return f"since the run of {clock(self.earlier.taken_at)}"

    def outside(self, at: datetime | None, *, counted: bool) -> What | None:
        """What outside of a service started it at that time.

        An engine that starts anew sets the counts of its containers to 0. So one that was ``counted`` up was started
        by its policy, however many others were, unless the engine or the machine is seen to have started.
        """
        if at is None:
            return None
        boot, daemon = self.later.host_booted_at, self.later.runtime_started_at
        if boot and self.earlier.taken_at < boot <= at and self._most_started_after(boot):
            return What.HOST
        if daemon and self.earlier.taken_at < daemon <= at and self._most_started_after(daemon):
            return What.DAEMON
        return What.DAEMON if not counted and company(at, self.starts, len(self.here)) else None

    def _most_started_after(self, at: datetime) -> bool:
        """The machine that this ran on may not be the one that the containers run on."""
        return 2 * sum(bool(item.started_at and item.started_at >= at) for item in self.here) >= len(self.here)


def _change(then: EarlierService, now: EarlierService, world: _World) -> Change | None:
    if ServiceState.MISSING in (then.state, now.state):
        return _came_or_went(then, now, world)
    if not _same(then, now):
        return _deployed(then, now, world)
    restarted = _started_again(then, now, world.earlier, world.later)
    crashes = _counted(then, now, restarted)
    counted = now.is_container and _is_up(then, now)
    outside = world.outside(now.started_at, counted=counted) if restarted else None
    if outside and _is_up(then, now):
        crashes -= 1  # the last of them came from outside
    if crashes > 0 or (restarted and not outside and out_of_memory(now, since=world.earlier.taken_at)):
        return _crashed(now, crashes, world)
    if outside:
        return Change(now.name, outside, now.started_at, 0, _from_outside(outside, now, world))
    if restarted and _is_down(then, now):
        words = f"started again at {clock(now.started_at)}, its count of restarts began anew {world.since}"
        return Change(now.name, What.RECOUNT, now.started_at, 0, f"{words}: what it counted last is not known")
    if restarted and _runs(now):
        words = f"started again at {clock(now.started_at)} without a counted crash {world.since}"
        return Change(now.name, What.MANUAL, now.started_at, 0, words)
    return _ended(then, now, world)


def _crashed(now: EarlierService, crashes: int, world: _World) -> Change:
    memory = out_of_memory(now, since=world.earlier.taken_at)
    hint = perhaps_out_of_memory(now)
    words = f"{plural(crashes, 'unplanned restart')} {world.since}" if crashes else f"started again {world.since}"
    if memory:
        return Change(now.name, What.OOM, now.started_at, max(1, crashes), f"{words}, out of memory: {memory}")
    return Change(now.name, What.CRASH, now.started_at, crashes, f"{words} ({hint})" if hint else words)


def _deployed(then: EarlierService, now: EarlierService, world: _World) -> Change:
    image = ""
    if then.image and now.image:
        image = ", of the same image" if then.image == now.image else f", of another image ({now.image[:19]})"
    # The count of a new container is its own.
    crashes = (now.restarts or 0) if now.is_container else 0
    again = f", and restarted {plural(crashes, 'time')} by itself" if crashes else ""
    at = now.created_at or now.started_at
    return Change(now.name, What.DEPLOY, at, crashes, f"deployed anew {world.since}{image}{again}")


def _came_or_went(then: EarlierService, now: EarlierService, world: _World) -> Change | None:
    if then.state == now.state or not then.state:
        return None
    if now.state == ServiceState.MISSING:
        return Change(now.name, What.GONE, None, 0, f"gone {world.since}")
    crashes = (now.restarts or 0) if now.is_container else 0
    return Change(now.name, What.DEPLOY, now.created_at or now.started_at, crashes, f"deployed {world.since}")


def _ended(then: EarlierService, now: EarlierService, world: _World) -> Change | None:
    """It ran at both looks' beginning and stands now; where no state was stored nothing is said."""
    if not _runs(then) or _runs(now) or now.state in ("", ServiceState.STARTING, ServiceState.BACKOFF):
        return None
    memory = out_of_memory(now, since=world.earlier.taken_at)
    end = f"ended {world.since}" + (f" with {now.exit_status}" if now.exit_status else "")
    if memory:
        return Change(now.name, What.OOM, now.finished_at, 1, f"{end}, out of memory: {memory}")
    return Change(now.name, What.ENDED, now.finished_at, 0, f"{end} and was not started again")


def _from_outside(what: What, now: EarlierService, world: _World) -> str:
    machine = "after the machine had booted" if what is What.HOST else "together with other services"
    return f"started again at {clock(now.started_at)} {machine} {world.since}: {WHO_STARTS_MANY}"


def _same(then: EarlierService, now: EarlierService) -> bool:
    return _TOKEN.sub("", then.identity) == _TOKEN.sub("", now.identity)


def _runs(service: EarlierService) -> bool:
    return service.state in (ServiceState.RUNNING, ServiceState.PAUSED)


def _started_again(then: EarlierService, now: EarlierService, earlier: EarlierRun, later: EarlierRun) -> bool:
    """Whether it was started between the two looks; a clock that was set is no start."""
    if now.started_at is None or then.started_at is None:
        return now.started_at is not None and now.started_at > earlier.taken_at
    if now.is_container:  # the engine keeps the very time of the start
        return now.started_at > then.started_at
    moved = now.started_at - then.started_at
    if then.pid is not None and then.pid == now.pid and not _rebooted(earlier, later):
        moved -= _clock_set(earlier, later)
    return moved > JITTER


def _rebooted(earlier: EarlierRun, later: EarlierRun) -> bool:
    return later.host_booted_at is not None and later.host_booted_at > earlier.taken_at


def _clock_set(earlier: EarlierRun, later: EarlierRun) -> timedelta:
    """By how much the time of the same boot moved."""
    if earlier.host_booted_at is None or later.host_booted_at is None:
        return timedelta(0)
    return later.host_booted_at - earlier.host_booted_at


def _counted(then: EarlierService, now: EarlierService, restarted: bool) -> int:
    """Unplanned restarts that the counts prove.

    A container's count begins anew with every start that its policy did not make, so a count that is not higher
    after a new start was reached since then.
    """
    if then.restarts is None or now.restarts is None:
        return 0
    if now.restarts > then.restarts:
        return now.restarts - then.restarts
    return now.restarts if restarted and now.is_container else 0


def _is_up(then: EarlierService, now: EarlierService) -> bool:
    return then.restarts is not None and now.restarts is not None and now.restarts > then.restarts


def _is_down(then: EarlierService, now: EarlierService) -> bool:
    return then.restarts is not None and (now.restarts is None or now.restarts < then.restarts)
