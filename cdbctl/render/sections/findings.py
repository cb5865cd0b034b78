"""The assessment: the decision matrix, and every finding with its fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.model.finding import Finding, Fix, Status
from cdbctl.model.report import Report
from cdbctl.render.gaps import is_gap
from cdbctl.render.md import code, fence, inline, paragraphs, prose, refs, table
from cdbctl.render.rows import Cause, accepted, causes, followers, telling_quotes
from cdbctl.render.sections.logs import quoted
from cdbctl.render.words import NONE, count, tag, utc

PROOFS = 4
"""Evidence ids in a row of the matrix; the findings below name them all."""


def matrix(report: Report) -> list[str]:
    """Component, status, evidence, action."""
    header = ("Component", "Status", "Evidence", "Action")
    rows = (
        (
            inline(row.component),
            tag(row.status),
            f"{inline(row.summary)} ({refs(row.evidence, limit=PROOFS)})" if row.evidence else inline(row.summary),
            prose(row.action) or NONE,
        )
        for row in report.matrix
    )
    return paragraphs(["## Decision matrix"], table(header, rows))


def fix_plan(report: Report) -> list[str]:
    """Every finding that counts: causes in full, what follows from them as a list."""
    found = causes(report)
    blocks = (block for cause in found for block in (*_finding(cause), *_effects(cause.effects, report)))
    return paragraphs(["## Findings and fix plan"], *blocks if found else (["Nothing to fix."],))


def accepted_findings(report: Report) -> list[str]:
    """What somebody knowingly accepted: listed, not counted."""
    header = ("Finding", "Would be", "Accepted until", "Check", "Evidence")
    rows = [
        (
            inline(item.title),
            tag(item.status),
            inline(item.accepted_until or NONE),
            f"{inline(item.check)} {inline(item.subject)} {code(item.fingerprint)}",
            refs(item.evidence),
        )
        for item in accepted(report)
    ]
    return paragraphs(["## Accepted findings"], table(header, rows) if rows else ["None."])


def _finding(cause: Cause) -> Iterator[list[str]]:
    finding = cause.finding
    yield [f"### {tag(finding.status)} {finding.severity}: {inline(finding.title)}"]
    yield [
        f"- Check {inline(finding.check)}, subject {inline(finding.subject)}, finding {code(finding.fingerprint)}",
        f"- Expected: {inline(finding.expected)}",
        f"- Actual: {inline(finding.actual)} ({refs(finding.evidence)})",
        *_weight(finding),
    ]
    for quote in telling_quotes(cause):
        text, cut = quoted(quote.text)
        yield [f"Quoted from {inline(quote.evidence)}{', cut' if cut else ''}:"]
        yield fence(text)
    if finding.fix:
        yield from _fix(finding.fix)


def _effects(effects: Sequence[Finding], report: Report) -> Iterator[list[str]]:
    """What follows from a finding, so that nobody repairs it on its own."""
    for words, group in followers(effects):
        yield from _followers(words.capitalize(), group, report)


def _followers(words: str, effects: Sequence[Finding], report: Report) -> Iterator[list[str]]:
    undecided = sum(is_gap(item, report) for item in effects)
    header = (words, "Status", "Actual", "Check and subject", "Finding")
    rows = [
        (
            inline(item.title),
            f"{tag(item.status)} {item.severity}",
            f"{inline(item.actual)} ({refs(item.evidence)})",
            f"{inline(item.check)}: {inline(item.subject)}",
            code(item.fingerprint),
        )
        for item in effects
        if not is_gap(item, report)
    ]
    yield table(header, rows) if rows else []
    if undecided:
        because = "Because of it" if words.startswith("Follows") else "Maybe because of it"
        yield [f"{because} {count(undecided, 'check')} could not be decided: see “Not checked”."]


def _weight(finding: Finding) -> Iterator[str]:
    if finding.impact or finding.policy:
        policy = f" ({inline(finding.policy)})" if finding.policy else ""
        yield f"- Impact{policy}: {prose(finding.impact) or 'a rule is broken'}"
    if finding.lifecycle:
        seen = f", first seen {utc(finding.first_seen)}" if finding.first_seen else ""
        yield f"- Lifecycle: {finding.lifecycle.value}{seen}"
    if finding.status is Status.UNKNOWN and not finding.required:
        yield "- Not required: the verdict does not wait for it"


def _fix(fix: Fix) -> Iterator[list[str]]:
    yield [f"**Fix:** {prose(fix.summary)}"]
    if fix.migration and fix.migration not in fix.summary:
        yield [f"Pending migration: {code(fix.migration)}"]
    yield _numbered("Options, best first:", fix.options)
    yield _bullets("Risks:", fix.risks)
    if fix.commands:
        yield ["Commands:"]
        yield fence("\n".join(fix.commands), "sh")
    yield _numbered("Tests after the fix:", fix.verify)


def _numbered(title: str, items: Sequence[str]) -> list[str]:
    return [title, "", *(f"{number}. {prose(item)}" for number, item in enumerate(items, 1))] if items else []


def _bullets(title: str, items: Sequence[str]) -> list[str]:
    return [title, "", *(f"- {prose(item)}" for item in items)] if items else []
