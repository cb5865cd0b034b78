"""What every form of the report shows in the same way: services, metrics, evidence, who counts and who is accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cdbctl.model.check import Check, Severity
from cdbctl.model.finding import Finding, Lifecycle, Status
from cdbctl.model.logs import LogFacts
from cdbctl.model.metrics import MetricsPage, MetricState, Series
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.runtime import Health, HealthFacts, ServiceFacts, ServiceState
from cdbctl.model.snapshot import EarlierFinding, Snapshot
from cdbctl.model.stack import Service
from cdbctl.render.text import make_visible
from cdbctl.render.words import count

BADNESS = (Status.OK, Status.WARN, Status.UNKNOWN, Status.FAIL)
"""Best first."""
HEALTH_WORDS = ("healthy", "starting", "unhealthy", "no answer", "no probe")
REMEMBERED = 200
"""Resolved findings that a run passes on to the next."""
_COUNTER_ENDINGS = ("_total", "_count", "_sum", "_bucket")


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service with everything that was read about it."""

    name: str
    declared: Service | None
    status: Status | None
    """The worst answer of the checks about it; None when no check looks at it."""
    facts: ServiceFacts | None
    """None when the runtime did not answer."""
    health: Reading[HealthFacts] | None
    """None when no health page is declared; likewise the log."""
    log: Reading[LogFacts] | None

    @property
    def health_word(self) -> str:
        """What its health page says, in one or two words."""
        match self.health:
            case None:
                return "no probe"
            case Unavailable():
                return "no answer"
            case Observed(value=facts):
                return "no probe" if facts.health is Health.NONE else facts.health.value

    @property
    def runs(self) -> bool:
        """Whether the runtime shows it as running."""
        return self.facts is not None and self.facts.state is ServiceState.RUNNING


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric that a check asks for, over all series of that name on the page of one service."""

    name: str
    service: str
    state: MetricState
    value: float | None
    increase: float | None
    """Between the two scrapes; None for a gauge, and where a series was not there in both."""
    apart_seconds: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding that follows from no other one. One cause has one voice: the rest is listed below it."""

    finding: Finding
    effects: Sequence[Finding]
    """Everything that follows from it, in the order of the report."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A clock compared with that of the host, at the same moment."""

    source: str
    at: datetime
    offset_seconds: float
    """Positive when it is ahead of the host."""


def is_accepted(finding: Finding) -> bool:
    """Whether a waiver covers it, so that it does not count."""
    return finding.lifecycle is Lifecycle.ACCEPTED or finding.accepted_until is not None


def counted(report: Report) -> tuple[Finding, ...]:
    """The findings that count: all but the accepted ones."""
    return tuple(finding for finding in report.findings if not is_accepted(finding))


def accepted(report: Report) -> tuple[Finding, ...]:
    """The findings that somebody knowingly accepted."""
    return tuple(finding for finding in report.findings if is_accepted(finding))


def top_findings(report: Report) -> list[Cause]:
    """The worst findings, in the order of the report."""
    effects = {cause.finding.fingerprint: cause.effects for cause in causes(report)}
    by_fingerprint = {finding.fingerprint: finding for finding in report.findings}
    return [Cause(by_fingerprint[key], effects.get(key, ())) for key in report.top if key in by_fingerprint]


def causes(report: Report) -> list[Cause]:
    """The findings that count and follow from no other one, each with all that follows from it."""
    findings = {finding.fingerprint: finding for finding in counted(report)}
    effects: dict[str, list[Finding]] = {}
    for finding in findings.values():
        first = _first_cause(finding, findings)
        effects.setdefault(first, [])
        if finding.fingerprint != first:
            effects[first].append(finding)
    return [Cause(finding, effects[key]) for key, finding in findings.items() if key in effects]


def closed(report: Report) -> tuple[EarlierFinding, ...]:
    """What was resolved in an earlier run and has not come back: remembered, so that a relapse is known as one."""
    previous = report.snapshot.previous
    if not isinstance(previous, Observed):
        return ()
    here = {item.fingerprint for item in report.findings}
    here |= {item.fingerprint for item in (*report.resolved, *report.unverified)}
    over = (item for item in previous.value.findings if item.lifecycle == Lifecycle.RESOLVED)
    return tuple(item for item in over if item.fingerprint not in here)[:REMEMBERED]


def tally(report: Report) -> str:
    """``1 P0, 12 that follow, 1 accepted``, or ``no findings``."""
    first = causes(report)
    by_severity = Counter(cause.finding.severity for cause in first)
    parts = [f"{by_severity[severity]} {severity}" for severity in Severity if by_severity[severity]]
    if effects := sum(len(cause.effects) for cause in first):
        parts.append(f"{effects} that follow")
    if waived := len(accepted(report)):
        parts.append(f"{waived} accepted")
    return ", ".join(parts) or "no findings"


