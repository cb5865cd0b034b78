"""What the newest stored run said, so that this one can tell what is new, what goes on and what is over."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.model.codec import CodecError, decode
from cdbctl.model.finding import Lifecycle
from cdbctl.model.run_folder import REPORT_SCHEMA, SNAPSHOT_SCHEMA, is_day, run_order
from cdbctl.model.runtime import ServiceFacts
from cdbctl.model.snapshot import EarlierFinding, EarlierRun, EarlierService

LARGEST_FILE_BYTES = 50_000_000
TRIED = 20
"""Stored runs that are tried before giving up: each broken one costs time."""


class Broken(Exception):
    """A stored run that cannot be used; the message says why."""


def read_earlier_run(reports: Path, *, now: datetime) -> Seen[EarlierRun | None]:
    """Read the newest complete run; broken ones are named in the evidence and the next older one is used.

    A run that is dated later than ``now`` was stored under a wrong clock: nothing can be compared with it.

    The value is None when nothing is stored yet.
    """
    skipped: list[str] = []
    try:
        for folder in _newest_first(reports / "daily"):
            name = f"{reports.name}/{folder.relative_to(reports).as_posix()}"
            try:
                run = _read_run(folder, name)
                _expect_past(run, now)
            except Broken as problem:
                skipped.append(f"skipped {name}: {problem}")
            else:
                return Seen(run, "\n".join([*_describe(run), *skipped]) + "\n")
            if len(skipped) == TRIED:
                break
    except OSError as error:
        raise NoAnswer(f"{error.strerror or error}: {error.filename}", remedy=f"make {reports} readable") from error
    if skipped:
        raise NoAnswer(
            "no stored run can be read: " + "; ".join(skipped), remedy=f"remove the broken runs from {reports}"
        )
    return Seen(None, f"no run is stored in {reports.name}/daily\n")


def _newest_first(daily: Path) -> Iterator[Path]:
    """The folders of runs; a day is only listed when nothing newer was good."""
    if not daily.exists():
        return
    for day in sorted((item for item in daily.iterdir() if is_day(item.name)), reverse=True):
        if not day.is_dir():
            continue
        runs = [(order, item) for item in day.iterdir() if (order := run_order(item.name))]
        yield from (item for _, item in sorted(runs, reverse=True))


def _read_run(folder: Path, name: str) -> EarlierRun:
    report = _read_json(folder / "report.json", REPORT_SCHEMA)
    snapshot = _read_json(folder / "snapshot.json", SNAPSHOT_SCHEMA)
    try:
        taken_at = report["taken_at"]
        run = decode(
            EarlierRun,
            {"taken_at": taken_at, "path": name, "verdict": report["verdict"], "findings": [], "services": []},
        )
        return replace(run, findings=_findings(report, taken_at), services=_services(snapshot))
    except (KeyError, TypeError, AttributeError) as error:
        raise Broken(f"it does not hold what a run holds: {error}") from error
    except CodecError as error:
        raise Broken(str(error)) from error


def _expect_past(run: EarlierRun, now: datetime) -> None:
    if run.taken_at > now:
        raise Broken(f"it is dated {run.taken_at.isoformat()}, which is still to come: a clock was wrong")


def _read_json(file: Path, schema: str) -> Mapping[str, Any]:
    try:
        facts = file.stat()
        if not stat.S_ISREG(facts.st_mode):  # a pipe or a device would never end
            raise Broken(f"{file.name} is not a file")
        if facts.st_size > LARGEST_FILE_BYTES:
            raise Broken(f"{file.name} is larger than {LARGEST_FILE_BYTES // 1_000_000} MB")
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Broken(f"{file.name}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise Broken(f"{file.name} is cut off or not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != schema:
        raise Broken(f"{file.name} is not {schema}")
    return data


def _findings(report: Mapping[str, Any], taken_at: str) -> tuple[EarlierFinding, ...]:
    """Everything that a run knew of: what it found, what it could not verify, and what is over.

    What could not be verified is still open, and what is over is remembered: when it comes back it has REGRESSED.
    """
    known: dict[str, EarlierFinding] = {}
    for key, lifecycle in (
        ("findings", None),
        ("unverified", Lifecycle.UNVERIFIED),
        ("resolved", Lifecycle.RESOLVED),
        ("closed", Lifecycle.RESOLVED),
    ):
        for item in report.get(key, []):
            finding = decode(EarlierFinding, {**item, "first_seen": item.get("first_seen") or taken_at})
            known.setdefault(finding.fingerprint, replace(finding, lifecycle=lifecycle or finding.lifecycle))
    return tuple(known.values())


def _services(snapshot: Mapping[str, Any]) -> tuple[EarlierService, ...]:
    """The identity facts of every service; none when the runtime did not answer then."""
    facts = [decode(ServiceFacts, item) for item in snapshot["runtime"].get("value", {}).get("services", [])]
    return tuple(EarlierService(item.name, item.identity, item.pid, item.started_at, item.restarts) for item in facts)


def _describe(run: EarlierRun) -> Iterator[str]:
    yield f"newest complete run: {run.path}, taken at {run.taken_at.isoformat()}, verdict {run.verdict}"
    for finding in run.findings:
        yield (
            f"finding {finding.fingerprint} {finding.status} {finding.check} {finding.subject}"
            f" lifecycle={finding.lifecycle} first_seen={finding.first_seen.isoformat()}: {finding.title}"
        )
    for service in run.services:
        started = service.started_at.isoformat() if service.started_at else None
        yield (
            f"service {service.name} pid={service.pid} started_at={started} restarts={service.restarts}"
            f" identity={service.identity}"
        )
