"""What is expected of the stack, and what is knowingly accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

BUILT_IN = "built-in checks"
"""Where people are told that the checks stand which cdbctl itself brings."""


class Severity(StrEnum):
    """Orders findings; it does not make the verdict."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Check:
    """A declared expectation. It explains itself to the one it stops."""

    id: str
    """e.g. ``logs.known-signatures``."""
    rule: str
    """The rule that judges it, e.g. ``logs.signature``."""
    subjects: tuple[str, ...]
    """What it looks at, selectors resolved: services, metrics, tables, stages …"""
    params: Mapping[str, object]
    severity: Severity
    required: bool
    """Whether an UNKNOWN of this check leaves the verdict open; an optional UNKNOWN only lowers coverage."""
    short: str
    """The expectation in one sentence."""
    motivation: str
    impact: str
    policy: str
    """The law behind it, e.g. ``INV-030``; may be empty."""
    remedy: str
    file: str
    line: int

    @property
    def built_in(self) -> bool:
        """Whether cdbctl itself brings it, for a root that has no checks of its own."""
        return self.file.startswith(f"{BUILT_IN}/")


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that a person knowingly accepts for a time."""

    fingerprint: str | None
    check: str | None
    """Exactly one of fingerprint and check is given."""
    owner: str
    reason: str
    until: date
    """Last day on which it holds, in UTC."""
    file: str
    line: int
