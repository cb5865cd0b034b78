"""Findings compared with the earlier run: new, going on, come back; resolved only by the same check answering OK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cdbctl.assess.waivers import is_accepted
from cdbctl.model.finding import Finding, Lifecycle, Status
from cdbctl.model.reading import Observed
from cdbctl.model.snapshot import EarlierFinding, Snapshot

OVER = (Lifecycle.RESOLVED, Lifecycle.ACCEPTED)
"""An earlier finding of this kind was not open; when it is open now, it has come back."""


def compare(findings: Sequence[Finding], snapshot: Snapshot) -> tuple[Finding, ...]:
    """Give every finding its lifecycle; without a readable earlier run there is none."""
    earlier = {item.fingerprint: item for item in earlier_findings(snapshot)}
    known = isinstance(snapshot.previous, Observed)
    return tuple(_compare(finding, earlier, snapshot, known) for finding in findings)


def _compare(finding: Finding, earlier: dict[str, EarlierFinding], snapshot: Snapshot, known: bool) -> Finding:
    if finding.status is Status.OK:
        return finding
    before = earlier.get(finding.fingerprint)
    first_seen = before.first_seen if before else snapshot.taken_at
    if is_accepted(finding) or not known:
        return replace(finding, first_seen=first_seen)
    if before is None:
        return replace(finding, lifecycle=Lifecycle.NEW, first_seen=first_seen)
    state = Lifecycle.REGRESSED if before.lifecycle in OVER else Lifecycle.ONGOING
    return replace(finding, lifecycle=state, first_seen=first_seen)


@dataclass(frozen=True, slots=True)
class Gone:
    """What became of the findings of the earlier run that are not findings any more."""

    resolved: tuple[EarlierFinding, ...]
    unverified: tuple[EarlierFinding, ...]


def gone(findings: Sequence[Finding], snapshot: Snapshot) -> Gone:
    """Split them: RESOLVED only if the same check ran again on the same subject and was OK."""
    still = {finding.fingerprint for finding in findings if finding.status is not Status.OK}
    answers: dict[tuple[str, str], set[Status]] = {}
    for finding in findings:
        answers.setdefault((finding.check, finding.subject), set()).add(finding.status)
    left = [
        item
        for item in earlier_findings(snapshot)
        if item.fingerprint not in still and item.lifecycle != Lifecycle.RESOLVED
    ]
    resolved = tuple(item for item in left if answers.get((item.check, item.subject)) == {Status.OK})
    return Gone(resolved, tuple(item for item in left if item not in resolved))


def earlier_findings(snapshot: Snapshot) -> tuple[EarlierFinding, ...]:
    """The findings of the earlier run that were not OK; none when it could not be read."""
    if not isinstance(snapshot.previous, Observed):
        return ()
    return tuple(item for item in snapshot.previous.value.findings if item.status != Status.OK)
