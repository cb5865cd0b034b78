"""The first screen: what day it is, how it stands, what is worst, what to do next."""

from __future__ import annotations

from datetime import UTC

from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.gaps import gaps
from cdbctl.render.md import code, fence, inline, paragraphs, prose, refs
from cdbctl.render.rows import Cause, coverage_sentence, followers, shown_line, tally, telling_quotes, top_findings
from cdbctl.render.text import shortened
from cdbctl.render.words import both, count, duration, span, tag, zone

EFFECTS = 3
"""Named with each top finding; all of them stand in the fix plan."""
REASONS = 3
"""Why something was not checked: as many are told here."""


def title(report: Report) -> list[str]:
    """Stack and date, and what was looked at."""
    snapshot = report.snapshot
    return paragraphs(
        [f"# Daily check-up: {inline(snapshot.stack)}, {snapshot.taken_at.astimezone(UTC):%Y-%m-%d}"],
        [
            f"- **Taken:** {both(snapshot.taken_at, snapshot.timezone)}{_zone_note(snapshot)}",
            f"- **Window:** {_window(snapshot)}",
            f"- **Repository:** {_repository(snapshot)}",
            f"- **Runtime:** {_runtime(snapshot)}",
            f"- **Agent:** {inline(snapshot.agent)}; tool: cdbctl {inline(snapshot.tool_version)}",
        ],
        *([f"> **Note:** {inline(note)}"] for note in snapshot.notes),
    )


def executive_summary(report: Report) -> list[str]:
    """The verdict, the worst findings, and exactly one next step."""
    worst = top_findings(report)
    findings = [line for number, cause in enumerate(worst, 1) for line in _top(number, cause)]
    return paragraphs(
        ["## Executive summary"],
        [f"**Verdict:** {tag(report.verdict)} — {tally(report)}"],
        [f"**Coverage:** {coverage_sentence(report)}; a check counts once for each of its subjects"],
        _not_checked(report),
        [f"**{'Top finding' if len(worst) == 1 else 'Top findings'}:**"] if worst else [],
        findings,
        [f"**Next step:** {prose(report.next_step.text)}"],
        fence(report.next_step.command, "sh") if report.next_step.command else [],
    )


def _not_checked(report: Report) -> list[str]:
    """What nothing is known about, and why, before anybody trusts the verdict."""
    lines = [f"- {gap.size}: {inline(shortened(gap.reason, 240))}" for gap in gaps(report)]
    hidden = len(lines) - REASONS
    absent = ", ".join(inline(item.source) for item in report.snapshot.not_configured)
    if hidden > 0:
        lines[REASONS:] = [f"- {count(hidden, 'more reason')}: see “Not checked” below"]
    if absent and not lines:
        return [f"**Not checked:** {absent} (not declared)"]
    if absent:
        lines.append(f"- not declared: {absent}")
    return ["**Not checked:**", "", *lines] if lines else []


def _top(number: int, cause: Cause) -> list[str]:
    finding = cause.finding
    lines = [
        f"{number}. {tag(finding.status)} **{finding.severity}** {inline(finding.title)}",
        f"   - {inline(finding.subject)}: {inline(shortened(finding.actual, 300))} ({refs(finding.evidence)})",
    ]
    for quote in telling_quotes(cause)[:1]:
        source = "" if quote.evidence in finding.evidence else f"{inline(quote.evidence)}: "
        lines.append(f"   - {source}{code(shown_line(quote.text))}")
    if finding.impact:
        policy = f" ({inline(finding.policy)})" if finding.policy else ""
        lines.append(f"   - Impact{policy}: {prose(finding.impact)}")
    for words, effects in followers(cause.effects):
        titles = "; ".join(inline(effect.title) for effect in effects[:EFFECTS])
        rest = len(effects) - EFFECTS
        lines.append(f"   - {words.capitalize()}: {titles}{f' and {rest} more' if rest > 0 else ''}")
    return lines


def _window(snapshot: Snapshot) -> str:
    since, until = snapshot.window.since, snapshot.window.until
    return f"{span(since, until, snapshot.timezone)}, {duration((until - since).total_seconds())}"


def _zone_note(snapshot: Snapshot) -> str:
    name = inline(snapshot.timezone)
    if zone(snapshot.timezone) is None:
        return f", the time zone {name} is not known here"
    return "" if snapshot.timezone[:1] in "+-" else f", {name}"


def _repository(snapshot: Snapshot) -> str:
    reading = snapshot.repository
    if isinstance(reading, Unavailable):
        return _no_answer(reading)
    facts = reading.value
    branch = code(facts.branch) if facts.branch else "detached HEAD"
    return f"{branch} at {code(facts.commit[:12])}, {inline(shortened(facts.subject, 80))}"


def _runtime(snapshot: Snapshot) -> str:
    reading = snapshot.runtime
    if not isinstance(reading, Observed):
        return _no_answer(reading)
    started = reading.value.started_at
    kind = inline(reading.value.kind)
    if started is None:
        return f"{kind}; since when is not known"
    return f"{kind} since {both(started, snapshot.timezone)}, {duration((snapshot.taken_at - started).total_seconds())}"


def _no_answer(reading: Unavailable) -> str:
    return f"no answer ({inline(reading.reason)})"
