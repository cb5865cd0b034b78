"""Rules about single metrics, as the Prometheus server knows them.

Their subjects are metric names or selectors: ``signals_generated_total``, ``up{job="cdb_ws"}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

from cdbctl.assess.case import Case
from cdbctl.assess.params import Params, choice, number, schema, text
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.metric import fits, within
from cdbctl.assess.rules.prometheus import Server, each, jobs_down
from cdbctl.assess.units import clock, duration, plain, plural, stamp
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.metrics import MetricState
from cdbctl.model.needs import MetricQuestion, Needs
from cdbctl.model.prometheus import MetricAnswer
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot

AnswerJudge: TypeAlias = Callable[[Case, Server, MetricAnswer, float], Finding]
SUBJECTS = "metrics: a name, or a selector with labels"


def _each_metric(check: Check, snapshot: Snapshot, expected: str, judge: AnswerJudge) -> Iterator[Finding]:
    """Every metric that has a number; the others in the words of their state."""

    def about(case: Case, reading: Server) -> Iterator[Finding]:
        case = case.expects(expected)
        answer = reading.value.metric(case.subject)
        if answer is None:
            yield case.unknown(f"{case.subject} was not asked for", "the run did not ask for this metric", reading)
        elif answer.value is None:
            yield _without_value(case, reading, answer, is_expected=expected == EXPORTED)
        elif not math.isfinite(answer.value):
            reason = "the sum over its series is not a finite number, which says nothing"
            yield case.unknown(f"{case.subject} has no value", reason, reading, details={"state": answer.state.value})
        else:
            yield judge(case, reading, answer, answer.value)

    return each(check, snapshot, about)


def _without_value(case: Case, reading: Server, answer: MetricAnswer, *, is_expected: bool) -> Finding:
    """What is missing, in words of its own for each state. Absent is not zero."""
    name, look_back = case.subject, duration(reading.value.look_back_seconds)
    details: dict[str, object] = {"state": answer.state.value}
    match answer.state:
        case MetricState.NEVER_SEEN:
            title = f"{name} does not exist in Prometheus"
            hint = f"; most like it is {answer.nearest}" if answer.nearest else ""
            down = jobs_down(reading)
            hint += f"; {', '.join(down)} {'is' if len(down) == 1 else 'are'} down and could export it" if down else ""
            actual = f"no series of this name and these labels in the last {look_back}; absent is not zero{hint}"
            details |= {"nearest": answer.nearest, "jobs_down": down}
            is_expected = is_expected and not down
        case MetricState.GONE:
            seen = f"last seen {clock(answer.last_seen_at)}" if answer.last_seen_at else f"seen in the last {look_back}"
            title = f"{name} is gone: {seen}"
            actual = f"{seen} on {', '.join(answer.seen_on) or 'an unknown target'}, which does not export it any more"
            details |= {"last_seen_at": stamp(answer.last_seen_at), "seen_on": list(answer.seen_on)}
        case MetricState.TARGET_DOWN:
            title = f"{name} cannot be seen: its target is down"
            actual = f"last seen {clock(answer.last_seen_at)}; {answer.note}"
            details |= {"last_seen_at": stamp(answer.last_seen_at), "seen_on": list(answer.seen_on)}
            details |= {"jobs_down": jobs_down(reading, answer.seen_on)}
            is_expected = False
        case _:
            title = f"{name}: Prometheus gave no answer"
            actual = answer.note
            is_expected = False
    if is_expected:
        return case.finding(Status.FAIL, title, actual, reading, key="present", details=details)
    return case.unknown(title, actual, reading, details=details)


METRIC = schema(
    min=number("smallest value that is right", minimum=None),
    max=number("largest value that is right", minimum=None),
    min_increase=number("smallest increase over the window, for a counter"),
    service=text("the service whose work it shows"),
)
EXPORTED = "it is exported"


def ask_metric(check: Check) -> Needs:
    """Each subject, and its increase when the check wants to know it."""
    wanted = "min_increase" in check.params
    return Needs(metrics=tuple(MetricQuestion(subject, wanted) for subject in check.subjects))


def judge_metric(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A metric of the Prometheus server exists, lies within its limits, and moves."""
    params = Params.of(check, METRIC)
    low, high, least = (params.maybe_number(name) for name in ("min", "max", "min_increase"))
    limits = [within(low, high)] if low is not None or high is not None else []
    limits += [f"an increase of at least {plain(least)} over the window"] if least is not None else []

    def judge(case: Case, reading: Server, answer: MetricAnswer, value: float) -> Finding:
        details = {"state": answer.state.value, "value": value, "increase": answer.increase, "series": answer.series}
        grew = _grew(answer, case, reading)
        actual = f"{plain(value)} over {plural(answer.series, 'series', 'series')}{grew}{_noted(answer)}"
        if not fits(value, low, high):
            title = f"{case.subject} is {plain(value)}"
            return case.finding(Status.FAIL, title, actual, reading, key="value", details=details)
        if least is None or (answer.increase is not None and answer.increase >= least):
            return case.ok(actual, reading, details=details)
        most = answer.increase_at_most
        if answer.increase is None or most is None or most >= least:
            title = f"{case.subject}: its increase is not known well enough"
            return case.unknown(title, actual, reading, details=details)
        title = f"{case.subject} does not move" if not answer.increase else f"{case.subject} moves too slowly"
        return case.finding(Status.FAIL, title, actual, reading, key="increase", details=details)

    return _each_metric(check, snapshot, " and ".join(limits) or EXPORTED, judge)


