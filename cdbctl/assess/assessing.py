"""From a snapshot to findings: rules, then waivers, causes and lifecycle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cdbctl.assess.case import Case
from cdbctl.assess.causes import explain
from cdbctl.assess.lifecycle import compare
from cdbctl.assess.rules import RULES
from cdbctl.assess.waivers import accept
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding
from cdbctl.model.needs import MetricQuestion, Needs, Question, StreamQuestion
from cdbctl.model.snapshot import Snapshot


def assess(snapshot: Snapshot) -> tuple[Finding, ...]:
    """Judge every check about every subject. Pure: the same snapshot gives the same findings."""
    findings: tuple[Finding, ...] = tuple(_rules(snapshot))
    findings = accept(findings, snapshot.waivers, now=snapshot.taken_at)
    findings = explain(findings, snapshot)
    return compare(findings, snapshot)


def _rules(snapshot: Snapshot) -> Iterator[Finding]:
    for check in snapshot.checks:
        yield from _answered(check, snapshot)


def _answered(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The answers of one check; a subject that no answer came for is UNKNOWN, never forgotten."""
    rule = RULES.get(check.rule)
    answered = set()
    reason = f"this version of cdbctl has no rule {check.rule}"
    try:
        for finding in rule.judge(check, snapshot) if rule else ():
            answered.add(finding.subject)
            yield finding
        reason = "the rule gave no answer" if rule else reason
    except Exception as bug:  # noqa: BLE001 - a defect of one rule costs its answers, not the report
        reason = f"a defect of cdbctl: the rule {check.rule} failed with {type(bug).__name__}: {bug}"
    for subject in check.subjects:
        if subject not in answered:
            yield Case(check, snapshot, subject).unknown(f"{subject}: {reason}", reason)


def needs(checks: Iterable[Check]) -> Needs:
    """Everything that the checks want to know beyond what every run looks at; nothing is asked for twice."""
    asked = [RULES[check.rule].asks(check) for check in checks if check.rule in RULES]
    questions: dict[str, Question] = {question.id: question for needs in asked for question in needs.questions}
    fields: dict[str, dict[str, None]] = {}
    for question in (stream for needs in asked for stream in needs.streams):
        fields.setdefault(question.name, {}).update(dict.fromkeys(question.count_fields))
    streams = (StreamQuestion(name, tuple(counted)) for name, counted in fields.items())
    increases: dict[str, bool] = {}
    for metric in (metric for needs in asked for metric in needs.metrics):
        increases[metric.name] = metric.increase or increases.get(metric.name, False)
    metrics = (MetricQuestion(name, increase) for name, increase in increases.items())
    return Needs(tuple(questions.values()), tuple(streams), tuple(metrics))
