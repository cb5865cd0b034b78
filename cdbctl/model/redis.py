"""Facts about Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """A consumer group of a stream."""

    name: str
    pending: int
    lag: int | None
    """Entries not yet delivered; None where the server does not tell (before 7.0)."""


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """One stream."""

    name: str
    length: int
    newest_at: datetime | None
    """Time inside the id of the newest entry; None for an empty stream."""
    in_window: int
    """Entries inside the window, at most 10,000."""
    in_window_complete: bool
    counts: Mapping[str, Mapping[str, int]]
    """For the fields that checks ask for: value -> number of entries inside the window."""
    groups: tuple[ConsumerGroup, ...]


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """What a replica says of its link to its primary."""

    primary: str
    """``host:port``."""
    link_up: bool
    syncing: bool
    """Whether it copies everything anew."""
    silent_seconds: float | None
    """Since the primary was last heard of; None when the link is down."""
    down_seconds: float | None
    """Since the link broke; None when it is up, or never was."""


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """One Redis server."""

    version: str
    server_at: datetime
    """Answer of ``TIME``."""
    host_at: datetime
    """Host time in the middle of that question."""
    round_trip_ms: float
    """Of ``PING``."""
    started_at: datetime
    used_memory_bytes: int
    max_memory_bytes: int
    """0 means that no limit is set."""
    eviction_policy: str
    evicted_keys: int
    connected_clients: int
    rdb_last_save_ok: bool
    aof_last_write_ok: bool
    streams: tuple[StreamFacts, ...]
    """The streams that checks ask for and that exist."""
    run_id: str = ""
    """Another one after every start of the server; empty where it does not tell."""
    rejected_connections: int | None = None
    """Since its start: for want of free places. None where the server does not tell; likewise below."""
    max_clients: int | None = None
    loading: bool = False
    """Whether it still reads its data from disk."""
    rdb_last_save_at: datetime | None = None
    """The start of the server counts as a save."""
    rdb_changes_since_save: int | None = None
    aof_enabled: bool = False
    aof_last_rewrite_ok: bool = True
    replica: ReplicaFacts | None = None
    """None for a primary."""

    def stream(self, name: str) -> StreamFacts | None:
        """The facts of one stream, or None when it does not exist."""
        return next((stream for stream in self.streams if stream.name == name), None)
