"""What Prometheus says: of itself, of what it scrapes, of its alerts and rules, and of the metrics checks ask for."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.model.metrics import MetricState
from cdbctl.model.prometheus import Alert, MetricAnswer, PrometheusFacts, RuleFacts, Target
from cdbctl.model.reading import Unavailable
from cdbctl.model.report import Report
from cdbctl.render.md import inline, paragraphs, table
from cdbctl.render.metric_rows import asked_of_prometheus
from cdbctl.render.words import NONE, clock, count, duration, number, utc

LISTED = 12
"""Targets, alerts and rules that are shown one by one; the rest is counted and stands in the evidence."""


def prometheus(report: Report) -> list[str]:
    """One server in a few lines; nothing where none is declared and no check asks for one."""
    snapshot = report.snapshot
    reading = snapshot.prometheus
    if reading is None:
        return []
    proof = inline(reading.evidence.id)
    if isinstance(reading, Unavailable):
        asked = [inline(name) for name in asked_of_prometheus(snapshot)]
        remedy = f" To do: {inline(reading.remedy)}" if reading.remedy else ""
        unknown = f" Of {', '.join(asked)} nothing is known ({MetricState.PROM_DOWN})." if asked else ""
        line = (
            f"Not known: {inline(reading.source)} did not answer, {inline(reading.reason)} ({proof}).{remedy}{unknown}"
        )
        return ["### Prometheus", "", line]
    facts, now = reading.value, snapshot.taken_at
    started = f"up {duration((now - facts.started_at).total_seconds())} since " if facts.started_at else "started at "
    config = {True: "", False: ", **the last change of its configuration was refused**", None: ""}[facts.config_loaded]
    lines = [
        (
            f"- Prometheus {inline(facts.version or 'of unknown version')}, {started}{utc(facts.started_at)}, answered"
            f" in {facts.round_trip_ms:.1f} ms{config} ({proof})"
        ),
        f"- {_targets(facts)}",
        f"- {_alerts(facts)}",
        f"- {_rules(facts)}",
        *(f"- Warning of the server: {inline(warning)}" for warning in facts.warnings),
        *(f"- Not known: {inline(item.what)}, {inline(item.reason)}" for item in facts.not_read),
    ]
    header = ("Metric", "State", ">Value", ">Series", ">Increase", "Remark")
    return paragraphs(
        ["### Prometheus"],
        lines,
        _listed(("Target", "Health", "Error"), [_target(item) for item in facts.targets if item.health != "up"]),
        _listed(
            ("Alert", "State", "Since (UTC)", "Labels", "Summary"), [_alert(item, report) for item in facts.alerts]
        ),
        _listed(("Rule", "Problem", "Series that are missing", "Instead there is"), _troubled(facts.rules)),
        table(header, (_metric(item, facts, report) for item in facts.metrics)) if facts.metrics else [],
    )


def _targets(facts: PrometheusFacts) -> str:
    if facts.gap("targets") is not None:
        return "Targets: not known"
    up = sum(target.health == "up" for target in facts.targets)
    without = [name for name in facts.jobs if name not in {target.job for target in facts.targets}]
    rest = f"; without a target: {', '.join(map(inline, without))}" if without else ""
    return f"{up} of {count(len(facts.targets), 'target')} up{rest}"


def _alerts(facts: PrometheusFacts) -> str:
    if facts.gap("alerts") is not None:
        return "Alerts: not known"
    states = [alert.state for alert in facts.alerts]
    return f"{count(states.count('firing'), 'alert')} firing, {states.count('pending')} pending"


def _rules(facts: PrometheusFacts) -> str:
    if facts.gap("rules") is not None:
        return "Rules: not known"
    dead = sum(rule.dead for rule in facts.rules)
    broken = sum(rule.health == "err" for rule in facts.rules)
    unjudged = sum(bool(rule.not_judged) for rule in facts.rules)
    words = [f"{count(len(facts.rules), 'rule')} loaded"]
    words += [f"{dead} over series that do not exist"] if dead else []
    words += [f"{broken} with an error"] if broken else []
    words += [f"{unjudged} not judged"] if unjudged else []
    words += [f"none from {', '.join(map(inline, facts.empty_rule_files))}"] if facts.empty_rule_files else []
    return ", ".join(words)


def _listed(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of the first rows; nothing where there is none."""
    if not rows:
        return []
    rest = len(rows) - LISTED
    more = [(f"… and {rest} more", *("" for _ in header[1:]))] if rest > 0 else []
    return table(header, [*rows[:LISTED], *more])


def _target(target: Target) -> tuple[str, ...]:
    return f"{inline(target.job)} {inline(target.instance)}", inline(target.health), inline(target.last_error) or NONE


def _alert(alert: Alert, report: Report) -> tuple[str, ...]:
    labels = ", ".join(f"{key}={value}" for key, value in alert.labels)
    since = clock(alert.active_at, report.snapshot.taken_at)
    return inline(alert.name), inline(alert.state), since, inline(labels) or NONE, inline(alert.summary) or NONE


def _troubled(rules: Sequence[RuleFacts]) -> list[tuple[str, ...]]:
    return [_rule(rule) for rule in rules if rule.dead or rule.health == "err" or rule.not_judged]


def _rule(rule: RuleFacts) -> tuple[str, ...]:
    problem = rule.last_error if rule.health == "err" else rule.not_judged
    if rule.dead and not problem:
        work = "fire" if rule.kind == "alerting" else "record anything"
        problem = f"can never {work}" if rule.certain else f"cannot {work} now"
    hints = ", ".join(f"{existing} for {missing}" for missing, existing in rule.nearest)
    return inline(rule.name), inline(problem), inline(", ".join(rule.missing)) or NONE, inline(hints) or NONE


def _metric(answer: MetricAnswer, facts: PrometheusFacts, report: Report) -> tuple[str, ...]:
    remarks = [answer.note] if answer.note and not answer.exact else []
    if answer.last_seen_at:
        remarks.insert(0, f"last seen {utc(answer.last_seen_at)}")
    if answer.nearest:
        remarks.append(f"most like it: {answer.nearest}")
    window = report.snapshot.window
    watched = max(0.0, (window.until - facts.watched_since(window.since)).total_seconds())
    return (
        inline(answer.name),
        answer.state.value,
        number(answer.value),
        str(answer.series) if answer.series else NONE,
        NONE if answer.increase is None else f"{_about(answer)}{number(answer.increase)} in {duration(watched)}",
        inline("; ".join(remarks)) or NONE,
    )


def _about(answer: MetricAnswer) -> str:
    """What the increase is worth."""
    if answer.exact:
        return ""
    return "about " if answer.increase_at_most is None else "at least "
