"""Whether the machine has room: disk and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.params import Params, number, schema
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import share, size
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot

DISK = schema(
    warn_free_bytes=number("WARN below this much free space", 2 * 2**30),
    fail_free_bytes=number("FAIL below this much free space", 256 * 2**20),
)


def judge_disk(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """There is room on the disks that the stack writes to."""
    params, reading = Params.of(check, DISK), snapshot.host
    warn, fail = params.number("warn_free_bytes"), params.number("fail_free_bytes")
    for case in cases(check, snapshot):
        case = case.expects(f"at least {size(warn)} free")
        if isinstance(reading, Unavailable):
            yield case.silent(reading)
            continue
        tightest = min(reading.value.disks, key=lambda disk: (disk.free_bytes, disk.path), default=None)
        if tightest is None:
            yield case.unknown("no disk was read", "the machine named no disk", reading)
            continue
        details = {"path": tightest.path, "free_bytes": tightest.free_bytes, "total_bytes": tightest.total_bytes}
        part = share(tightest.free_bytes / tightest.total_bytes) if tightest.total_bytes else "unknown share"
        actual = f"{size(tightest.free_bytes)} free on {tightest.path} ({part})"
        yield _room(case, tightest.free_bytes, warn, fail, actual, reading, details)


MEMORY = schema(
    warn_available_bytes=number("WARN below this much available memory", 256 * 2**20),
    fail_available_bytes=number("FAIL below this much available memory", 64 * 2**20),
)


def judge_memory(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The machine has memory left."""
    params, reading = Params.of(check, MEMORY), snapshot.host
    warn, fail = params.number("warn_available_bytes"), params.number("fail_available_bytes")
    for case in cases(check, snapshot):
        case = case.expects(f"at least {size(warn)} available")
        if isinstance(reading, Unavailable):
            yield case.silent(reading)
            continue
        available, total = reading.value.memory_available_bytes, reading.value.memory_total_bytes
        details = {"available_bytes": available, "total_bytes": total}
        actual = f"{size(available)} of {size(total)} memory available"
        yield _room(case, available, warn, fail, actual, reading, details)


def _room(
    case: Case,
    free: float,
    warn: float,
    fail: float,
    actual: str,
    reading: AnyReading,
    details: Mapping[str, object],
) -> Finding:
    if free >= warn:
        return case.ok(actual, reading, details=details)
    status = Status.FAIL if free < fail else Status.WARN
    return case.finding(status, f"only {actual}", actual, reading, key=case.subject, details=details)


RULES = (
    Rule(
        "host.disk",
        judge_disk,
        DISK,
        subjects="the word `disk`",
        good="60 GiB are free on /.",
        bad="100 MiB are free on /.",
    ),
    Rule(
        "host.memory",
        judge_memory,
        MEMORY,
        subjects="the word `memory`",
        good="5 of 8 GiB memory are available.",
        bad="20 MiB of 8 GiB memory are available.",
    ),
)
