"""How stored runs are named: ``daily/<UTC date>/<HHMMSSZ>``, a second one of the same second with ``-2``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

SNAPSHOT_SCHEMA = "cdbctl/snapshot/1"
REPORT_SCHEMA = "cdbctl/report/1"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_RUN = re.compile(r"(\d{6}Z)(?:-(\d{1,6}))?")


def day_name(at: datetime) -> str:
    """Name of the folder of a day, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d}"


def run_name(at: datetime, number: int = 1) -> str:
    """Name of the folder of a run; ``number`` counts the runs of one second."""
    second = f"{at.astimezone(UTC):%H%M%S}Z"
    return second if number == 1 else f"{second}-{number}"


def is_day(name: str) -> bool:
    """Whether a folder of that name holds the runs of a day."""
    return _DAY.fullmatch(name) is not None


def run_order(name: str) -> tuple[str, int] | None:
    """What runs of one day are sorted by; None for the name of something else."""
    match = _RUN.fullmatch(name)
    return (match[1], int(match[2] or 1)) if match else None
