"""Everything that one report is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cdbctl.model.check import Check, Waiver
from cdbctl.model.ci import CiFacts, IssueFacts
from cdbctl.model.compose import ComposeService
from cdbctl.model.database import DatabaseFacts, QueryAnswer
from cdbctl.model.host import HostFacts
from cdbctl.model.logs import LogFacts
from cdbctl.model.metrics import MetricsPage
from cdbctl.model.migrations import MigrationFolder
from cdbctl.model.prometheus import PrometheusFacts
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable
from cdbctl.model.redis import RedisFacts
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.runtime import HealthFacts, Restart, RuntimeFacts, ServiceFacts
from cdbctl.model.stack import Service


@dataclass(frozen=True, slots=True)
class Window:
    """The stretch of time that a run looks at: both ends inclusive, aware, UTC."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class EarlierFinding:
    """A finding that an earlier run stored."""

    fingerprint: str
    check: str
    subject: str
    title: str
    status: str
    first_seen: datetime
    lifecycle: str | None


@dataclass(frozen=True, slots=True)
class EarlierService:
    """What tells a restart from a deployment: the identity facts of a service in an earlier run."""

    name: str
    identity: str
    pid: int | None
    started_at: datetime | None
    restarts: int | None
    state: str = ""
    """Word of ``ServiceState``; empty where the run did not store it. Likewise below: None or empty."""
    exit_status: str | None = None
    image: str = ""
    """Id of the image that the container ran."""
    created_at: datetime | None = None
    finished_at: datetime | None = None
    oom_killed: bool | None = None
    restart_policy: str | None = None
    """None for a runtime without containers."""
    recent_restarts: tuple[Restart, ...] = ()
    """Those inside the window of that run, oldest first: the newest 20."""
    out_of_memory_at: datetime | None = None

    @classmethod
    def of(cls, facts: ServiceFacts) -> EarlierService:
        """What is kept of a service for the runs to come."""
        container = facts.container
        return cls(
            name=facts.name,
            identity=facts.identity,
            pid=facts.pid,
            started_at=facts.started_at,
            restarts=facts.restarts,
            state=facts.state.value,
            exit_status=facts.exit_status,
            image=container.image.id if container else "",
            created_at=container.created_at if container else None,
            finished_at=container.finished_at if container else None,
            oom_killed=container.oom_killed if container else None,
            restart_policy=container.restart_policy if container else None,
            recent_restarts=facts.recent_restarts[-20:],
            out_of_memory_at=container.out_of_memory_at if container else None,
        )

    @property
    def is_container(self) -> bool:
        """Whether a container runtime showed it: its count of restarts then begins anew with every start by hand."""
        return self.created_at is not None


@dataclass(frozen=True, slots=True)
class EarlierCounters:
    """What a server had counted in an earlier run."""

    counted_by: str
    """Who counted, and from when on: a difference to later numbers means something only where this is the same."""
    values: Mapping[str, int]

    @classmethod
    def of_database(cls, facts: DatabaseFacts) -> EarlierCounters:
        """The counters of one database; they survive a restart of the server."""
        since = facts.counted_since.isoformat() if facts.counted_since else "the beginning"
        values = {"deadlocks": facts.deadlocks, "rollbacks": facts.rollbacks, "commits": facts.commits}
        return cls(f"{facts.database} since {since}", _known(values))

    @classmethod
    def of_redis(cls, facts: RedisFacts) -> EarlierCounters:
        """The counters of a Redis server; they begin anew with each start."""
        values = {"evicted_keys": facts.evicted_keys, "rejected_connections": facts.rejected_connections}
        return cls(f"run {facts.run_id}" if facts.run_id else "", _known(values))


