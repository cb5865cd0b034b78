"""Log analysis: the proof of what was read, the lines that matter, and a sign of life of every other service."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.model.logs import Level, LogFacts, LogGroup, LogWindow
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Window
from cdbctl.render.md import code, fence, inline, paragraphs, table
from cdbctl.render.rows import shown_line
from cdbctl.render.words import NONE, clock, count, duration, number, size, utc

KINDS, UNTOLD_WARNINGS = 4, 2
"""Kinds of message quoted for one service, and how many of them may be warnings that no finding is about."""
QUOTED_LINES = 12
"""Of one sample; a traceback is cut there."""
QUOTED_CHARACTERS = 1200


def logs(report: Report) -> list[str]:
    """Every declared log: one line of proof each, and the quoted lines of those that have something to say."""
    snapshot = report.snapshot
    title = [f"### Log analysis (last {duration((snapshot.window.until - snapshot.window.since).total_seconds())})"]
    if not snapshot.logs:
        return paragraphs(title, ["No log is declared, so nothing was read."])
    header = ("Service", ">Lines", ">Errors", ">Warnings", "First (UTC)", "Last (UTC)", "Read", "Evidence")
    rows = [_proof(name, reading, snapshot.window) for name, reading in snapshot.logs.items()]
    read = {name: reading for name, reading in snapshot.logs.items() if isinstance(reading, Observed)}
    loud = {name for name, reading in read.items() if _is_loud(reading.value)}
    return paragraphs(
        title,
        table(header, rows),
        *(_said(name, read[name], report) for name in snapshot.logs if name in loud),
        *_quiet({name: reading for name, reading in read.items() if name not in loud}, snapshot.window),
    )


def _is_loud(facts: LogFacts) -> bool:
    return bool(facts.groups or facts.errors or facts.warnings)


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


def _said(name: str, reading: Observed[LogFacts], report: Report) -> list[str]:
    """What a service warned of: in full as far as it is an error or a finding is about it, the rest in few words."""
    facts, evidence = reading.value, reading.evidence.id
    told = [quote.text for item in report.findings for quote in item.quotes if quote.evidence == evidence]
    weighty = [group for group in facts.groups if _is_weighty(group, told)]
    full = weighty[:KINDS]
    brief = [group for group in facts.groups if group not in weighty][: min(UNTOLD_WARNINGS, KINDS - len(full))]
    left_out = len(facts.groups) - len(full) - len(brief) + facts.groups_left_out
    return paragraphs(
        [f"#### {inline(name)}: {count(facts.errors, 'error')}, {count(facts.warnings, 'warning')}"],
        *(block for group in full for block in _group(group, facts.window, evidence)),
        [_in_brief(group, facts.window, evidence) for group in brief],
        [f"{count(left_out, 'more kind')} of message: see {inline(evidence)}."] if left_out > 0 else [],
    )


def _is_weighty(group: LogGroup, told: Sequence[str]) -> bool:
    return group.level is not Level.WARNING or any(words in line.text for line in group.samples for words in told)


def _group(group: LogGroup, window: LogWindow, evidence: str) -> tuple[list[str], list[str]]:
    """One kind of message: how often, when, what it is known as, and its first sample."""
    head = _head(group, window, evidence)
    if not group.samples:
        return [f"{head}, numbers masked:"], fence(group.masked)
    text, cut = quoted(group.samples[0].text)
    return [f"{head}{', cut' if cut else ''}:"], fence(text)


def _in_brief(group: LogGroup, window: LogWindow, evidence: str) -> str:
    head = f"- {_head(group, window, evidence)}"
    if not group.samples:
        return f"{head}, numbers masked: {code(shown_line(group.masked))}"
    text = group.samples[0].text
    line = shown_line(text)
    return f"{head}{', cut' if line != text else ''}: {code(line)}"


def _head(group: LogGroup, window: LogWindow, evidence: str) -> str:
    known = f", known as {inline(group.signature.kind)}: {inline(group.signature.key)}" if group.signature else ""
    return f"**{group.level.value}** {_frequency(group, window)}{known} ({inline(evidence)})"


def _frequency(group: LogGroup, window: LogWindow) -> str:
    first, last = clock(group.first_at, window.until), clock(group.last_at, window.until)
    if group.count == 1:
        return f"once, {first}"
    rate = number(float(f"{group.count * 60 / window.covered_seconds:.3g}"))
    return f"× {group.count}, {rate}/min, {f'all at {first}' if first == last else f'{first} to {last}'}"


def _quiet(quiet: dict[str, Observed[LogFacts]], window: Window) -> list[list[str]]:
    """Services without a warning, each with its newest line: to be quiet is well only for one that works."""
    if not quiet:
        return []
    return [
        ["#### Quiet services"],
        ["What was read of these holds no line of level WARNING or worse. The newest line of each:"],
        [_sign_of_life(name, reading, window) for name, reading in quiet.items()],
    ]


def _sign_of_life(name: str, reading: Observed[LogFacts], window: Window) -> str:
    facts, proof = reading.value, inline(reading.evidence.id)
    if not facts.window.lines:
        newest = f"its newest line is of {utc(facts.newest_at)}" if facts.newest_at else "its log holds no dated line"
        return f"- {inline(name)}: **silent**, no line in the window; {newest} ({proof})"
    if not facts.tail:
        return f"- {inline(name)}: {count(facts.window.lines, 'line')}, none of them kept ({proof})"
    last = facts.tail[-1]
    line = shown_line(last.text)
    age = f", {duration(max(0.0, (window.until - last.at).total_seconds()))} old" if last.at else ""
    return f"- {inline(name)} ({proof}{age}{', cut' if line != last.text else ''}): {code(line)}"


def quoted(text: str) -> tuple[str, bool]:
    """The beginning of a quote, still verbatim, and whether something was left out."""
    lines = text.split("\n")
    shown = "\n".join(lines[:QUOTED_LINES])[:QUOTED_CHARACTERS]
    return shown, len(shown) < len(text)
