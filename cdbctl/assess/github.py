"""What the rules about GitHub have in common: how its silence and its gaps are worded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from cdbctl.assess.case import Case, cases, quote
from cdbctl.model.check import Check
from cdbctl.model.ci import CiFacts, IssueFacts, Unread
from cdbctl.model.finding import Finding, Quote
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

CiJudge: TypeAlias = Callable[[Case, Observed[CiFacts]], Iterator[Finding]]

NAMED = 5
"""Names in a sentence; the details hold all."""
SUBJECT = "the word `ci`"


def each_ci(check: Check, snapshot: Snapshot, judge: CiJudge) -> Iterator[Finding]:
    """One case for each subject, judged by what GitHub said about CI."""
    for case in cases(check, snapshot):
        reading = snapshot.ci
        if reading is None:
            yield case.absent("github")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="github")
        else:
            yield from judge(case, reading)


def not_read(case: Case, reading: Observed[CiFacts], title: str, missing: Sequence[Unread]) -> Finding:
    """Parts that this answer needs were refused."""
    reason = "; ".join(f"{item.part.value}: {item.reason}" for item in missing) or "GitHub does not show them"
    remedy = next((item.remedy for item in missing if item.remedy), "")
    said = (f"not read: {item.part.value}: {item.reason}" for item in missing[:NAMED])
    return case.unknown(title, reason, reading, remedy=remedy, quotes=lines(reading, said))


def lines(reading: Observed[CiFacts] | Observed[IssueFacts], starts: Iterable[str]) -> tuple[Quote, ...]:
    """The lines of the evidence that begin so."""
    seen = reading.evidence.text.splitlines()
    found = (next((line for line in seen if line.startswith(start)), "") for start in starts)
    return tuple(item for line in found for item in quote(reading.evidence, line))


def short_commit(facts: CiFacts) -> str:
    """The commit that the checks belong to."""
    return facts.head[:12] if facts.head else "an unknown commit"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
