"""What the server says of the metrics that checks ask for: six states, and an increase that says what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.prometheus.api import Api
from cdbctl.collect.prometheus.nearest import Neighbours
from cdbctl.collect.prometheus.promql import NotUnderstoodError, Selector, parse_selector, written
from cdbctl.collect.prometheus.values import moment, sample
from cdbctl.model.metrics import MetricState
from cdbctl.model.needs import MetricQuestion
from cdbctl.model.prometheus import MetricAnswer, Target

_COUNTER_ENDINGS = ("_total", "_count", "_sum", "_bucket")
_PART = "cdbctl_part"
"""Label that tells the parts of one answer apart: one question, one moment, one round trip."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Numbers:
    """The raw answer about one metric."""

    selector: str
    parts: Mapping[str, float]
    """By name of the part; a part without a result is missing. That is not zero."""
    seen_on: tuple[tuple[str, str], ...]
    """Job and instance of every series of the look-back."""
    last_seen_at: datetime | None

    def part(self, name: str) -> float:
        """A count; nothing counted is zero."""
        return self.parts.get(name, 0.0)


def ask_metric(api: Api, question: MetricQuestion, *, window_seconds: float, look_back_seconds: float) -> Numbers:
    """Everything about one metric in one question, and when it was last seen if it is not there."""
    selector = _selector(question.name)
    asked = written(selector)
    is_counter = selector.name is not None and (question.increase or selector.name.endswith(_COUNTER_ENDINGS))
    expressions = {
        "sum": f"sum({asked})",
        "count": f"count({asked})",
        "seen": f"count by (job, instance) (last_over_time({asked}[{look_back_seconds:.0f}s]))",
    }
    if is_counter:
        expressions |= _increases(asked, f"{window_seconds:.0f}s", f"{look_back_seconds:.0f}s")
    parts: dict[str, float] = {}
    seen_on = []
    for item in api.query(" or ".join(_named(name, expression) for name, expression in expressions.items())):
        labels = item["metric"]
        if labels[_PART] == "seen":
            seen_on.append((str(labels.get("job", "")), str(labels.get("instance", ""))))
        else:
            parts[labels[_PART]] = sample(item)
    gone = bool(seen_on) and "count" not in parts
    last_seen_at = last_sample(api, asked, look_back_seconds=look_back_seconds) if gone else None
    return Numbers(asked, parts, tuple(sorted(seen_on)), last_seen_at)


def last_sample(
    api: Api, selector: str, *, look_back_seconds: float, before: datetime | None = None
) -> datetime | None:
    """When the newest sample of any of these series was taken; None when there is none to be found.

    First in steps of a minute, then around that minute in steps of a second: a sample shows in every step up to the
    next scrape, so the second look finds the very last one. Series of less than a minute may fall between the steps;
    of those only the last minutes are searched.
    """
    at = f" @ {before.timestamp():.3f}" if before else ""
    coarse = _newest(api, f"[{look_back_seconds:.0f}s:1m]{at}", selector)
    if coarse is None:
        return _newest(api, f"[10m:1s]{at}", selector)
    end = coarse + timedelta(minutes=1)
    if before:
        end = min(end, before)
    return _newest(api, f"[2m:1s] @ {end.timestamp():.3f}", selector) or coarse


def answer(
    question: MetricQuestion, found: Numbers | NoAnswer, *, targets: Sequence[Target], names: Neighbours
) -> MetricAnswer:
    """The state of one metric, and what a reader of its numbers has to know."""
    if isinstance(found, NoAnswer):
        return MetricAnswer(question.name, MetricState.PROM_DOWN, None, 0, None, None, None, (), "", found.reason)
    name = _selector(question.name).name
    down = () if _is_synthetic(name) else _down_targets(found, targets)
    state = _state(found, down)
    increase, at_most, note = _increase(found)
    if state in (MetricState.NEVER_SEEN, MetricState.TARGET_DOWN):
        increase, at_most, note = None, None, ""
    if down:
        note = "; ".join(filter(None, (_down(down, state), note)))
    return MetricAnswer(
        name=question.name,
        state=state,
        value=found.parts.get("sum"),
        series=int(found.part("count")),
        increase=increase,
        increase_at_most=at_most,
        last_seen_at=found.last_seen_at,
        seen_on=tuple(f"{job} {instance}".strip() for job, instance in found.seen_on),
        nearest=names.nearest(name) if name and state is MetricState.NEVER_SEEN and name not in names else "",
        note=note,
    )


