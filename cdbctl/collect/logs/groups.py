"""Messages of WARNING or worse, grouped by what they say, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cdbctl.collect.logs.masking import READ_CHARACTERS, mask, shorten
from cdbctl.collect.logs.signatures import exception_line, recognise
from cdbctl.model.logs import Level, LogGroup, LogLine, Signature

LINE_CHARACTERS = 4000
SHOWN_GROUPS = 200
_HELD_GROUPS = 1000
_HELD_KNOWN = 500
"""Groups with a known signature that are held beyond the others: noise must not crowd them out."""
_COUNTED_GROUPS = 50_000
_SAMPLE_CHARACTERS = 80_000
"""Of all samples together; beyond that a group shows one line, cut short, so that the evidence stays readable."""
_SHORT_SAMPLE = 200
_REMEMBERED_TEXTS, _REMEMBERED_BYTES = 4096, 2048
_HEAD_LINES, _END_LINES, _LINE_BYTES = 60, 40, 16_000
_WORST_FIRST = (Level.CRITICAL, Level.ERROR, Level.WARNING)


@dataclass(slots=True)
class Message:
    """A message that may go on over many lines; of a long one the beginning and the end are kept."""

    level: Level
    at: datetime | None
    number: int
    text: bytes
    """Its first line without time stamp and level."""
    lines: list[bytes]
    ending: deque[bytes] = field(default_factory=lambda: deque(maxlen=_END_LINES))

    def add(self, line: bytes) -> None:
        """Join a line that continues the message."""
        (self.lines if len(self.lines) < _HEAD_LINES else self.ending).append(line[:_LINE_BYTES])

    def sample(self) -> LogLine:
        """The message verbatim."""
        return LogLine(self.number, self.at, shorten(decode(b"\n".join(self.lines)), LINE_CHARACTERS))


def decode(line: bytes) -> str:
    """The text of a line; bytes that are not UTF-8 are shown as ``\\xNN``."""
    return line.decode("utf-8", errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class _Kind:
    masked: str
    signature: Signature | None


@dataclass(slots=True)
class _Group:
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    first: list[LogLine] = field(default_factory=list)
    last: Message | None = None

    def add(self, message: Message) -> None:
        self.count += 1
        if message.at is not None:
            self.first_at = message.at if self.first_at is None else min(self.first_at, message.at)
            self.last_at = message.at if self.last_at is None else max(self.last_at, message.at)
        if len(self.first) < 2:
            self.first.append(message.sample())
        else:
            self.last = message

    def samples(self) -> tuple[LogLine, ...]:
        return (*self.first, self.last.sample()) if self.last is not None else tuple(self.first)


class Groups:
    """Counts equal messages. The same messages in another order give the same groups and counts."""

    def __init__(self, conceal: Callable[[str], str] = str) -> None:
        self._conceal = conceal
        self._groups: dict[tuple[Level, _Kind], _Group] = {}
        self._remembered: dict[tuple[Level, bytes], _Group] = {}
        self._known = 0
        self._beyond: set[int] = set()
        self.messages_beyond = 0
        """Messages that were counted by level only, because too many different ones came."""

    def add(self, message: Message) -> None:
        """Count one complete message."""
        text = b"\n".join((message.text, *message.lines[1:], *message.ending))
        group = self._remembered.get((message.level, text))
        if group is None:
            group = self._group(message.level, _describe(decode(message.text), decode(text), self._conceal))
            if group is None:
                return
            self._remember(message.level, text, group)
        group.add(message)

    @property
    def beyond_is_exact(self) -> bool:
        """Whether every different message beyond the limit could be counted once."""
        return len(self._beyond) < _COUNTED_GROUPS

    def result(self) -> tuple[tuple[LogGroup, ...], int]:
        """The groups to show, worst level first, and how many more there are."""
        ordered = sorted(
            (
                LogGroup(
                    level, kind.masked, group.count, group.first_at, group.last_at, group.samples(), kind.signature
                )
                for (level, kind), group in self._groups.items()
            ),
            key=_order,
        )
        # Known signatures are never the ones that are left out while others are shown.
        shown = sorted(sorted(ordered, key=lambda group: group.signature is None)[:SHOWN_GROUPS], key=_order)
        return tuple(_within_budget(shown)), len(ordered) - len(shown) + len(self._beyond)

    def _group(self, level: Level, kind: _Kind) -> _Group | None:
        """The group of a message, None when it came after too many different ones."""
        group = self._groups.get((level, kind))
        if group is not None:
            return group
        known = kind.signature is not None
        if self._known >= _HELD_KNOWN if known else len(self._groups) - self._known >= _HELD_GROUPS:
            self.messages_beyond += 1
            if self.beyond_is_exact:
                self._beyond.add(hash((level, kind)))
            return None
        self._known += known
        group = self._groups[level, kind] = _Group()
        return group

    def _remember(self, level: Level, text: bytes, group: _Group) -> None:
        """Spare the next message of exactly this text the work."""
        if len(self._remembered) >= _REMEMBERED_TEXTS:
            self._remembered.clear()
        if len(text) <= _REMEMBERED_BYTES:
            self._remembered[level, text] = group


def _describe(first_line: str, text: str, conceal: Callable[[str], str]) -> _Kind:
    def masked(line: str) -> str:
        return mask(conceal(shorten(line, READ_CHARACTERS)))

    exception = exception_line(text)
    said = masked(first_line) if exception is None else shorten(f"{masked(first_line)} … {masked(exception)}", 400)
    return _Kind(said, recognise(text))


def _order(group: LogGroup) -> tuple[int, int, str, str]:
    return (
        _WORST_FIRST.index(group.level),
        -group.count,
        group.masked,
        group.signature.key if group.signature else "",
    )


def _within_budget(groups: Sequence[LogGroup]) -> Iterator[LogGroup]:
    left = _SAMPLE_CHARACTERS
    for group in groups:
        left -= sum(len(sample.text) for sample in group.samples)
        if left >= 0:
            yield group
        else:
            first = group.samples[0]
            yield replace(group, samples=(replace(first, text=shorten(first.text, _SHORT_SAMPLE)),))