def _known(values: Mapping[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What this run remembers of a stored one."""

    taken_at: datetime
    path: str
    verdict: str
    findings: tuple[EarlierFinding, ...]
    services: tuple[EarlierService, ...]
    stack: str = ""
    tool_version: str = ""
    window: Window | None = None
    """What it looked at; None where the run did not store it. Likewise below."""
    follows: str | None = None
    """Path of the run that it compared itself with; None for the first one."""
    host_booted_at: datetime | None = None
    runtime_started_at: datetime | None = None
    database: EarlierCounters | None = None
    """None when it was not read then; likewise below."""
    redis: EarlierCounters | None = None


@dataclass(frozen=True, slots=True)
class UnusedRun:
    """A stored run of the stretch of a soak that says nothing about it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class SoakHistory:
    """The stored runs that a soak is judged by, beside the run that judges."""

    runs: tuple[EarlierRun, ...]
    """Oldest first: those of the stretch, before them the newest older one; of their findings the open ones."""
    broken: tuple[UnusedRun, ...]
    """They may have seen anything."""
    foreign: tuple[UnusedRun, ...]
    """Of other stacks in the same folder: passed over."""
    not_read: str = ""
    """Why older runs of the stretch were not read, e.g. for lack of time; empty when all were."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """A secret that was replaced before anything was stored."""

    token: str
    """What stands in its place: ``[REDACTED:kind:6hex]``."""
    count: int


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """A source that nobody declared, so nothing is known about it."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The stack at one moment, with the definitions it is to be judged by."""

    tool_version: str
    stack: str
    """Name of the stack, e.g. ``cdb``."""
    root: str
    """Folder of the supervised repository, as the operator named it."""
    agent: str
    """Who ran the check-up."""
    taken_at: datetime
    finished_at: datetime
    timezone: str
    """IANA name, or a fixed offset such as ``+01:00``."""
    window: Window
    services: tuple[Service, ...]
    checks: tuple[Check, ...]
    waivers: tuple[Waiver, ...]
    runtime: Reading[RuntimeFacts]
    health: Mapping[str, Reading[HealthFacts]]
    """By service, for every declared health page."""
    logs: Mapping[str, Reading[LogFacts]]
    """By service, for every declared log."""
    metrics: Mapping[str, Reading[MetricsPage]]
    """By service, for every declared metrics page."""
    database: Reading[DatabaseFacts] | None
    """None when no database is declared; likewise below."""
    answers: Mapping[str, Reading[QueryAnswer]]
    """By check id and subject (``check id|subject``): answers to the questions that checks ask the database."""
    redis: Reading[RedisFacts] | None
    repository: Reading[RepositoryFacts]
    host: Reading[HostFacts]
    migrations: Reading[MigrationFolder] | None
    previous: Reading[EarlierRun] | None
    """None when no earlier run is stored."""
    not_configured: tuple[NotConfigured, ...]
    redactions: tuple[Redaction, ...]
    notes: tuple[str, ...]
    """What the reader must know about the run itself, e.g. a report folder that cannot be written."""
    compose: tuple[ComposeService, ...] = ()
    """What the compose files promise; empty where none is declared."""
    prometheus: Reading[PrometheusFacts] | None = None
    """None when no Prometheus server is declared; likewise below."""
    ci: Reading[CiFacts] | None = None
    issues: Reading[IssueFacts] | None = None
    soak_stretch: Window | None = None
    """None when no soak was asked for."""
    soak: Reading[SoakHistory] | None = None
    """The stored runs of that stretch."""

    def readings(self) -> Iterator[Observed[object] | Unavailable]:
        """Every reading of the run, in the order of the report."""
        single = (
            self.runtime,
            self.database,
            self.redis,
            self.prometheus,
            self.repository,
            self.ci,
            self.issues,
            self.host,
            self.migrations,
            self.previous,
            self.soak,
        )
        yield from (reading for reading in single if reading is not None)
        for by_name in (self.health, self.logs, self.metrics, self.answers):
            yield from by_name.values()

    def evidence(self) -> tuple[Evidence, ...]:
        """The evidence of every reading, by id."""
        return tuple(sorted((reading.evidence for reading in self.readings()), key=lambda item: item.id))

    def service(self, name: str) -> Service | None:
        """A declared service, or None."""
        return next((service for service in self.services if service.name == name), None)
