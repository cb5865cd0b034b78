"""Whether the clocks of the stack agree: every age and every window rests on them."""

from __future__ import annotations

from collections.abc import Iterator

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.params import Params, number, schema
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

SKEW = schema(max_seconds=number("largest difference between two clocks", 2))


def judge_skew(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The clocks of this machine, PostgreSQL and Redis agree, and no log line lies in the future."""
    limit = Params.of(check, SKEW).number("max_seconds")
    for case in cases(check, snapshot):
        match case.subject:
            case "postgresql":
                yield _server_clock(case, snapshot.database, limit, "database")
            case "redis":
                yield _server_clock(case, snapshot.redis, limit, "redis")
            case "logs":
                yield from _log_clocks(case, limit)
            case _:
                reason = "subjects are: postgresql, redis, logs"
                yield case.unknown(f"{case.subject} is not a subject of clocks.skew", reason)


def _server_clock(case: Case, reading: AnyReading | None, limit: float, needs: str) -> Finding:
    case = case.expects(f"at most {duration(limit)} from the clock of this machine")
    if reading is None:
        return case.absent(needs)
    if isinstance(reading, Unavailable):
        return case.silent(reading, needs=needs)
    skew = (reading.value.server_at - reading.value.host_at).total_seconds()
    direction = "ahead of" if skew > 0 else "behind"
    doubt = reading.value.round_trip_ms / 2000
    actual = f"{duration(abs(skew))} {direction} the clock of this machine (± {duration(doubt)})"
    details = {"skew_seconds": round(skew, 3), "uncertainty_seconds": round(doubt, 3)}
    if abs(skew) <= limit + doubt:
        return case.ok(actual, reading, details=details)
    title = f"the clock of {case.subject} is {duration(abs(skew))} {direction} this machine"
    return case.finding(Status.FAIL, title, actual, reading, key="skew", details=details)


def _log_clocks(case: Case, limit: float) -> Iterator[Finding]:
    case = case.expects(f"no line more than {duration(limit)} in the future")
    logs = case.snapshot.logs
    read = {name: reading for name, reading in logs.items() if isinstance(reading, Observed)}
    unread = [name for name in logs if name not in read]
    early = 0
    for name, reading in sorted(read.items()):
        newest = reading.value.newest_at
        ahead = (newest - reading.at).total_seconds() if newest else 0.0
        if ahead > limit:
            early += 1
            yield case.finding(
                Status.FAIL,
                f"the log of {name} is {duration(ahead)} in the future",
                f"its newest line says {clock(newest)}, and it was read at {clock(reading.at)}",
                reading,
                key=name,
                details={"service": name, "ahead_seconds": round(ahead, 1)},
            )
    if unread:
        silent = [logs[name] for name in unread]
        yield case.unknown("not every log could be read", f"no answer: logs of {', '.join(sorted(unread))}", *silent)
    elif not read:
        yield case.absent("log of any service")
    elif not early:
        yield case.ok(f"{plural(len(read), 'log')}, no newest line in the future", *read.values())


RULES = (
    Rule(
        "clocks.skew",
        judge_skew,
        SKEW,
        subjects="any of postgresql, redis, logs",
        good="PostgreSQL is one millisecond ahead of this machine.",
        bad="PostgreSQL is an hour ahead of this machine, or a log line comes from the future.",
    ),
)
