"""The unplanned restarts of all programs of one supervisord, as far as its log proves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.supervisord.answer import Answer
from cdbctl.collect.supervisord.journal import Count, count, machine_clock, measured_clock, read_journal
from cdbctl.collect.supervisord.log import LogTail, LogUnreadableError, read_tail
from cdbctl.collect.supervisord.rpc import Rpc
from cdbctl.model.snapshot import Window

_RPC_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class History:
    """What the log says."""

    counts: Mapping[str, Count] = field(default_factory=dict)
    """By full name. A program whose restarts are not proven is missing."""
    daemon_at: datetime | None = None
    """When supervisord was started; None when the log does not show it."""
    notes: tuple[str, ...] = ()
    """What the reader of the counts must know."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the log that were counted, in order."""
        return tuple(sorted(line for found in self.counts.values() for line in found.lines))


def read_history(log: Path | None, rpc: Rpc, answer: Answer, *, window: Window, local: bool) -> History:
    """Count in the log file, or without one in what supervisord hands out of its log."""
    try:
        tail = read_tail(log, since=window.since) if log else _handed_out(rpc)
    except LogUnreadableError as error:
        return History(notes=(f"restarts are not known: {error}",))
    name = f"the log {log.name}" if log else "the log that supervisord hands out"
    return _history(name, tail, answer, window=window, local=local)


def _handed_out(rpc: Rpc) -> LogTail:
    try:
        text = rpc.ask_if_known("readLog", -_RPC_LOG_BYTES, 0)
    except NoAnswer as failure:
        raise LogUnreadableError(f"supervisord does not hand out its log: {failure.reason}") from failure
    if not isinstance(text, str):
        raise LogUnreadableError("supervisord does not hand out its log")
    return LogTail(text, whole=len(text.encode("utf-8", errors="replace")) < _RPC_LOG_BYTES)


def _history(name: str, tail: LogTail, answer: Answer, *, window: Window, local: bool) -> History:
    journal = read_journal(tail.text)
    programs = [info.program for info in answer.programs]
    clock = measured_clock(journal, programs)
    if clock is None and not local:
        return History(notes=(f"restarts are not known: the time zone of {name} could not be established",))
    clock = clock or machine_clock
    namesakes = Counter(program.name for program in programs)
    found = {
        # The log leaves the group out, so it cannot tell namesakes of two groups apart.
        info.full_name: count(journal, info.program, clock=clock, window=window)
        for info in answer.programs
        if namesakes[info.program.name] == 1
    }
    counts = {full_name: counted for full_name, counted in found.items() if counted is not None}
    return History(
        counts=counts,
        daemon_at=clock(journal.daemon_at) if journal.daemon_at else None,
        notes=tuple(_notes(name, tail, answer, counts, clock(journal.oldest) if journal.oldest else None)),
    )


def _notes(name: str, tail: LogTail, answer: Answer, counts: Mapping[str, Count], since: datetime | None) -> list[str]:
    if since is None:
        return [f"restarts are not known: {name} has no line with a time"]
    extent = "from its beginning" if tail.whole else "its end"
    notes = [f"restarts are counted in {name}, {extent}, since {since.isoformat(timespec='milliseconds')}"]
    unproven = [info.full_name for info in answer.programs if info.full_name not in counts]
    if unproven:
        notes.append(f"{name} does not prove the restarts of: {', '.join(unproven)}")
    return notes
