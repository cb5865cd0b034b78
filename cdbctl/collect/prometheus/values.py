"""Single values of the answers of Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cdbctl.collect.attempt import NoAnswer

_TEXT_CHARACTERS = 2_000


def sample(item: Mapping[str, Any]) -> float:
    """The number of a sample; raises NoAnswer for a histogram."""
    if "value" not in item:
        raise NoAnswer("it is a native histogram, which has no single value")
    return float(item["value"][1])


def moment(seconds: float) -> datetime | None:
    """Unix seconds as a time; None for what is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def written_moment(text: object) -> datetime | None:
    """``2026-02-09T08:26:03.123456789Z``; None for the zero time of Go, which means never."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        return at.astimezone(UTC) if at and at.tzinfo and at.year > 1 else None
    except (ValueError, OverflowError):
        return None


def words(value: object) -> str:
    """Text of any kind on one line, shortened; empty for what is no text."""
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return line if len(line) <= _TEXT_CHARACTERS else line[: _TEXT_CHARACTERS - 1] + "…"
