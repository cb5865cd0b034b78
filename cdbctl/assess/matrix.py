"""The decision matrix: one row for each component, with the worst that was found about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from cdbctl.assess.ordering import weight, worst_first
from cdbctl.assess.units import plural
from cdbctl.assess.waivers import is_accepted
from cdbctl.assess.world import REACHABLE, SEEN_BY_PROMETHEUS, WATCHER, service_param
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed
from cdbctl.model.report import MatrixRow
from cdbctl.model.snapshot import Snapshot
from cdbctl.model.stack import Service

RUNTIME = ("service.unknown", "service.state", "service.restarts")
GROUPS = (
    ("PostgreSQL", "database"),
    ("Redis", "redis"),
    ("Prometheus", "prometheus"),
    ("metrics", "metric"),
    ("clocks", "clocks"),
    ("repository", "repository"),
    ("migrations", "migrations"),
    ("compose files", "compose"),
    ("CI", "ci"),
    ("open issues", "issues"),
    ("host", "host"),
)
"""Component, and the group of the rules that look at it."""
TELLING = ("service.unknown", "service.state")
"""Rules whose answers say most about a component in few words."""
SENTENCE_LIMIT = 200
Belongs: TypeAlias = Callable[[Finding], bool]


def matrix(findings: Sequence[Finding], snapshot: Snapshot) -> tuple[MatrixRow, ...]:
    """One row for each declared service, then for what they all live on."""
    by_fingerprint = {finding.fingerprint: finding for finding in findings}
    rows = []
    for name, belongs in _components(snapshot, findings):
        about = [finding for finding in findings if belongs(finding)]
        if about:
            rows.append(_row(name, about, by_fingerprint))
        else:
            rows.append(MatrixRow(name, Status.UNKNOWN, "no check looks at it", (), f"declare a check for {name}"))
    return tuple(rows)


def _components(snapshot: Snapshot, findings: Sequence[Finding]) -> Iterator[tuple[str, Belongs]]:
    servers = {service_param(check): check.rule for check in snapshot.checks if check.rule in (*REACHABLE, WATCHER)}
    for service in snapshot.services:
        group = servers.get(service.name, "").partition(".")[0]
        yield service.title, _about_service(service, group)
    kind = snapshot.runtime.value.kind if isinstance(snapshot.runtime, Observed) else "not read"
    yield f"runtime ({kind})", lambda finding: finding.rule in RUNTIME
    if not _all_built_in(snapshot):
        yield "pipeline", _in_group("pipeline")
    declared = {
        "PostgreSQL": snapshot.database,
        "Redis": snapshot.redis,
        "Prometheus": snapshot.prometheus,
        "migrations": snapshot.migrations,
        "compose files": snapshot.compose or None,
        "CI": snapshot.ci,
        "open issues": snapshot.issues,
    }
    for name, group in GROUPS:
        shown_above = any(rule.startswith(f"{group}.") and snapshot.service(own) for own, rule in servers.items())
        looked_at = not _all_built_in(snapshot) or any(check.rule.startswith(f"{group}.") for check in snapshot.checks)
        if declared.get(name, snapshot) is not None and not shown_above and looked_at:
            belongs = _in_group(group)
            of_group = [finding for finding in findings if finding.rule.startswith(f"{group}.")]
            if not of_group or any(map(belongs, of_group)):
                yield name, belongs


def _all_built_in(snapshot: Snapshot) -> bool:
    """Whether nobody has written a check for this stack: then what no check looks at is nobody's omission."""
    return all(check.built_in for check in snapshot.checks)


def _about_service(service: Service, group: str) -> Belongs:
    """What is said about a service; for one that runs a server, everything that is said about the server, too."""
    of_group = _in_group(group)

    def belongs(finding: Finding) -> bool:
        own = service.name in (finding.subject.partition("/")[0], _seen_service(finding))
        return own or (bool(group) and of_group(finding))

    return belongs


def _in_group(group: str) -> Belongs:
    """What the rules of a group say of their own server; what it saw of a service stands with that service."""
    return lambda finding: finding.rule.partition(".")[0] == group and _seen_service(finding) is None


def _seen_service(finding: Finding) -> object:
    return finding.details.get("service") if finding.rule in SEEN_BY_PROMETHEUS else None


def _row(name: str, about: Sequence[Finding], by_fingerprint: Mapping[str, Finding]) -> MatrixRow:
    bad = [finding for finding in worst_first(about) if finding.status is not Status.OK and not is_accepted(finding)]
    if not bad:
        words, example = _well(about)
        # The sentence quotes one answer: what proves that one is named first.
        return MatrixRow(name, Status.OK, words, _evidence((*example, *about)), "none")
    worst = min(bad, key=weight)
    rest = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return MatrixRow(name, worst.status, worst.title + rest, _evidence(bad), _action(worst, by_fingerprint))


def _well(about: Sequence[Finding]) -> tuple[str, Sequence[Finding]]:
    """How many answers are OK, and the one that is told as an example, if it is short enough."""
    passed = [finding for finding in about if finding.status is Status.OK]
    words = f"{plural(len(passed), 'answer')} OK"
    told: list[Finding] = []
    if passed:
        example = min(passed, key=lambda finding: TELLING.index(finding.rule) if finding.rule in TELLING else 9)
        sentence = example.actual if example.rule in TELLING else f"{example.subject}: {example.actual}"
        if len(sentence) <= SENTENCE_LIMIT:
            words += f", e.g. {sentence}"
            told.append(example)
    accepted = len(about) - len(passed)
    return words + (f"; {plural(accepted, 'finding')} accepted by a waiver" if accepted else ""), told


def _action(worst: Finding, by_fingerprint: Mapping[str, Finding]) -> str:
    cause = by_fingerprint.get(worst.caused_by or "")
    if cause:
        return f"follows from {cause.check} ({cause.subject}): repair that first"
    lines = worst.fix.summary.splitlines() if worst.fix else []
    return lines[0] if lines else "none"


def _evidence(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id for finding in findings for id in finding.evidence))
