"""Whether an expression can give a result, told by which of its series exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from cdbctl.collect.prometheus.promql.tree import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Matcher,
    Moved,
    Number,
    Selector,
    Sign,
    Stretched,
    Text,
)

Known: TypeAlias = bool | None
"""None: nobody knows."""
_ALWAYS = frozenset({"absent", "absent_over_time", "scalar"})
"""Functions that answer whether their argument is there or not: ``scalar`` of nothing is NaN, and ``absent`` has its
answer at the latest when the series go."""


def can_answer(expression: Expression, exists: Callable[[Selector], Known]) -> Known:
    """Whether an expression can give a result; None when that hangs on a selector nobody knows about."""
    match expression:
        case Selector():
            return exists(expression)
        case Number() | Text():
            return True
        case Stretched(inner=inner) | Moved(inner=inner) | Sign(inner=inner):
            return can_answer(inner, exists)
        case Call(name=name, arguments=arguments):
            if name in _ALWAYS:
                return True
            # The second argument of `info` only adds labels.
            needed = arguments[:1] if name == "info" else arguments
            return _all(can_answer(item, exists) for item in needed)
        case Aggregation(arguments=arguments):
            return _all(can_answer(item, exists) for item in arguments)
        case Binary(operator="or", left=left, right=right):
            return _any((can_answer(left, exists), can_answer(right, exists)))
        case Binary(operator="unless", left=left):
            return can_answer(left, exists)
        case Binary(left=left, right=right):
            return _all((can_answer(left, exists), can_answer(right, exists)))


def selectors(expression: Expression) -> Iterator[Selector]:
    """Every selector of an expression, in order."""
    match expression:
        case Selector():
            yield expression
        case Number() | Text():
            return
        case Stretched(inner=inner) | Moved(inner=inner) | Sign(inner=inner):
            yield from selectors(inner)
        case Call(arguments=arguments) | Aggregation(arguments=arguments):
            for item in arguments:
                yield from selectors(item)
        case Binary(left=left, right=right):
            yield from selectors(left)
            yield from selectors(right)


def written(selector: Selector) -> str:
    """A selector as Prometheus writes it: ``up{job="cdb_ws"}``."""
    name = selector.name
    plain = name is not None and _is_plain(name)
    inside = ",".join(map(_written_matcher, selector.labels if plain else selector.matchers))
    return (name or "" if plain else "") + (f"{{{inside}}}" if inside or not plain else "")


def quoted(text: str) -> str:
    """A string of PromQL."""
    named = {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
    return '"' + "".join(named.get(char, char if char >= " " else f"\\x{ord(char):02x}") for char in text) + '"'


def _written_matcher(matcher: Matcher) -> str:
    label = matcher.label if _is_plain(matcher.label) else quoted(matcher.label)
    return f"{label}{matcher.operator}{quoted(matcher.value)}"


def _is_plain(name: str) -> bool:
    return name.isascii() and name.replace(":", "_").isidentifier()


def _all(answers: Iterable[Known]) -> Known:
    known = tuple(answers)
    return False if False in known else None if None in known else True


def _any(answers: Iterable[Known]) -> Known:
    known = tuple(answers)
    return True if True in known else None if None in known else False
