"""Repository truth: what git says, what waits to be migrated, and what nobody declared."""

from __future__ import annotations

from cdbctl.model.finding import Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.repository import RepositoryFacts
from cdbctl.render.md import code, inline, paragraphs, refs
from cdbctl.render.text import shortened
from cdbctl.render.words import both, count, tag

PATHS = 8
"""Changed or untracked paths that are named."""


def repository(report: Report) -> list[str]:
    """Git, the migrations folder, and the sources that are not configured."""
    nobody = report.snapshot.ci is None
    absent = ["- CI and open issues: not configured, nobody looked"] if nobody else []
    return paragraphs(["## Repository truth"], [*_git(report), *_migrations(report), *absent])


def _git(report: Report) -> list[str]:
    reading = report.snapshot.repository
    if isinstance(reading, Unavailable):
        return [_no_answer("Git", reading)]
    facts = reading.value
    branch = code(facts.branch) if facts.branch else "detached HEAD"
    lines = [
        (
            f"- {branch} at {code(facts.commit)}, {both(facts.committed_at, report.snapshot.timezone)}:"
            f" {inline(shortened(facts.subject, 120))} ({inline(reading.evidence.id)})"
        ),
        f"- {_tree(facts)}{_upstream(facts)}",
    ]
    if facts.operation:
        lines.append(f"- A {inline(facts.operation)} is in progress")
    if facts.sample:
        rest = facts.changed + facts.unmerged + facts.untracked - len(facts.sample[:PATHS])
        more = f" and {rest} more" if rest > 0 else ""
        lines.append(f"- Not committed: {', '.join(map(code, facts.sample[:PATHS]))}{more}")
    return lines


def _tree(facts: RepositoryFacts) -> str:
    dirty = [
        f"{amount} {word}"
        for amount, word in (
            (facts.changed, "changed"),
            (facts.staged, "staged"),
            (facts.unmerged, "unmerged"),
            (facts.untracked, "untracked"),
        )
        if amount
    ]
    return ", ".join(dirty) or "Nothing changed, nothing untracked"


def _upstream(facts: RepositoryFacts) -> str:
    if facts.upstream is None:
        return "; no upstream branch"
    if facts.ahead is None or facts.behind is None:
        return f"; {code(facts.upstream)} is gone"
    return f"; {facts.ahead} ahead of and {facts.behind} behind {code(facts.upstream)}"


def _migrations(report: Report) -> list[str]:
    reading = report.snapshot.migrations
    if reading is None:
        return ["- Migrations: not configured"]
    if not isinstance(reading, Observed):
        return [_no_answer("Migrations", reading)]
    folder = reading.value
    unread = [item for item in folder.files if item.problem]
    problem = (
        f"; not understood: {', '.join(inline(f'{item.name} ({item.problem})') for item in unread)}" if unread else ""
    )
    files = f"{count(len(folder.files), 'file')} in {code(folder.path)}"
    found = [
        item for item in report.findings if item.rule.startswith("migrations.") and item.status is not Status.UNKNOWN
    ]
    told = [f"  - {tag(item.status)} {inline(item.title)} ({refs(item.evidence)})" for item in found]
    return [f"- Migrations: {files}{problem} ({inline(reading.evidence.id)})", *told]


def _no_answer(what: str, reading: Unavailable) -> str:
    remedy = f". To do: {inline(reading.remedy)}" if reading.remedy else ""
    return f"- {what}: not known, {inline(reading.reason)} ({inline(reading.evidence.id)}){remedy}"
