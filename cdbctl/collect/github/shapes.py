"""Values taken out of foreign JSON: of the expected type and harmless to read, or none at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.visible import visible

Record: TypeAlias = Mapping[str, Any]

LARGEST_ID = 2**63 - 1
MAX_WORDS = 300
MAX_ADDRESS = 500
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ADDRESS = re.compile(r"https?://\S+")


def record(value: object, what: str) -> Record:
    """An object; raises NoAnswer for anything else."""
    if not isinstance(value, Mapping):
        raise NoAnswer(f"GitHub answered for the {what} in an unexpected form: {type(value).__name__}, not an object")
    return value


def records(value: object) -> list[Record]:
    """The objects of a list; what is none is left out."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, Sequence) else []


def inner(source: Record, key: str) -> Record:
    """The object below a key; empty when there is none."""
    value = source.get(key)
    return value if isinstance(value, Mapping) else {}


def words(source: Record, key: str, limit: int = MAX_WORDS) -> str:
    """Text on one line, its invisible characters shown as escapes; empty when there is none."""
    value = source.get(key)
    if not isinstance(value, str):
        return ""
    return visible(value[:limit]) + ("…" if len(value) > limit else "")


def whole(source: Record, key: str) -> int | None:
    """A whole number from 0 to the largest id."""
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= LARGEST_ID else None


def moment(source: Record, key: str) -> datetime | None:
    """A time with its zone, in UTC."""
    value = source.get(key)
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC) if at and at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def commit(source: Record, key: str) -> str | None:
    """A full object id."""
    value = source.get(key)
    return value if isinstance(value, str) and _COMMIT.fullmatch(value) else None


def address(source: Record, key: str) -> str:
    """An address for a browser; empty when it is none."""
    value = source.get(key)
    is_one = isinstance(value, str) and len(value) <= MAX_ADDRESS and _ADDRESS.fullmatch(value)
    return visible(value) if is_one and isinstance(value, str) else ""
