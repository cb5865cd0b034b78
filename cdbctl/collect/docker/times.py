"""The times of an engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(text: object) -> datetime | None:
    """Read ``2026-02-09T08:00:48.062000001Z``; None for what never happened (the year 1) and for nonsense."""
    if not isinstance(text, str):
        return None
    try:
        # Nanoseconds and offsets are read since Python 3.11; digits beyond microseconds are cut.
        at = datetime.fromisoformat(text)
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year > 1 else None


def of_nanoseconds(nanoseconds: int) -> datetime | None:
    """The time so many nanoseconds after 1970; None where no calendar reaches."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None
