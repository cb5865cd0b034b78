"""Rules about Redis: it answers, it has room, it keeps what it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cdbctl.assess.case import Case, cases
from cdbctl.assess.params import Params, number, schema, text
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, plural, share, size
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.redis import RedisFacts
from cdbctl.model.snapshot import Snapshot

RedisJudge: TypeAlias = Callable[[Case, Observed[RedisFacts]], Finding]


def _each(check: Check, snapshot: Snapshot, judge: RedisJudge) -> Iterator[Finding]:
    for case in cases(check, snapshot):
        reading = snapshot.redis
        if reading is None:
            yield case.absent("redis")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="redis")
        else:
            yield judge(case, reading)


REACHABLE = schema(
    max_round_trip_ms=number("slower answers are a WARN", 500),
    service=text("the service that runs it, so that its end explains this one"),
)


def judge_reachable(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis answers a direct question."""
    limit = Params.of(check, REACHABLE).number("max_round_trip_ms")

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        case, facts = case.expects(f"PING is answered within {limit:g} ms"), reading.value
        details = {"round_trip_ms": facts.round_trip_ms}
        actual = f"PING took {facts.round_trip_ms:.1f} ms; Redis {facts.version}, started {clock(facts.started_at)}"
        if facts.round_trip_ms <= limit:
            return case.ok(actual, reading, details=details)
        title = f"Redis takes {facts.round_trip_ms:.0f} ms for PING"
        return case.finding(Status.WARN, title, actual, reading, key="slow", details=details)

    return _each(check, snapshot, judge)


MEMORY = schema(
    warn_fraction=number("WARN above this share of maxmemory", 0.8),
    fail_fraction=number("FAIL above this share of maxmemory", 0.95),
    max_bytes=number("FAIL above this, also where no maxmemory is set"),
)


def judge_memory(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis has room left: when it is full and must not evict, every write fails."""
    params = Params.of(check, MEMORY)
    warn, fail = params.number("warn_fraction"), params.number("fail_fraction")

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        facts, limit = reading.value, params.maybe_number("max_bytes")
        used = facts.used_memory_bytes / facts.max_memory_bytes if facts.max_memory_bytes else 0.0
        case = case.expects(f"at most {share(warn)} of maxmemory" + (f" and {size(limit)}" if limit else ""))
        of_limit = (
            f"{share(used)} of {size(facts.max_memory_bytes)}" if facts.max_memory_bytes else "no maxmemory is set"
        )
        actual = f"{size(facts.used_memory_bytes)} used, {of_limit}"
        details = {"used_bytes": facts.used_memory_bytes, "max_bytes": facts.max_memory_bytes}
        too_much = used > fail or (limit is not None and facts.used_memory_bytes > limit)
        if not too_much and used <= warn:
            return case.ok(actual, reading, details=details)
        status = Status.FAIL if too_much else Status.WARN
        title = f"Redis uses {size(facts.used_memory_bytes)}"
        return case.finding(status, title, actual, reading, key="memory", details=details)

    return _each(check, snapshot, judge)


def judge_eviction(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis does not throw entries of streams away: its policy is noeviction while streams are used."""

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        case, facts = (
            case.expects("maxmemory-policy is noeviction while streams are used, nothing evicted"),
            reading.value,
        )
        actual = (
            f"maxmemory-policy {facts.eviction_policy}, {plural(len(facts.streams), 'stream')} in use, "
            f"{plural(facts.evicted_keys, 'key')} evicted since {clock(facts.started_at)}"
        )
        details = {"policy": facts.eviction_policy, "evicted_keys": facts.evicted_keys, "streams": len(facts.streams)}
        risky = facts.eviction_policy != "noeviction" and bool(facts.streams)
        if not risky and not facts.evicted_keys:
            return case.ok(actual, reading, details=details)
        title = (
            f"Redis has evicted {plural(facts.evicted_keys, 'key')}"
            if facts.evicted_keys
            else f"Redis may evict streams: maxmemory-policy is {facts.eviction_policy}"
        )
        return case.finding(Status.FAIL, title, actual, reading, key="eviction", details=details)

    return _each(check, snapshot, judge)


def judge_persistence(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis could write its data to disk the last time it tried; else it refuses writes (MISCONF)."""

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        case, facts = case.expects("the last snapshot and the last append to the log were written"), reading.value
        failed = [] if facts.rdb_last_save_ok else ["the last snapshot (RDB)"]
        failed += [] if facts.aof_last_write_ok else ["the last append to the log (AOF)"]
        details = {"rdb_last_save_ok": facts.rdb_last_save_ok, "aof_last_write_ok": facts.aof_last_write_ok}
        if not failed:
            return case.ok("Redis reports no failed write to disk", reading, details=details)
        actual = f"Redis reports as failed: {' and '.join(failed)}"
        title = "Redis cannot write its data to disk"
        return case.finding(Status.FAIL, title, actual, reading, key="persistence", details=details)

    return _each(check, snapshot, judge)


SUBJECT = "the word `Redis`"
RULES = (
    Rule(
        "redis.reachable",
        judge_reachable,
        REACHABLE,
        subjects=SUBJECT,
        good="PING is answered in 0.2 ms.",
        bad="PING takes two seconds; no answer at all is UNKNOWN.",
    ),
    Rule(
        "redis.memory",
        judge_memory,
        MEMORY,
        subjects=SUBJECT,
        good="1.8 MiB of 256 MiB are used.",
        bad="255 MiB of 256 MiB are used.",
    ),
    Rule(
        "redis.eviction",
        judge_eviction,
        schema(),
        subjects=SUBJECT,
        good="maxmemory-policy is noeviction and seven streams are in use.",
        bad="maxmemory-policy is allkeys-lru and seven streams are in use.",
    ),
    Rule(
        "redis.persistence",
        judge_persistence,
        schema(),
        subjects=SUBJECT,
        good="The last background save succeeded.",
        bad="The last background save failed: the disk is full.",
    ),
)
