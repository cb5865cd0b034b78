"""What a collector brings back: an answer, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The text that a person can check a sentence of the report against."""

    id: str
    """``E001`` and so on, unique within one run."""
    source: str
    """Where it was seen, e.g. ``log of cdb_risk`` or ``postgresql://127.0.0.1:5432/cdb``. No secrets."""
    at: datetime
    text: str
    """What was seen. Quotes in the report occur in it verbatim."""

    @property
    def file(self) -> str:
        """Path of the stored copy, relative to the folder of the run."""
        return f"evidence/{self.id}.log"


@dataclass(frozen=True, slots=True)
class Observed(Generic[T_co]):
    """A reading that succeeded."""

    source: str
    at: datetime
    """When the answer was complete: aware, UTC."""
    took_ms: float
    value: T_co
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A reading that failed. It is never a pass: no answer is not a good answer."""

    source: str
    """Where a person can look again."""
    at: datetime
    """When it was given up: aware, UTC."""
    took_ms: float
    reason: str
    remedy: str
    """What a person can do so that the next run can look; may be empty."""
    evidence: Evidence
    """The record of the attempt."""


Reading: TypeAlias = Observed[T] | Unavailable
