"""What can truly be computed from a log: the time that it covers, rates, and whether an error is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cdbctl.assess.units import between, clock, duration, plural
from cdbctl.model.logs import Level, LogFacts, LogGroup

BAD_LEVELS = (Level.ERROR, Level.CRITICAL)
QUIET_INTERVALS = 10
"""An error that used to come every second is over after ten quiet seconds …"""
QUIET_SECONDS = 30.0
"""… but never before half a minute."""


@dataclass(frozen=True, slots=True)
class Span:
    """Equal messages over time."""

    count: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def interval_seconds(self) -> float | None:
        """Mean time from one to the next; None when it cannot be computed."""
        if self.count < 2 or self.first_at is None or self.last_at is None:
            return None
        return (self.last_at - self.first_at).total_seconds() / (self.count - 1)

    def is_over(self, facts: LogFacts) -> bool:
        """Whether the service went on writing for many usual intervals without saying it again."""
        interval = self.interval_seconds
        if interval is None or self.last_at is None or facts.newest_at is None:
            return False
        quiet = (facts.newest_at - self.last_at).total_seconds()
        return quiet >= max(QUIET_SECONDS, QUIET_INTERVALS * interval)


def span(groups: Iterable[LogGroup]) -> Span:
    """Several groups as one."""
    groups = tuple(groups)
    firsts = [group.first_at for group in groups if group.first_at]
    lasts = [group.last_at for group in groups if group.last_at]
    return Span(sum(group.count for group in groups), min(firsts, default=None), max(lasts, default=None))


def covered_seconds(facts: LogFacts) -> float:
    """The time that the lines which were read stand for: the basis of every rate, at least one second."""
    return facts.window.covered_seconds


def proof(facts: LogFacts) -> str:
    """What was read, in words: lines, time, and what is missing."""
    window = facts.window
    words = f"{plural(window.lines, 'line')} in {duration(covered_seconds(facts))}"
    if not window.complete:
        words += f", not read completely ({window.note or 'no reason given'})"
    return words


def live_errors(facts: LogFacts) -> int:
    """Errors that may happen again: those of messages that are over do not count."""
    over = (group for group in facts.groups if group.level in BAD_LEVELS and span((group,)).is_over(facts))
    return max(0, facts.errors - sum(group.count for group in over))


def story(errors: Span, facts: LogFacts) -> str:
    """``812 times in 60 min (13.5/min), every 4.4 s on average, from … to … UTC``; one event has no rate."""
    seconds = covered_seconds(facts)
    if errors.count == 1:
        return f"once in {duration(seconds)}, at {clock(errors.first_at)}"
    words = f"{plural(errors.count, 'time')} in {duration(seconds)} ({errors.count * 60 / seconds:.3g}/min)"
    if errors.interval_seconds:
        words += f", every {duration(errors.interval_seconds)} on average"
    if errors.first_at and errors.last_at:
        words += f", {between(errors.first_at, errors.last_at)}"
    return words
