"""One stored run, read back: what a later run remembers of it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cdbctl.model.codec import CodecError, decode
from cdbctl.model.database import DatabaseFacts
from cdbctl.model.finding import Lifecycle
from cdbctl.model.redis import RedisFacts
from cdbctl.model.run_folder import REPORT_SCHEMA, SNAPSHOT_SCHEMA
from cdbctl.model.runtime import ServiceFacts
from cdbctl.model.snapshot import EarlierCounters, EarlierFinding, EarlierRun, EarlierService

T = TypeVar("T")

LARGEST_FILE_BYTES = 50_000_000
MOST_FINDINGS = 50
"""Of one run of a stretch."""


class Broken(Exception):
    """A stored run that cannot be used; the message says why."""


class Foreign(Exception):
    """A stored run of another stack."""


def read_run(folder: Path, name: str, *, now: datetime, stack: str | None = None) -> EarlierRun:
    """Read a run with everything that it knew of; raise Broken, or Foreign when it is of another stack.

    A run that is dated later than ``now`` was stored under a wrong clock: nothing can be compared with it.
    """
    report = read_report(folder)
    _expect_own(report, stack)
    snapshot = _read_json(folder / "snapshot.json", SNAPSHOT_SCHEMA)

    def build() -> EarlierRun:
        run = _run(report, name, now)
        database, redis = _value(snapshot, "database", DatabaseFacts), _value(snapshot, "redis", RedisFacts)
        return replace(
            run,
            findings=_all(report),
            services=_services(snapshot),
            database=EarlierCounters.of_database(database) if database else None,
            redis=EarlierCounters.of_redis(redis) if redis else None,
        )

    return _understood(build)


def read_run_of_stretch(folder: Path, name: str, *, now: datetime, stack: str) -> EarlierRun:
    """Read what a soak is judged by, if possible from the report alone: a stretch may hold hundreds of runs.

    Of the findings only the open ones are kept that follow from no other one.
    """
    report = read_report(folder)
    _expect_own(report, stack)

    def build() -> EarlierRun:
        run = _run(report, name, now)
        return replace(run, findings=_open(report), services=_identities(report, folder))

    return _understood(build)


def read_report(folder: Path) -> Mapping[str, Any]:
    """The report of a run as JSON data."""
    return _read_json(folder / "report.json", REPORT_SCHEMA)


def _expect_own(report: Mapping[str, Any], stack: str | None) -> None:
    found = report.get("stack")
    if stack is not None and isinstance(found, str) and found != stack:
        raise Foreign(f"it is of the stack {found}, not of {stack}")


def _understood(build: Callable[[], EarlierRun]) -> EarlierRun:
    try:
        return build()
    except (KeyError, TypeError, AttributeError) as error:
        raise Broken(f"it does not hold what a run holds: {error}") from error
    except CodecError as error:
        raise Broken(str(error)) from error


def _run(report: Mapping[str, Any], name: str, now: datetime) -> EarlierRun:
    facts = {
        "taken_at": report["taken_at"],
        "path": name,
        "verdict": report["verdict"],
        "findings": [],
        "services": [],
        "stack": report.get("stack", ""),
        "tool_version": report.get("tool_version", ""),
        "window": report.get("window"),
        "follows": (report.get("previous") or {}).get("path"),
        "host_booted_at": (report.get("host") or {}).get("booted_at"),
        "runtime_started_at": (report.get("runtime") or {}).get("started_at"),
    }
    run = decode(EarlierRun, facts)
    if run.taken_at > now:
        raise Broken(f"it is dated {run.taken_at.isoformat()}, which is still to come: a clock was wrong")
    return run


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


def _all(report: Mapping[str, Any]) -> tuple[EarlierFinding, ...]:
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
            finding = decode(EarlierFinding, {**item, "first_seen": item.get("first_seen") or report["taken_at"]})
            known.setdefault(finding.fingerprint, replace(finding, lifecycle=lifecycle or finding.lifecycle))
    return tuple(known.values())


def _open(report: Mapping[str, Any]) -> tuple[EarlierFinding, ...]:
    """What leaves the verdict bad or open and follows from nothing else: one cause, one voice."""
    voices = [
        item
        for item in report.get("findings", [])
        if item.get("status") == "FAIL" or (item.get("status") == "UNKNOWN" and item.get("required", True))
    ]
    counting = [item for item in voices if item.get("lifecycle") != Lifecycle.ACCEPTED and not item.get("caused_by")]
    return tuple(
        decode(EarlierFinding, {**item, "first_seen": item.get("first_seen") or report["taken_at"]})
        for item in counting[:MOST_FINDINGS]
    )


def _identities(report: Mapping[str, Any], folder: Path) -> tuple[EarlierService, ...]:
    """The identity facts as the report tells them; an older version told them only in the snapshot."""
    services = report.get("services", [])
    if any("identity" not in item for item in services):
        return _services(_read_json(folder / "snapshot.json", SNAPSHOT_SCHEMA))
    return tuple(decode(EarlierService, item["identity"]) for item in services if item["identity"] is not None)


def _value(snapshot: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """The facts of one source; None when it was not declared, did not answer, or was stored in another way."""
    value = (snapshot.get(name) or {}).get("value")
    with suppress(CodecError):
        return decode(kind, value) if value is not None else None
    return None


def _services(snapshot: Mapping[str, Any]) -> tuple[EarlierService, ...]:
    """The identity facts of every service; none when the runtime did not answer then."""
    facts = [decode(ServiceFacts, item) for item in snapshot["runtime"].get("value", {}).get("services", [])]
    return tuple(map(EarlierService.of, facts))
