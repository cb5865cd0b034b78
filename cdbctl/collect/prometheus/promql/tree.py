"""What an expression of PromQL is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

NAME_LABEL = "__name__"


@dataclass(frozen=True, slots=True)
class Matcher:
    """What a selector demands of one label."""

    label: str
    operator: str
    """``=``, ``!=``, ``=~`` or ``!~``."""
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by their labels; the metric name is the label ``__name__``."""

    matchers: tuple[Matcher, ...]

    @property
    def name(self) -> str | None:
        """The metric name; None when it is not given, or only by a pattern."""
        return next((item.value for item in self.matchers if (item.label, item.operator) == (NAME_LABEL, "=")), None)

    @property
    def labels(self) -> tuple[Matcher, ...]:
        """What it demands beyond its name."""
        found_name = self.name
        return tuple(item for item in self.matchers if item != Matcher(NAME_LABEL, "=", found_name or ""))

    def value(self, label: str) -> str | None:
        """The one value that it demands of a label; None when it does not demand one."""
        return next((item.value for item in self.matchers if (item.label, item.operator) == (label, "=")), None)


@dataclass(frozen=True, slots=True)
class Number:
    """A number or a duration, as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Stretched:
    """``selector[5m]``, or ``expression[1h:1m]`` when it is a subquery."""

    inner: Expression
    range: str
    step: str | None
    """None for the samples themselves, empty for a subquery with the default step."""


@dataclass(frozen=True, slots=True)
class Moved:
    """``offset 5m`` and ``@ 1700000000``, ``@ start()``."""

    inner: Expression
    offset: str | None
    at: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """A function."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """``sum by (job) (…)``, ``topk(5, …)``."""

    operator: str
    arguments: tuple[Expression, ...]
    grouping: str
    """``by``, ``without``, or empty."""
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """``-x`` or ``+x``."""

    operator: str
    inner: Expression


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of both sides find each other."""

    bool: bool = False
    on: str = ""
    """``on``, ``ignoring``, or empty."""
    labels: tuple[str, ...] = ()
    group: str = ""
    """``group_left``, ``group_right``, or empty."""
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and an operator; words are in lower case."""

    operator: str
    left: Expression
    right: Expression
    matching: Matching = Matching()


Expression: TypeAlias = Selector | Number | Text | Stretched | Moved | Call | Aggregation | Sign | Binary
