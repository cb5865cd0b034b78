"""The loaded rules, and which of them can never give a result because nobody exports what they look at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from itertools import chain, repeat
from typing import Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.prometheus.api import Api
from cdbctl.collect.prometheus.nearest import Neighbours
from cdbctl.collect.prometheus.promql import (
    Expression,
    Known,
    NotUnderstoodError,
    Selector,
    can_answer,
    parse,
    quoted,
    selectors,
    written,
)
from cdbctl.collect.prometheus.values import words
from cdbctl.model.prometheus import RuleFacts, Target

_MOST_RULES = 1_000
_MOST_SELECTORS = 100
_ALERT_SERIES = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
"""Prometheus writes them itself, and only while an alert is active."""
_SHORT_LOOK_BACK_SECONDS = 600
"""For what belongs to a job that is not configured any more."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known about the server when its rules are judged; None for what could not be read."""

    names: frozenset[str] | None
    """Of all metrics that had a sample during the look-back."""
    jobs: frozenset[str] | None
    """Configured, or scraped under a label of their own."""
    targets: Sequence[Target] | None
    server_at: datetime
    look_back_seconds: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is loaded."""

    rules: tuple[RuleFacts, ...]
    """Not yet judged, in the order of the server."""
    files: tuple[str, ...]
    """Of all groups, also of those without a rule."""


class Sight(Enum):
    """What is known about the series of one selector."""

    THERE = auto()
    NOBODY_EXPORTS = auto()
    NO_SUCH_LABELS = auto()
    """The metric is there, and no series of it has these labels so far."""
    NOT_KNOWN = auto()


def read_rules(api: Api) -> Loaded:
    """Every loaded rule."""
    groups = api.ask("rules", exclude_alerts="true")["groups"]
    rules = tuple(_rules_of(groups))
    if len(rules) > _MOST_RULES:
        raise NoAnswer(f"it has more than {_MOST_RULES} rules")
    return Loaded(rules, tuple(dict.fromkeys(words(group.get("file")) for group in groups)))


def judged(api: Api, rules: Sequence[RuleFacts], around: Surroundings) -> tuple[RuleFacts, ...]:
    """Say of each rule whether it can ever give a result."""
    if around.names is None:
        return tuple(replace(rule, not_judged="the names of the metrics could not be read") for rule in rules)
    trees = {rule.expression: _tree(rule.expression) for rule in rules}
    understood = (tree for tree in trees.values() if not isinstance(tree, NotUnderstoodError))
    wanted = {written(item): item for tree in understood for item in selectors(tree)}
    view = _View(rules, trees, around, around.names)
    view.look(api, wanted)
    return tuple(view.judge(rule) for rule in rules)


class _View:
    """Who exists, from the point of view of the rules."""

    def __init__(
        self,
        rules: Sequence[RuleFacts],
        trees: Mapping[str, Expression | NotUnderstoodError],
        around: Surroundings,
        names: frozenset[str],
    ) -> None:
        self._rules = rules
        self._trees = trees
        self._around = around
        self._names = names
        self._alerts = frozenset(rule.name for rule in rules if rule.kind == "alerting")
        self._recorded = frozenset(rule.name for rule in rules if rule.kind == "recording")
        self._neighbours = Neighbours(names | self._recorded)
        self._seen: dict[str, Sight] = {}
        self._why_not_known: dict[str, str] = {}

    def look(self, api: Api, wanted: Mapping[str, Selector]) -> None:
        """Find out about every selector; only those with labels have to be asked for."""
        to_ask = []
        for text, selector in wanted.items():
            sight = self._by_name(selector)
            if sight is None:
                to_ask.append((text, selector))
            else:
                self._seen[text] = sight
        answers = api.each(lambda item: self._asked(api, *item), to_ask[:_MOST_SELECTORS])
        too_many = NoAnswer(f"more than {_MOST_SELECTORS} selectors would have to be asked for")
        for (text, _), answer in zip(to_ask, chain(answers, repeat(too_many)), strict=False):
            if isinstance(answer, NoAnswer):
                self._why_not_known[text] = f"{text}: {answer.reason}"
            self._seen[text] = Sight.NOT_KNOWN if isinstance(answer, NoAnswer) else answer
        self._bury()

    def judge(self, rule: RuleFacts) -> RuleFacts:
        """The same rule with what is known about it."""
        tree = self._trees[rule.expression]
        if isinstance(tree, NotUnderstoodError):
            return replace(rule, not_judged=f"cdbctl does not understand the expression: {tree}")
        found = {written(item): item for item in selectors(tree)}
        metrics = tuple(dict.fromkeys(item.name for item in found.values() if item.name))
        missing = [text for text in found if self._seen[text] in (Sight.NOBODY_EXPORTS, Sight.NO_SUCH_LABELS)]
        alive = can_answer(tree, self._known)
        doubt = self._doubt() if alive is False else ""
        unknown = [self._why_not_known[text] for text in found if text in self._why_not_known]
        return replace(
            rule,
            metrics=metrics,
            missing=tuple(missing),
            dead=alive is False and not doubt,
            certain=can_answer(tree, self._known_by_name) is False and not self._down(),
            nearest=tuple(pair for text in missing for pair in self._nearest(found[text])),
            not_judged=doubt or ("; ".join(unknown) if alive is None else ""),
        )

    def _by_name(self, selector: Selector) -> Sight | None:
        """What the name alone tells; None when the server has to be asked."""
        name = selector.name
        if name in _ALERT_SERIES:
            alert = selector.value("alertname")
            known = alert in self._alerts if alert is not None else bool(self._alerts)
            return Sight.THERE if known else Sight.NOBODY_EXPORTS
        if name is None:
            return None
        if name not in self._names:
            # A recording rule that was not evaluated yet has no series, and is no reason to call others dead.
            return Sight.THERE if name in self._recorded else Sight.NOBODY_EXPORTS
        return None if selector.labels else Sight.THERE

    def _asked(self, api: Api, text: str, selector: Selector) -> Sight:
        unknown_job = self._unknown_job(selector)
        look_back = _SHORT_LOOK_BACK_SECONDS if unknown_job else self._around.look_back_seconds
        if api.any_series(text, since=self._around.server_at.timestamp() - look_back):
            return Sight.THERE
        return Sight.NOBODY_EXPORTS if unknown_job or selector.name is None else Sight.NO_SUCH_LABELS

    def _bury(self) -> None:
        """Names that only dead recording rules would write do not exist, nor what rests on them, and so on."""
        for _ in self._recorded:
            buried = [name for name in self._recorded - self._names if self._all_dead(name)]
            changed = False
            for text, sight in self._seen.items():
                if sight is Sight.THERE and any(text == name or text.startswith(f"{name}{{") for name in buried):
                    self._seen[text] = Sight.NOBODY_EXPORTS
                    changed = True
            if not changed:
                return

    def _all_dead(self, name: str) -> bool:
        writers = [rule for rule in self._rules if rule.kind == "recording" and rule.name == name]
        trees = [self._trees[rule.expression] for rule in writers]
        return not any(
            isinstance(tree, NotUnderstoodError) or can_answer(tree, self._known) is not False for tree in trees
        )

    def _known(self, selector: Selector) -> Known:
        sight = self._seen[written(selector)]
        return None if sight is Sight.NOT_KNOWN else sight is Sight.THERE

    def _known_by_name(self, selector: Selector) -> Known:
        """As if every label that is possible occurred tomorrow."""
        return self._seen[written(selector)] is not Sight.NOBODY_EXPORTS

    def _doubt(self) -> str:
        """Why nothing can be called dead yet."""
        targets = self._around.targets
        if targets == () and self._around.jobs:
            return "no target was discovered yet"
        waiting = sum(target.health not in ("up", "down") for target in targets or ())
        if waiting:
            return f"{waiting} {'target was' if waiting == 1 else 'targets were'} not scraped yet"
        return ""

    def _down(self) -> bool:
        """Whether what nobody exports may belong to a target that is down, or that nobody knows of."""
        targets = self._around.targets
        return targets is None or any(target.health == "down" for target in targets)

    def _unknown_job(self, selector: Selector) -> str:
        job, jobs = selector.value("job"), self._around.jobs
        return job if job and jobs is not None and job not in jobs else ""

    def _nearest(self, selector: Selector) -> Iterator[tuple[str, str]]:
        alert = selector.value("alertname") if selector.name in _ALERT_SERIES else None
        if alert is not None:
            yield from _pair(f"alertname={quoted(alert)}", Neighbours(self._alerts).nearest(alert))
        elif selector.name and selector.name not in self._names:
            yield from _pair(selector.name, self._neighbours.nearest(selector.name))
        if job := self._unknown_job(selector):
            yield from _pair(f"job={quoted(job)}", Neighbours(self._around.jobs or ()).nearest(job))


def _pair(missing: str, existing: str) -> Iterator[tuple[str, str]]:
    if existing:
        yield missing, existing


def _rules_of(groups: Collection[Mapping[str, Any]]) -> Iterator[RuleFacts]:
    for group in groups:
        for rule in group["rules"]:
            yield RuleFacts(
                name=words(rule["name"]),
                kind=words(rule["type"]),
                group=words(group.get("name")),
                file=words(group.get("file")),
                expression=rule["query"] if isinstance(rule["query"], str) else "",
                health=words(rule.get("health")),
                last_error=words(rule.get("lastError")),
                metrics=(),
                missing=(),
                dead=False,
                certain=False,
                nearest=(),
                not_judged="",
            )


def _tree(expression: str) -> Expression | NotUnderstoodError:
    try:
        return parse(expression)
    except NotUnderstoodError as error:
        return error
