"""Rules about Prometheus: it watches, its targets answer, and its alerts are quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from cdbctl.assess.case import Case, cases, quote
from cdbctl.assess.params import Params, Schema, choice, number, schema, text, texts
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural, stamp
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.metrics import MetricState
from cdbctl.model.prometheus import Alert, PrometheusFacts, Target
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot
from cdbctl.model.stack import Group

Server: TypeAlias = Observed[PrometheusFacts]
PrometheusJudge: TypeAlias = Callable[[Case, Server], Iterator[Finding]]
SUBJECT = "the word `Prometheus`"
NAMED = 6
"""Instances, rules and the like that a sentence names."""


def each(check: Check, snapshot: Snapshot, judge: PrometheusJudge) -> Iterator[Finding]:
    """Every subject of a check, where Prometheus answered; else that it did not, or that nobody declared it."""
    for case in cases(check, snapshot):
        reading = snapshot.prometheus
        if reading is None:
            yield case.absent("prometheus")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="prometheus", state=MetricState.PROM_DOWN.value)
        else:
            yield from judge(case, reading)


SERVER = schema(
    max_round_trip_ms=number("slower answers are a WARN", 500),
    max_skew_seconds=number("largest difference from the clock of this machine", 2),
    max_blind_seconds=number("a longer stretch of the window that nobody watched is a WARN", 0),
    service=text("the service that runs it, so that its end explains this one"),
)
OWN_PARTS = ("build information", "runtime information", "configuration", "metric names", "samples before its start")
"""What no other rule about Prometheus speaks of."""


def judge_server(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Prometheus answers, uses the configuration it was given, and watched during the whole window."""
    params = Params.of(check, SERVER)

    def judge(case: Case, reading: Server) -> Iterator[Finding]:
        case = case.expects("it answers, took its last configuration, keeps the time, and watched the whole window")
        found = [*_configuration(case, reading), *_clock(case, reading, params), *_blind(case, reading, params)]
        found += [*_slow(case, reading, params), *_warnings(case, reading), *gaps(case, reading, OWN_PARTS)]
        yield from found
        if not found:
            facts = reading.value
            actual = (
                f"Prometheus {facts.version} answered in {facts.round_trip_ms:.1f} ms, started"
                f" {clock(facts.started_at)}, configuration in use since {clock(facts.config_loaded_at)}"
            )
            yield case.ok(actual, reading, details={"round_trip_ms": facts.round_trip_ms})

    return each(check, snapshot, judge)


def _configuration(case: Case, reading: Server) -> Iterator[Finding]:
    if reading.value.config_loaded is False:
        actual = f"the last change was refused; the one in use was loaded {clock(reading.value.config_loaded_at)}"
        fix = replace(
            case.remedy(),
            summary="Correct the configuration, then let Prometheus load it again",
            verify=("promtool check config prometheus.yml",),
        )
        title = "Prometheus refused its configuration and goes on with an old one"
        yield case.finding(Status.FAIL, title, actual, reading, key="configuration", fix=fix)


def _clock(case: Case, reading: Server, params: Params) -> Iterator[Finding]:
    facts = reading.value
    skew = (facts.server_at - facts.host_at).total_seconds()
    doubt = facts.round_trip_ms / 2000
    if abs(skew) > params.number("max_skew_seconds") + doubt:
        direction = "ahead of" if skew > 0 else "behind"
        apart = f"{duration(abs(skew))} {direction} the clock of this machine"
        details = {"skew_seconds": round(skew, 3), "uncertainty_seconds": round(doubt, 3)}
        actual = f"{apart} (± {duration(doubt)}): times and windows do not mean the same to both"
        yield case.finding(
            Status.FAIL, f"the clock of Prometheus is {apart}", actual, reading, key="skew", details=details
        )


def _blind(case: Case, reading: Server, params: Params) -> Iterator[Finding]:
    """A start inside the window: what happened before it, nobody saw, unless nothing ran yet."""
    facts, window = reading.value, case.snapshot.window
    started = facts.started_at
    if started is None or started <= window.since:
        return
    known = (window.since, facts.blind_since, _first_start(case.snapshot))
    since = max(at for at in known if at is not None)
    blind = (started - since).total_seconds()
    if blind <= params.number("max_blind_seconds"):
        return
    before = f"its newest sample before that is of {clock(facts.blind_since)}"
    before = before if facts.blind_since else "it has no sample from before that"
    actual = f"it started {clock(started)}; {before}; from {clock(since)} on, {duration(blind)} were not watched"
    details = {"started_at": stamp(started), "blind_since": stamp(since), "blind_seconds": round(blind, 1)}
    title = f"Prometheus started inside the window: {duration(blind)} were not watched"
    yield case.finding(Status.WARN, title, actual, reading, key="blind", details=details)


def _first_start(snapshot: Snapshot) -> datetime | None:
    """When the first of the services under test that run now was started: before that there was little to watch."""
    if not isinstance(snapshot.runtime, Observed):
        return None
    starts = [
        facts.started_at
        for facts in snapshot.runtime.value.services
        if facts.started_at and (own := snapshot.service(facts.name)) and own.group is Group.UNDER_TEST
    ]
    return min(starts, default=None)


