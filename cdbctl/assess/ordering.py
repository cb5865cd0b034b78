"""Worst first; a cause always stands above its effects."""

from __future__ import annotations

from collections.abc import Iterable

from cdbctl.assess.waivers import is_accepted
from cdbctl.model.finding import Finding, Status


def weight(finding: Finding) -> int:
    """How much a status counts: 0 FAIL, 1 required UNKNOWN, 2 WARN, 3 optional UNKNOWN, 4 OK."""
    match finding.status:
        case Status.FAIL:
            return 0
        case Status.UNKNOWN:
            return 1 if finding.required else 3
        case Status.WARN:
            return 2
        case Status.OK:
            return 4


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings; accepted ones come last."""
    return tuple(sorted(findings, key=order))


def order(finding: Finding) -> tuple[object, ...]:
    """The key of that order: an effect is never weightier nor more severe than its cause, so it sorts below."""
    return (
        is_accepted(finding),
        weight(finding),
        finding.severity.value,
        finding.caused_by is not None,
        finding.check,
        finding.subject,
        finding.key,
    )
