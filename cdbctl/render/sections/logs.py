"""Log analysis: the proof of what was read, then the lines that matter, verbatim."""

from __future__ import annotations

from cdbctl.model.logs import LogFacts, LogGroup, LogWindow
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Window
from cdbctl.render.md import fence, inline, paragraphs, table
from cdbctl.render.words import NONE, clock, count, duration, number, size

ERROR_KINDS, WARNING_KINDS = 4, 2
"""Kinds of message quoted for a service with errors, and for one with warnings only; the worst come first."""
QUOTED_LINES = 12
"""Of one sample; a traceback is cut there."""
QUOTED_CHARACTERS = 1200


def logs(report: Report) -> list[str]:
    """Every declared log: one line of proof each, and the quoted lines of those that have something to say."""
    snapshot = report.snapshot
    length = duration((snapshot.window.until - snapshot.window.since).total_seconds())
    if not snapshot.logs:
        return paragraphs([f"### Log analysis (last {length})"], ["No log is declared, so nothing was read."])
    header = ("Service", ">Lines", ">Errors", ">Warnings", "First (UTC)", "Last (UTC)", "Read", "Evidence")
    rows = [_proof(name, reading, snapshot.window) for name, reading in snapshot.logs.items()]
    read = [(name, reading) for name, reading in snapshot.logs.items() if isinstance(reading, Observed)]
    said = [
        _said(name, reading.value, reading.evidence.id)
        for name, reading in read
        if reading.value.groups or reading.value.errors or reading.value.warnings
    ]
    quiet = ["What was read holds no line of level WARNING or worse."] if read and not said else []
    return paragraphs([f"### Log analysis (last {length})"], table(header, rows), quiet, *said)


def _proof(name: str, reading: Reading[LogFacts], window: Window) -> tuple[str, ...]:
    if isinstance(reading, Unavailable):
        reason = f"no answer: {inline(reading.reason)}"
        return (inline(name), NONE, NONE, NONE, NONE, NONE, reason, inline(reading.evidence.id))
    facts, seen = reading.value, reading.value.window
    return (
        inline(name),
        str(seen.lines),
        str(facts.errors),
        str(facts.warnings),
        clock(seen.first_at, window.until),
        clock(seen.last_at, window.until),
        _completeness(facts),
        inline(reading.evidence.id),
    )


def _completeness(facts: LogFacts) -> str:
    window = facts.window
    parts = ["complete" if window.complete else "NOT complete"]
    if window.note:
        parts.append(inline(window.note))
    elif not window.reaches_back:
        parts.append("begins inside the window")
    if window.long_lines:
        parts.append(f"{count(window.long_lines, 'line')} cut")
    if window.undecodable_lines:
        parts.append(f"{count(window.undecodable_lines, 'line')} not UTF-8")
    return f"{', '.join(parts)}, {size(window.bytes)}"


def _said(name: str, facts: LogFacts, evidence: str) -> list[str]:
    shown = facts.groups[: ERROR_KINDS if facts.errors else WARNING_KINDS]
    left_out = len(facts.groups) - len(shown) + facts.groups_left_out
    return paragraphs(
        [f"#### {inline(name)}: {count(facts.errors, 'error')}, {count(facts.warnings, 'warning')}"],
        *(block for group in shown for block in _group(group, facts.window, evidence)),
        [f"{count(left_out, 'more kind')} of message: see {inline(evidence)}."] if left_out > 0 else [],
    )


def _group(group: LogGroup, window: LogWindow, evidence: str) -> tuple[list[str], list[str]]:
    """One kind of message: how often, when, what it is known as, and its first sample."""
    known = f", known as {inline(group.signature.kind)}: {inline(group.signature.key)}" if group.signature else ""
    head = f"**{group.level.value}** {_frequency(group, window)}{known} ({inline(evidence)})"
    if not group.samples:
        return [f"{head}, numbers masked:"], fence(group.masked)
    text, cut = quoted(group.samples[0].text)
    return [f"{head}{', cut' if cut else ''}:"], fence(text)


def _frequency(group: LogGroup, window: LogWindow) -> str:
    first = clock(group.first_at, window.until)
    if group.count == 1:
        return f"once, {first}"
    rate = number(float(f"{group.count * 60 / window.covered_seconds:.3g}"))
    return f"× {group.count}, {rate}/min, {first} to {clock(group.last_at, window.until)}"


def quoted(text: str) -> tuple[str, bool]:
    """The beginning of a quote, still verbatim, and whether something was left out."""
    lines = text.split("\n")
    shown = "\n".join(lines[:QUOTED_LINES])[:QUOTED_CHARACTERS]
    return shown, len(shown) < len(text)
