"""Whether the clocks of the stack agree: every age and every window rests on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.params import Params, number, schema
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural
from cdbctl.model.check import Check
from cdbctl.model.ci import CiFacts
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.snapshot import Snapshot

SKEW = schema(max_seconds=number("largest difference between two clocks", 2))


def judge_skew(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The clocks of this machine, PostgreSQL, Redis and GitHub agree, and no log line lies in the future."""
    limit = Params.of(check, SKEW).number("max_seconds")
    for case in cases(check, snapshot):
        match case.subject:
            case "postgresql":
                yield _server_clock(case, snapshot.database, limit, "database")
            case "redis":
                yield _server_clock(case, snapshot.redis, limit, "redis")
            case "github":
                yield _github_clock(case, snapshot.ci, limit)
            case "logs":
                yield from _log_clocks(case, limit)
            case _:
                reason = "subjects are: postgresql, redis, github, logs"
                yield case.unknown(f"{case.subject} is not a subject of clocks.skew", reason)


def _server_clock(case: Case, reading: AnyReading | None, limit: float, needs: str) -> Finding:
    case = case.expects(f"at most {duration(limit)} from the clock of this machine")
    if reading is None:
        return case.absent(needs)
    if isinstance(reading, Unavailable):
        return case.silent(reading, needs=needs)
    facts = reading.value
    return _compared(case, reading, facts.server_at - facts.host_at, facts.round_trip_ms / 2000, limit)


def _github_clock(case: Case, reading: Reading[CiFacts] | None, limit: float) -> Finding:
    """A clock that is none of ours. It tells whole seconds only, so half of one is doubt."""
    case = case.expects(f"at most {duration(limit)} from the clock of this machine")
    if reading is None:
        return case.absent("github")
    if isinstance(reading, Unavailable):
        return case.silent(reading, needs="github")
    facts = reading.value
    if facts.server_at is None:
        return case.unknown("GitHub did not tell its time", "no answer of GitHub had a usable Date header", reading)
    return _compared(case, reading, facts.server_at - facts.host_at, facts.clock_doubt_seconds, limit)


def _compared(case: Case, reading: AnyReading, difference: timedelta, doubt: float, limit: float) -> Finding:
    skew = difference.total_seconds()
    direction = "ahead of" if skew > 0 else "behind"
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
        subjects="any of postgresql, redis, github, logs",
        good="PostgreSQL is one millisecond ahead of this machine.",
        bad="PostgreSQL is an hour ahead of this machine, or a log line comes from the future.",
    ),
)
