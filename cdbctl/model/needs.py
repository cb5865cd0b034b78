"""What the checks want to know beyond what every run looks at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One read-only question to the database."""

    id: str
    """``check id|subject``; the answer is stored under it."""
    sql: str


@dataclass(frozen=True, slots=True)
class StreamQuestion:
    """A Redis stream that a check looks at."""

    name: str
    count_fields: tuple[str, ...]
    """Fields whose values are to be counted over the entries of the window."""


@dataclass(frozen=True, slots=True)
class MetricQuestion:
    """A metric that a check asks the Prometheus server for."""

    name: str
    """A metric name, or a selector with labels."""
    increase: bool
    """Whether its increase over the window is asked for; else only a name that says so makes it a counter."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything that the checks of one run ask for."""

    questions: tuple[Question, ...] = ()
    streams: tuple[StreamQuestion, ...] = ()
    metrics: tuple[MetricQuestion, ...] = ()
