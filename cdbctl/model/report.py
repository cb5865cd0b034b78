"""A judged snapshot: what every renderer writes down."""

from __future__ import annotations

from dataclasses import dataclass

from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.snapshot import EarlierFinding, Snapshot
from cdbctl.model.soak import Soak


@dataclass(frozen=True, slots=True)
class NotChecked:
    """An expectation that nothing can be said about."""

    check: str
    subject: str
    reason: str
    required: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was declared could be looked at. A check counts once for each of its subjects."""

    declared: int
    ran: int
    not_checked: tuple[NotChecked, ...]


@dataclass(frozen=True, slots=True)
class NextStep:
    """The one thing to do now."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One component in the decision matrix."""

    component: str
    status: Status
    summary: str
    """One short sentence: what was seen."""
    evidence: tuple[str, ...]
    action: str


@dataclass(frozen=True, slots=True)
class Report:
    """The judgement of one run."""

    snapshot: Snapshot
    verdict: Verdict
    next_step: NextStep
    findings: tuple[Finding, ...]
    """WARN, FAIL and UNKNOWN, worst first; causes before their effects."""
    passed: tuple[Finding, ...]
    """OK, in the order of the checks."""
    resolved: tuple[EarlierFinding, ...]
    """Of the previous run; the same check ran again and was OK."""
    unverified: tuple[EarlierFinding, ...]
    """Of the previous run; the check did not run again."""
    top: tuple[str, ...]
    """Fingerprints of the worst findings that have no cause among the others: at most three."""
    coverage: Coverage
    matrix: tuple[MatrixRow, ...]
    soak: Soak | None = None
    """None when none was asked for."""
