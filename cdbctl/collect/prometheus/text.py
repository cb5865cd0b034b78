"""The evidence of a look at Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from cdbctl.model.prometheus import Alert, MetricAnswer, PrometheusFacts, RuleFacts, Target

T = TypeVar("T")

_MOST_CHARACTERS = 180_000


def prometheus_text(source: str, facts: PrometheusFacts) -> str:
    """One fact on a line: the server, what it could not tell, targets, alerts, metrics, rules."""
    lines = []
    size = 0
    for line in _lines(source, facts):
        size += len(line) + 1
        if size > _MOST_CHARACTERS:
            lines.append("… the rest is not shown here")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _lines(source: str, facts: PrometheusFacts) -> Iterator[str]:
    yield f"API of {source}/api/v1, {facts.requests} questions"
    yield f"version: {facts.version or 'not told'}"
    yield f"time(): {facts.server_at.isoformat()} (this machine: {facts.host_at.isoformat()})"
    yield f"answered in {facts.round_trip_ms} ms"
    yield f"started at: {_at(facts.started_at)}"
    if facts.blind_since:
        yield f"newest sample before that: {_at(facts.blind_since)}"
    loaded = {True: "taken", False: "refused: an older one is in use", None: "not told"}[facts.config_loaded]
    yield f"last change of the configuration: {loaded}; in use since {_at(facts.config_loaded_at)}"
    yield f"scrape jobs: {', '.join(facts.jobs) or 'none'}"
    yield f"rule files: {', '.join(facts.rule_files) or 'none'}"
    yield from (f"no group is loaded from {pattern}" for pattern in facts.empty_rule_files)
    yield from (f"not read: {item.what}: {item.reason}" for item in facts.not_read)
    yield from (f"warning of the server: {warning}" for warning in facts.warnings)
    yield from _block("targets", facts.targets, _target)
    yield from _block("alerts that are not inactive", facts.alerts, _alert)
    yield from _block("metrics that checks ask for", facts.metrics, _metric)
    yield from _block("rules", facts.rules, _rule)


def _block(title: str, items: Sequence[T], line: Callable[[T], Iterator[str]]) -> Iterator[str]:
    yield ""
    yield f"{title}: {len(items) or 'none'}"
    for item in items:
        yield from line(item)


def _target(target: Target) -> Iterator[str]:
    yield f"  {target.health} job={target.job} instance={target.instance} {target.url} at {_at(target.last_scrape_at)}"
    if target.last_error:
        yield f"    {target.last_error}"


def _alert(alert: Alert) -> Iterator[str]:
    labels = ", ".join(f"{key}={value}" for key, value in alert.labels)
    yield f"  {alert.state} {alert.name} {{{labels}}} since {_at(alert.active_at)}"
    if alert.summary:
        yield f"    {alert.summary}"


def _metric(answer: MetricAnswer) -> Iterator[str]:
    value = "none" if answer.value is None else f"{answer.value:g}"
    increase = "not told" if answer.increase is None else f"{answer.increase:g}"
    yield f"  {answer.name}: {answer.state} value={value} series={answer.series} increase={increase}"
    if answer.last_seen_at:
        yield f"    last seen at {_at(answer.last_seen_at)}"
    if answer.seen_on:
        yield f"    seen on: {', '.join(answer.seen_on)}"
    if answer.nearest:
        yield f"    most like it: {answer.nearest}"
    if answer.note:
        yield f"    {answer.note}"


def _rule(rule: RuleFacts) -> Iterator[str]:
    yield f"  {rule.health} {rule.kind} {rule.name} (group {rule.group}, {rule.file})"
    yield f"    {' '.join(rule.expression.split())}"
    if rule.last_error:
        yield f"    {rule.last_error}"
    if rule.missing:
        fate = "can give no result" if rule.dead else "can give a result all the same"
        yield f"    no series: {', '.join(rule.missing)}; {fate}"
    yield from (f"    instead of {missing} there is {existing}" for missing, existing in rule.nearest)
    if rule.not_judged:
        yield f"    not judged: {rule.not_judged}"


def _at(at: datetime | None) -> str:
    return at.isoformat(timespec="milliseconds") if at else "not told"
