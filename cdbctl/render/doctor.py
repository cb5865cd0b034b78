"""Every source of a stack: reachable or not, how long it took, why not, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cdbctl.errors import ExitStatus
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.text import one_line

SCHEMA = "cdbctl/doctor/1"


@dataclass(frozen=True, slots=True)
class Patient:
    """One source and what came of asking it."""

    name: str
    reading: Reading[Any]

    @property
    def reached(self) -> bool:
        """Whether it answered."""
        return isinstance(self.reading, Observed)


def patients(snapshot: Snapshot) -> tuple[Patient, ...]:
    """Every declared source in the order of the report."""
    return tuple(_patients(snapshot))


def status(snapshot: Snapshot) -> ExitStatus:
    """Whether every declared source answered."""
    return ExitStatus.PASS if all(one.reached for one in patients(snapshot)) else ExitStatus.UNDECIDED


def doctor_table(snapshot: Snapshot) -> str:
    """One line for each source; below one that did not answer: why, and what to do."""
    found = patients(snapshot)
    names = max(len(one.name) for one in found)
    lines: list[str] = []
    for one in found:
        tag = "[OK]    " if one.reached else "[SILENT]"
        took = f"{one.reading.took_ms / 1000:.2f} s"
        lines.append(f"{tag} {one_line(one.name):{names}}  {took:>8}  {one_line(one.reading.source)}")
        if isinstance(one.reading, Unavailable):
            lines.append(f"{'':9}why:  {one_line(one.reading.reason)}")
            if one.reading.remedy:
                lines.append(f"{'':9}next: {one_line(one.reading.remedy)}")
    lines += [f"[-]      {one_line(item.source)}: {one_line(item.reason)}" for item in snapshot.not_configured]
    reached = sum(one.reached for one in found)
    return "\n".join([*lines, "", f"{reached} of {len(found)} declared sources answered", ""])


def doctor_document(snapshot: Snapshot) -> dict[str, Any]:
    """The same as JSON data."""
    result = status(snapshot)
    return {
        "schema": SCHEMA,
        "status": int(result),
        "reason_code": "ALL_ANSWERED" if result is ExitStatus.PASS else "SOURCE_SILENT",
        "sources": [
            {
                "name": one.name,
                "source": one.reading.source,
                "reached": one.reached,
                "took_ms": one.reading.took_ms,
                "reason": one.reading.reason if isinstance(one.reading, Unavailable) else None,
                "next": one.reading.remedy if isinstance(one.reading, Unavailable) else None,
            }
            for one in patients(snapshot)
        ],
        "not_configured": [{"source": item.source, "reason": item.reason} for item in snapshot.not_configured],
    }


def _patients(snapshot: Snapshot) -> Iterator[Patient]:
    single: tuple[tuple[str, Reading[Any] | None], ...] = (
        ("runtime", snapshot.runtime),
        ("PostgreSQL", snapshot.database),
        ("Redis", snapshot.redis),
        ("Prometheus", snapshot.prometheus),
        ("git repository", snapshot.repository),
        ("migrations", snapshot.migrations),
        ("GitHub", snapshot.ci),
        ("this machine", snapshot.host),
        ("stored runs", snapshot.previous),
    )
    yield from (Patient(name, reading) for name, reading in single if reading is not None)
    for what, readings in (
        ("health of", snapshot.health),
        ("metrics of", snapshot.metrics),
        ("log of", snapshot.logs),
    ):
        yield from (Patient(f"{what} {service}", reading) for service, reading in readings.items())
