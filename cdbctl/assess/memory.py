"""Whether a service ended because it ran out of memory, and what that is concluded from."""

from __future__ import annotations

import re
from datetime import datetime

from cdbctl.assess.units import clock
from cdbctl.model.runtime import ServiceState
from cdbctl.model.snapshot import EarlierService

_KILLED = re.compile(r"\b(?:137|SIGKILL)\b")
"""128 + 9: what the kernel does to the largest process when memory ends; others use the same signal."""


def out_of_memory(service: EarlierService, *, since: datetime | None) -> str:
    """What says that it ran out of memory after ``since``; empty when nothing does.

    The flag of the engine is wrong in both directions, so it counts only together with an end that fits: an
    event, the exit status of a kill, or a restart by the policy.
    """
    events = [end.at for end in service.recent_restarts if end.out_of_memory and (since is None or end.at > since)]
    if events:
        return f"the engine reported an oom event before its end at {clock(events[-1])}"
    ended, reported = service.finished_at, service.out_of_memory_at
    if reported and ended and reported <= ended and (since is None or reported > since):
        return f"the engine reported an oom event at {clock(reported)} before its end at {clock(ended)}"
    if not service.oom_killed or ended is None or (since is not None and ended <= since):
        return ""
    if was_killed(service):
        return f"it ended at {clock(ended)} with {service.exit_status} and the engine's OOM flag is set"
    if service.state == ServiceState.RUNNING and service.restarts:
        return f"the engine's OOM flag is set and its restart policy started it again after its end at {clock(ended)}"
    return ""


def killed_inside(service: EarlierService, *, since: datetime) -> datetime | None:
    """When something in it was killed for lack of memory although it runs on; None when nothing was."""
    reported, ended = service.out_of_memory_at, service.finished_at
    if reported is None or reported < since or (ended is not None and ended >= reported):
        return None
    return reported if service.state == ServiceState.RUNNING else None


def perhaps_out_of_memory(service: EarlierService) -> str:
    """A hint that is no proof: one of the two signs without the other."""
    if service.oom_killed:
        return "the engine's OOM flag is set, which proves little by itself"
    if was_killed(service) and service.is_container:
        return "a kill from outside or the end of memory: the engine's OOM flag is not set, which proves little"
    return ""


def was_killed(service: EarlierService) -> bool:
    """Whether its last end was a SIGKILL."""
    return bool(service.exit_status and _KILLED.search(service.exit_status))
