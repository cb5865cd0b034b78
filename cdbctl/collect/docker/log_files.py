"""The files of the driver ``json-file``, where cdbctl may read them: the same entries without the engine's effort.

An engine sends a log line by line, about twelve microseconds of its processor for each. Its file on this machine says
the same, and the place where a window begins is found in it at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.frames import NotTheProtocolError, OpenLines, each_stamped, read_stamp
from cdbctl.collect.logs.clock import Clock
from cdbctl.collect.logs.files import BLOCK, Entry, LogFile, enter, open_log, packed_rotation
from cdbctl.collect.logs.lines import PREFIX_BYTES
from cdbctl.model.snapshot import Window

DRIVER = "json-file"
_WITHOUT_FRACTION = len("2026-02-09T12:00:00.Z")
_LONGEST_ENTRY_BYTES = 1024 * 1024
"""An engine writes at most 16 KiB of text into one."""


@dataclass(slots=True)
class JsonFiles:
    """The open files of one container, from where the window begins."""

    parts: tuple[tuple[LogFile, Entry], ...]
    """Oldest first."""
    reaches_back: bool
    """Whether they hold something older than the window."""
    cut_short: bool = False
    """Whether one became shorter while it was read."""

    def blocks(self) -> Iterator[bytes]:
        """Their bytes, oldest first; each as long as it was when it was opened."""
        for file, entry in self.parts:
            file.handle.seek(entry.offset)
            left = file.size - entry.offset
            # Entering finds a place, not the beginning of an entry.
            skipping = entry.offset > 0
            while left > 0 and (piece := file.handle.read(min(BLOCK, left))):
                left -= len(piece)
                if skipping:
                    piece = piece[piece.find(b"\n") + 1 or len(piece) :]
                    skipping = not piece
                yield piece
            self.cut_short |= left > 0


@contextmanager
def open_files(inspected: Mapping[str, Any], window: Window) -> Iterator[JsonFiles | None]:
    """The files of a container on this machine; None where they cannot be read or do not hold all of the window.

    The path holds the id of the container: what lies there belongs to it, or there is nothing.
    """
    path, identity = str(inspected.get("LogPath") or ""), str(inspected.get("Id") or "")
    with ExitStack() as stack:
        try:
            files = open_log(Path(path), stack) if len(identity) == 64 and identity in path else []
        except NoAnswer:
            files = []
        yield _entered(files, window) if files else None


def _entered(files: list[LogFile], window: Window) -> JsonFiles | None:
    clock = Clock(window, UTC)
    parts: list[tuple[LogFile, Entry]] = []
    for file in files:
        entry = enter(file, clock, window.since)
        parts.append((file, entry))
        if entry.reaches_back:
            break
    reaches_back = parts[-1][1].reaches_back
    packed = None if reaches_back else packed_rotation(files[0].path, rotations=len(files), since=window.since)
    return None if packed else JsonFiles(tuple(reversed(parts)), reaches_back)


class JsonEntries:
    """Takes such entries apart, one in a line: ``{"log":"text\\n","stream":"stdout","time":"2026-…Z"}``."""

    def __init__(self) -> None:
        self.damaged = 0
        """Entries that are none, as after a power cut."""
        self._rest = b""
        self._open = OpenLines()

    def take(self, data: bytes) -> bytes:
        """The lines that these bytes complete, each as ``2026-02-09T08:00:48.062123456Z text``."""
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        if len(self._rest) > _LONGEST_ENTRY_BYTES:
            self._rest = b""
            self.damaged += 1
        records = self._records(data[:end])
        if not self._open and (whole := _whole_lines(records)) is not None:
            return whole
        lines: list[bytes] = []
        for record in records:
            self._take(record, lines)
        return each_stamped(lines)

    def finish(self) -> bytes:
        """The lines whose end never came."""
        return self._open.finish()

    def _take(self, record: Any, lines: list[bytes]) -> None:
        try:
            text, time, stream = record["log"], record["time"], record.get("stream")
            stamp, _ = read_stamp(f"{time} ".encode())
            self._open.add(stream, stamp, text.encode(errors="backslashreplace"), lines)
        except (KeyError, TypeError, AttributeError, NotTheProtocolError):
            self.damaged += 1

    def _records(self, block: bytes) -> list[Any]:
        """The entries of whole lines."""
        try:
            # Inside of JSON a line feed is always written as an escape, so each of these ends an entry.
            found: list[Any] = json.loads(b"[%b]" % block.rstrip(b"\n").replace(b"\n", b","))
        except (ValueError, RecursionError):
            return [record for line in block.split(b"\n") if line for record in self._record(line)]
        return found

    def _record(self, line: bytes) -> Iterator[Any]:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            self.damaged += 1


def _whole_lines(records: list[Any]) -> bytes | None:
    """All entries at once, where each is one whole line; None where they have to be looked at one by one."""
    try:
        times = [record["time"] for record in records]
        texts = [record["log"] for record in records]
        if not all(_WITHOUT_FRACTION < len(time) < PREFIX_BYTES and time[-1] == "Z" for time in times):
            return None
        if not all(text[-1:] == "\n" for text in texts):
            return None
        # An engine leaves out zeros at the end of a fraction.
        lines = "".join([f"{time[:-1]:0<29}Z {text}" for time, text in zip(times, texts, strict=True)])
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    return lines.encode(errors="backslashreplace") if lines.count("\n") == len(records) else None