def _grew(answer: MetricAnswer, case: Case, reading: Server) -> str:
    if answer.increase is None:
        return ""
    window = case.snapshot.window
    since = reading.value.watched_since(window.since)
    watched = duration(max(0.0, (window.until - since).total_seconds()))
    stretch = "over the window" if since == window.since else f"in the {watched} that Prometheus watched"
    worth = "" if answer.exact else "about " if answer.increase_at_most is None else "at least "
    return f", an increase of {worth}{plain(answer.increase)} {stretch}"


def _noted(answer: MetricAnswer) -> str:
    return f" ({answer.note})" if answer.note and not answer.exact else ""


CONTRADICTION = schema(
    "probe",
    probe=choice("what cdbctl asks directly", None, "database", "redis"),
    service=text("the service that exports it"),
)


def ask_contradiction(check: Check) -> Needs:
    """Each subject, now."""
    return Needs(metrics=tuple(MetricQuestion(subject, False) for subject in check.subjects))


def judge_contradiction(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """What Prometheus believes about a server agrees with a direct question; the direct answer is believed."""
    probe = Params.of(check, CONTRADICTION).text("probe")
    direct = snapshot.database if probe == "database" else snapshot.redis

    def judge(case: Case, reading: Server, answer: MetricAnswer, value: float) -> Finding:
        if direct is None:
            return case.absent(probe)
        if isinstance(direct, Unavailable):
            return case.silent(direct, needs=probe)
        details = {"metric": case.subject, "value": value, "direct": True}
        told = f"{direct.source} answered a direct question in {duration(direct.value.round_trip_ms / 1000)}"
        title = f"Prometheus says {case.subject} is {plain(value)}, but {direct.source} answers"
        if value >= answer.series:
            return case.ok(f"{case.subject} is {plain(value)}, and {told}", reading, direct, details=details)
        actual = f"{case.subject} is {plain(value)}, while {told}"
        return case.finding(Status.FAIL, title, actual, reading, direct, key=case.subject, details=details)

    return _each_metric(check, snapshot, f"it says the same as a direct question to the {probe}", judge)


RULES = (
    Rule(
        "prometheus.metric",
        judge_metric,
        METRIC,
        subjects=SUBJECTS,
        good="signals_generated_total has grown by 5142 over the window.",
        bad="risk_events_persisted_total is 0, was last seen an hour ago, or does not exist at all.",
        asks=ask_metric,
    ),
    Rule(
        "prometheus.contradiction",
        judge_contradiction,
        CONTRADICTION,
        subjects="metrics that are 1 while another server is up",
        good="pg_up is 1, and PostgreSQL answers SELECT 1.",
        bad="pg_up is 0, and PostgreSQL answers SELECT 1.",
        asks=ask_contradiction,
    ),
)
