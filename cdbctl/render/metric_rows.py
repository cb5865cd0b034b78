"""The metrics that checks ask for, as every form of the report shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from cdbctl.model.check import Check
from cdbctl.model.finding import Status
from cdbctl.model.metrics import MetricsPage, MetricState, Series
from cdbctl.model.reading import Reading, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.rows import counted
from cdbctl.render.service_rows import BADNESS

Exported: TypeAlias = tuple[str, str]
"""A service, and the name of a metric on its page."""
_COUNTER_ENDINGS = ("_total", "_count", "_sum", "_bucket")


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


ASKING = ("prometheus.metric", "prometheus.contradiction")
"""Rules whose subjects are metrics of the Prometheus server."""


def asked_of_prometheus(snapshot: Snapshot) -> tuple[str, ...]:
    """Every metric that a check asks the Prometheus server for."""
    return tuple(dict.fromkeys(name for check in snapshot.checks if check.rule in ASKING for name in check.subjects))


def metric_rows(snapshot: Snapshot) -> list[MetricRow]:
    """Every metric that a check names, on the page of the service that exports it."""
    wanted = dict.fromkeys(pair for check in snapshot.checks for _, pair in _metrics_of(check))
    rows = (_metric_row(name, service, snapshot.metrics.get(service)) for service, name in wanted)
    return [row for row in rows if row is not None]


def metric_statuses(report: Report) -> dict[Exported, Status]:
    """The worst answer about each metric that a check names; accepted findings do not count."""
    named = {(check.id, subject): pair for check in report.snapshot.checks for subject, pair in _metrics_of(check)}
    answers: dict[Exported, list[Status]] = {}
    for finding in (*counted(report), *report.passed):
        if pair := named.get((finding.check, finding.subject)):
            answers.setdefault(pair, []).append(finding.status)
    return {pair: max(statuses, key=BADNESS.index) for pair, statuses in answers.items()}


def _metrics_of(check: Check) -> Iterator[tuple[str, Exported]]:
    """Each subject with its metric: ``service/metric``, or a parameter ``metric`` and a service as the subject."""
    named = check.params.get("metric")
    for subject in check.subjects:
        service, slash, metric = subject.partition("/")
        if isinstance(named, str):
            yield subject, (service, named)
        elif slash and check.rule.startswith("metric."):
            yield subject, (service, metric)


def _metric_row(name: str, service: str, reading: Reading[MetricsPage] | None) -> MetricRow | None:
    if reading is None:
        return None
    if isinstance(reading, Unavailable):
        return MetricRow(name, service, MetricState.TARGET_DOWN, None, None, 0.0, reading.evidence.id)
    page = reading.value
    series = [item for item in page.series if item.name == name]
    if not series:
        # Exported without a number (NaN) is not the same as never exported; the value then is none.
        state = MetricState.VALUE if name in page.not_finite else MetricState.NEVER_SEEN
        return MetricRow(name, service, state, None, None, page.apart_seconds, reading.evidence.id)
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
