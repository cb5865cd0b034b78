"""The record of the run: what changed, what passed, what was not looked at, and what all of it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC

from cdbctl.model.finding import Finding, Lifecycle, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.report import Report
from cdbctl.model.snapshot import EarlierFinding
from cdbctl.render.gaps import Gap, gaps, is_gap
from cdbctl.render.md import code, inline, paragraphs, refs, table
from cdbctl.render.rows import counted, digest
from cdbctl.render.words import both, clock, count, duration, tag, utc

SUBJECTS = 4
"""Named for each check that passed; the rest is counted."""
DIGITS = 12
"""Of a SHA-256, enough to tell by eye whether a file is the one that was read."""


def changes(report: Report) -> list[str]:
    """What became of the findings of the previous run."""
    return paragraphs(["## Changes since the previous run"], *_changes(report))


def redactions(report: Report) -> list[str]:
    """The secrets that were replaced before anything was stored."""
    header = ("In place of the secret", ">Times")
    rows = [(code(item.token), str(item.count)) for item in report.snapshot.redactions]
    return paragraphs(["## Redactions"], table(header, rows) if rows else ["No secret was met."])


def passed(report: Report) -> list[str]:
    """The checks that were content, each with what proves it."""
    by_check: dict[str, list[Finding]] = {}
    for finding in report.passed:
        by_check.setdefault(finding.check, []).append(finding)
    header = ("Check", "Subjects", "Evidence")
    rows = [(inline(check), _subjects(items), _evidence_of(items)) for check, items in by_check.items()]
    return paragraphs(["## Passed"], table(header, rows) if rows else ["No check passed."])


def not_checked(report: Report) -> list[str]:
    """What nothing can be said about. No answer is not a good answer."""
    rows = [(inline(gap.reason), gap.size, _what(gap)) for gap in gaps(report)]
    absent = [f"- {inline(item.source)}: {inline(item.reason)}" for item in report.snapshot.not_configured]
    return paragraphs(
        ["## Not checked"],
        table(("Reason", "How many", "Checks and subjects"), rows)
        if rows
        else []
        if absent
        else ["Everything that is declared was looked at."],
        ["Not declared, so nobody looked:"] if absent else [],
        absent,
    )


def evidence(report: Report) -> list[str]:
    """Where every sentence of this report can be checked."""
    snapshot = report.snapshot
    day = snapshot.taken_at.astimezone(UTC)
    header = ("Id", "Source", "SHA-256 begins", "Taken at (UTC)")
    rows = (
        (inline(item.id), inline(item.source), code(digest(item)[:DIGITS]), clock(item.at, snapshot.taken_at))
        for item in snapshot.evidence()
    )
    took = duration((snapshot.finished_at - snapshot.taken_at).total_seconds())
    return paragraphs(
        ["## Evidence"],
        [
            (
                f"Each lies as `evidence/ID.log` in the folder of this run, `{day:%Y-%m-%d}/{day:%H%M%S}Z` below the"
                f" daily reports; its whole SHA-256 stands in `report.json`. Reading all of it took {took}."
            )
        ],
        table(header, rows),
    )


def _changes(report: Report) -> Iterator[list[str]]:
    previous = report.snapshot.previous
    if previous is None:
        yield ["There is no earlier run to compare with: this is the first stored one, so no finding is called new."]
        return
    if isinstance(previous, Unavailable):
        yield [
            f"Not known: the earlier run could not be read, {inline(previous.reason)} ({inline(previous.evidence.id)})."
        ]
        return
    run = previous.value
    then = both(run.taken_at, report.snapshot.timezone)
    yield [f"Compared with {code(run.path)}, {then}, verdict {inline(run.verdict)} ({inline(previous.evidence.id)})."]
    changed = [item for item in counted(report) if item.lifecycle not in (None, Lifecycle.ONGOING)]
    lines = [
        *(_changed(item) for item in changed if not is_gap(item, report)),
        *_unanswered([item for item in changed if is_gap(item, report)]),
        *(f"- **RESOLVED** {_earlier(item)}" for item in report.resolved),
        *(f"- **UNVERIFIED** {_earlier(item)}: {_now(item, report)}" for item in report.unverified),
    ]
    ongoing = sum(item.lifecycle is Lifecycle.ONGOING for item in counted(report))
    if ongoing:
        lines.append(f"- **ONGOING** {count(ongoing, 'finding')}, listed above with the time of the first sight")
    yield lines or ["No finding came, none went."]


def _changed(item: Finding) -> str:
    lifecycle = item.lifecycle.value if item.lifecycle else ""
    return f"- **{lifecycle}** {tag(item.status)} {inline(item.title)} {code(item.fingerprint)}"


def _unanswered(items: list[Finding]) -> Iterator[str]:
    """Checks without an answer, counted: the reasons stand under "Not checked"."""
    for lifecycle, amount in Counter(item.lifecycle.value for item in items if item.lifecycle).items():
        yield f"- **{lifecycle}** {tag(Status.UNKNOWN)} {count(amount, 'check')} without an answer: see “Not checked”"


def _earlier(item: EarlierFinding) -> str:
    seen = f"first seen {utc(item.first_seen)}"
    return f"{inline(item.title)} {code(item.fingerprint)}, was {inline(item.status)}, {seen}"


def _now(item: EarlierFinding, report: Report) -> str:
    """What the same check says of the same subject now: silence leaves the finding open, an answer replaces it."""
    name = f"the check {inline(item.check)} ({inline(item.subject)})"
    same = (one for one in (*report.findings, *report.passed) if (one.check, one.subject) == (item.check, item.subject))
    statuses = {one.status for one in same}
    if not statuses - {Status.UNKNOWN}:
        return f"{name} could not run again"
    if Status.UNKNOWN in statuses:
        return f"{name} ran again, and a part of it has no answer"
    return f"{name} ran again and found something else"


def _what(gap: Gap) -> str:
    """The checks of one reason, each with its subjects; what is not required says so."""
    by_check: dict[str, list[str]] = {}
    mixed = 0 < gap.required < len(gap.items)
    for item in gap.items:
        note = " (not required)" if mixed and not item.required else ""
        by_check.setdefault(item.check, []).append(f"{inline(item.subject)}{note}")
    return "; ".join(f"{inline(check)}: {', '.join(subjects)}" for check, subjects in by_check.items())


def _subjects(items: list[Finding]) -> str:
    names = list(dict.fromkeys(item.subject for item in items))
    rest = len(names) - SUBJECTS
    return ", ".join(map(inline, names[:SUBJECTS])) + (f" and {rest} more" if rest > 0 else "")


def _evidence_of(items: list[Finding]) -> str:
    identities = {identity for item in items for identity in item.evidence}
    return refs(sorted(identities, key=lambda identity: (len(identity), identity)))