def _slow(case: Case, reading: Server, params: Params) -> Iterator[Finding]:
    took, limit = reading.value.round_trip_ms, params.number("max_round_trip_ms")
    if took > limit:
        actual = f"the question for its time took {took:.1f} ms, more than {limit:g} ms"
        details = {"round_trip_ms": took}
        title = f"Prometheus takes {took:.0f} ms to tell the time"
        yield case.finding(Status.WARN, title, actual, reading, key="slow", details=details)


def _warnings(case: Case, reading: Server) -> Iterator[Finding]:
    warnings = reading.value.warnings
    if warnings:
        title = f"Prometheus warns about its own answers: {warnings[0]:.200}"
        actual = f"{plural(len(warnings), 'warning')}: {'; '.join(warnings[:NAMED])}"
        quotes = quote(reading.evidence, warnings[0])
        details = {"warnings": list(warnings)}
        yield case.finding(Status.WARN, title, actual, reading, key="warnings", details=details, quotes=quotes)


def gaps(case: Case, reading: Server, parts: Sequence[str]) -> Iterator[Finding]:
    """What was asked for and not answered."""
    found = [item for item in reading.value.not_read if item.what in parts]
    if found:
        told = "; ".join(f"{item.what}: {item.reason}" for item in found)
        title = f"Prometheus did not tell its {' and '.join(item.what for item in found)}"
        yield case.unknown(title, told, reading, quotes=quote(reading.evidence, found[0].reason))


TARGETS = schema(
    down=choice("what a target that is down means", "FAIL", "FAIL", "WARN"),
    expected_jobs=texts("jobs that have to be scraped"),
    ignore=texts("jobs that do not count"),
)


