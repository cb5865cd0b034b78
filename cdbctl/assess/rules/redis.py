"""Rules about Redis: it answers, it has room, it keeps what it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cdbctl.assess.case import Case, cases
from cdbctl.assess.counters import redis_growth
from cdbctl.assess.outage import silent_server
from cdbctl.assess.params import Params, number, schema, switch, text
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural, share, size, stamp
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.redis import RedisFacts
from cdbctl.model.snapshot import Snapshot

RedisJudge: TypeAlias = Callable[[Case, Observed[RedisFacts]], Finding]
RedisJudges: TypeAlias = Callable[[Case, Observed[RedisFacts]], Iterator[Finding]]


def each_redis(check: Check, snapshot: Snapshot, judge: RedisJudge) -> Iterator[Finding]:
    """Judge the facts of Redis for each subject, or say why there are none."""
    return all_of_redis(check, snapshot, lambda case, reading: iter((judge(case, reading),)))


def all_of_redis(check: Check, snapshot: Snapshot, judge: RedisJudges) -> Iterator[Finding]:
    """The same for a rule that may find several things about one subject."""
    for case in cases(check, snapshot):
        reading = snapshot.redis
        if reading is None:
            yield case.absent("redis")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="redis")
        else:
            yield from judge(case, reading)


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

    if not isinstance(snapshot.redis, Unavailable):
        yield from each_redis(check, snapshot, judge)
        return
    for case in cases(check, snapshot):
        case = case.expects(f"PING is answered within {limit:g} ms")
        yield silent_server(case, snapshot.redis, needs="redis", server=Params.of(check, REACHABLE).text("service"))


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
        actual = f"{size(facts.used_memory_bytes)} used, {of_limit}, maxmemory-policy {facts.eviction_policy}"
        details = {"used_bytes": facts.used_memory_bytes, "max_bytes": facts.max_memory_bytes}
        endless = not facts.max_memory_bytes and limit is None
        too_much = used > fail or (limit is not None and facts.used_memory_bytes > limit)
        if endless:
            actual += ": it grows until the machine has no memory left"
            title = "Redis has no memory limit"
            return case.finding(Status.WARN, title, actual, reading, key="limit", details=details)
        if not too_much and used <= warn:
            return case.ok(actual, reading, details=details)
        status = Status.FAIL if too_much else Status.WARN
        title = f"Redis uses {size(facts.used_memory_bytes)}" + (f", {of_limit}" if facts.max_memory_bytes else "")
        return case.finding(status, title, actual, reading, key="memory", details=details)

    return each_redis(check, snapshot, judge)


def judge_eviction(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis does not throw entries of streams away: its policy is noeviction where streams are kept."""

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        case = case.expects("maxmemory-policy is noeviction where streams are kept, nothing evicted")
        facts, gained = reading.value, redis_growth(reading.value, case.snapshot)
        evicted = gained.values["evicted_keys"]
        actual = (
            f"maxmemory-policy {facts.eviction_policy}, {plural(len(facts.streams), 'stream')} looked at, "
            f"{plural(evicted, 'key')} evicted {gained.since}"
        )
        details = {"policy": facts.eviction_policy, "evicted_keys": evicted, "streams": len(facts.streams)}
        risky = facts.eviction_policy != "noeviction"
        if not risky and not evicted:
            return case.ok(actual, reading, *gained.readings, details=details)
        title = (
            f"Redis has evicted {plural(evicted, 'key')} {gained.since}"
            if evicted
            else f"Redis may evict streams: maxmemory-policy is {facts.eviction_policy}"
        )
        # Only streams that checks ask for are looked at: without one, nobody knows whether there are any.
        status = Status.FAIL if evicted or facts.streams else Status.WARN
        return case.finding(status, title, actual, reading, *gained.readings, key="eviction", details=details)

    return each_redis(check, snapshot, judge)


PERSISTENCE = schema(
    max_save_age_seconds=number("WARN when changes are older than this and not in a snapshot (RDB); default: no limit"),
    append_only=switch("whether the log (AOF) has to be on", False),
)


def judge_persistence(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis could write its data to disk the last time it tried; else it refuses writes (MISCONF)."""
    params = Params.of(check, PERSISTENCE)
    limit, append_only = params.maybe_number("max_save_age_seconds"), params.switch("append_only")

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        case = case.expects(
            "the last snapshot and the last append to the log were written"
            + (f", changes are saved within {duration(limit)}" if limit is not None else "")
            + (", the log is on" if append_only else "")
        )
        facts = reading.value
        age = _unsaved_seconds(facts)
        failed = [] if facts.rdb_last_save_ok else ["the last snapshot (RDB) failed"]
        failed += [] if facts.aof_last_write_ok else ["the last append to the log (AOF) failed"]
        failed += [] if facts.aof_last_rewrite_ok else ["the last rewrite of the log (AOF) failed"]
        failed += ["the log (AOF) is off"] if append_only and not facts.aof_enabled else []
        late = limit is not None and age is not None and age > limit
        details = {
            "rdb_last_save_ok": facts.rdb_last_save_ok,
            "aof_last_write_ok": facts.aof_last_write_ok,
            "aof_last_rewrite_ok": facts.aof_last_rewrite_ok,
            "aof_enabled": facts.aof_enabled,
            "last_save_at": stamp(facts.rdb_last_save_at),
            "changes_since_save": facts.rdb_changes_since_save,
        }
        if failed:
            actual, title = f"Redis reports: {', '.join(failed)}", "Redis cannot write its data to disk"
            title = title if failed[0] != "the log (AOF) is off" else "Redis keeps no log of its writes (AOF)"
            return case.finding(Status.FAIL, title, actual, reading, key="persistence", details=details)
        if late:
            title = f"the last snapshot of Redis is {duration(age or 0)} old"
            return case.finding(Status.WARN, title, _saved(facts), reading, key="save-age", details=details)
        return case.ok(f"Redis reports no failed write to disk; {_saved(facts)}", reading, details=details)

    return each_redis(check, snapshot, judge)


def _unsaved_seconds(facts: RedisFacts) -> float | None:
    """How old changes may be that are in no snapshot; None when there are none, or nobody tells."""
    if facts.rdb_last_save_at is None or not facts.rdb_changes_since_save:
        return None
    return (facts.server_at - facts.rdb_last_save_at).total_seconds()


def _saved(facts: RedisFacts) -> str:
    changes = facts.rdb_changes_since_save
    unsaved = "" if changes is None else f", {plural(changes, 'change')} since"
    log = "on" if facts.aof_enabled else "off"
    return f"last snapshot (RDB) or start at {clock(facts.rdb_last_save_at)}{unsaved}, log (AOF) {log}"


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
        good="maxmemory-policy is noeviction, and nothing was evicted.",
        bad="maxmemory-policy is allkeys-lru; where checks ask for streams that exist it is a FAIL, else a WARN.",
    ),
    Rule(
        "redis.persistence",
        judge_persistence,
        PERSISTENCE,
        subjects=SUBJECT,
        good="The last background save succeeded.",
        bad="The last background save failed: the disk is full.",
    ),
)
