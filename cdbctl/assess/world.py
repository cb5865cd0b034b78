"""Who needs whom, as the checks declare it: what the links between findings are decided by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cdbctl.assess.params import Params, schema, text
from cdbctl.assess.stages import CONTINUITY, Flow
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot

REACHABLE = ("database.reachable", "redis.reachable")
DECISIONS = "pipeline.decisions"
ENGINE = "docker"
"""How the sources begin that are a container engine, or are reached through one."""
NO_RIGHT = "42501 "
"""How the reason begins when PostgreSQL refuses a question for want of a right: its SQLSTATE."""
WATCHER = "prometheus.server"
"""Like REACHABLE, but nothing of the stack lives on it."""
ACTIVITY = (
    *(CONTINUITY, DECISIONS, "metric.value", "metric.increase", "logs.freshness", "database.freshness"),
    *("prometheus.metric", "prometheus.alerts"),
)
"""What shows that work is done: it stops when work does not arrive."""
SEEN_BY_PROMETHEUS = ("prometheus.targets", "prometheus.alerts")
"""Findings about a service that the labels of Prometheus name."""


@dataclass(frozen=True)
class World:
    """What is known about who needs whom. Nothing here is measured; the checks declare it."""

    snapshot: Snapshot

    @cached_property
    def flow(self) -> Flow:
        """The stages of the pipeline."""
        return Flow.of(self.snapshot.checks)

    @cached_property
    def checks(self) -> dict[str, Check]:
        """The checks by id."""
        return {check.id: check for check in self.snapshot.checks}

    @cached_property
    def servers(self) -> frozenset[str]:
        """The services that run the database and Redis, as the reachability checks name them."""
        return frozenset(
            name for check in self.snapshot.checks if check.rule in REACHABLE and (name := service_param(check))
        )

    @cached_property
    def silent_sources(self) -> frozenset[str]:
        """The evidence ids of the sources that did not answer."""
        readings = self.snapshot.readings()
        return frozenset(item.evidence.id for item in readings if isinstance(item, Unavailable))

    @cached_property
    def engine_is_silent(self) -> bool:
        """Whether the runtime is a container engine that did not answer."""
        runtime = self.snapshot.runtime
        return isinstance(runtime, Unavailable) and runtime.source.startswith(ENGINE)

    @cached_property
    def behind_the_engine(self) -> frozenset[str]:
        """The evidence ids of silent sources that are reached through a container engine."""
        silent = (item for item in self.snapshot.readings() if isinstance(item, Unavailable))
        return frozenset(item.evidence.id for item in silent if item.source.startswith(ENGINE))

    @cached_property
    def refused_sources(self) -> frozenset[str]:
        """The evidence ids of what the database refuses to show for want of a right."""
        readings = self.snapshot.readings()
        silent = (item for item in readings if isinstance(item, Unavailable))
        return frozenset(item.evidence.id for item in silent if item.reason.startswith(NO_RIGHT))

    @cached_property
    def _homes(self) -> dict[tuple[str, str, str], str | None]:
        """Every pair of findings asks for their homes."""
        return {}

    def home(self, finding: Finding) -> str | None:
        """The service that a finding is about, or whose work it shows."""
        place = (finding.check, finding.subject, finding.key)
        if place not in self._homes:
            self._homes[place] = self._find_home(finding)
        return self._homes[place]

    def _find_home(self, finding: Finding) -> str | None:
        stage = self.flow.stages.get(finding.subject) if finding.rule == CONTINUITY else None
        if stage:
            return stage.service
        check = self.checks.get(finding.check)
        named = service_param(check) if check else ""
        if named and finding.rule not in REACHABLE:
            return named
        seen = finding.details.get("service") if finding.rule in SEEN_BY_PROMETHEUS else None
        if isinstance(seen, str):
            return seen
        name = finding.subject.partition("/")[0]
        return name if self.snapshot.service(name) else None

    def is_own_code(self, finding: Finding) -> bool:
        """Whether the service keeps its code in the repository; the log of a server only echoes its clients."""
        service = self.snapshot.service(self.home(finding) or "")
        return service is not None and service.source_folder is not None

    def runs(self, finding: Finding) -> str | None:
        """The service that runs the server which a reachability check asks."""
        check = self.checks.get(finding.check)
        return (service_param(check) or None) if check else None

    def starves(self, service: str, finding: Finding) -> bool:
        """Whether a finding shows work that lives on the work of a service, its own work included."""
        if finding.rule not in ACTIVITY:
            return False
        if finding.rule == CONTINUITY:
            return self.flow.feeds_stage(service, finding.subject)
        home = self.home(finding)
        return home is not None and (home == service or self.flow.feeds_service(service, home))

    def rank(self, finding: Finding) -> tuple[int, int]:
        """Where a finding can stand in a chain of causes: only what ranks lower can explain it."""
        server = self.home(finding) in self.servers
        match finding.rule:
            case "service.state" | "service.restarts":
                crash = finding.rule == "service.restarts"
                unknown = crash and finding.status is Status.UNKNOWN  # then it explains nothing
                return (0 if server else 3, 2 if unknown else 0 if crash else 1)
            case "database.reachable" | "redis.reachable":
                return 1, 0
            case "prometheus.server":
                return 3, 2
            case "logs.signature":
                return (2 if missing_relation_of(finding) else 5), 0 if self.is_own_code(finding) else 1
            case "metric.contradiction" | "prometheus.contradiction":
                return 4, 0 if finding.rule == "metric.contradiction" else 1
            case "service.health":
                return 5, 2
            case "prometheus.targets":
                return 5, 3
            case "service.healthy-but-erroring":
                return 6, 0
            case "pipeline.continuity":
                return 7, 2 * self.flow.depth(finding.subject)
            case "pipeline.decisions":
                depths = [self.flow.depth(name) for name in self.flow.stages_of_service(self.home(finding) or "")]
                return 7, 2 * max(depths, default=0) + 1
            case "prometheus.alerts" | "prometheus.rules":
                return 8, 1
            case _:
                return 8, 0


def service_param(check: Check) -> str:
    """The service that a check names as responsible; empty when it names none."""
    return Params(check.params, schema(service=text("a service"))).text("service")


def missing_relation_of(finding: Finding) -> str | None:
    """The relation that a signature says is not there."""
    undefined = finding.details.get("sqlstate") == "42P01" or finding.details.get("kind") == "undefined_table"
    relation = finding.details.get("relation")
    return relation if undefined and isinstance(relation, str) else None
