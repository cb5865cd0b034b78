"""Logs for the tests: their window, and short ways to read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cdbctl.collect.attempt import Seen
from cdbctl.collect.logs import read_log
from cdbctl.collect.logs.scanner import Scanner
from cdbctl.model.logs import LogFacts
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Group, Service

SINCE = datetime(2026, 2, 9, 8, tzinfo=UTC)
UNTIL = datetime(2026, 2, 9, 9, tzinfo=UTC)
WINDOW = Window(SINCE, UNTIL)


def scan(
    text: str | bytes,
    *,
    zone: str = "UTC",
    piece: int | None = None,
    inside: bool = True,
    prefixed: bool = False,
) -> LogFacts:
    """The facts of a log, fed in pieces of a size."""
    data = text.encode() if isinstance(text, str) else text
    scanner = Scanner(WINDOW, ZoneInfo(zone), prefixed=prefixed)
    scanner.begin(inside=inside)
    for start in range(0, len(data), piece or len(data) or 1):
        scanner.feed(data[start : start + (piece or len(data))])
    return scanner.finish()


def service(*paths: str | Path, zone: str = "UTC") -> Service:
    """A service that logs to these files."""
    return Service(
        name="cdb_risk",
        title="risk manager",
        group=Group.UNDER_TEST,
        required=True,
        source_folder=None,
        database_role=None,
        health_url=None,
        health_depth=None,
        metrics_url=None,
        log_paths=tuple(str(path) for path in paths),
        log_timezone=zone,
    )


def read(log: Path, *, window: Window = WINDOW, zone: str = "UTC", timeout_seconds: float = 30) -> Seen[LogFacts]:
    """Read one log file and its rotations."""
    return read_log(service(log.name, zone=zone), root=log.parent, window=window, timeout_seconds=timeout_seconds)


def line(at: datetime, text: str = "ok", level: str = "INFO") -> str:
    """One line of the risk manager."""
    return f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} [{level}] risk_manager: {text}\n"


def lines(first: datetime, count: int, *, apart: timedelta = timedelta(seconds=1), text: str = "ok {}") -> str:
    """Many of them."""
    return "".join(line(first + number * apart, text.format(number)) for number in range(count))


def taken(at: datetime, text: str) -> str:
    """A line, or several, behind the time at which a container engine took it."""
    return "".join(f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}789Z {part}\n" for part in text.split("\n"))
