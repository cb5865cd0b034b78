"""The judgement of a stretch of time: whether the stack ran through it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cdbctl.model.snapshot import UnusedRun, Window


class SoakVerdict(StrEnum):
    """The answer of a soak."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that must not happen in a soak."""

    kind: str
    """``CRASH``, ``OOM`` or ``FINDING``."""
    subject: str
    title: str
    first_at: datetime
    """Of the run that saw it first."""
    last_at: datetime
    runs: tuple[str, ...]
    """Paths of the stored runs that saw it, oldest first; empty for this run itself."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that leaves a soak undecided."""

    kind: str
    """``GAP``, ``UNKNOWN``, ``DEPLOY``, ``MANUAL``, ``RECOUNT``, ``DAEMON``, ``HOST``, ``ENDED``, ``GONE``,
    ``BROKEN``, ``MISSING`` or ``HISTORY``."""
    text: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Soak:
    """A stretch of time, judged by the runs that looked at it."""

    verdict: SoakVerdict
    stretch: Window
    runs: int
    """Runs inside the stretch, this one included."""
    covered_seconds: float
    """Of the stretch: what the windows of these runs cover."""
    clean_since: datetime
    """From when on nothing stands against a PASS: the soak counts from here."""
    passes_at: datetime | None
    """When it can pass at the earliest, if nothing happens until then and somebody looks often enough; None when no
    time alone leads there."""
    failures: tuple[Failure, ...]
    doubts: tuple[Doubt, ...]
    """In order of time."""
    ignored: tuple[UnusedRun, ...]
    """Runs of other stacks."""
    notes: tuple[str, ...]
    evidence: tuple[str, ...]
