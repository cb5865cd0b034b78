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
class HealthFacts:
    """The answer of one health probe."""

    health: Health
    depth: ProbeDepth
    detail: str
    """What the probe said, shortened, e.g. ``200 {"status": "ok"}``."""
    failing_streak: int | None = None
    """Failed probes in a row, as the runtime counts them; None where nobody counts."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The image that a container was made from."""

    reference: str
    """As the container was created with, e.g. ``cdb/risk:latest``."""
    id: str
    """``sha256:…`` of the image that the container runs."""
    reference_id: str | None
    """``sha256:…`` of the image that the reference means now; None when it means none (any more)."""
    digests: tuple[str, ...]
    """``name@sha256:…`` as registries know it; empty for an image that was built here."""


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of a container that can be reached through the host."""

    container_port: int
    protocol: str
    host_address: str
    """As bound, e.g. ``127.0.0.1`` or ``0.0.0.0``."""
    host_port: int


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What only a container runtime knows of a service."""

    container: str
    """Name of the container."""
    project: str | None
    """Compose project that it belongs to."""
    created_at: datetime
    finished_at: datetime | None
    """When it last ended; None when it never did."""
    oom_killed: bool
    """What the runtime says; wrong in both directions, so a hint and no proof."""
    image: ImageFacts
    ports: tuple[PublishedPort, ...]
    log_driver: str
    log_is_bounded: bool | None
    """Whether the log has a size limit; None where the driver keeps its logs elsewhere."""
    memory_limit_bytes: int | None
    """None when no limit is set."""
    restart_policy: str
    mounts: tuple[tuple[str, str], ...]
    """Source on the host and target in the container of every bind mount."""
    compose_service: str | None = None
    """Key of its service in the compose file; several containers share it where a service has replicas."""
    network_mode: str = ""
    """As the engine words it; with ``host`` every port it listens on is open without being published."""
    out_of_memory_at: datetime | None = None
    """When the engine last reported (an ``oom`` event) that something in it was killed for lack of memory."""


@dataclass(frozen=True, slots=True)
class Restart:
    """One unplanned end of a service that the runtime then started again."""

    at: datetime
    exit_status: str
    """As the runtime words it, e.g. ``exit status 1`` or ``terminated by SIGKILL``."""
    out_of_memory: bool = False
    """Whether the runtime reported (an ``oom`` event) that it ran out of memory just before this end."""


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
    """Resident memory; of a container without the page cache. None when it does not run or could not be read."""
    health: HealthFacts | None = None
    """What the runtime's own probe says; None for a runtime that has none."""
    container: ContainerFacts | None = None
    """None for a runtime without containers."""

    @classmethod
    def missing(cls, name: str) -> ServiceFacts:
        """A declared service that the runtime does not know."""
        return cls(
            name=name,
            state=ServiceState.MISSING,
            pid=None,
            identity="",
            started_at=None,
            exit_status=None,
            restarts=None,
            recent_restarts=(),
            restarts_counted_since=None,
            cpu_percent=None,
            memory_bytes=None,
        )


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """Everything that the runtime shows."""

    kind: str
    """``supervisord`` or ``docker``."""
    started_at: datetime | None
    services: tuple[ServiceFacts, ...]
    """Every service the runtime knows, declared or not, plus declared ones as ``missing``."""
    version: str = ""
    """Of the runtime."""
    usage_source: str = ""
    """Where CPU and memory were read, e.g. ``cgroup files``, ``engine API``."""

    def service(self, name: str) -> ServiceFacts | None:
        """The facts of one service, or None when neither declared nor known."""
        return next((service for service in self.services if service.name == name), None)
