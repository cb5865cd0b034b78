"""From the bytes of a log to its facts: every line counted, the loud ones grouped, in constant memory."""

from __future__ import annotations

import codecs
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from cdbctl.collect.logs.clock import Clock
from cdbctl.collect.logs.groups import LINE_CHARACTERS, Groups, Message, decode
from cdbctl.collect.logs.lines import (
    BARE_RUNS,
    COLOUR,
    FILE_RUNS,
    LINE,
    LOUD,
    PREFIX_BYTES,
    PREFIXED_RUNS,
    Head,
    head,
    is_traceback,
    quiet_levels,
)
from cdbctl.collect.logs.masking import shorten
from cdbctl.collect.logs.own_time import OwnTime
from cdbctl.model.logs import Level, LogFacts, LogLine, LogWindow
from cdbctl.model.snapshot import Window

LINE_BYTES = 64 * 1024
"""Lines of this length or more are cut."""
_PIECE_BYTES = 256 * 1024
LAST_LINES = 20
TAIL_MESSAGES = 5
_SOON = timedelta(minutes=1)
"""Lines this much later than the window are only what was written while the check-up ran."""
_PAUSE = timedelta(seconds=1)
"""A line that comes later than this after the one before it does not continue a message."""


class _Stretch(NamedTuple):
    """Consecutive lines of the window within one block of bytes."""

    number: int
    """Of its first line."""
    lines: int
    block: bytes
    start: int
    end: int


