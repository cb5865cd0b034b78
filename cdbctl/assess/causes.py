"""One cause, one voice: findings that follow from another one point to it and stay below it.

The links are explicit and few. Each says when one finding speaks for another; `explain` walks them from the
strongest to the weakest and always points to the root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from cdbctl.assess.ordering import order, weight
from cdbctl.assess.params import Params, schema, text
from cdbctl.assess.relations import same
from cdbctl.assess.stages import CONTINUITY, Flow
from cdbctl.assess.waivers import is_accepted
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot

DECISIONS = "pipeline.decisions"
REACHABLE = ("database.reachable", "redis.reachable")
DOWN = ("service.state", "service.restarts")
ACTIVITY = (CONTINUITY, DECISIONS, "metric.value", "metric.increase", "logs.freshness", "database.freshness")
"""What shows that work is done: it stops when work does not arrive."""
NOISE = ("logs.error-rate", "service.healthy-but-erroring")
"""Counts of errors; a signature says what the errors are."""
CONNECTION = ("connection_", "timeout", "redis_", "admin_shutdown", "cannot_connect")
CONNECTION_CLASSES = ("08", "57P")
"""SQLSTATE classes of a server that is gone or going."""


def explain(findings: Sequence[Finding], snapshot: Snapshot) -> tuple[Finding, ...]:
    """Give every finding that follows from another one its cause, and at most the severity of it."""
    world = World(snapshot)
    voices = [item for item in findings if item.status is not Status.OK and not is_accepted(item)]
    voices.sort(key=lambda item: (world.rank(item), order(item)))
    roots: dict[str, tuple[Finding, str]] = {}
    for index, effect in enumerate(voices):
        found = _cause(effect, voices[:index], world)
        if found:
            cause, link = found
            roots[effect.fingerprint] = (roots[cause.fingerprint][0], link) if cause.fingerprint in roots else found
    return tuple(_point(item, roots) for item in findings)


def _cause(effect: Finding, earlier: Sequence[Finding], world: World) -> tuple[Finding, str] | None:
    """The strongest finding that explains this one. Only what ranks before it can, so there are no circles."""
    for cause in earlier:
        if cause.fingerprint == effect.fingerprint or weight(cause) > weight(effect):
            continue
        for words, link in LINKS:
            if link(cause, effect, world):
                return cause, words
    return None


def _point(finding: Finding, roots: dict[str, tuple[Finding, str]]) -> Finding:
    if finding.fingerprint not in roots or finding.status is Status.OK or is_accepted(finding):
        return finding
    root, words = roots[finding.fingerprint]
    severity = max(finding.severity, root.severity, key=lambda item: item.value)
    details = {**finding.details, "cause": words}
    return replace(finding, caused_by=root.fingerprint, severity=severity, details=details)


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

    def home(self, finding: Finding) -> str | None:
        """The service that a finding is about, or whose work it shows."""
        stage = self.flow.stages.get(finding.subject) if finding.rule == CONTINUITY else None
        if stage:
            return stage.service
        check = self.checks.get(finding.check)
        named = service_param(check) if check else ""
        if named and finding.rule not in REACHABLE:
            return named
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
                return (0 if server else 3, 0 if crash else 1)
            case "database.reachable" | "redis.reachable":
                return 1, 0
            case "logs.signature":
                return (2 if _missing(finding) else 5), 0 if self.is_own_code(finding) else 1
            case "metric.contradiction":
                return 4, 0
            case "service.healthy-but-erroring":
                return 6, 0
            case "pipeline.continuity":
                return 7, 2 * self.flow.depth(finding.subject)
            case "pipeline.decisions":
                depths = [self.flow.depth(name) for name in self.flow.stages_of_service(self.home(finding) or "")]
                return 7, 2 * max(depths, default=0) + 1
            case _:
                return 8, 0


def service_param(check: Check) -> str:
    """The service that a check names as responsible; empty when it names none."""
    return Params(check.params, schema(service=text("a service"))).text("service")


def _missing(finding: Finding) -> str | None:
    """The relation that a signature says is not there."""
    undefined = finding.details.get("sqlstate") == "42P01" or finding.details.get("kind") == "undefined_table"
    relation = finding.details.get("relation")
    return relation if undefined and isinstance(relation, str) else None


def _names(finding: Finding) -> tuple[str, ...]:
    """The relations that a finding says are not there."""
    missing, relation = finding.details.get("missing"), finding.details.get("relation")
    names = tuple(map(str, missing)) if isinstance(missing, list | tuple) else ()
    return (*names, relation) if isinstance(relation, str) else names


def _is_signature(finding: Finding) -> bool:
    return finding.rule == "logs.signature" and finding.status is Status.FAIL


# -- the links: each says when a cause speaks for an effect ----------------------------------------------------------

Link: TypeAlias = Callable[[Finding, Finding, World], bool]


def _same_missing_relation(cause: Finding, effect: Finding, world: World) -> bool:
    relation = _missing(cause) if _is_signature(cause) else None
    return relation is not None and any(same(relation, name) for name in _names(effect))


def _service_is_down(cause: Finding, effect: Finding, world: World) -> bool:
    return cause.rule in DOWN and world.home(cause) is not None and world.home(cause) == world.home(effect)


def _server_is_down(cause: Finding, effect: Finding, world: World) -> bool:
    server = world.home(cause)
    if cause.rule not in DOWN or cause.status is not Status.FAIL or server not in world.servers:
        return False
    if effect.rule in REACHABLE:
        return world.runs(effect) == server
    return _lost_a_connection(effect) or effect.rule in (*ACTIVITY, *DOWN, "metric.contradiction")


def _lost_a_connection(finding: Finding) -> bool:
    if finding.rule != "logs.signature":
        return False
    kind, sqlstate = str(finding.details.get("kind", "")), str(finding.details.get("sqlstate", ""))
    return kind.startswith(CONNECTION) or sqlstate.startswith(CONNECTION_CLASSES)


def _server_does_not_answer(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule not in REACHABLE or cause.status is Status.OK:
        return False
    return effect.details.get("needs") == cause.rule.partition(".")[0]


def _signature_names_the_errors(cause: Finding, effect: Finding, world: World) -> bool:
    same_home = world.home(cause) is not None and world.home(cause) == world.home(effect)
    return _is_signature(cause) and same_home and effect.rule in NOISE


def _service_cannot_write(cause: Finding, effect: Finding, world: World) -> bool:
    home = world.home(cause)
    blocked = _is_signature(cause) and cause.details.get("relation") is not None
    return blocked and home is not None and world.starves(home, effect)


def _crash_because_of_missing_relation(cause: Finding, effect: Finding, world: World) -> bool:
    known = _is_signature(cause) and _missing(cause) is not None
    return known and effect.rule in DOWN and world.home(cause) == world.home(effect)


def _nothing_arrives_from_a_dead_service(cause: Finding, effect: Finding, world: World) -> bool:
    home = world.home(cause)
    return cause.rule in DOWN and cause.status is Status.FAIL and home is not None and world.starves(home, effect)


def _exporter_is_wrong(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule != "metric.contradiction" or cause.status is not Status.FAIL:
        return False
    return effect.rule.startswith(("logs.", "metric.", "service.healthy")) and world.home(effect) == cause.subject


def _errors_are_counted_twice(cause: Finding, effect: Finding, world: World) -> bool:
    same_home = world.home(cause) == world.home(effect)
    return cause.rule == "service.healthy-but-erroring" and effect.rule == "logs.error-rate" and same_home


def _nothing_arrives_from_a_stalled_stage(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule != CONTINUITY or cause.status is not Status.FAIL or effect.rule not in ACTIVITY:
        return False
    if effect.rule == CONTINUITY:
        return cause.subject in world.flow.feeders(effect.subject)
    home = world.home(effect)
    return home is not None and world.flow.stage_feeds_service(cause.subject, home)


def _everything_is_refused(cause: Finding, effect: Finding, world: World) -> bool:
    home = world.home(cause)
    refused = cause.rule == DECISIONS and cause.status is Status.FAIL
    return refused and home is not None and effect.rule in ACTIVITY and world.starves(home, effect)


def _same_source_did_not_answer(cause: Finding, effect: Finding, world: World) -> bool:
    both = cause.status is Status.UNKNOWN and effect.status is Status.UNKNOWN
    return both and cause.evidence == effect.evidence and set(cause.evidence) <= world.silent_sources


LINKS: tuple[tuple[str, Link], ...] = (
    ("proven: the same missing relation", _same_missing_relation),
    ("proven: the same source did not answer", _same_source_did_not_answer),
    ("proven: the server that this needs did not answer", _server_does_not_answer),
    ("proven: the same errors, counted", _signature_names_the_errors),
    ("proven: the same errors, counted again", _errors_are_counted_twice),
    ("possible: the service itself is down", _service_is_down),
    ("possible: the server that this needs is down", _server_is_down),
    ("possible: the missing relation ends the service", _crash_because_of_missing_relation),
    ("possible: the service cannot write", _service_cannot_write),
    ("possible: a service that this lives on is down", _nothing_arrives_from_a_dead_service),
    ("possible: the exporter itself is wrong", _exporter_is_wrong),
    ("possible: a stage that feeds this stands still", _nothing_arrives_from_a_stalled_stage),
    ("possible: every decision is refused", _everything_is_refused),
)
"""Reason and link, tried in this order. ``possible`` is said wherever the link is an inference."""
