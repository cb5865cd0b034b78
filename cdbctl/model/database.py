"""Facts about PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, materialised view, sequence or index of the live catalog."""

    schema: str
    name: str
    kind: str
    """``table``, ``view``, ``materialized view``, ``sequence``, ``index``, ``foreign table``."""
    columns: tuple[str, ...]
    """In order; empty for sequences and indexes."""


@dataclass(frozen=True, slots=True)
class SequenceFacts:
    """A sequence, or the integer column that a larger sequence feeds and that ends before it."""

    name: str
    """``schema.sequence`` or ``schema.table.column``."""
    used_fraction: float
    """Last value over the last possible one."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """One PostgreSQL database, read in a read-only session."""

    database: str
    version: str
    """e.g. ``15.18``."""
    server_at: datetime
    """``clock_timestamp()`` of the server."""
    host_at: datetime
    """Host time in the middle of that question."""
    timezone: str
    started_at: datetime
    round_trip_ms: float
    """Of ``SELECT 1``."""
    connections: int
    max_connections: int
    idle_in_transaction: int | None
    """None when the role may not see the sessions of others; the same for the longest transaction."""
    longest_transaction_seconds: float | None
    """Of the other sessions; None also when no transaction is open."""
    oldest_xmin_age: int
    deadlocks: int
    rollbacks: int
    wraparound_fraction: float
    """Age of the oldest frozen transaction id over 2^31."""
    in_recovery: bool
    relations: tuple[Relation, ...]
    invalid_indexes: tuple[str, ...]
    sequences: tuple[SequenceFacts, ...] | None
    """Most used first; None when they could not be read. Single ones that may not be read are in ``not_read``."""
    schema_versions: tuple[str, ...] | None
    """Rows of a ``schema_version`` table that the stack keeps itself; None without such a table, or when it may
    not be read."""
    not_read: tuple[str, ...] = ()
    """What could not be read, each with its reason. It is unknown, not fine."""
    commits: int | None = None
    """Like deadlocks and rollbacks counted for this database; None where the run did not store it."""
    counted_since: datetime | None = None
    """When these counters were last set to zero; None when nobody ever did."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The answer to the question of one check."""

    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    """At most 100, values as ``None``, bool, int, float or text; times as ISO 8601 in UTC."""
    more_rows: bool


Answers = Mapping[str, QueryAnswer]
