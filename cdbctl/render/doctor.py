"""Every source of a stack: reachable or not, how long it took, why not, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cdbctl.errors import ExitStatus
from cdbctl.model.ci import CiFacts, IssueFacts
from cdbctl.model.database import DatabaseFacts
from cdbctl.model.prometheus import PrometheusFacts
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.text import one_line
from cdbctl.render.words import count

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

    @property
    def not_read(self) -> tuple[str, ...]:
        """The parts of an answer that are missing, each with its reason."""
        return tuple(_parts(self.reading.value)) if isinstance(self.reading, Observed) else ()


def patients(snapshot: Snapshot) -> tuple[Patient, ...]:
    """Every declared source in the order of the report."""
    return tuple(_patients(snapshot))


def status(snapshot: Snapshot) -> ExitStatus:
    """Whether every declared source answered."""
    return ExitStatus.PASS if all(one.reached for one in patients(snapshot)) else ExitStatus.UNDECIDED


def doctor_table(snapshot: Snapshot) -> str:
    """One line for each source; below it why it did not answer, or which part of its answer is missing."""
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
        lines += [f"{'':9}gap:  {one_line(part)}" for part in one.not_read]
    lines += [f"[-]      {one_line(item.source)}: {one_line(item.reason)}" for item in snapshot.not_configured]
    reached = sum(one.reached for one in found)
    missing = sum(len(one.not_read) for one in found)
    answered = f"{reached} of {len(found)} declared sources answered"
    return "\n".join([*lines, "", f"{answered}; {count(missing, 'part')} not read" if missing else answered, ""])


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
                "not_read": list(one.not_read),
            }
            for one in patients(snapshot)
        ],
        "not_configured": [{"source": item.source, "reason": item.reason} for item in snapshot.not_configured],
    }


def _parts(facts: object) -> Iterator[str]:
    match facts:
        case DatabaseFacts():
            yield from facts.not_read
        case PrometheusFacts():
            yield from (f"{item.what}: {item.reason}" for item in facts.not_read)
        case CiFacts() | IssueFacts():
            for item in facts.not_read:
                yield f"{item.part}: {item.reason}{f'; next: {item.remedy}' if item.remedy else ''}"
        case _:
            pass


def _patients(snapshot: Snapshot) -> Iterator[Patient]:
    single: tuple[tuple[str, Reading[Any] | None], ...] = (
        ("runtime", snapshot.runtime),
        ("PostgreSQL", snapshot.database),
        ("Redis", snapshot.redis),
        ("Prometheus", snapshot.prometheus),
        ("git repository", snapshot.repository),
        ("migrations", snapshot.migrations),
        ("GitHub", snapshot.ci),
        ("GitHub issues", snapshot.issues),
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
