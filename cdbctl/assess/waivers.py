"""Findings that a person knowingly accepts for a time: listed, but they never count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cdbctl.model.check import Waiver
from cdbctl.model.finding import Finding, Lifecycle, Status


def accept(findings: Iterable[Finding], waivers: Sequence[Waiver], *, now: datetime) -> tuple[Finding, ...]:
    """Mark what a waiver that still holds covers as ACCEPTED."""
    valid = [waiver for waiver in waivers if not expired(waiver, now)]
    return tuple(_accept(finding, valid) for finding in findings)


def expired(waiver: Waiver, now: datetime) -> bool:
    """Whether the last day of a waiver, in UTC, is over."""
    return waiver.until < now.astimezone(UTC).date()


def is_accepted(finding: Finding) -> bool:
    """Whether a waiver covers a finding."""
    return finding.lifecycle is Lifecycle.ACCEPTED


def _accept(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    if finding.status is Status.OK:
        return finding
    covering = [waiver for waiver in waivers if _covers(waiver, finding)]
    if not covering:
        return finding
    waiver = max(covering, key=lambda item: (item.until, item.owner, item.reason))
    until = f"{waiver.until.isoformat()} by {waiver.owner}: {waiver.reason}"
    return replace(finding, lifecycle=Lifecycle.ACCEPTED, accepted_until=until)


def _covers(waiver: Waiver, finding: Finding) -> bool:
    if waiver.fingerprint is not None:
        return waiver.fingerprint == finding.fingerprint
    return waiver.check == finding.check
