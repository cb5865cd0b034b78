"""The evidence of a log: what was read, the groups with their lines verbatim, and how the log ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from cdbctl.model.logs import Level, LogFacts, LogGroup, LogLine

_EARLIER_LINE_CHARACTERS = 500


def log_text(source: Sequence[str], facts: LogFacts, last_lines: Sequence[LogLine]) -> str:
    """Write up a log so that every sentence about it can be checked; each quoted line occurs verbatim.

    ``source`` says where its lines and its times come from.
    """
    return "\n".join((*source, *_header(facts), *_groups(facts), *_ending(facts, last_lines))) + "\n"


def _header(facts: LogFacts) -> Iterator[str]:
    window = facts.window
    yield f"window: {_time(window.since)} to {_time(window.until)}"
    yield f"first line: {_time(window.first_at)}; last line: {_time(window.last_at)}; newest: {_time(facts.newest_at)}"
    yield f"read: {window.lines} lines, {window.bytes} bytes; complete: {_yes(window.complete)}"
    yield f"the log holds something older than the window: {_yes(window.reaches_back)}"
    yield f"lines cut at 64 KiB: {window.long_lines}; lines that are not UTF-8: {window.undecodable_lines}"
    yield "lines by level: " + ", ".join(f"{level.value} {facts.levels.get(level.value, 0)}" for level in Level)
    if window.note:
        yield f"note: {window.note}"


def _groups(facts: LogFacts) -> Iterator[str]:
    yield ""
    yield f"== groups of WARNING or worse: {len(facts.groups)}, left out: {facts.groups_left_out} =="
    for number, group in enumerate(facts.groups, start=1):
        yield ""
        yield from _group(number, group)


def _group(number: int, group: LogGroup) -> Iterator[str]:
    times = "once" if group.count == 1 else f"{group.count} times"
    yield f"{number}. {group.level.value} {times}, first {_time(group.first_at)}, last {_time(group.last_at)}"
    yield f"   masked: {group.masked}"
    if group.signature is not None:
        yield f"   signature: {group.signature.kind} ({group.signature.key})"
    for sample in group.samples:
        yield f"   line {sample.number}:"
        yield sample.text


def _ending(facts: LogFacts, last_lines: Sequence[LogLine]) -> Iterator[str]:
    yield ""
    if not last_lines:
        yield "== no line inside the window =="
        return
    yield f"== the last lines inside the window, from line {last_lines[0].number} to {last_lines[-1].number} =="
    tail_starts = facts.tail[0].number if facts.tail else last_lines[-1].number + 1
    for line in last_lines:
        if line.number < tail_starts:
            yield line.text[:_EARLIER_LINE_CHARACTERS]
    for message in facts.tail:
        yield message.text


def _time(at: datetime | None) -> str:
    return "none" if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
