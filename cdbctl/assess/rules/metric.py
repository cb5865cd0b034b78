"""Rules about metrics. Absent is not zero, and a page that does not answer says nothing.

Their subjects are written ``service/metric``, e.g. ``cdb_ws/decoded_messages_total``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.params import Params, Schema, choice, number, schema, text
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import duration, plain, plural
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.metrics import MetricsPage, MetricState, Series
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

LABELS: Schema = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "only series with these labels; all of them are added up",
    "default": {},
}
MetricJudge: TypeAlias = Callable[[Case, Observed[MetricsPage], str, tuple[Series, ...]], Finding]


def series_of(page: MetricsPage, metric: str, labels: dict[str, str]) -> tuple[Series, ...]:
    """The series of one metric that carry these labels."""
    wanted = labels.items()
    return tuple(item for item in page.series if item.name == metric and wanted <= dict(item.labels).items())


def _each_metric(check: Check, snapshot: Snapshot, params: Params, judge: MetricJudge) -> Iterator[Finding]:
    labels = {name: str(value) for name, value in params.mapping("labels").items()}
    for case in cases(check, snapshot):
        service, _, metric = case.subject.partition("/")
        reading = snapshot.metrics.get(service)
        if reading is None:
            yield case.absent(f"metrics page of {service}")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, state=MetricState.TARGET_DOWN.value)
        else:
            yield judge(case, reading, metric, series_of(reading.value, metric, labels))


def no_value(case: Case, reading: Observed[MetricsPage], metric: str) -> Finding:
    """The page answered, and no finite value of the metric stands on it."""
    if metric in reading.value.not_finite:
        return case.unknown(
            f"{case.subject} has no value",
            f"the page exports {metric} as NaN or infinite, which says nothing",
            reading,
            remedy=f"See why {reading.source} computes {metric} from nothing",
            details={"state": MetricState.VALUE.value},
        )
    return case.unknown(
        f"{case.subject} is not exported",
        "the page answered and does not hold this metric; absent is not zero",
        reading,
        details={"state": MetricState.NEVER_SEEN.value},
    )


PRESENT = schema(labels=LABELS)


def judge_present(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A metrics page exports the metrics that others rely on."""

    def judge(case: Case, page: Observed[MetricsPage], metric: str, series: tuple[Series, ...]) -> Finding:
        case = case.expects("the page exports it")
        if not series and metric in page.value.not_finite:
            return case.ok(f"the page exports {metric}, as NaN or infinite", page)
        if not series:
            title = f"{case.subject} is not exported"
            actual = (
                f"the page answered with {plural(len(page.value.series), 'series', 'series')}, none of them {metric}"
            )
            details = {"state": MetricState.NEVER_SEEN.value}
            return case.finding(Status.FAIL, title, actual, page, key="present", details=details)
        total = sum(item.value for item in series)
        state = MetricState.VALUE if total else MetricState.ZERO
        actual = f"{plural(len(series), 'series', 'series')}, together {plain(total)}"
        return case.ok(actual, page, details={"state": state.value, "value": total})

    return _each_metric(check, snapshot, Params.of(check, PRESENT), judge)


VALUE = schema(
    min=number("smallest value that is right", minimum=None),
    max=number("largest value that is right", minimum=None),
    labels=LABELS,
)


