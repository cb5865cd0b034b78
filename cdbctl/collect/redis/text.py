"""The evidence of a look at Redis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.model.redis import RedisFacts, StreamFacts


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
    ]
    for stream in facts.streams:
        lines += ["", *_stream(stream)]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _stream(stream: StreamFacts) -> Iterator[str]:
    newest = stream.newest_at.isoformat(timespec="milliseconds") if stream.newest_at else "none"
    more = "" if stream.in_window_complete else " (there are more, which were not counted)"
    yield f"stream {stream.name}: length={stream.length} newest={newest} in_window={stream.in_window}{more}"
    for field, values in stream.counts.items():
        for value, times in values.items():
            yield f"  {field}={value}: {times}"
    for group in stream.groups:
        yield f"  group {group.name}: pending={group.pending} lag={'not told' if group.lag is None else group.lag}"
