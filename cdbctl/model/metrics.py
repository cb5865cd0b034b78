"""Facts about metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricState(StrEnum):
    """What can be said of a metric. Absent is not zero."""

    VALUE = "VALUE"
    ZERO = "ZERO"
    NEVER_SEEN = "NEVER_SEEN"
    GONE = "GONE"
    TARGET_DOWN = "TARGET_DOWN"
    PROM_DOWN = "PROM_DOWN"


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a scraped page."""

    name: str
    """As exported, e.g. ``signals_generated_total``."""
    labels: tuple[tuple[str, str], ...]
    """Sorted by name."""
    value: float
    earlier: float | None
    """The value of the first of two scrapes, None when it was not there yet."""


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """A metrics page, scraped twice."""

    target: str
    """The service that exports it."""
    series: tuple[Series, ...]
    apart_seconds: float
    """Time between the two scrapes; 0 when only one succeeded."""
    not_finite: tuple[str, ...] = ()
    """Names of metrics whose value, in at least one series, is NaN or infinite; such series are left out."""
