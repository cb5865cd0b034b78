"""Everything that one report is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cdbctl.model.check import Check, Waiver
from cdbctl.model.database import DatabaseFacts, QueryAnswer
from cdbctl.model.host import HostFacts
from cdbctl.model.logs import LogFacts
from cdbctl.model.metrics import MetricsPage
from cdbctl.model.migrations import MigrationFolder
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable
from cdbctl.model.redis import RedisFacts
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.runtime import HealthFacts, RuntimeFacts
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


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What this run remembers of the newest stored one."""

    taken_at: datetime
    path: str
    verdict: str
    findings: tuple[EarlierFinding, ...]
    services: tuple[EarlierService, ...]


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

    def readings(self) -> Iterator[Observed[object] | Unavailable]:
        """Every reading of the run, in the order of the report."""
        single = (self.runtime, self.database, self.redis, self.repository, self.host, self.migrations, self.previous)
        yield from (reading for reading in single if reading is not None)
        for by_name in (self.health, self.logs, self.metrics, self.answers):
            yield from by_name.values()

    def evidence(self) -> tuple[Evidence, ...]:
        """The evidence of every reading, by id."""
        return tuple(sorted((reading.evidence for reading in self.readings()), key=lambda item: item.id))

    def service(self, name: str) -> Service | None:
        """A declared service, or None."""
        return next((service for service in self.services if service.name == name), None)
