"""Numbers and times as people read them, units included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

UNKNOWN_TIME = "an unknown time"


def clock(at: datetime | None) -> str:
    """``2026-02-09 08:00:48 UTC``, for sentences; an unknown time says so."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else UNKNOWN_TIME


def between(first: datetime, last: datetime) -> str:
    """``from 2026-02-09 08:00:48 to 08:59:58 UTC``; the second day is named only when it is another one."""
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    end = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    return f"from {first:%Y-%m-%d %H:%M:%S} to {end} UTC"


def readable(at: str) -> str:
    """A time that a database answered in ISO 8601, as ``clock`` words it; any other text as it is."""
    try:
        parsed = datetime.fromisoformat(at)
    except ValueError:
        return at
    return clock(parsed) if parsed.tzinfo else at


def stamp(at: datetime | None) -> str:
    """``2026-02-09T08:00:48Z``, for the details that machines read."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else UNKNOWN_TIME


def duration(seconds: float) -> str:
    """``400 ms``, ``4.4 s``, ``44 s``, ``12 min``, ``22 h``, ``3 d``: two digits are enough to act on."""
    if 0 < abs(seconds) < 0.9995:
        return f"{seconds * 1000:.0f} ms" if abs(seconds) >= 0.001 else "less than 1 ms"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if abs(seconds) < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if abs(value) < 9.95 and not value.is_integer() else f"{value:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def size(count: float) -> str:
    """``1.8 MiB``."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.1f} {unit}" if unit != "B" else f"{value:.0f} B"
        value /= 1024
    return f"{value:.1f} TiB"


def share(fraction: float) -> str:
    """``87.5 %``; never rounded up to 100 % or down to 0 %."""
    percent = fraction * 100
    if 0 < percent < 0.05:
        return "less than 0.1 %"
    if 99.95 <= percent < 100:
        return "more than 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def rate(count: float, seconds: float) -> str:
    """``13.5/min``."""
    return f"{per_minute(count, seconds):g}/min"


def per_minute(count: float, seconds: float) -> float:
    """Events in a minute, two decimals."""
    return round(count * 60 / seconds, 2) if seconds > 0 else 0.0


def plain(value: float) -> str:
    """``5142`` and ``0.25``, without an exponent where a person would not write one."""
    whole = value.is_integer() or abs(value) >= 1e6
    return f"{value:.0f}" if whole and abs(value) < 1e15 else f"{value:.6g}"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 line``, ``2 lines``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(words: Sequence[str], limit: int = 8) -> str:
    """``a, b and 3 more``."""
    rest = f" and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + rest
