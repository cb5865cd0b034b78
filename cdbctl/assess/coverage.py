"""How much of what was declared could be looked at."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.report import Coverage, NotChecked
from cdbctl.model.snapshot import Snapshot


def coverage(findings: Sequence[Finding], snapshot: Snapshot) -> Coverage:
    """Count each check once for each of its subjects; what is UNKNOWN did not run, and the reason is kept."""
    declared = {(check.id, subject) for check in snapshot.checks for subject in check.subjects}
    unknown: dict[tuple[str, str], NotChecked] = {}
    for item in findings:
        pair = (item.check, item.subject)
        if item.status is Status.UNKNOWN and pair in declared:
            unknown.setdefault(pair, NotChecked(item.check, item.subject, item.actual, item.required))
    return Coverage(len(declared), len(declared) - len(unknown), (*unknown.values(), *_lifecycle(snapshot)))


def _lifecycle(snapshot: Snapshot) -> tuple[NotChecked, ...]:
    previous = snapshot.previous
    if not isinstance(previous, Unavailable):
        return ()
    reason = f"the earlier run could not be read, so nothing is called new or resolved: {previous.reason}"
    return (NotChecked("lifecycle", "earlier run", reason, required=False),)
