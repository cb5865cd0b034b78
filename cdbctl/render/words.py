"""How the report words states, times and amounts."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from cdbctl.model.finding import Status, Verdict
from cdbctl.model.soak import SoakVerdict

NONE = "—"
"""Stands for what is not known, or cannot be because nothing runs."""

_EMOJI = {"OK": "✅", "PASS": "✅", "WARN": "⚠️", "FAIL": "🔴", "UNKNOWN": "❔", "INCONCLUSIVE": "❔"}
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


def tag(state: Status | Verdict | SoakVerdict) -> str:
    """The state twice: for eyes, and for those who cannot see emoji."""
    return f"{_EMOJI[state.value]} [{state.value}]"


def zone(name: str) -> tzinfo | None:
    """The time zone of an IANA name or a fixed offset; None when this machine does not know it."""
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset) if offset < timedelta(days=1) else None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def utc(at: datetime | None) -> str:
    """``2026-02-09 08:26:03 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else NONE


def both(at: datetime | None, timezone_name: str) -> str:
    """UTC, and local time with its offset: ``2026-02-09 08:26:03 UTC (09:26:03 +01:00)``."""
    local = _local(at, timezone_name)
    if at is None or local is None:
        return utc(at)
    day = "" if local.date() == at.astimezone(UTC).date() else f"{local:%Y-%m-%d} "
    return f"{utc(at)} ({day}{local:%H:%M:%S} {local.isoformat()[-6:]})"


def span(since: datetime, until: datetime, timezone_name: str) -> str:
    """Both ends in UTC and in local time: ``2026-02-09 07:26:03 to 08:26:03 UTC (08:26:03 to 09:26:03 +01:00)``."""
    text = f"{_ends(since.astimezone(UTC), until.astimezone(UTC))} UTC"
    first, last = _local(since, timezone_name), _local(until, timezone_name)
    if first is None or last is None:
        return text
    ends = f"{first:%H:%M:%S} to {last:%H:%M:%S}" if first.date() == last.date() else _ends(first, last)
    return f"{text} ({ends} {last.isoformat()[-6:]})"


def _local(at: datetime | None, timezone_name: str) -> datetime | None:
    """Local time; None for an unknown zone, and at the two ends of the calendar, where there may be none."""
    local_zone = zone(timezone_name)
    try:
        return at.astimezone(local_zone) if at and local_zone else None
    except OverflowError:
        return None


def _ends(since: datetime, until: datetime) -> str:
    end = f"{until:%H:%M:%S}" if since.date() == until.date() else f"{until:%Y-%m-%d %H:%M:%S}"
    return f"{since:%Y-%m-%d %H:%M:%S} to {end}"


def clock(at: datetime | None, day: datetime) -> str:
    """The time of day in UTC, with its date only when that is not the date of ``day``."""
    if at is None:
        return NONE
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == day.astimezone(UTC).date() else f"{at:%Y-%m-%d %H:%M:%S}"


def duration(seconds: float) -> str:
    """``40 ms``, ``1.4 s``, ``45 s``, ``12 min``, ``3 h 20 min``, ``5 d 4 h``."""
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if 0 < seconds < 0.9995:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def number(value: float | None) -> str:
    """At most six significant digits after the point's left side: ``812``, ``12.4``, ``1784.25``."""
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value)}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.2f}"


def size(amount_bytes: int | None) -> str:
    """In binary units: ``32.8 MiB``."""
    if amount_bytes is None:
        return NONE
    value = float(amount_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def percent(value: float | None) -> str:
    """``0.11 %``."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.2f} %"


def count(amount: int, noun: str, plural: str = "") -> str:
    """``1 finding``, ``2 findings``."""
    return f"{amount} {noun if amount == 1 else plural or noun + 's'}"