def _state(found: Numbers, down: Sequence[Target]) -> MetricState:
    if "count" in found.parts:
        return MetricState.ZERO if found.parts.get("sum") == 0 else MetricState.VALUE
    if not found.seen_on:
        return MetricState.NEVER_SEEN
    return MetricState.TARGET_DOWN if down else MetricState.GONE


def _is_synthetic(name: str | None) -> bool:
    """Whether Prometheus itself writes it at every scrape, also of a target that is down."""
    return name == "up" or (name or "").startswith("scrape_")


def _down_targets(found: Numbers, targets: Sequence[Target]) -> tuple[Target, ...]:
    return tuple(item for item in targets if item.health == "down" and (item.job, item.instance) in found.seen_on)


def _down(down: Sequence[Target], state: MetricState) -> str:
    named = ", ".join(f"{item.job} ({item.instance})" for item in down[:_NAMED])
    more = f" and {len(down) - _NAMED} more" if len(down) > _NAMED else ""
    if state is MetricState.TARGET_DOWN:
        return f"exported by {named}{more}, which is down now: {down[0].last_error or 'no reason given'}"
    return f"the part of {named}{more} is missing, because it is down now"


def _increases(asked: str, window: str, look_back: str) -> dict[str, str]:
    """The increase in pieces that each say what they are worth.

    ``increase()`` alone extrapolates, and loses the first value of a counter that is born inside the window. So:
    what was there at the start and never began anew is a plain difference. What is new is counted from zero if it
    is proven to be new: its target was scraped at the start of the window, and it had never been seen before. Of
    what else appeared, only the growth since then is known; what began anew is estimated by ``increase()``.
    """
    end = f"last_over_time({asked}[{window}])"
    start = f"({asked} offset {window})"
    begun_anew = f"(resets({asked}[{window}]) > 0)"
    scraped = f"(up offset {window} == 1)"
    before = f"last_over_time({asked}[{look_back}] offset {window})"
    new = f"(({end} unless {start}) unless {begun_anew})"
    newborn = f"(({new} unless {before}) and on (job, instance) {scraped})"
    late = f"({new} unless {newborn})"
    return {
        "moved": f"sum(({end} - {start}) unless {begun_anew})",
        "born": f"sum({newborn})",
        "born_count": f"count({newborn})",
        "late": f"sum({late} - min_over_time({asked}[{window}]))",
        "late_end": f"sum({late})",
        "late_count": f"count({late})",
        "reset": f"sum(increase({asked}[{window}]) and {begun_anew})",
        "reset_count": f"sum{begun_anew}",
    }


def _increase(found: Numbers) -> tuple[float | None, float | None, str]:
    """The whole increase, what it is at most, and what is to be said about it."""
    pieces = [found.parts[name] for name in ("moved", "born", "late", "reset") if name in found.parts]
    if not pieces:
        return None, None, ""
    notes = []
    if born := int(found.part("born_count")):
        notes.append(f"{_series(born)} born inside the window, counted from 0")
    if late := int(found.part("late_count")):
        notes.append(
            f"{_series(late)} not scraped at the start of the window, counted from the first sample on: "
            "the increase is at least this"
        )
    if resets := int(found.part("reset_count")):
        notes.append(f"{resets} counter {'reset' if resets == 1 else 'resets'} inside the window: an estimate")
    increase = sum(pieces)
    # What was not scraped at the start may have had any part of its value before.
    at_most = None if resets else increase - found.part("late") + found.part("late_end")
    return increase, at_most, "; ".join(notes)


def _series(count: int) -> str:
    return f"{count} series {'was' if count == 1 else 'were'}"


def _newest(api: Api, stretch: str, selector: str) -> datetime | None:
    samples: list[Mapping[str, Any]] = api.query(f"max(max_over_time(timestamp({selector}){stretch}))")
    return moment(sample(samples[0])) if samples else None


def _named(part: str, expression: str) -> str:
    return f'label_replace({expression}, "{_PART}", "{part}", "{_PART}", "")'


def _selector(name: str) -> Selector:
    try:
        return parse_selector(name)
    except NotUnderstoodError as error:
        remedy = "write a metric name, or a selector with labels, as the subject of the check"
        raise NoAnswer(f"{name} is not a metric name or a selector: {error}", remedy=remedy) from error
