"""What nobody could look at, told once for each reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdbctl.model.finding import Finding, Status
from cdbctl.model.report import NotChecked, Report
from cdbctl.render.words import count


@dataclass(frozen=True, slots=True)
class Gap:
    """Expectations that nothing can be said about for one reason."""

    reason: str
    items: Sequence[NotChecked]

    @property
    def required(self) -> int:
        """How many of them leave the verdict open."""
        return sum(item.required for item in self.items)

    @property
    def size(self) -> str:
        """``15 checks, 14 of them required``."""
        total = len(self.items)
        if self.required in (0, total):
            return f"{count(total, 'check')}, {'' if self.required else 'not '}required"
        return f"{count(total, 'check')}, {self.required} of them required"


def gaps(report: Report) -> list[Gap]:
    """The expectations that were not checked, by reason, in the order of the report."""
    by_reason: dict[str, list[NotChecked]] = {}
    for item in report.coverage.not_checked:
        by_reason.setdefault(_reason(item), []).append(item)
    return [Gap(reason, tuple(items)) for reason, items in by_reason.items()]


def is_gap(finding: Finding, report: Report) -> bool:
    """Whether the list of what was not checked already tells this finding with its reason."""
    listed = ((item.check, item.subject, item.reason) for item in report.coverage.not_checked)
    return finding.status is Status.UNKNOWN and (finding.check, finding.subject, finding.actual) in set(listed)


def _reason(item: NotChecked) -> str:
    # The question of a check to the database names that check: the reason without it is that of its neighbours.
    return item.reason.replace(f" ({item.check} of {item.subject})", "")
