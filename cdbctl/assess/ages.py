"""How old the newest thing is; what is dated in the future has no age, so nothing is proven by it."""

from __future__ import annotations

from cdbctl.assess.case import AnyReading, Case
from cdbctl.assess.units import duration
from cdbctl.model.finding import Finding

AHEAD_SECONDS = 5.0
"""Clocks of two machines may differ by this much."""
REMEDY = (
    "Check the clock of what wrote this time, its time zone, and its unit: seconds or milliseconds; "
    "until then a standstill cannot be seen here"
)


def is_ahead(age_seconds: float) -> bool:
    """Whether an age is negative by more than clocks may differ."""
    return age_seconds < -AHEAD_SECONDS


def ahead(case: Case, what: str, age_seconds: float, at: str, *readings: AnyReading) -> Finding:
    """``what`` is dated in the future; nothing can be said about its age."""
    distance = duration(-age_seconds)
    return case.unknown(
        f"{what} is dated {distance} in the future",
        f"{what} is dated {at}, {distance} later than it was read, so nobody knows how old it is",
        *readings,
        remedy=REMEDY,
        details={"ahead_seconds": round(-age_seconds, 1)},
    )
