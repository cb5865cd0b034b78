"""The time zone of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cdbctl.load.values import Unmeant, zone

LOCALTIME = Path("/etc/localtime")


def machine_timezone(
    environ: Mapping[str, str] = os.environ, *, localtime: Path = LOCALTIME, now: datetime | None = None
) -> str:
    """Return the IANA name of the machine's zone; where it has none to tell, its offset of now, e.g. ``+01:00``."""
    declared = environ.get("TZ")
    name = _named(declared) if declared is not None else _linked(localtime)
    if name is not None:
        return name
    return _offset((now or datetime.now(UTC)).astimezone().utcoffset() or timedelta())


def _named(declared: str) -> str | None:
    """Read the variable TZ: a name, a path of a zone, or nothing (UTC); rules such as ``CET-1CEST`` have no name."""
    return _known(declared.removeprefix(":")) if declared else "UTC"


def _linked(localtime: Path) -> str | None:
    try:
        return _known(localtime.readlink().as_posix())
    except (OSError, NotImplementedError):
        return None


def _known(text: str) -> str | None:
    name = text.rpartition("zoneinfo/")[2].removeprefix("posix/").removeprefix("right/")
    try:
        zone(name)
    except Unmeant:
        return None
    return name


def _offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
