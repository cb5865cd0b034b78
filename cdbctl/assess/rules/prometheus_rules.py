"""Whether the rules of Prometheus are loaded, work, and can fire at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cdbctl.assess.case import Case, quote
from cdbctl.assess.params import Params, schema, texts
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.prometheus import NAMED, SUBJECT, Server, each, gaps, jobs_down, named
from cdbctl.assess.units import duration, plural
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Fix, Status
from cdbctl.model.prometheus import RuleFacts
from cdbctl.model.snapshot import Snapshot

LOADED = schema(expected_rules=texts("names of alerts and recording rules that have to be loaded"))


def judge_rules(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Every rule is loaded, can be evaluated, and looks at series that somebody exports."""
    expected = Params.of(check, LOADED).texts("expected_rules")

    def judge(case: Case, reading: Server) -> Iterator[Finding]:
        facts = reading.value
        case = case.expects("every rule is loaded, without an error, and looks at series that exist")
        if facts.gap("rules") is not None:
            yield from gaps(case, reading, ("rules",))
            return
        found = [*_not_loaded(case, reading, expected), *_broken(case, reading), *_dead(case, reading)]
        found += [*_not_judged(case, reading), *gaps(case, reading, ("metric names", "configuration"))]
        yield from found
        if not found:
            groups = len({(rule.file, rule.group) for rule in facts.rules})
            actual = f"{plural(len(facts.rules), 'rule')} in {plural(groups, 'group')}, each over series that exist"
            yield case.ok(actual if facts.rules else "no rule file is declared", reading)

    return each(check, snapshot, judge)


def _not_loaded(case: Case, reading: Server, expected: Sequence[str]) -> Iterator[Finding]:
    facts = reading.value
    for pattern in facts.empty_rule_files:
        actual = f"the configuration names {pattern}, and no group is loaded from it"
        title = f"Prometheus has loaded no rule from {pattern}"
        yield case.finding(Status.FAIL, title, actual, reading, key=f"file {pattern}", details={"pattern": pattern})
    loaded = {rule.name for rule in facts.rules}
    for name in expected:
        if name not in loaded:
            actual = f"it is not among the {plural(len(facts.rules), 'rule')} that are loaded"
            title = f"Prometheus has not loaded the rule {name}"
            yield case.finding(Status.FAIL, title, actual, reading, key=f"rule {name}", details={"rule_name": name})


def _broken(case: Case, reading: Server) -> Iterator[Finding]:
    for rule in reading.value.rules:
        if rule.health == "err":
            title = f"Prometheus cannot evaluate the rule {rule.name}"
            details = {"rule_name": rule.name, "kind": rule.kind, "file": rule.file}
            quotes = quote(reading.evidence, rule.last_error)
            actual = f"group {rule.group}: {rule.last_error or 'no reason given'}"
            key = f"error {rule.name}"
            yield case.finding(Status.FAIL, title, actual, reading, key=key, details=details, quotes=quotes)


def _dead(case: Case, reading: Server) -> Iterator[Finding]:
    """One finding for what is missing, with every rule that rests on it: the cause, not its copies."""
    by_missing: dict[tuple[str, ...], list[RuleFacts]] = {}
    for rule in reading.value.rules:
        if rule.dead:
            by_missing.setdefault(rule.missing, []).append(rule)
    for missing, rules in by_missing.items():
        alerting = [rule for rule in rules if rule.kind == "alerting"]
        certain = any(rule.certain for rule in rules)
        names = list(dict.fromkeys(rule.name for rule in rules))
        what = named(missing)
        kind = "alert" if alerting else "recording rule"
        title = (
            f"{plural(len(names), kind)} can never {'fire' if alerting else 'record anything'}: nobody exports {what}"
        )
        if not certain:
            title = (
                f"{plural(len(names), kind)} cannot {'fire' if alerting else 'record anything'} now: there is no {what}"
            )
        hints = dict(pair for rule in rules for pair in rule.nearest)
        actual = (
            f"{named(names)}: health {rules[0].health}, and no series of {what}"
            f" in the last {duration(reading.value.look_back_seconds)}{_like(hints)}{_perhaps(reading, certain)}"
        )
        yield case.finding(
            Status.FAIL if certain and alerting else Status.WARN,
            title,
            actual,
            reading,
            key=f"dead {' '.join(missing)}",
            details={
                "rules": names,
                "missing_series": list(missing),
                "nearest": hints,
                "certain": certain,
                "jobs_down": jobs_down(reading),
            },
            quotes=quote(reading.evidence, " ".join(rules[0].expression.split())),
            fix=_correction(case, rules, hints),
        )


def _like(hints: Mapping[str, str]) -> str:
    return "".join(f"; most like {missing} is {existing}" for missing, existing in list(hints.items())[:NAMED])


def _perhaps(reading: Server, certain: bool) -> str:
    if certain:
        return ""
    if down := jobs_down(reading):
        return f"; what is down could export it: {named(down)}"
    return "; the metric is there, but not with these labels so far"


def _correction(case: Case, rules: Sequence[RuleFacts], hints: Mapping[str, str]) -> Fix | None:
    if not hints:
        return None
    files = named(list(dict.fromkeys(rule.file for rule in rules if rule.file)))
    words = ", ".join(f"{existing} for {missing}" for missing, existing in hints.items())
    return replace(case.remedy(), summary=f"See in {files} whether {words} is meant; else export what is missing")


def _not_judged(case: Case, reading: Server) -> Iterator[Finding]:
    rules = [rule for rule in reading.value.rules if rule.not_judged]
    if reading.value.gap("metric names") is None and rules:
        told = named([f"{rule.name} ({rule.not_judged})" for rule in rules])
        title = f"of {plural(len(rules), 'rule')} it is not known whether they can give a result"
        yield case.unknown(title, told, reading, details={"rules": [rule.name for rule in rules]})


RULES = (
    Rule(
        "prometheus.rules",
        judge_rules,
        LOADED,
        subjects=SUBJECT,
        good="All 15 rules are loaded and look at series that exist.",
        bad="An alert looks at risk_event_persisted_total, which nobody exports: it can never fire.",
    ),
)
