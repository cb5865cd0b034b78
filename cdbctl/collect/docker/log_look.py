"""One question for the log of a container, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.engine import Engine, Stream
from cdbctl.collect.docker.failures import Refused
from cdbctl.collect.docker.frames import Entries, Frames, NotTheProtocolError, TerminalLines
from cdbctl.collect.docker.log_files import JsonEntries, JsonFiles
from cdbctl.collect.logs.scanner import Scanner
from cdbctl.collect.wire import Deadline
from cdbctl.model.snapshot import Window

_BLOCK_BYTES = 256 * 1024
_GATHER_SECONDS = 0.001
"""An engine sends line by line. Being woken for each costs both sides four times as much as looking now and then."""
_SHARE_TO_DECIDE = 0.6
"""Of the time: after that, a reading that will not be finished gives way to one of the newest lines."""


@dataclass(frozen=True, slots=True)
class Container:
    """What has to be known of a container to read its log."""

    name: str
    id: str
    terminal: bool
    created_at: datetime | None
    driver: str
    options: Mapping[str, str]

    @classmethod
    def of(cls, name: str, inspected: Mapping[str, Any]) -> Container:
        """From what the engine knows of it."""
        log = (inspected.get("HostConfig") or {}).get("LogConfig") or {}
        return cls(
            name=name,
            id=str(inspected.get("Id", name)),
            terminal=bool((inspected.get("Config") or {}).get("Tty")),
            created_at=_moment(str(inspected.get("Created", ""))),
            driver=str(log.get("Type") or "of the engine"),
            options=log.get("Config") or {},
        )


@dataclass(slots=True)
class Look:
    """The answer to one question."""

    scanner: Scanner
    started: float = field(default_factory=time.monotonic)
    oldest: datetime | None = None
    """Of the first entry that came; None when none did."""
    newest: datetime | None = None
    lines: int = 0
    size_bytes: int = 0
    """Of these lines with the time in front of each."""
    unwanted: bool = False
    """Whether it was given up at its first entry."""
    out_of_time: bool = False
    gaps: list[str] = field(default_factory=list)
    """Why something is missing."""

    def take(self, lines: bytes) -> None:
        """Read on."""
        self.lines += lines.count(b"\n")
        self.size_bytes += len(lines)
        self.newest = time_of(lines[lines.rfind(b"\n", 0, -1) + 1 :])
        self.scanner.feed(lines)

    def will_end(self, window: Window, end: float) -> bool:
        """Whether a reading that goes on at its pace is done before ``end``."""
        if self.newest is None or self.newest <= window.since:
            return False
        read = (self.newest - window.since) / max(window.until - window.since, self.newest - window.since)
        return self.started + (time.monotonic() - self.started) / read <= end


class LogReader:
    """Asks for the log of one container, each time with another question."""

    def __init__(
        self,
        engine: Engine,
        container: Container,
        window: Window,
        *,
        timezone: str,
        seconds: float,
        conceal: Callable[[str], str],
    ) -> None:
        self.container = container
        self.window = window
        self._engine = engine
        self._zone = _zone(timezone)
        self._conceal = conceal
        now = time.monotonic()
        self._end = now + seconds
        self._decide_at = now + seconds * _SHARE_TO_DECIDE

    def look(
        self,
        *,
        tail: int | None = None,
        since: datetime | None = None,
        wanted: Callable[[datetime], bool] | None = None,
        to_the_end: bool = False,
    ) -> Look:
        """Ask for the newest entries, for those since a moment, or for all.

        ``wanted`` decides by the time of the oldest entry whether the rest is read at all; ``to_the_end`` says that
        nothing better can be done when time runs out. Raises NoAnswer when nothing came.
        """
        look = self._begun()
        query = {"stdout": "1", "stderr": "1", "timestamps": "1"}
        if tail is not None:
            query["tail"] = str(tail)
        if since is not None:
            query["since"] = f"{int(since.timestamp())}.{since.microsecond:06d}000"
        # With `since` an engine says nothing while it skips what is older.
        end = self._decide_at if since is not None else self._end
        deadline = Deadline(max(0.001, end - time.monotonic()))
        entries: Entries = self._entries()
        try:
            with self._engine.stream(f"/containers/{self.container.id}/logs", query, deadline) as stream:
                self._read(stream, entries, look, wanted, to_the_end=to_the_end)
        except NotTheProtocolError as error:
            raise NoAnswer(f"the engine sends no log that can be read: {error}", remedy=self._remedy()) from error
        except Refused as refusal:
            raise self._without_log(refusal) from refusal
        except NoAnswer as failure:
            if deadline.passed():
                look.out_of_time = True
            elif look.oldest is None:
                raise
            else:
                look.gaps.append(f"{failure.reason}: only what came before was read")
        self._complain(entries, look)
        return look

    def look_into(self, files: JsonFiles) -> Look:
        """Read the engine's own files; ``out_of_time`` when they hold more than can be read."""
        look = self._begun()
        entries = JsonEntries()
        try:
            for data in files.blocks():
                self._take(entries.take(data), look)
                if self._too_late(look):
                    return look
            self._take(entries.finish(), look)
        except NotTheProtocolError as error:
            raise NoAnswer(f"the file of the log cannot be read: {error}", remedy=self._remedy()) from error
        if files.cut_short:
            look.gaps.append("a file of the log became shorter while it was read")
        if entries.damaged:
            look.gaps.append(f"{entries.damaged} entries of the log file are damaged")
        return look

    def _begun(self) -> Look:
        look = Look(Scanner(self.window, self._zone, self._conceal, prefixed=True))
        look.scanner.begin(inside=False)
        return look

    def _take(self, lines: bytes, look: Look) -> None:
        if lines:
            look.oldest = look.oldest or time_of(lines)
            look.take(lines)

    def _too_late(self, look: Look) -> bool:
        """Whether this reading has to give way to another one, which is noted."""
        if time.monotonic() > self._decide_at and not look.will_end(self.window, self._end):
            look.out_of_time = True
        return look.out_of_time

    def _entries(self) -> Entries:
        if self.container.terminal:
            return TerminalLines()
        return Frames(pieces_share_stamps=self.container.driver == "local")

    def seconds_left(self) -> float:
        """How much of the time is left."""
        return max(0.0, self._end - time.monotonic())

    def _read(
        self,
        stream: Stream,
        entries: Entries,
        look: Look,
        wanted: Callable[[datetime], bool] | None,
        *,
        to_the_end: bool,
    ) -> None:
        while data := stream.read(_BLOCK_BYTES):
            if lines := entries.take(data):
                if look.oldest is None:
                    look.unwanted = wanted is not None and not wanted(time_of(lines))
                    if look.unwanted:
                        look.oldest = time_of(lines)
                        return
                self._take(lines, look)
            if not to_the_end and self._too_late(look):
                return
            if len(data) < _BLOCK_BYTES // 8:
                time.sleep(_GATHER_SECONDS)
        self._take(entries.finish(), look)
        if entries.cut:
            look.gaps.append("the answer of the engine ends inside an entry")

    def _complain(self, entries: Entries, look: Look) -> None:
        if not entries.complaints:
            return
        said = "; ".join(text.decode("utf-8", errors="backslashreplace") for text in entries.complaints)
        if look.oldest is None:
            raise NoAnswer(f"the engine cannot read the log: {said}", remedy=self._remedy())
        look.gaps.append(f"the engine could not read all of the log: {said}")

    def _without_log(self, refusal: Refused) -> NoAnswer:
        if refusal.status != 501 and "does not support reading" not in refusal.reason:
            return refusal
        return NoAnswer(
            f"the logging driver {self.container.driver} of {self.container.name} keeps no log that can be read",
            remedy="choose json-file or local under `logging:` in the compose file, with a max-size",
        )

    def _remedy(self) -> str:
        return f"look at it yourself: docker logs {self.container.name}"


def time_of(line: bytes) -> datetime:
    """The time of a line as the engine tells it; raises NotTheProtocolError."""
    try:
        return datetime.fromisoformat(line[:26].decode("ascii")).replace(tzinfo=UTC)
    except ValueError as error:
        raise NotTheProtocolError("an entry with a time that cannot be") from error


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC  # it is only compared with what the lines say
