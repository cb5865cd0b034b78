"""Counters are compared with the previous run only where the same counting went on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cdbctl.assess import assess
from cdbctl.model.finding import Finding, Status
from cdbctl.model.redis import ConsumerGroup, ReplicaFacts
from cdbctl.model.snapshot import EarlierCounters, EarlierRun, Snapshot
from tests.assess.snapshots import (
    NOW,
    STARTED,
    database,
    edit,
    healthy,
    make_check,
    redis,
    stream,
    with_database,
    with_earlier_run,
    with_redis,
    with_stream,
)


def judged(snapshot: Snapshot) -> Finding:
    (finding,) = assess(snapshot)
    return finding


def after_a_run(snapshot: Snapshot, **counters: Any) -> Snapshot:
    earlier = with_earlier_run(snapshot)

    def change(run: EarlierRun) -> EarlierRun:
        return replace(run, **counters)

    return replace(earlier, previous=edit(earlier.previous, change))


def health(subject: str, **facts: Any) -> Snapshot:
    check = make_check("database.health", subject)
    return with_database(healthy((check,)), **facts)


def test_deadlocks_before_the_previous_run_are_no_finding() -> None:
    snapshot = after_a_run(
        health("deadlocks", deadlocks=3), database=EarlierCounters.of_database(replace(database(), deadlocks=3))
    )
    finding = judged(snapshot)
    assert finding.status is Status.OK
    assert finding.actual.startswith("0 deadlocks since the run of ")
    assert snapshot.previous is not None
    assert snapshot.previous.evidence.id in finding.evidence


def test_a_new_deadlock_is_a_finding() -> None:
    snapshot = after_a_run(health("deadlocks", deadlocks=4), database=EarlierCounters.of_database(database()))
    finding = judged(snapshot)
    assert finding.status is Status.WARN
    assert finding.actual.startswith("4 deadlocks since the run of ")


def test_without_a_previous_run_the_whole_count_is_said_with_its_beginning() -> None:
    finding = judged(health("deadlocks", deadlocks=1))
    assert (finding.status, finding.actual) == (Status.WARN, "1 deadlock since 2026-02-08 11:00:00 UTC")
    finding = judged(health("deadlocks", deadlocks=1, counted_since=None))
    assert finding.actual == "1 deadlock since the statistics began"


@pytest.mark.parametrize(
    "then",
    [
        replace(database(), counted_since=STARTED - timedelta(days=1)),
        replace(database(), database="other"),
        replace(database(), deadlocks=9),
        replace(database(), commits=None),
        None,
    ],
    ids=["set to zero since", "another database", "smaller now", "stored by an older version", "not read then"],
)
def test_nothing_is_compared_with_another_counting(then: Any) -> None:
    counters = EarlierCounters.of_database(then) if then else None
    finding = judged(after_a_run(health("deadlocks", deadlocks=2), database=counters))
    assert finding.actual == "2 deadlocks since 2026-02-08 11:00:00 UTC"


def test_rollbacks_are_a_share_of_the_transactions_since_the_previous_run() -> None:
    then = EarlierCounters.of_database(replace(database(), commits=1000, rollbacks=900))
    finding = judged(after_a_run(health("rollbacks", commits=1600, rollbacks=1300), database=then))
    assert finding.status is Status.WARN
    assert "400 of 1000 transactions rolled back since the run of" in finding.actual
    finding = judged(after_a_run(health("rollbacks", commits=1990, rollbacks=910), database=then))
    assert finding.status is Status.OK


def test_a_few_transactions_prove_nothing_about_rollbacks() -> None:
    assert judged(health("rollbacks", commits=1, rollbacks=98)).status is Status.OK


def test_an_unknown_number_of_commits_is_unknown_not_zero() -> None:
    assert judged(health("rollbacks", commits=None, rollbacks=98)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("subject", "facts"), [("oldest transaction", {"oldest_xmin_age": 2_000_000}), ("writes", {"in_recovery": True})]
)
def test_what_stops_a_database_is_a_finding(subject: str, facts: dict[str, object]) -> None:
    assert judged(health(subject)).status is Status.OK
    assert judged(health(subject, **facts)).status is Status.WARN


def eviction(**facts: Any) -> Snapshot:
    return with_redis(healthy((make_check("redis.eviction", "Redis"),)), **facts)


def test_keys_evicted_before_the_previous_run_are_no_finding() -> None:
    then = EarlierCounters.of_redis(replace(redis(), evicted_keys=7))
    finding = judged(after_a_run(eviction(evicted_keys=7), redis=then))
    assert finding.status is Status.OK
    assert "0 keys evicted since the run of" in finding.actual


@pytest.mark.parametrize("run_id", ["beef", ""])
def test_keys_evicted_by_a_server_that_was_started_anew_all_count(run_id: str) -> None:
    then = EarlierCounters.of_redis(replace(redis(), evicted_keys=7, run_id=run_id))
    finding = judged(after_a_run(eviction(evicted_keys=7), redis=then))
    assert finding.status is Status.FAIL
    assert finding.title == "Redis has evicted 7 keys since its start at 2026-02-08 11:00:00 UTC"


def test_a_redis_that_does_not_tell_its_run_is_compared_with_nothing() -> None:
    then = EarlierCounters.of_redis(replace(redis(), run_id=""))
    finding = judged(after_a_run(eviction(evicted_keys=1, run_id=""), redis=then))
    assert "since its start" in finding.title


def test_a_policy_that_evicts_is_a_warning_also_where_no_stream_was_looked_at() -> None:
    finding = judged(eviction(eviction_policy="allkeys-lru", streams=()))
    assert finding.status is Status.WARN
    assert "0 streams looked at" in finding.actual
    assert judged(eviction(eviction_policy="allkeys-lru")).status is Status.FAIL
    assert judged(eviction(streams=())).status is Status.OK


def test_a_redis_without_any_limit_is_a_warning_unless_the_check_sets_one() -> None:
    free = make_check("redis.memory", "Redis")
    finding = judged(with_redis(healthy((free,)), max_memory_bytes=0))
    assert (finding.status, finding.title) == (Status.WARN, "Redis has no memory limit")
    for limit, status in ((2_000_000, Status.OK), (1_000_000, Status.FAIL)):
        bound = make_check("redis.memory", "Redis", max_bytes=limit)
        assert judged(with_redis(healthy((bound,)), max_memory_bytes=0)).status is status


def connections(**facts: Any) -> Finding:
    return judged(with_redis(healthy((make_check("redis.connections", "Redis"),)), **facts))


def test_rejected_connections_that_nobody_tells_are_unknown() -> None:
    assert connections(rejected_connections=None).status is Status.UNKNOWN
    assert connections().status is Status.OK
    assert connections(max_clients=None).status is Status.OK


def test_a_redis_that_is_nearly_full_of_clients_is_a_warning() -> None:
    finding = connections(connected_clients=9000)
    assert (finding.status, finding.title) == (Status.WARN, "Redis has 9000 of 10000 clients")


def replication(replica: ReplicaFacts | None, **params: Any) -> Finding:
    return judged(with_redis(healthy((make_check("redis.replication", "Redis", **params),)), replica=replica))


HEARD = ReplicaFacts("10.0.0.1:6379", link_up=True, syncing=False, silent_seconds=2, down_seconds=None)


def test_a_replica_that_hears_its_primary_is_well_unless_a_primary_is_expected() -> None:
    assert replication(HEARD).status is Status.OK
    assert replication(None, role="primary").status is Status.OK
    assert replication(HEARD, role="primary").title == "Redis is a replica"
    assert replication(None, role="replica").title == "Redis is a primary"


def test_a_replica_that_hears_nothing_is_a_finding() -> None:
    assert replication(replace(HEARD, silent_seconds=60)).status is Status.FAIL
    broken = replication(replace(HEARD, link_up=False, syncing=True, silent_seconds=None, down_seconds=90))
    assert broken.actual == "a replica of 10.0.0.1:6379, the link is down since 90 s, it copies everything anew"


def groups(*found: ConsumerGroup, version: str = "7.0.15", **params: Any) -> Finding:
    check = make_check("redis.groups", "stream.orders", **params)
    snapshot = with_stream(healthy((check,)), replace(stream("stream.orders", 0.5), groups=found))
    return judged(with_redis(snapshot, version=version))


def test_a_reader_that_keeps_up_is_well() -> None:
    finding = groups(ConsumerGroup("db_writer", 1, 2))
    assert (finding.status, finding.actual) == (Status.OK, "db_writer: 2 entries to come, 1 unacknowledged")


def test_a_reader_with_too_much_before_it_or_in_its_hands_is_a_finding() -> None:
    assert groups(ConsumerGroup("w", 0, 1001)).status is Status.FAIL
    finding = groups(ConsumerGroup("w", 101, None), ConsumerGroup("x", 0, 0))
    assert (finding.status, finding.title) == (Status.FAIL, "w does not keep up with stream.orders")


@pytest.mark.parametrize(("version", "why"), [("6.2.14", "Redis 6.2.14 does not count it"), ("7.2.4", "deleted")])
def test_a_lag_that_the_server_does_not_tell_is_unknown(version: str, why: str) -> None:
    finding = groups(ConsumerGroup("w", 0, None), version=version)
    assert finding.status is Status.UNKNOWN
    assert why in finding.actual


def test_each_group_that_is_behind_or_missing_is_a_finding_of_its_own() -> None:
    check = make_check("redis.groups", "stream.orders", groups=["gone", "lost"])
    late = (ConsumerGroup("v", 0, 2000), ConsumerGroup("w", 0, 2000), ConsumerGroup("x", 0, None))
    found = assess(with_stream(healthy((check,)), replace(stream("stream.orders", 0.5), groups=late)))
    assert [item.key for item in found] == ["missing/gone", "missing/lost", "behind/v", "behind/w", "no-answer"]
    assert found[2].title == "v does not keep up with stream.orders"
    assert "how far x is behind" in found[4].title


def test_a_group_that_has_to_be_there_is_missed_also_without_its_stream() -> None:
    assert groups(groups=["w"]).title == "stream.orders has no group w"
    check = make_check("redis.groups", "stream.ghost", groups=["w"])
    assert judged(healthy((check,))).title == "stream.ghost has no group w"


def test_nobody_keeps_up_with_a_stream_that_nobody_reads_or_that_does_not_exist() -> None:
    assert (groups().status, groups().actual) == (Status.UNKNOWN, "no group reads it")
    finding = judged(healthy((make_check("redis.groups", "stream.ghost"),)))
    assert (finding.status, finding.actual) == (Status.UNKNOWN, "the stream does not exist")


def persistence(facts: dict[str, Any], **params: Any) -> Finding:
    return judged(with_redis(healthy((make_check("redis.persistence", "Redis", **params),)), **facts))


def test_old_changes_that_are_in_no_snapshot_are_a_warning_where_a_limit_is_given() -> None:
    old = {"rdb_changes_since_save": 5, "rdb_last_save_at": NOW - timedelta(hours=3)}
    assert persistence(old).status is Status.OK
    assert persistence({**old, "rdb_changes_since_save": 0}, max_save_age_seconds=3600).status is Status.OK
    finding = persistence(old, max_save_age_seconds=3600)
    assert (finding.status, finding.title) == (Status.WARN, "the last snapshot of Redis is 3 h old")


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({"aof_last_rewrite_ok": False}, "Redis cannot write its data to disk"),
        ({"aof_last_write_ok": False}, "Redis cannot write its data to disk"),
        ({"aof_enabled": False}, "Redis keeps no log of its writes (AOF)"),
    ],
)
def test_a_log_that_is_not_written_is_a_finding(facts: dict[str, Any], title: str) -> None:
    finding = persistence(facts, append_only=True)
    assert (finding.status, finding.title) == (Status.FAIL, title)
    assert persistence({"aof_enabled": True}, append_only=True).status is Status.OK
