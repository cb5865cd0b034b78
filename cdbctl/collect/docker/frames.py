"""From the bytes of an engine to the lines of a container, each behind the time at which the engine took it.

An engine multiplexes stdout and stderr: each entry is ``[type][0 0 0][length, big-endian]`` and that many bytes. With
``timestamps=1`` an entry begins with a time stamp. A line of more than 16 KiB comes as several entries, each with a
stamp in front. What a terminal shows is not multiplexed, but its entries carry the same stamps.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

from cdbctl.collect.logs.lines import PREFIX_BYTES
from cdbctl.collect.logs.scanner import LINE_BYTES

_HEADER = struct.Struct(">II")
_STDOUT, _STDERR, _ENGINE = 0x01000000, 0x02000000, 0x03000000
_SPEAKERS = (_STDOUT, _STDERR)
_KINDS = (*_SPEAKERS, _ENGINE)
_ENTRY_BYTES = 16 * 1024
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")
_MOST_COMPLAINTS, _COMPLAINT_BYTES = 10, 1000


class NotTheProtocolError(ValueError):
    """The bytes are not what an engine sends; the message says why."""


class Entries(Protocol):
    """What both kinds of output have in common."""

    complaints: list[bytes]
    """What the engine itself said in the place of log lines."""

    def take(self, data: bytes) -> bytes:
        """The lines that these bytes complete, each as ``2026-02-09T08:00:48.062123456Z text``.

        Raises NotTheProtocolError.
        """

    def finish(self) -> bytes:
        """The lines whose end never came."""

    @property
    def cut(self) -> bool:
        """Whether the bytes end inside an entry."""


@dataclass(slots=True)
class _Line:
    """A line that has begun; beyond the length at which lines are cut, nothing of it is kept."""

    stamp: bytes
    text: bytearray = field(default_factory=bytearray)

    def add(self, text: bytes) -> None:
        self.text += text[: LINE_BYTES - len(self.text)]

    def ended(self) -> bytes:
        return self.stamp + self.text.rstrip(b"\n") + b"\n"


class OpenLines:
    """Lines that have begun and not ended, one for each stream: the other one may speak in between."""

    def __init__(self, *, pieces_share_stamps: bool = False) -> None:
        self._pieces_share_stamps = pieces_share_stamps
        self._open: dict[object, _Line] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def add(self, stream: object, stamp: bytes, text: bytes, lines: list[bytes]) -> None:
        """Go on with the line of a stream; what ends goes to ``lines``."""
        line = self._open.pop(stream, None)
        if line is not None and self._pieces_share_stamps and line.stamp != stamp:
            lines.append(line.ended())
            line = None
        for part in _parts(text):
            line = line or _Line(stamp)
            line.add(part)
            if part.endswith(b"\n"):
                lines.append(line.ended())
                line = None
        if line is not None:
            self._open[stream] = line

    def finish(self) -> bytes:
        """The lines whose end never came."""
        lines = [line.ended() for line in self._open.values()]
        self._open.clear()
        return b"".join(lines)


@dataclass(slots=True)
class _Coming:
    """An entry that is too long to wait for: its beginning was taken already."""

    kind: int
    left: int
    stamp: bytes


class Frames:
    """Takes multiplexed entries apart. Memory is bounded, however long an entry or a line is.

    ``pieces_share_stamps`` is for the driver ``local`` of Docker, which loses the end of a line that came in pieces.
    """

    def __init__(self, *, pieces_share_stamps: bool = False) -> None:
        self.complaints: list[bytes] = []
        self._rest = b""
        self._coming: _Coming | None = None
        self._open = OpenLines(pieces_share_stamps=pieces_share_stamps)

    @property
    def cut(self) -> bool:
        return bool(self._rest) or self._coming is not None

    def take(self, data: bytes) -> bytes:
        lines: list[bytes] = []
        data = self._rest + data if self._rest else data
        position, size = self._continue(data, lines), len(data)
        while position + 8 <= size:
            kind, length = _HEADER.unpack_from(data, position)
            begin = position + 8
            end = begin + length
            if end > size:
                break
            if (
                kind in _SPEAKERS
                and data[begin + 20 : begin + 29].isdigit()
                and data[begin + 29 : begin + 31] == b"Z "
                and data[end - 1] == 10
                and not self._open
            ):
                lines.append(data[begin:end])
            else:
                self._take(kind, data[begin:end], lines)
            position = end
        self._rest = data[position:]
        if len(self._rest) >= 8:
            self._look_ahead(lines)
        return each_stamped(lines)

    def finish(self) -> bytes:
        return self._open.finish()

    def _take(self, kind: int, payload: bytes, lines: list[bytes]) -> bytes:
        """Take an entry, or its beginning, that is not simply one whole line; returns its stamp."""
        if kind not in _KINDS:
            raise NotTheProtocolError(f"an entry of type {kind >> 24}" if kind & 0xFFFFFF == 0 else "no entry at all")
        if kind == _ENGINE:
            if len(self.complaints) < _MOST_COMPLAINTS:
                self.complaints.append(payload[:_COMPLAINT_BYTES].strip())
            return b""
        if not payload:
            return b""
        stamp, begin = read_stamp(payload)
        self._open.add(kind, stamp, payload[begin:], lines)
        return stamp

    def _look_ahead(self, lines: list[bytes]) -> None:
        kind, length = _HEADER.unpack_from(self._rest)
        if kind not in _KINDS:
            self._take(kind, b"", lines)
        if len(self._rest) >= LINE_BYTES:
            payload, self._rest = self._rest[8:], b""
            self._coming = _Coming(kind, length - len(payload), self._take(kind, payload, lines))

    def _continue(self, data: bytes, lines: list[bytes]) -> int:
        """Go on with an entry that was too long to wait for; returns how many bytes belong to it."""
        coming = self._coming
        if coming is None:
            return 0
        piece = data[: coming.left]
        coming.left -= len(piece)
        if not coming.left:
            self._coming = None
        if coming.kind != _ENGINE:
            self._open.add(coming.kind, coming.stamp, piece, lines)
        return len(piece)


class TerminalLines:
    """Takes the output of a terminal apart, which is not multiplexed."""

    def __init__(self) -> None:
        self.complaints: list[bytes] = []
        self.cut = False
        self._rest = b""
        self._skipping = False
        self._stamp = b""

    def take(self, data: bytes) -> bytes:
        if self._skipping:
            data = data[data.find(b"\n") + 1 or len(data) :]
            self._skipping = not data
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        lines = [self._line(line) for line in data[:end].split(b"\n")[:-1]]
        if len(self._rest) > 2 * LINE_BYTES:
            lines.append(self._line(self._rest))
            self._rest, self._skipping = b"", True
        return b"".join(lines)

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return self._line(rest) if rest else b""

    def _line(self, line: bytes) -> bytes:
        try:
            self._stamp, begin = read_stamp(line)
        except NotTheProtocolError:
            # The engine stamps entries: whatever else ends a line inside of one belongs to the same moment.
            if not self._stamp:
                raise
            begin = 0
        text = line[begin:]
        return b"%b%b\n" % (self._stamp, text if len(text) <= _ENTRY_BYTES else _joined(text))


def _joined(text: bytes) -> bytes:
    """A long line without the stamps of its later pieces."""
    pieces = [text[:_ENTRY_BYTES]]
    position = _ENTRY_BYTES
    while position < len(text) and (stamp := _STAMP.match(text, position)):
        pieces.append(text[stamp.end() : stamp.end() + _ENTRY_BYTES])
        position = stamp.end() + _ENTRY_BYTES
    return b"".join((*pieces, text[position:]))


def read_stamp(entry: bytes) -> tuple[bytes, int]:
    """The time stamp of an entry in UTC with nanoseconds and a space behind it, and where its text begins.

    Docker writes exactly that; Podman writes whole seconds and an offset. Raises NotTheProtocolError.
    """
    if entry[20:29].isdigit() and entry[29:PREFIX_BYTES] == b"Z ":
        return entry[:PREFIX_BYTES], PREFIX_BYTES
    found = _STAMP.match(entry)
    if found is None:
        raise NotTheProtocolError("an entry without a time stamp")
    minute, seconds, fraction, zone = found.groups()
    fraction = (fraction or b"").ljust(9, b"0")
    return b"%b%b.%bZ " % (_utc_minute(minute, zone), seconds, fraction), found.end()


@lru_cache(maxsize=1024)
def _utc_minute(minute: bytes, zone: bytes) -> bytes:
    try:
        at = datetime.fromisoformat((minute + zone.replace(b"Z", b"+00:00")).decode("ascii")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotTheProtocolError("an entry with a time that cannot be") from error
    return at.strftime("%Y-%m-%dT%H:%M").encode("ascii")


def _parts(text: bytes) -> Iterator[bytes]:
    """The text by lines, each with its line end; other than ``splitlines`` only LF ends one."""
    begin = 0
    while begin < len(text):
        end = text.find(b"\n", begin) + 1 or len(text)
        yield text[begin:end]
        begin = end


def each_stamped(lines: list[bytes]) -> bytes:
    """The lines as one text. An entry of several lines, which no engine is known to send, has its stamp on each."""
    text = b"".join(lines)
    if text.count(b"\n") == len(lines):
        return text
    return b"".join(line[:PREFIX_BYTES] + part for line in lines for part in _parts(line[PREFIX_BYTES:]))
