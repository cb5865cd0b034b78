"""What the report says of Redis and PostgreSQL beyond an ordinary day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cdbctl.model.reading import Observed
from cdbctl.model.redis import ConsumerGroup, ReplicaFacts
from cdbctl.render.markdown import markdown
from tests.render.reports import NOW, SNAPSHOT, fail_report, observed


def report_with_redis(**changes: Any) -> str:
    assert isinstance(SNAPSHOT.redis, Observed)
    redis = replace(SNAPSHOT.redis, value=replace(SNAPSHOT.redis.value, **changes))
    return markdown(replace(fail_report(), snapshot=replace(SNAPSHOT, redis=redis)))


def test_the_readers_of_streams_are_shown_with_what_is_before_them() -> None:
    assert isinstance(SNAPSHOT.redis, Observed)
    groups = (ConsumerGroup("db_writer", 3, 5000), ConsumerGroup("old", 1, None))
    streams = tuple(replace(stream, groups=groups) for stream in SNAPSHOT.redis.value.streams)
    text = report_with_redis(streams=streams)
    assert "| Group | Reads | Unacknowledged | To come |" in text
    assert "| 3 | 5000 |" in text
    assert "| 1 | not told |" in text


def test_a_replica_without_its_primary_and_rejected_clients_are_said() -> None:
    link = ReplicaFacts("10.0.0.1:6379", link_up=False, syncing=False, silent_seconds=None, down_seconds=9)
    text = report_with_redis(replica=link, rejected_connections=2, aof_last_rewrite_ok=False)
    assert "- 2 connections rejected since its start" in text
    assert "- It is a replica of 10.0.0.1:6379, the link is down" in text
    assert "- The last save to disk failed" in text


def test_since_when_postgresql_counts_is_said() -> None:
    assert isinstance(SNAPSHOT.database, Observed)
    database = observed(1, "postgresql", replace(SNAPSHOT.database.value, counted_since=NOW))
    text = markdown(replace(fail_report(), snapshot=replace(SNAPSHOT, database=database)))
    assert f"since {NOW:%Y-%m-%d %H:%M:%S} UTC, " in text
