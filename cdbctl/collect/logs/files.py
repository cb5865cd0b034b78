"""The files of one log: opened so that nothing can hang, entered where the window begins."""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.logs.clock import Clock
from cdbctl.collect.logs.lines import COLOUR, LINE, head

BLOCK = 256 * 1024
_PROBE = 64 * 1024
_PROBES_AHEAD = 16
_GLANCE = 8 * 1024
_EVERY_BLOCK_FOR = 256
"""Blocks that are looked at one by one for a clock that was set back; further back in growing steps."""
_UNSTAMPED_BYTES = 128 * 1024 * 1024
_MOST_ROTATIONS = 1000


@dataclass(frozen=True, slots=True)
class LogFile:
    """One open file of a log, as big as it was when it was opened."""

    path: Path
    handle: BinaryIO
    size: int
    modified_at: float
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where to start reading a file."""

    offset: int
    inside: bool
    """Whether lines before the first time stamp belong to the window."""
    reaches_back: bool
    """Whether the file holds something older than the window."""
    skipped_bytes: int = 0
    """Of a file without time stamps: what was left out although it may belong to the window."""


def open_log(path: Path, stack: ExitStack) -> list[LogFile]:
    """Open a log and its rotations ``PATH.1``, ``PATH.2`` …, newest first; NoAnswer when it cannot be read."""
    files = [_open(path, stack)]
    for number in range(1, _MOST_ROTATIONS):
        try:
            rotation = _open(path.with_name(f"{path.name}.{number}"), stack)
        except NoAnswer:
            break
        # A rotation between two openings shows the same file under its next name.
        if rotation.identity not in {file.identity for file in files}:
            files.append(rotation)
    return files


def packed_rotation(path: Path, *, rotations: int, since: datetime) -> Path | None:
    """A compressed rotation that may hold lines of the window; such files are not read."""
    for number in range(1, rotations + 2):
        for packer in ("gz", "xz", "zst", "bz2"):
            packed = path.with_name(f"{path.name}.{number}.{packer}")
            try:
                if packed.stat().st_mtime >= since.timestamp():
                    return packed
            except OSError:
                continue
    return None


def enter(file: LogFile, clock: Clock, since: datetime) -> Entry:
    """Find where the window begins without reading what is older.

    Time stamps may go backwards for a moment, so a place counts as older only if all of its time stamps are.
    """
    beginning = _stamps(file, 0, clock)
    if not (beginning or _stamps(file, file.size // 2, clock) or _stamps(file, max(0, file.size - _PROBE), clock)):
        return _enter_unstamped(file, since)
    low = _bisect(file, clock, since)
    low = _look_back(file, clock, since, low)
    if low <= 0:
        older = low == 0 or (bool(beginning) and beginning[0] < since)
        return Entry(0, inside=not older, reaches_back=older)
    return Entry(low * BLOCK, inside=False, reaches_back=True)


def _bisect(file: LogFile, clock: Clock, since: datetime) -> int:
    """The last block that is older than the window, -1 when even the first is not."""
    low, high = -1, file.size // BLOCK + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _is_older(file, middle, clock, since):
            low = middle
        else:
            high = middle
    return low


def _look_back(file: LogFile, clock: Clock, since: datetime, block: int) -> int:
    """Go further back where the clock was once set back, and lines of the window stand before older ones."""
    step = 1
    while block - step > 0:
        stamps = _stamps(file, (block - step) * BLOCK, clock, size=_GLANCE)
        if stamps and not all(at < since for at in stamps):
            block, step = block - step - 1, 1
        else:
            step += max(1, step // _EVERY_BLOCK_FOR)
    return block


def _is_older(file: LogFile, block: int, clock: Clock, since: datetime) -> bool:
    for ahead in range(_PROBES_AHEAD):
        offset = block * BLOCK + ahead * _PROBE
        if offset >= file.size:
            return False
        if stamps := _stamps(file, offset, clock):
            return all(at < since for at in stamps)
    return False


def _stamps(file: LogFile, offset: int, clock: Clock, *, size: int = _PROBE) -> list[datetime]:
    """The times of the whole lines behind an offset."""
    file.handle.seek(offset)
    data = COLOUR.sub(b"", file.handle.read(min(size, max(0, file.size - offset))))
    begin = data.find(b"\n") + 1 if offset else 0
    return [at for at in _times(data[begin : data.rfind(b"\n") + 1], clock) if at is not None]


def _times(data: bytes, clock: Clock) -> Iterator[datetime | None]:
    for line in LINE.finditer(data):
        if line.lastindex is None:
            continue
        begins = head(line, stamped_log=True)
        if begins is not None and begins.stamp is not None:
            yield clock.at(begins.stamp, begins.zone)


def _enter_unstamped(file: LogFile, since: datetime) -> Entry:
    if file.modified_at < since.timestamp():
        return Entry(file.size, inside=False, reaches_back=file.size > 0)
    skipped = max(0, file.size - _UNSTAMPED_BYTES)
    return Entry(skipped, inside=True, reaches_back=False, skipped_bytes=skipped)


def _open(path: Path, stack: ExitStack) -> LogFile:
    # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise NoAnswer(
            f"there is no log file {path}",
            remedy="start the service, or correct its log path in cdbctl.yaml",
        ) from None
    except PermissionError as error:
        if path.is_dir():  # how Windows refuses to open a folder
            raise _not_a_file(path, "a directory") from None
        raise NoAnswer(
            f"{path} may not be read: {error.strerror}", remedy=f"allow the user of cdbctl to read {path}"
        ) from None
    except (OSError, ValueError) as error:
        raise NoAnswer(f"{path} cannot be opened: {error}", remedy="correct the log path in cdbctl.yaml") from None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise _not_a_file(path, _kind(about.st_mode))
    handle = stack.enter_context(os.fdopen(descriptor, "rb", buffering=0))
    if handle.read(2) in (BOM_UTF16_BE, BOM_UTF16_LE):  # how PowerShell redirects; its lines would all be strange
        raise NoAnswer(f"{path} is UTF-16 text, which is not read", remedy="let the service write its log as UTF-8")
    return LogFile(path, handle, about.st_size, about.st_mtime, (about.st_dev, about.st_ino))


def _kind(mode: int) -> str:
    return "a FIFO" if stat.S_ISFIFO(mode) else "a directory" if stat.S_ISDIR(mode) else "a device"


def _not_a_file(path: Path, kind: str) -> NoAnswer:
    return NoAnswer(f"{path} is {kind}, not a log file", remedy="name the file that the service logs to in cdbctl.yaml")
