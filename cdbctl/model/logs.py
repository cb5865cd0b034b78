"""Facts about the log of one service in the window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    """The level of a log line; NONE for a line that names none."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Signature:
    """A known way to fail, recognised by what a driver says, not by the sentence around it."""

    kind: str
    """e.g. ``undefined_table``, ``connection_refused``, ``redis_oom``, ``http_429``, ``exception``."""
    sqlstate: str | None
    relation: str | None
    column: str | None
    subject: str | None
    """The constraint, role, host, exception type … that the message names."""
    frame: str | None
    """``file:line function`` of the innermost own frame of a traceback."""

    @property
    def key(self) -> str:
        """A stable fact for the fingerprint: never message text."""
        parts = (self.sqlstate or self.kind, self.relation, self.column, self.subject, self.frame)
        return "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message, several lines joined when it is a traceback."""

    number: int
    """Of its first line within what was read, from 1."""
    at: datetime | None
    text: str
    """Verbatim, at most 4,000 characters."""


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Messages of WARNING or worse that differ only in numbers, times, addresses and the like."""

    level: Level
    masked: str
    count: int
    first_at: datetime | None
    last_at: datetime | None
    samples: tuple[LogLine, ...]
    """The first and the last ones, at most three."""
    signature: Signature | None


@dataclass(frozen=True, slots=True)
class LogWindow:
    """The proof of what was read."""

    since: datetime
    until: datetime
    first_at: datetime | None
    """Time stamp of the first line read inside the window."""
    last_at: datetime | None
    lines: int
    bytes: int
    complete: bool
    """Whether everything that the log holds for the window was read."""
    reaches_back: bool
    """Whether the log holds something older than ``since``; else it begins inside the window."""
    note: str
    """Why it is not complete, or since when the log exists; empty when there is nothing to say."""
    long_lines: int
    """Lines that were cut because they exceed the limit."""
    undecodable_lines: int

    @property
    def covered_seconds(self) -> float:
        """The time that the lines which were read stand for: the basis of every rate, at least one second."""
        proven = self.complete and self.reaches_back
        since = self.since if proven or self.first_at is None else max(self.since, self.first_at)
        return max(1.0, (self.until - since).total_seconds())


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What one service wrote in the window."""

    window: LogWindow
    levels: Mapping[str, int]
    """Lines by ``Level`` value; a level that did not occur is missing."""
    groups: tuple[LogGroup, ...]
    """Most frequent first within a level, worst level first; at most 200."""
    groups_left_out: int
    newest_at: datetime | None
    """Time stamp of the newest line of the log, inside the window or not."""
    tail: tuple[LogLine, ...] = ()
    """The last messages inside the window whatever their level, at most five, oldest first: proof of life."""

    @property
    def errors(self) -> int:
        """Lines of level ERROR or CRITICAL."""
        return self.levels.get(Level.ERROR, 0) + self.levels.get(Level.CRITICAL, 0)

    @property
    def warnings(self) -> int:
        """Lines of level WARNING."""
        return self.levels.get(Level.WARNING, 0)
