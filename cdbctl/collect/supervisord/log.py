"""Reads the end of the log of supervisord, rotated files included, and no more than is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISREG

_BLOCK_BYTES = 256 * 1024
_USUAL_BYTES = 1024 * 1024
"""Read even when the window needs less: it dates the count."""
_MOST_BYTES = 16 * 1024 * 1024
_WESTERNMOST = timedelta(hours=12)
_STAMP = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) ", re.MULTILINE)


class LogUnreadableError(Exception):
    """The log cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class LogTail:
    """The end of a log, as much of it as was needed."""

    text: str
    whole: bool
    """Whether it begins where the oldest file begins."""


def read_tail(path: Path, *, since: datetime) -> LogTail:
    """Read backwards until a line is surely older than ``since``, 1 MiB at least, 16 MiB at most.

    The zone of the log is not known yet, so an old line is one that is older wherever on earth it was written.
    """
    enough = (since.astimezone(UTC) - _WESTERNMOST).replace(tzinfo=None)
    blocks: list[bytes] = []
    total = 0
    for block in _blocks(path):
        blocks.append(block)
        total += len(block)
        oldest = _oldest(block)
        if total >= _MOST_BYTES or (total >= _USUAL_BYTES and oldest is not None and oldest < enough):
            break
    else:
        return LogTail(_joined(blocks), whole=True)
    return LogTail(_joined(blocks), whole=False)


def local_time(stamp: str) -> datetime | None:
    """The naive time at the beginning of a line; None when it is no time."""
    try:
        return datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007 - the zone is not in the log
    except ValueError:
        return None


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of PATH, PATH.1, PATH.2 …, newest first, in blocks."""
    seen: set[tuple[int, int]] = set()
    for number in range(1000):
        place = path.with_name(f"{path.name}.{number}") if number else path
        try:
            status = place.stat()
            if not S_ISREG(status.st_mode):
                raise LogUnreadableError(f"{place} is not an ordinary file")
            # Rotated between two looks, the same file comes again under its next name.
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                yield from _backwards(place)
        except FileNotFoundError:
            if number == 0:
                raise LogUnreadableError(f"{place} does not exist") from None
            return
        except OSError as error:
            raise LogUnreadableError(f"{place}: {error.strerror or error}") from error


def _backwards(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        end = file.seek(0, 2)
        while end > 0:
            begin = max(0, end - _BLOCK_BYTES)
            file.seek(begin)
            yield file.read(end - begin)
            end = begin


def _oldest(block: bytes) -> datetime | None:
    found = _STAMP.search(block)
    return local_time(found[1].decode("ascii")) if found else None


def _joined(blocks: list[bytes]) -> str:
    return b"".join(reversed(blocks)).decode("utf-8", errors="backslashreplace")
