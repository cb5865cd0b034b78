"""The soak: whether the stack ran through the stretch that was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.model.report import Report
from cdbctl.model.soak import Doubt, Failure, Soak, SoakVerdict
from cdbctl.render.md import inline, paragraphs, refs
from cdbctl.render.words import both, count, duration, span, tag, utc

LINES = 12
"""Doubts and runs of one kind that are told; all of them stand in ``report.json``."""


def soak(report: Report) -> list[str]:
    """The verdict over the stored runs; nothing when no soak was asked for."""
    if report.soak is None:
        return []
    found, zone = report.soak, report.snapshot.timezone
    stretch = found.stretch
    length = (stretch.until - stretch.since).total_seconds()
    return paragraphs(
        [f"## Soak of {duration(length)}"],
        [f"**Soak:** {tag(found.verdict)} — {soak_sentence(found)}"],
        [
            f"- **Stretch:** {span(stretch.since, stretch.until, zone)}",
            f"- **Looked at:** {_cover(found, length)} ({refs(found.evidence)})",
            f"- **Counts from:** {both(found.clean_since, zone)}{_passes(found, zone)}",
            *(f"- **Note:** {inline(note)}" for note in found.notes),
            *_ignored(found),
        ],
        ["**What failed:**"] if found.failures else [],
        _limited([_failure(item) for item in found.failures]),
        ["**What leaves it undecided:**"] if found.doubts else [],
        _limited([_doubt(item) for item in found.doubts]),
    )


def soak_sentence(found: Soak) -> str:
    """What decided it, in a few words."""
    length = duration((found.stretch.until - found.stretch.since).total_seconds())
    covered = f"{count(found.runs, 'run')} cover {duration(found.covered_seconds)} of {length}"
    if found.verdict is SoakVerdict.PASS:
        return f"{covered}, no run failed, and no service under test was started again"
    parts = []
    if found.failures:
        parts.append(count(len(found.failures), "failure"))
    if found.doubts:
        parts.append(count(len(found.doubts), "doubt"))
    return f"{', '.join(parts)}; {covered}"


def _cover(found: Soak, length: float) -> str:
    runs = f"{count(found.runs, 'run')}, this one included,"
    if found.covered_seconds >= length:
        return f"{runs} cover all of it"
    return f"{runs} cover {duration(found.covered_seconds)} of {duration(length)}"


def _passes(found: Soak, zone: str) -> str:
    if found.verdict is SoakVerdict.PASS or found.passes_at is None:
        return ""
    return f"; it can pass at {both(found.passes_at, zone)}, if nothing happens until then"


def _failure(item: Failure) -> str:
    seen = f"first {utc(item.first_at)}, last {utc(item.last_at)}"
    runs = ", ".join(inline(path) for path in item.runs[:3]) or "this run"
    more = f" and {len(item.runs) - 3} more" if len(item.runs) > 3 else ""
    return f"- **{inline(item.kind)}** {inline(item.title)}: {seen}; seen by {runs}{more}"


def _doubt(item: Doubt) -> str:
    return f"- **{inline(item.kind)}** {inline(item.text)}"


def _ignored(found: Soak) -> list[str]:
    if not found.ignored:
        return []
    first = found.ignored[0]
    more = f" and {len(found.ignored) - 1} more" if len(found.ignored) > 1 else ""
    return [f"- **Passed over:** {inline(first.path)}{more}: {inline(first.reason)}"]


def _limited(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - LINES
    return [*lines[:LINES], *([f"- and {rest} more, in report.json"] if rest > 0 else [])]