class Scanner:
    """Reads one log in pieces of any size, as they come from a file or from a container runtime.

    Call ``begin`` before the first piece of every file, ``feed`` with its bytes, and ``finish`` once.
    ``prefixed`` says that a container runtime put ``2026-02-09T08:00:48.062123456Z `` in front of every line. Then that
    alone is the time of a line and decides whether it lies inside the window; what the line itself says of the
    time does not, and the texts of the result are without the prefix.
    """

    def __init__(
        self, window: Window, zone: tzinfo, conceal: Callable[[str], str] = str, *, prefixed: bool = False
    ) -> None:
        self.stamped = False
        """Whether any line so far carried a time stamp."""
        self.reaches_back = False
        """Whether any line so far is older than the window."""
        self._window = window
        self._clock = Clock(window, zone)
        self._groups = Groups(conceal)
        self._skip = PREFIX_BYTES if prefixed else 0
        self._runs = BARE_RUNS if prefixed else FILE_RUNS
        self._own_time = OwnTime(zone) if prefixed else None
        self._levels: Counter[Level] = Counter()
        self._recent: deque[_Stretch] = deque(maxlen=LAST_LINES)
        self._message: Message | None = None
        self._rest = b""
        self._skipping = False
        self._careful = False
        self._inside = True
        self._at: datetime | None = None
        self._run_key: tuple[bytes | None, ...] = (None,)
        self._run_inside = False
        self._unsettled: tuple[bytes, int] | None = None
        self._first_at: datetime | None = None
        self._last_at: datetime | None = None
        self._newest_at: datetime | None = None
        self._lines = self._bytes = self._long = self._undecodable = self._later = self._backwards = 0

    def begin(self, *, inside: bool, in_line: bool = False) -> None:
        """Start another file of the log.

        ``inside`` says whether lines before its first time stamp belong to the window, ``in_line`` that its
        first bytes are the end of a line whose beginning is not wanted.
        """
        self._end_line()
        self._settle()
        self._close()
        self._inside, self._skipping = inside, in_line
        self._at = None

    def feed(self, data: bytes) -> None:
        """Read on."""
        for start in range(0, len(data), _PIECE_BYTES):
            self._feed(data[start : start + _PIECE_BYTES])

    def _feed(self, data: bytes) -> None:
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return
            data = data[end + 1 :]
            self._skipping = False
        data = self._rest + data if self._rest else data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if end:
            self._scan(data[:end])
        if len(self._rest) >= LINE_BYTES:
            self._end_line()
            self._skipping = True

    def finish(
        self, *, complete: bool = True, reaches_back: bool = False, notes: Sequence[str] = (), begins: str | None = None
    ) -> LogFacts:
        """The facts of everything that was fed.

        ``begins`` replaces what is said about a log that holds nothing older than the window; empty says nothing.
        """
        self._end_line()
        self._settle()
        self._close()
        groups, left_out = self._groups.result()
        reaches_back = reaches_back or self.reaches_back
        return LogFacts(
            window=LogWindow(
                since=self._window.since,
                until=self._window.until,
                first_at=self._first_at,
                last_at=self._last_at,
                lines=self._lines,
                bytes=self._bytes,
                complete=complete and not self._later,
                reaches_back=reaches_back,
                note="; ".join((*notes, *self._remarks(begins, reaches_back=reaches_back))),
                long_lines=self._long,
                undecodable_lines=self._undecodable,
            ),
            levels={level.value: self._levels[level] for level in Level if self._levels[level]},
            groups=groups,
            groups_left_out=left_out,
            newest_at=self._newest_at,
            tail=tuple(self._tail())[-TAIL_MESSAGES:],
        )

    def last_lines(self) -> tuple[LogLine, ...]:
        """The last lines inside the window, verbatim."""
        return tuple(LogLine(number, at, _text(line)) for number, at, line in self._last_lines())

    def _end_line(self) -> None:
        if self._rest:
            line, self._rest = self._rest[:LINE_BYTES], b""
            self._scan(line + b"\n")

    def _scan(self, block: bytes) -> None:
        self._careful = not _is_utf8(block)
        if _may_have_long_lines(block):
            self._careful = True
            block = b"\n".join(line[:LINE_BYTES] for line in block.split(b"\n"))
        if b"\x1b" in block:
            block = COLOUR.sub(b"", block)
        self._bytes += len(block)
        quiet: list[bytes] = []
        position, run_end = 0, 0
        while position < len(block):
            if position >= run_end and (run := self._runs.run.match(block, position)):
                run_end = run.end()
                if self._take_run(run, quiet):
                    position = run_end
                    continue
                # At an edge of the window: its lines are looked at one by one, up to run_end.
            line = LINE.match(block, position + self._skip)
            assert line is not None  # noqa: S101 - every line matches, if only as a continuation
            self._take_line(line)
            position = line.end()
        self._levels += quiet_levels(b"".join(quiet), self._runs)

    def _take_run(self, run: re.Match[bytes], quiet: list[bytes]) -> bool:
        """Take a run of quiet lines of one minute at once, if all of that minute is inside or outside."""
        block, start, end = run.string, run.start(), run.end()
        if not self._pass_through(run[1], run[2], block, start, end):
            return False
        self._close()
        lines = block.count(b"\n", start, end)
        self._bytes -= lines * self._skip
        if not self._inside:
            self._bytes -= end - start - lines * self._skip
            return True
        self._recent.append(_Stretch(self._lines + 1, lines, block, start, end))
        self._lines += lines
        quiet.append(block[start:end])
        if self._careful:
            self._inspect(quiet[-1])
        return True

    def _pass_through(self, minute: bytes, zone: bytes | None, block: bytes, start: int, end: int) -> bool:
        """Go to a minute without looking at its seconds; False when the window begins or ends in it."""
        if (minute, zone) != self._run_key:
            whole = self._clock.minute(minute.replace(b"/", b"-"), (zone or b"").strip() or None)
            if whole.at is None or whole.inside is None:
                return whole.at is not None and self._skip > 0 and self._pass_edge(block, start, end)
            self._go_to(block, start)
            self._run_key, self._run_inside = (minute, zone), whole.inside
            if self._runs is PREFIXED_RUNS and (line := LINE.match(block, start + self._skip)):
                self._compare(head(line, stamped_log=True), block, start)
        self._inside = self._run_inside
        self._unsettled = (block, end)
        return True

    def _pass_edge(self, block: bytes, start: int, end: int) -> bool:
        """The same where the window begins or ends in this minute, but not between these lines."""
        # As text, times that are written alike are in order.
        times = [line[: PREFIX_BYTES - 2] for line in block[start : end - 1].split(b"\n")]
        sides = {self._clock.side(self._clock.at(time, b"Z")) for time in (min(times), max(times))}
        if len(sides) > 1:
            return False
        self._go_to(block, start)
        self._run_key = (None,)
        self._unsettled = (block, end)
        return True

    def _settle(self) -> None:
        """Note the time of the last line of the last run, which is rarely asked for."""
        if self._unsettled is not None:
            block, end = self._unsettled
            self._unsettled = None
            self._meet(self._moment(block, block.rfind(b"\n", 0, end - 1) + 1))

    def _take_line(self, line: re.Match[bytes]) -> None:
        begins = self._begins_behind_prefix(line) if self._skip else self._begins(line)
        if begins is not None:
            self._close()
        self._bytes -= self._skip
        if not self._inside:
            self._bytes -= len(line.group())
            return
        self._lines += 1
        self._recent.append(_Stretch(self._lines, 1, line.string, line.start() - self._skip, line.end()))
        level = begins.level if begins else Level.NONE
        self._levels[level] += 1
        if begins is not None and level in LOUD:
            self._message = Message(level, self._at, self._lines, begins.text, [line.group().rstrip(b"\r\n")])
        elif self._message is not None:
            self._message.add(line.group().rstrip(b"\r\n"))
        if self._careful:
            self._inspect(line.string[line.start() - self._skip : line.end()])

    def _inspect(self, lines: bytes) -> None:
        """Count lines that were cut or are not UTF-8."""
        for line in lines.split(b"\n")[:-1]:
            cut = len(line) >= LINE_BYTES
            self._long += cut
            self._undecodable += not _is_utf8(line, cut=cut)

    def _begins(self, line: re.Match[bytes]) -> Head | None:
        """The message that this line begins, or None; moves the clock when the line carries a time."""
        if line.lastindex is None or (self._message is not None and is_traceback(line)):
            return None
        begins = head(line, stamped_log=self.stamped)
        if begins is None or begins.stamp is None:
            self._settle()
            return begins
        at = self._clock.at(begins.stamp, begins.zone)
        if at is None:
            return None
        if begins.stamp[:16] == self._run_key[0]:
            self._unsettled = None  # a later line of the same minute says as much
        self._settle()
        self._meet(at)
        return begins

    def _begins_behind_prefix(self, line: re.Match[bytes]) -> Head | None:
        """The same where the runtime tells the time of each line."""
        block, start = line.string, line.start() - self._skip
        if self._message is not None:
            before = self._at
            self._go_to(block, start)
            if before is not None and self._at is not None and self._at > before + _PAUSE:
                self._close()
        begins = None
        if line.lastindex is not None and not (self._message is not None and is_traceback(line)):
            begins = head(line, stamped_log=self._runs is PREFIXED_RUNS)
        loud = begins is not None and begins.level in LOUD
        if loud or (
            self._message is None and not self._pass_through(block[start : start + 16], b"Z", block, start, line.end())
        ):
            self._go_to(block, start)
        if begins is not None and begins.stamp is not None:
            self._runs = PREFIXED_RUNS
            self._compare(begins, block, start)
        return begins

    def _go_to(self, block: bytes, start: int) -> None:
        """Go to the moment of the line that begins there."""
        self._settle()
        self._meet(self._moment(block, start))

    def _compare(self, begins: Head | None, block: bytes, start: int) -> None:
        """Look at what a line says of the time itself."""
        if begins is not None and begins.stamp is not None and self._own_time is not None and self._own_time.wanted:
            self._own_time.compare(begins.stamp, begins.zone, self._moment(block, start))

    def _meet(self, at: datetime | None) -> None:
        """Note the time of a line."""
        if at is None:
            return
        self.stamped = True
        self._inside = self._clock.inside(at)
        self.reaches_back |= at < self._window.since
        self._later += at > self._window.until + _SOON
        self._backwards += self._at is not None and at < self._at - _SOON
        self._newest_at = at if self._newest_at is None else max(self._newest_at, at)
        self._at = at
        if self._inside:
            self._first_at = self._first_at or at
            self._last_at = at

    def _moment(self, block: bytes, start: int) -> datetime | None:
        if self._skip:
            return self._clock.at(block[start : start + PREFIX_BYTES - 2], b"Z")
        line = LINE.match(block, start)
        begins = head(line, stamped_log=True) if line else None
        return self._clock.at(begins.stamp, begins.zone) if begins and begins.stamp else None

    def _close(self) -> None:
        if self._message is not None:
            self._groups.add(self._message)
            self._message = None

    def _last_lines(self) -> Iterator[tuple[int, datetime | None, bytes]]:
        """Number, time as the runtime tells it, and text."""
        found: list[tuple[int, bytes]] = []
        for stretch in reversed(self._recent):
            lines = stretch.block[stretch.start : stretch.end].split(b"\n")[:-1]
            numbered = list(enumerate(lines, start=stretch.number))
            found = numbered[len(found) - LAST_LINES :] + found
            if len(found) >= LAST_LINES:
                break
        for number, line in found:
            yield number, self._moment(line, 0) if self._skip else None, line[self._skip :]

    def _tail(self) -> Iterator[LogLine]:
        """The messages among the last lines, verbatim."""
        number, at, lines = 0, None, list[str]()
        stamped_log = self.stamped if self._runs is FILE_RUNS else self._runs is PREFIXED_RUNS
        for here, told_at, raw in self._last_lines():
            line = LINE.match(raw + b"\n")
            begins = head(line, stamped_log=stamped_log) if line else None
            paused = at is not None and told_at is not None and told_at > at + _PAUSE
            if begins is None and lines and not paused:
                lines.append(_text(raw))
                continue
            if lines:
                yield LogLine(number, at, shorten("\n".join(lines), LINE_CHARACTERS))
            if told_at is not None:
                at = told_at
            elif begins is not None and begins.stamp is not None:
                at = self._clock.at(begins.stamp, begins.zone)
            number, lines = here, [_text(raw)]
        if lines:
            yield LogLine(number, at, shorten("\n".join(lines), LINE_CHARACTERS))

    def _remarks(self, begins: str | None, *, reaches_back: bool) -> Iterator[str]:
        if not self._lines and self._newest_at is None:
            yield "the log is empty"
        elif self._lines and not self.stamped:
            yield "its lines carry no time stamps: they were read whatever their age"
        elif self._first_at is not None and not reaches_back:
            default = f"the log begins at {self._first_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            yield from filter(None, [default if begins is None else begins])
        if self._own_time is not None:
            yield from self._own_time.remarks()
        if self._later:
            yield "it has time stamps in the future: such lines are not counted"
        if self._backwards:
            yield "its time stamps go backwards " + ("once" if self._backwards == 1 else f"{self._backwards} times")
        if self._groups.messages_beyond:
            least = "" if self._groups.beyond_is_exact else "at least "
            yield f"{least}{self._groups.messages_beyond} messages were counted by level and not grouped"


def _text(line: bytes) -> str:
    return shorten(decode(line.rstrip(b"\r")), LINE_CHARACTERS // 2)


def _is_utf8(data: bytes, *, cut: bool = False) -> bool:
    try:
        # The last character of a line that was cut may be cut, too.
        codecs.utf_8_decode(data, "strict", not cut)
    except UnicodeDecodeError:
        return False
    return True


def _may_have_long_lines(block: bytes) -> bool:
    """Whether some half of the limit holds no line end: a line of the full limit always covers one."""
    half = LINE_BYTES // 2
    return any(block.find(b"\n", start, start + half) < 0 for start in range(0, len(block) - half + 1, half))