def judge_value(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The value of a metric lies within its limits; a metric that nobody exports has no value."""
    params = Params.of(check, VALUE)
    low, high = params.maybe_number("min"), params.maybe_number("max")
    wanted = within(low, high)

    def judge(case: Case, page: Observed[MetricsPage], metric: str, series: tuple[Series, ...]) -> Finding:
        case = case.expects(wanted)
        if not series:
            return no_value(case, page, metric)
        total = sum(item.value for item in series)
        state = MetricState.VALUE if total else MetricState.ZERO
        details = {"state": state.value, "value": total}
        if fits(total, low, high):
            return case.ok(plain(total), page, details=details)
        title = f"{case.subject} is {plain(total)}"
        return case.finding(Status.FAIL, title, plain(total), page, key="value", details=details)

    return _each_metric(check, snapshot, params, judge)


def within(low: float | None, high: float | None) -> str:
    """The limits in words."""
    words = [f"at least {plain(low)}"] if low is not None else []
    words += [f"at most {plain(high)}"] if high is not None else []
    return " and ".join(words) or "any number"


def fits(value: float, low: float | None, high: float | None) -> bool:
    """Whether a number lies within the limits; what is not a number never does."""
    return value == value and (low is None or value >= low) and (high is None or value <= high)


INCREASE = schema(
    min=number("smallest increase between the two scrapes", 1),
    min_apart_seconds=number("scrapes closer together than this prove nothing", 0.5),
    labels=LABELS,
)


def judge_increase(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A counter that must move moves between two scrapes."""
    params = Params.of(check, INCREASE)
    least, apart = params.number("min"), params.number("min_apart_seconds")

    def judge(case: Case, page: Observed[MetricsPage], metric: str, series: tuple[Series, ...]) -> Finding:
        seconds = page.value.apart_seconds
        case = case.expects(f"an increase of at least {plain(least)} within {duration(max(seconds, apart))}")
        if not series:
            return no_value(case, page, metric)
        if seconds < apart or any(item.earlier is None for item in series):
            reason = f"two scrapes at least {duration(apart)} apart are needed, these are {duration(seconds)} apart"
            if seconds >= apart:
                reason = "a series appeared between the two scrapes, so its increase is not known"
            return case.unknown(f"{case.subject}: no increase can be computed", reason, page)
        increase = sum(_increase(item) for item in series)
        total = sum(item.value for item in series)
        details = {"value": total, "increase": increase, "apart_seconds": seconds}
        actual = f"from {plain(total - increase)} to {plain(total)} in {duration(seconds)}"
        if increase >= least:
            return case.ok(actual, page, details=details)
        title = f"{case.subject} does not move" if not increase else f"{case.subject} moves too slowly"
        return case.finding(Status.FAIL, title, actual, page, key="increase", details=details)

    return _each_metric(check, snapshot, params, judge)


def _increase(item: Series) -> float:
    # A counter that became smaller began anew with its process: everything in it is an increase.
    earlier = item.earlier or 0.0
    return item.value - earlier if item.value >= earlier else item.value


CONTRADICTION = schema(
    "metric",
    "probe",
    metric=text("the exporter's gauge: 1 for up, 0 for down"),
    probe=choice("what cdbctl asks directly", None, "database", "redis"),
)


def judge_contradiction(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """An exporter and a direct probe do not contradict each other; the direct probe is believed."""
    params = Params.of(check, CONTRADICTION)
    metric, probe = params.text("metric"), params.text("probe")
    for case in cases(check, snapshot):
        case = case.expects(f"{metric} says the same as a direct question to the {probe}")
        direct = snapshot.database if probe == "database" else snapshot.redis
        page = snapshot.metrics.get(case.subject)
        if direct is None or page is None:
            yield case.absent(f"metrics page of {case.subject}" if direct else probe)
        elif isinstance(page, Unavailable):
            yield case.silent(page, state=MetricState.TARGET_DOWN.value)
        else:
            yield _contradiction(case, page, metric, direct, probe)


def _contradiction(case: Case, page: Observed[MetricsPage], metric: str, direct: AnyReading, probe: str) -> Finding:
    series = series_of(page.value, metric, {})
    if not series:
        return no_value(case, page, metric)
    if isinstance(direct, Unavailable):
        # Silence proves neither: the way from here to the server may be what is slow or closed.
        return case.silent(direct, needs=probe)
    value = min(item.value for item in series)
    details = {"metric": metric, "value": value, "direct": True}
    answer = f"{direct.source} answered a direct question in {duration(direct.value.round_trip_ms / 1000)}"
    if value >= 1:
        return case.ok(f"{metric} is {plain(value)}, and {answer}", page, direct, details=details)
    actual = f"{metric} is {plain(value)}, while {answer}"
    title = f"{case.subject} exports {metric} {plain(value)}, but {direct.source} answers"
    return case.finding(Status.FAIL, title, actual, page, direct, key=metric, details=details)


RULES = (
    Rule(
        "metric.present",
        judge_present,
        PRESENT,
        subjects="metrics, written service/metric",
        good="The page of cdb_risk exports risk_events_persisted_total, even while it is 0.",
        bad="The page of cdb_risk answers and does not hold risk_events_persisted_total.",
    ),
    Rule(
        "metric.value",
        judge_value,
        VALUE,
        subjects="metrics, written service/metric",
        good="risk_events_persisted_total is 5142 and must be at least 1.",
        bad="risk_events_persisted_total is 0 and must be at least 1.",
    ),
    Rule(
        "metric.increase",
        judge_increase,
        INCREASE,
        subjects="metrics, written service/metric",
        good="decoded_messages_total grew by 4 in one second.",
        bad="decoded_messages_total did not grow in one second.",
    ),
    Rule(
        "metric.contradiction",
        judge_contradiction,
        CONTRADICTION,
        subjects="services that export whether another one is up",
        about_services=True,
        good="pg_up is 1, and PostgreSQL answers SELECT 1.",
        bad="pg_up is 0, and PostgreSQL answers SELECT 1.",
    ),
)
