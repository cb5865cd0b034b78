"""Facts about processes or containers, and about their health probes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ServiceState(StrEnum):
    """What the runtime says of a service."""

    RUNNING = "running"
    STARTING = "starting"
    BACKOFF = "backoff"
    STOPPED = "stopped"
    EXITED = "exited"
    FATAL = "fatal"
    PAUSED = "paused"
    MISSING = "missing"
    """Declared, but the runtime does not know it."""


class Health(StrEnum):
    """What a health probe says."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    STARTING = "starting"
    NONE = "none"
    """No probe is declared. That is not healthy."""


class ProbeDepth(StrEnum):
    """How much a passing probe proves."""

    NONE = "none"
    PROCESS = "process"
    """Only that a process exists (``kill -0 1``)."""
    PORT = "port"
    """Only that something accepts connections (``nc -z``)."""
    HTTP = "http"
    """A web server answered; half of such pages always answer 200."""
    APPLICATION = "application"
    """The program reported on itself."""
    DEPENDENCY = "dependency"
    """The program reported on what it depends on."""


@dataclass(frozen=True, slots=True)
class Restart:
    """One unplanned end of a service that the runtime then started again."""

    at: datetime
    exit_status: str
    """As the runtime words it, e.g. ``exit status 1`` or ``terminated by SIGKILL``."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """One service as the runtime shows it."""

    name: str
    state: ServiceState
    pid: int | None
    identity: str
    """Changes when the service is deployed anew: a container id; for supervisord the command line."""
    started_at: datetime | None
    exit_status: str | None
    restarts: int | None
    """Unplanned restarts that the runtime has counted, None when it cannot tell."""
    recent_restarts: tuple[Restart, ...]
    """Those inside the window, oldest first, at most 1000."""
    restarts_counted_since: datetime | None
    """From when on restarts are counted."""
    cpu_percent: float | None
    """Of one core, over the time of the check-up. None when it does not run or could not be read."""
    memory_bytes: int | None
    """Resident memory. None when it does not run or could not be read."""


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """Everything that the runtime shows."""

    kind: str
    """``supervisord`` or ``docker``."""
    started_at: datetime | None
    services: tuple[ServiceFacts, ...]
    """Every service the runtime knows, declared or not, plus declared ones as ``missing``."""

    def service(self, name: str) -> ServiceFacts | None:
        """The facts of one service, or None when neither declared nor known."""
        return next((service for service in self.services if service.name == name), None)


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """The answer of one health probe."""

    health: Health
    depth: ProbeDepth
    detail: str
    """What the probe said, shortened, e.g. ``200 {"status": "ok"}``."""
