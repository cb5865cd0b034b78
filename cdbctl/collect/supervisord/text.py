"""The evidence of a look at supervisord: a table, notes, and the lines of its log that were counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cdbctl.model.runtime import RuntimeFacts, ServiceFacts

_MOST_LINES = 300
_HEADINGS = (
    "name",
    "state",
    "pid",
    "started_at",
    "restarts",
    "in_window",
    "exit_status",
    "cpu_percent",
    "memory_bytes",
    "identity",
)


def runtime_text(headline: str, facts: RuntimeFacts, notes: Sequence[str], lines: Sequence[str]) -> str:
    """One line for each service, then what must be known about it; "-" stands for not known or none."""
    rows = [_HEADINGS, *(_row(service) for service in facts.services)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    started = f"started at: {_time(facts.started_at)}"
    return "\n".join([headline, started, "", *table, "", *notes, *_counted(lines)]) + "\n"


def _row(service: ServiceFacts) -> tuple[str, ...]:
    return (
        service.name,
        service.state.value,
        _or_dash(service.pid),
        _time(service.started_at),
        _or_dash(service.restarts),
        "-" if service.restarts is None else str(len(service.recent_restarts)),
        _or_dash(service.exit_status),
        _or_dash(service.cpu_percent),
        _or_dash(service.memory_bytes),
        service.identity or "-",
    )


def _counted(lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    left_out = f", the last {_MOST_LINES}" if len(lines) > _MOST_LINES else ""
    return ["", f"unplanned ends in the log that a start followed ({len(lines)}{left_out}):", *lines[-_MOST_LINES:]]


def _time(at: datetime | None) -> str:
    return "-" if at is None else at.isoformat(timespec="milliseconds")


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
