"""What the newest stored run said, so that this one can tell what is new, what goes on and what is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.stored_run import Broken, Foreign, read_run
from cdbctl.model.run_folder import is_day, run_order
from cdbctl.model.snapshot import EarlierRun, EarlierService

TRIED = 20
"""Stored runs that are tried before giving up: each broken one costs time."""


def read_earlier_run(reports: Path, *, now: datetime, stack: str | None = None) -> Seen[EarlierRun | None]:
    """Read the newest complete run; broken ones are named in the evidence and the next older one is used.

    Runs of another stack are passed over, and named as well. The value is None when nothing is stored yet.
    """
    skipped: list[str] = []
    foreign: list[str] = []
    try:
        for folder in newest_first(reports):
            name = shown(folder, reports)
            try:
                run = read_run(folder, name, now=now, stack=stack)
            except Foreign as other:
                foreign.append(f"passed over {name}: {other}")
            except Broken as problem:
                skipped.append(f"skipped {name}: {problem}")
            else:
                return Seen(run, "\n".join([*_describe(run), *skipped, *foreign]) + "\n")
            if len(skipped) + len(foreign) == TRIED:
                break
    except OSError as error:
        raise unreadable(error, reports) from error
    if skipped:
        raise NoAnswer(
            "no stored run can be read: " + "; ".join(skipped), remedy=f"remove the broken runs from {reports}"
        )
    return Seen(None, "\n".join([f"no run is stored in {reports.name}/daily", *foreign]) + "\n")


def unreadable(error: OSError, reports: Path) -> NoAnswer:
    """The folder of the reports cannot be listed."""
    return NoAnswer(f"{error.strerror or error}: {error.filename}", remedy=f"make {reports} readable")


def shown(folder: Path, reports: Path) -> str:
    """How a run is named: ``reports/daily/2026-02-09/082603Z``."""
    return f"{reports.name}/{folder.relative_to(reports).as_posix()}"


def newest_first(reports: Path) -> Iterator[Path]:
    """The folders of the stored runs; a day is only listed when nothing newer was enough."""
    daily = reports / "daily"
    if not daily.exists():
        return
    for day in sorted((item for item in daily.iterdir() if is_day(item.name)), reverse=True):
        if not day.is_dir():
            continue
        runs = [(order, item) for item in day.iterdir() if (order := run_order(item.name))]
        yield from (item for _, item in sorted(runs, reverse=True))


def describe_service(service: EarlierService) -> str:
    """The identity facts of a service in one line of evidence; what is not known is left out."""
    facts = {
        "state": service.state,
        "pid": service.pid,
        "started_at": _iso(service.started_at),
        "restarts": service.restarts,
        "exit_status": service.exit_status,
        "created_at": _iso(service.created_at),
        "finished_at": _iso(service.finished_at),
        "oom_killed": service.oom_killed,
        "image": service.image,
        "identity": service.identity,
    }
    told = " ".join(f"{name}={value}" for name, value in facts.items() if value not in (None, ""))
    return f"service {service.name} {told}"


def _describe(run: EarlierRun) -> Iterator[str]:
    yield f"newest complete run: {run.path}, taken at {run.taken_at.isoformat()}, verdict {run.verdict}"
    yield f"host booted at {_iso(run.host_booted_at)}, runtime started at {_iso(run.runtime_started_at)}"
    for finding in run.findings:
        yield (
            f"finding {finding.fingerprint} {finding.status} {finding.check} {finding.subject}"
            f" lifecycle={finding.lifecycle} first_seen={finding.first_seen.isoformat()}: {finding.title}"
        )
    yield from map(describe_service, run.services)
    for server, counters in (("database", run.database), ("Redis", run.redis)):
        if counters is not None:
            values = " ".join(f"{name}={value}" for name, value in counters.values.items())
            yield f"counters of {server} ({counters.counted_by}): {values}"


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
