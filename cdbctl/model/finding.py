"""What an assessor says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from cdbctl.model.check import Severity

_REDACTED = re.compile(r"\[REDACTED:[^\[\]:]{1,40}:[0-9a-f]{6}\]")
"""What stands in place of a secret: another one in every run."""


class Status(StrEnum):
    """The answer of one check about one subject."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


class Verdict(StrEnum):
    """The answer of a whole run."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"


class Lifecycle(StrEnum):
    """A finding compared with the stored runs."""

    NEW = "NEW"
    ONGOING = "ONGOING"
    RESOLVED = "RESOLVED"
    REGRESSED = "REGRESSED"
    UNVERIFIED = "UNVERIFIED"
    ACCEPTED = "ACCEPTED"


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a source. They occur verbatim in the text of that evidence."""

    evidence: str
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """What a person can do about a finding."""

    summary: str
    migration: str | None = None
    """Path of the pending migration file that brings the repair, relative to the root."""
    options: tuple[str, ...] = ()
    """Best first."""
    risks: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    """Tests after the fix."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one check about one subject; OK answers are findings too."""

    check: str
    rule: str
    subject: str
    key: str
    """A stable fact such as a relation name or a SQLSTATE; never message text."""
    status: Status
    severity: Severity
    required: bool
    title: str
    expected: str
    actual: str
    evidence: tuple[str, ...]
    """Ids; never empty."""
    impact: str = ""
    policy: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    """Numbers and names for machines."""
    quotes: tuple[Quote, ...] = ()
    fix: Fix | None = None
    caused_by: str | None = None
    """Fingerprint of the finding that this one follows from or that already speaks for it."""
    lifecycle: Lifecycle | None = None
    """None until a previous run is stored."""
    first_seen: datetime | None = None
    accepted_until: str | None = None
    """``2026-03-01 by OWNER: REASON`` when a waiver covers it."""

    @property
    def fingerprint(self) -> str:
        """12 hex digits of check, subject and key; the same for shuffled logs and for other tokens of secrets."""
        facts = _REDACTED.sub("[REDACTED]", f"{self.check}|{self.subject}|{self.key}")
        return sha256(facts.encode(errors="backslashreplace")).hexdigest()[:12]
