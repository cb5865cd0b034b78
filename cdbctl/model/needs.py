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
class Needs:
    """Everything that the checks of one run ask for."""

    questions: tuple[Question, ...] = ()
    streams: tuple[StreamQuestion, ...] = ()