def coverage_sentence(report: Report) -> str:
    """How much of what was declared could be looked at."""
    missing = report.coverage.not_checked
    required = sum(item.required for item in missing)
    lack = f"; {len(missing)} not checked, {required} of them required" if missing else ""
    return f"{report.coverage.ran} of {count(report.coverage.declared, 'check')} ran, counted once per subject{lack}"


def health_sentence(rows: Iterable[ServiceRow]) -> str:
    """``9 healthy, 1 no answer, 2 no probe``: one reading among others, never the verdict."""
    words = Counter(row.health_word for row in rows)
    return ", ".join(f"{words[word]} {word}" for word in HEALTH_WORDS if words[word]) or "no services"


def worst(statuses: Iterable[Status]) -> Status | None:
    """The worst of some statuses; None of none."""
    return max(statuses, key=BADNESS.index, default=None)


def service_rows(report: Report) -> list[ServiceRow]:
    """Declared services in their order, then those that only the runtime knows."""
    snapshot = report.snapshot
    known = snapshot.runtime.value.services if isinstance(snapshot.runtime, Observed) else ()
    facts = {item.name: item for item in known}
    declared = {service.name: service for service in snapshot.services}
    statuses: dict[str, list[Status]] = {}
    for finding in (*counted(report), *report.passed):
        statuses.setdefault(finding.subject.partition("/")[0], []).append(finding.status)
    return [
        ServiceRow(
            name=name,
            declared=declared.get(name),
            status=worst(statuses.get(name, ())),
            facts=facts.get(name),
            health=snapshot.health.get(name),
            log=snapshot.logs.get(name),
        )
        for name in dict.fromkeys((*declared, *facts))
    ]


def metric_rows(snapshot: Snapshot) -> list[MetricRow]:
    """Every metric that a check names, on the page of the service that exports it."""
    wanted = dict.fromkeys(pair for check in snapshot.checks for pair in _metrics_of(check))
    rows = (_metric_row(name, service, snapshot.metrics.get(service)) for service, name in wanted)
    return [row for row in rows if row is not None]


def clock_offsets(snapshot: Snapshot) -> list[ClockOffset]:
    """The clocks of the servers that told their time."""
    return [
        ClockOffset(name, reading.value.server_at, (reading.value.server_at - reading.value.host_at).total_seconds())
        for name, reading in (("PostgreSQL", snapshot.database), ("Redis", snapshot.redis))
        if isinstance(reading, Observed)
    ]


def stored_text(evidence: Evidence) -> str:
    """The text of an evidence file. Quotes are shown in the same spelling, so they occur in it verbatim."""
    return make_visible(evidence.text)


def digest(evidence: Evidence) -> str:
    """SHA-256 of the evidence file."""
    return sha256(stored_text(evidence).encode()).hexdigest()


def _first_cause(finding: Finding, findings: Mapping[str, Finding]) -> str:
    """Where the chain of causes begins, as far as it is known; a circle begins at its first member."""
    chain = [finding.fingerprint]
    while (cause := findings[chain[-1]].caused_by) in findings and cause:
        if cause in chain:
            return next(key for key in findings if key in chain[chain.index(cause) :])
        chain.append(cause)
    return chain[-1]


def _metrics_of(check: Check) -> Iterator[tuple[str, str]]:
    """(service, metric): a subject ``service/metric``, or a parameter ``metric`` and a service as the subject."""
    named = check.params.get("metric")
    for subject in check.subjects:
        service, slash, metric = subject.partition("/")
        if isinstance(named, str):
            yield service, named
        elif slash and check.rule.startswith("metric."):
            yield service, metric


def _metric_row(name: str, service: str, reading: Reading[MetricsPage] | None) -> MetricRow | None:
    if reading is None:
        return None
    if isinstance(reading, Unavailable):
        return MetricRow(name, service, MetricState.TARGET_DOWN, None, None, 0.0, reading.evidence.id)
    page = reading.value
    series = [item for item in page.series if item.name == name]
    if not series:
        return MetricRow(name, service, MetricState.NEVER_SEEN, None, None, page.apart_seconds, reading.evidence.id)
    value = sum(item.value for item in series)
    grows = name.endswith(_COUNTER_ENDINGS) and page.apart_seconds > 0 and not any(s.earlier is None for s in series)
    return MetricRow(
        name=name,
        service=service,
        state=MetricState.ZERO if value == 0 else MetricState.VALUE,
        value=value,
        increase=sum(map(_growth, series)) if grows else None,
        apart_seconds=page.apart_seconds,
        evidence=reading.evidence.id,
    )


def _growth(series: Series) -> float:
    """What a counter gained; one that became smaller began anew with its process."""
    earlier = series.earlier or 0.0
    return series.value if series.value < earlier else series.value - earlier