def judge_targets(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Everything that Prometheus is to scrape answers it, and every job has something to scrape."""
    params = Params.of(check, TARGETS)
    ignored, expected = params.texts("ignore"), params.texts("expected_jobs")

    def judge(case: Case, reading: Server) -> Iterator[Finding]:
        facts = reading.value
        case = case.expects("every target is up, and every job has one")
        if facts.gap("targets") is not None:
            yield from gaps(case, reading, ("targets",))
            return
        targets = [item for item in facts.targets if item.job not in ignored]
        found = [*_down_jobs(case, reading, targets, Status(params.text("down")))]
        jobs = {item.job for item in targets}
        empty = [name for name in dict.fromkeys((*facts.jobs, *expected)) if name not in jobs and name not in ignored]
        found += [_no_target(case, reading, name, Status.FAIL if name in expected else Status.WARN) for name in empty]
        waiting = [item for item in targets if item.health not in ("up", "down")]
        if waiting:
            reason = f"not scraped yet: {named([item.job for item in waiting])}"
            title = f"{plural(len(waiting), 'target')} of Prometheus {_was(len(waiting))} not scraped yet"
            found.append(case.unknown(title, reason, reading, remedy="Run the check-up again in a moment"))
        if not targets and not empty:
            found.append(
                case.finding(Status.FAIL, "Prometheus scrapes nothing", "it has no target", reading, key="none")
            )
        yield from found
        if not found:
            actual = f"{plural(len(targets), 'target')} of {plural(len(jobs), 'job')}, all up"
            yield case.ok(actual, reading, details={"targets": len(targets), "jobs": sorted(jobs)})

    return each(check, snapshot, judge)


def _down_jobs(case: Case, reading: Server, targets: Sequence[Target], status: Status) -> Iterator[Finding]:
    by_job: dict[str, list[Target]] = {}
    for target in targets:
        by_job.setdefault(target.job, []).append(target)
    for job, members in by_job.items():
        down = [item for item in members if item.health == "down"]
        if not down:
            continue
        error = down[0].last_error or "no reason given"
        actual = (
            f"{len(down)} of {plural(len(members), 'target')} down: {named([item.instance for item in down])}; {error}"
        )
        hosts = [item.instance.rpartition(":")[0] for item in down]
        yield case.finding(
            status,
            f"Prometheus cannot scrape {job}",
            actual,
            reading,
            key=job,
            details={"job": job, "instances": [item.instance for item in down], **home(case.snapshot, job, *hosts)},
            quotes=quote(reading.evidence, down[0].last_error),
        )


def _no_target(case: Case, reading: Server, job: str, status: Status) -> Finding:
    declared = job in reading.value.jobs
    actual = "it is declared, and nothing was discovered for it" if declared else "it is not in the configuration"
    title = f"Prometheus scrapes nothing for the job {job}"
    return case.finding(status, title, actual, reading, key=f"{job}/none", details={"job": job, "declared": declared})


def jobs_down(reading: Server, places: Sequence[str] | None = None) -> list[str]:
    """The jobs with a target that is down, of these ``job instance`` places when they are given."""
    down = (item for item in reading.value.targets if item.health == "down")
    return sorted({item.job for item in down if places is None or f"{item.job} {item.instance}" in places})


def home(snapshot: Snapshot, *names: str) -> dict[str, object]:
    """The declared service that labels of Prometheus point to, for the details of a finding."""
    for name in names:
        for service in snapshot.services:
            if name and name in (service.name, service.compose_service):
                return {"service": service.name}
    return {}


STATUSES: Schema = {
    "type": "object",
    "additionalProperties": {"enum": ["OK", "WARN", "FAIL"]},
    "description": "what a firing alert means, by the value of its label `severity`; any other value is a FAIL",
    "default": {"warning": "WARN", "info": "WARN", "none": "OK"},
}
ALERTS = schema(
    severities=STATUSES,
    ignore=texts("alerts that fire always, to show that alerting works", ("Watchdog", "DeadMansSwitch")),
)


def judge_alerts(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """No alert fires or is about to."""
    params = Params.of(check, ALERTS)
    ignored, severities = params.texts("ignore"), params.mapping("severities")

    def judge(case: Case, reading: Server) -> Iterator[Finding]:
        facts = reading.value
        case = case.expects("no alert fires, and none is pending")
        if facts.gap("alerts") is not None:
            yield from gaps(case, reading, ("alerts",))
            return
        by_name: dict[str, list[Alert]] = {}
        for alert in facts.alerts:
            if alert.name not in ignored:
                by_name.setdefault(alert.name, []).append(alert)
        found = [_alert(case, reading, alerts, severities) for alerts in by_name.values()]
        yield from (item for item in found if item.status is not Status.OK)
        if all(item.status is Status.OK for item in found):
            quiet = sum(alert.name in ignored for alert in facts.alerts) + sum(map(len, by_name.values()))
            allowed = " that counts" if quiet else ""
            yield _silence(case, reading, allowed)

    return each(check, snapshot, judge)


def _silence(case: Case, reading: Server, allowed: str) -> Finding:
    """That no alert is active proves something only where alert rules are loaded."""
    if reading.value.gap("rules") is not None:
        actual = f"no alert{allowed} fires or is pending; how many rules are loaded is not known"
        return case.ok(actual, reading)
    rules = sum(rule.kind == "alerting" for rule in reading.value.rules)
    if not rules:
        reason = "Prometheus has loaded no alert rule, so none can fire"
        remedy = "Name files with alert rules in rule_files of prometheus.yml"
        return case.unknown("no alert rule is loaded", reason, reading, remedy=remedy)
    actual = f"none of {plural(rules, 'alert rule')} fires or is pending{allowed}"
    return case.ok(actual, reading, details={"rules": rules})


def _alert(case: Case, reading: Server, alerts: Sequence[Alert], severities: Mapping[str, object]) -> Finding:
    """One finding for one alert, however many series it fires for."""
    firing = [alert for alert in alerts if alert.state == "firing"]
    statuses = [Status(str(severities.get(alert.label("severity"), "FAIL"))) for alert in firing] or [Status.WARN]
    status = next(item for item in (Status.FAIL, Status.WARN, Status.OK) if item in statuses)
    shown = firing or list(alerts)
    first = min((alert.active_at for alert in shown if alert.active_at), default=None)
    state = "fires" if firing else "is pending"
    told = f": {shown[0].summary}" if shown[0].summary else ""
    actual = (
        f"{plural(len(shown), 'series', 'series')} since {clock(first)}: {named([_labels(item) for item in shown])}"
    )
    name = shown[0].name
    rule = next((rule for rule in reading.value.rules if rule.kind == "alerting" and rule.name == name), None)
    places = [alert.label(label) for alert in shown for label in ("service", "container", "job", "instance")]
    details: dict[str, object] = {
        "alert": name,
        "state": "firing" if firing else "pending",
        "count": len(shown),
        "since": stamp(first),
        "metrics": list(rule.metrics) if rule else [],
        "jobs": sorted({alert.label("job") for alert in shown} - {""}),
        **home(case.snapshot, *places, *(place.rpartition(":")[0] for place in places)),
    }
    quotes = quote(reading.evidence, shown[0].summary)
    return case.finding(
        status, f"alert {name} {state}{told}", actual, reading, key=name, details=details, quotes=quotes
    )


def _labels(alert: Alert) -> str:
    return ", ".join(f"{key}={value}" for key, value in alert.labels) or "without labels"


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


RULES = (
    Rule(
        "prometheus.server",
        judge_server,
        SERVER,
        subjects=SUBJECT,
        good="Prometheus answers in 2 ms and has run for longer than the window.",
        bad="Prometheus was started 20 minutes ago, or refused its last configuration; no answer at all is UNKNOWN.",
    ),
    Rule(
        "prometheus.targets",
        judge_targets,
        TARGETS,
        subjects=SUBJECT,
        good="All nine targets are up.",
        bad="cdb_risk:8000 refuses the connection, or a job has nothing to scrape.",
    ),
    Rule(
        "prometheus.alerts",
        judge_alerts,
        ALERTS,
        subjects=SUBJECT,
        good="Only Watchdog fires, as it always does.",
        bad="RiskEventsNotPersisted fires for cdb_risk.",
    ),
)
