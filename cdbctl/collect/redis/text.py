"""The evidence of a look at Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.model.redis import RedisFacts, ReplicaFacts, StreamFacts


def redis_text(source: str, facts: RedisFacts, notes: Sequence[str]) -> str:
    """One fact on a line, then each stream, then the names that are no streams."""
    lines = [
        f"PING of {source}: PONG after {facts.round_trip_ms} ms",
        f"version: {facts.version}",
        f"TIME: {facts.server_at.isoformat()} (this machine: {facts.host_at.isoformat()})",
        f"started at: {facts.started_at.isoformat(timespec='seconds')}",
        f"used_memory_bytes: {facts.used_memory_bytes}",
        f"max_memory_bytes: {facts.max_memory_bytes}" + ("" if facts.max_memory_bytes else " (no limit)"),
        f"eviction policy: {facts.eviction_policy}",
        f"evicted keys: {facts.evicted_keys}",
        f"connected clients: {facts.connected_clients}",
        f"last save to disk: {'ok' if facts.rdb_last_save_ok else 'failed'}",
        f"last write of the append-only file: {'ok' if facts.aof_last_write_ok else 'failed'}",
        f"run id: {facts.run_id or 'not told'}",
        f"maxclients: {_told(facts.max_clients)}",
        f"rejected connections: {_told(facts.rejected_connections)}",
        f"loading: {'yes' if facts.loading else 'no'}",
        f"last save at: {facts.rdb_last_save_at.isoformat() if facts.rdb_last_save_at else 'not told'}",
        f"changes since the last save: {_told(facts.rdb_changes_since_save)}",
        f"append-only file: {'on' if facts.aof_enabled else 'off'}",
        f"last rewrite of the append-only file: {'ok' if facts.aof_last_rewrite_ok else 'failed'}",
        f"role: {_role(facts.replica)}",
    ]
    for stream in facts.streams:
        lines += ["", *_stream(stream)]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _told(number: int | None) -> str:
    return "not told" if number is None else str(number)


def _role(replica: ReplicaFacts | None) -> str:
    if replica is None:
        return "primary"
    if replica.link_up:
        heard = "" if replica.silent_seconds is None else f", last heard of {replica.silent_seconds:g} s ago"
        return f"replica of {replica.primary}, link up{heard}"
    since = "" if replica.down_seconds is None else f" since {replica.down_seconds:g} s"
    return f"replica of {replica.primary}, link down{since}" + (", syncing" if replica.syncing else "")


def _stream(stream: StreamFacts) -> Iterator[str]:
    newest = stream.newest_at.isoformat(timespec="milliseconds") if stream.newest_at else "none"
    more = "" if stream.in_window_complete else " (there are more, which were not counted)"
    yield f"stream {stream.name}: length={stream.length} newest={newest} in_window={stream.in_window}{more}"
    for field, values in stream.counts.items():
        for value, times in values.items():
            yield f"  {field}={value}: {times}"
    for group in stream.groups:
        yield f"  group {group.name}: pending={group.pending} lag={'not told' if group.lag is None else group.lag}"
