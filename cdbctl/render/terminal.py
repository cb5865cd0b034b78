"""The summary on the terminal: how it stands, what is worst, what to do next, in one look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdbctl.model.finding import Status, Verdict
from cdbctl.model.reading import Observed
from cdbctl.model.report import Report
from cdbctl.model.soak import Soak, SoakVerdict
from cdbctl.render.gaps import gaps
from cdbctl.render.rows import (
    Cause,
    counted,
    coverage_sentence,
    followers,
    shown_line,
    tally,
    telling_quotes,
    top_findings,
)
from cdbctl.render.sections.soak import soak_sentence
from cdbctl.render.service_rows import health_sentence, service_rows
from cdbctl.render.text import ascii_only, one_line, shortened
from cdbctl.render.words import both, duration, tag

if TYPE_CHECKING:
    from rich.console import Console

COLORS = {
    "OK": "green",
    "PASS": "green",
    "WARN": "yellow",
    "FAIL": "red",
    "UNKNOWN": "magenta",
    "INCONCLUSIVE": "magenta",
}
WIDEST = 120
"""Longer lines are hard to read; a wider terminal stays empty on the right."""
NAMED = 3
"""Services named in the line of services, and effects with their cause."""

REASONS = 2
"""Why something was not checked: as many are told; the report tells all."""
LABEL = 10
"""Width of the column of labels."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the summary: a label, a state or severity in colour, and words."""

    label: str = ""
    state: Status | Verdict | SoakVerdict | None = None
    words: str = ""
    style: str = ""
    wraps: bool = True
    """A command is never wrapped: it must survive being pasted."""


def summary(report: Report, *, color: bool, width: int, unicode: bool) -> str:
    """The summary as text for a terminal of that width; nothing in it is interpreted.

    Without ``unicode`` every character is ASCII, for consoles that know no other.
    """
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out,
        width=max(40, min(width, WIDEST)),
        height=25,
        force_terminal=color,
        force_interactive=False,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        _environ={},  # the same report gives the same text everywhere
    )
    for line in _lines(report):
        _print(console, line, unicode)
    return out.getvalue()


def _lines(report: Report) -> Iterator[Line]:
    snapshot = report.snapshot
    window = duration((snapshot.window.until - snapshot.window.since).total_seconds())
    yield Line("verdict", report.verdict, f"{snapshot.stack}: {tally(report)}", "bold")
    yield Line("taken", words=f"{both(snapshot.taken_at, snapshot.timezone)}, window {window}")
    yield Line("coverage", words=coverage_sentence(report))
    yield from _not_checked(report)
    yield from (Line("note", words=note, style="yellow") for note in snapshot.notes)
    if report.soak is not None:
        yield from _soak(report.soak)
    for cause in top_findings(report):
        yield from _finding(cause)
    yield Line("services", words=_services(report))
    if changes := _changes(report):
        yield Line("changes", words=changes)
    yield Line("next", words=report.next_step.text, style="bold")
    if report.next_step.command:
        yield Line(words=report.next_step.command, style="cyan", wraps=False)


def _not_checked(report: Report) -> Iterator[Line]:
    """Why something was not checked: the verdict says nothing about that."""
    found = gaps(report)
    for gap in found[:REASONS]:
        size = f"{gap.size}: " if len(found) > 1 else ""
        yield Line(words=f"{size}{shortened(gap.reason, 200)}")
    if len(found) > REASONS:
        yield Line(words=f"{len(found) - REASONS} more reasons: see the report")


def _finding(cause: Cause) -> Iterator[Line]:
    finding = cause.finding
    yield Line(finding.severity.value, finding.status, shortened(finding.title, 200), "bold")
    yield Line(words=f"{shortened(finding.actual, 240)} ({', '.join(finding.evidence)})")
    for quote in telling_quotes(cause)[:1]:
        source = "" if quote.evidence in finding.evidence else f" ({quote.evidence})"
        yield Line(words=f"> {shown_line(quote.text)}{source}", style="dim")
    for words, effects in followers(cause.effects):
        titles = [effect.title for effect in effects[:NAMED]]
        more = f" and {len(effects) - NAMED} more" if len(effects) > NAMED else ""
        yield Line(words=f"{words}: {shortened('; '.join(titles), 240)}{more}")


def _soak(found: Soak) -> Iterator[Line]:
    """The verdict over the stored runs, and the first things that stand against a pass."""
    yield Line("soak", found.verdict, soak_sentence(found), "bold")
    against = [*(item.title for item in found.failures), *(item.text for item in found.doubts)]
    yield from (Line(words=shortened(text, 200)) for text in against[:REASONS])
    if len(against) > REASONS:
        yield Line(words=f"{len(against) - REASONS} more: see the report")


def _services(report: Report) -> str:
    """How many run, who does not, and what they say of themselves."""
    if not isinstance(report.snapshot.runtime, Observed):
        return f"not known: {report.snapshot.runtime.reason}"
    rows = [row for row in service_rows(report) if row.declared]
    down = [row.name for row in rows if not row.runs]
    names = ", ".join(down[:NAMED]) + (f" and {len(down) - NAMED} more" if len(down) > NAMED else "")
    still = f", not {names}" if down else ""
    return f"{len(rows) - len(down)}/{len(rows)} running{still}; health: {health_sentence(rows)}"


def _changes(report: Report) -> str:
    """What is new, what goes on, what is over; nothing without an earlier run."""
    previous = report.snapshot.previous
    if not isinstance(previous, Observed):
        return ""
    amounts = Counter(finding.lifecycle.value for finding in counted(report) if finding.lifecycle)
    amounts += Counter(RESOLVED=len(report.resolved), UNVERIFIED=len(report.unverified))
    parts = [f"{amount} {state}" for state, amount in amounts.items()]
    age = duration((report.snapshot.taken_at - previous.value.taken_at).total_seconds())
    return f"{', '.join(parts) or 'none'} since the run of {age} ago"


def _print(console: Console, line: Line, unicode: bool) -> None:
    from rich.text import Text

    def plain(text: str) -> str:
        return one_line(text) if unicode else ascii_only(one_line(text))

    words = Text(plain(line.words), style=line.style)
    if line.state is not None:
        mark = tag(line.state) if unicode else f"[{line.state.value}]"
        words = Text.assemble((mark, f"bold {COLORS[line.state.value]}"), " ", words)
    rows = words.wrap(console, console.width - LABEL, overflow="fold") if line.wraps else [words]
    for number, row in enumerate(rows):
        row.rstrip()
        label = (line.label if number == 0 else "").ljust(LABEL)
        console.print(Text.assemble((label, "bold"), row), soft_wrap=True)
