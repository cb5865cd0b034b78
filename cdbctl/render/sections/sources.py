"""The other sources of the runtime: metrics, PostgreSQL, Redis, the machine and its clocks."""

from __future__ import annotations

from collections.abc import Mapping

from cdbctl.model.database import DatabaseFacts
from cdbctl.model.host import HostFacts
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.redis import RedisFacts, StreamFacts
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.md import inline, paragraphs, table
from cdbctl.render.metric_rows import MetricRow, metric_rows
from cdbctl.render.rows import clock_offsets
from cdbctl.render.words import NONE, clock, count, duration, number, percent, size, utc


def metrics(report: Report) -> list[str]:
    """The metrics that checks ask for. What is absent is not zero."""
    snapshot = report.snapshot
    rows = metric_rows(snapshot)
    header = ("Metric", "Exported by", "State", ">Value", ">Increase", "Evidence")
    silent = [
        f"- {inline(name)}: no answer, {inline(reading.reason)} ({inline(reading.evidence.id)})"
        for name, reading in snapshot.metrics.items()
        if isinstance(reading, Unavailable)
    ]
    return paragraphs(
        ["### Metrics"],
        table(header, map(_metric, rows)) if rows else ["No check asks for a metric by name."],
        silent,
    )


def postgresql(report: Report) -> list[str]:
    """One database in a few lines."""
    return paragraphs(["### PostgreSQL"], _database(report.snapshot.database, report.snapshot))


def redis(report: Report) -> list[str]:
    """One Redis in a few lines, and the streams that checks look at."""
    reading = report.snapshot.redis
    header = ("Stream", ">Length", ">In the window", "Newest (UTC)", "Counts")
    streams = reading.value.streams if isinstance(reading, Observed) else ()
    return paragraphs(
        ["### Redis"],
        _redis(reading, report.snapshot),
        table(header, (_stream(stream, report.snapshot) for stream in streams)) if streams else [],
    )


def host(report: Report) -> list[str]:
    """The machine, and how far the clocks are apart."""
    clocks = [f"{inline(item.source)} {item.offset_seconds:+.3f} s" for item in clock_offsets(report.snapshot)]
    return paragraphs(
        ["### Host and clocks"],
        _host(report.snapshot.host, report.snapshot),
        [f"Clocks against the host: {', '.join(clocks) or 'no server told its time'}."],
    )


def _metric(row: MetricRow) -> tuple[str, ...]:
    grew = NONE if row.increase is None else f"{number(row.increase)} in {duration(row.apart_seconds)}"
    return (inline(row.name), inline(row.service), row.state.value, number(row.value), grew, inline(row.evidence))


def _database(reading: Reading[DatabaseFacts] | None, snapshot: Snapshot) -> list[str]:
    if not isinstance(reading, Observed):
        return _no_answer(reading, "database")
    facts = reading.value
    seconds = facts.longest_transaction_seconds
    longest = "none" if seconds is None else duration(seconds)
    tables = sum(relation.kind == "table" for relation in facts.relations)
    lines = [
        (
            f"- {inline(facts.database)}, PostgreSQL {inline(facts.version)}, {_since(facts, snapshot)},"
            f" answered in {facts.round_trip_ms:.1f} ms ({inline(reading.evidence.id)})"
        ),
        (
            f"- {facts.connections} of {facts.max_connections} connections,"
            f" {facts.idle_in_transaction} idle in transaction, longest transaction {longest}"
        ),
        (
            f"- {count(facts.deadlocks, 'deadlock')} and {count(facts.rollbacks, 'rollback')}"
            f" since the statistics began, {percent(facts.wraparound_fraction * 100)} of the way to wraparound"
        ),
        (
            f"- {count(tables, 'table')} of {count(len(facts.relations), 'relation')};"
            f" invalid indexes: {', '.join(map(inline, facts.invalid_indexes)) or 'none'}"
        ),
    ]
    if facts.in_recovery:
        lines.append("- The server is in recovery: it takes no writes")
    if facts.schema_versions is not None:
        lines.append(f"- The stack's own schema_version says: {inline(', '.join(facts.schema_versions)) or 'nothing'}")
    return lines


def _redis(reading: Reading[RedisFacts] | None, snapshot: Snapshot) -> list[str]:
    if not isinstance(reading, Observed):
        return _no_answer(reading, "Redis")
    facts = reading.value
    limit = f" of {size(facts.max_memory_bytes)}" if facts.max_memory_bytes else ", no limit"
    lines = [
        (
            f"- Redis {inline(facts.version)}, {_since(facts, snapshot)}, answered in {facts.round_trip_ms:.1f} ms"
            f" ({inline(reading.evidence.id)})"
        ),
        (
            f"- {size(facts.used_memory_bytes)} used{limit}; eviction {inline(facts.eviction_policy)},"
            f" {count(facts.evicted_keys, 'key')} evicted; {count(facts.connected_clients, 'client')}"
        ),
    ]
    if not (facts.rdb_last_save_ok and facts.aof_last_write_ok):
        lines.append("- The last save to disk failed")
    return lines


def _since(facts: DatabaseFacts | RedisFacts, snapshot: Snapshot) -> str:
    return f"up {duration((snapshot.taken_at - facts.started_at).total_seconds())} since {utc(facts.started_at)}"


def _stream(stream: StreamFacts, snapshot: Snapshot) -> tuple[str, ...]:
    at_least = "" if stream.in_window_complete else "at least "
    return (
        inline(stream.name),
        str(stream.length),
        f"{at_least}{stream.in_window}",
        clock(stream.newest_at, snapshot.taken_at),
        "; ".join(_mix(field, values) for field, values in stream.counts.items()) or NONE,
    )


def _mix(field: str, values: Mapping[str, int]) -> str:
    counts = ", ".join(
        f"{inline(value)} {amount}" for value, amount in sorted(values.items(), key=lambda item: -item[1])
    )
    return f"{inline(field)}: {counts or 'none'}"


def _host(reading: Reading[HostFacts], snapshot: Snapshot) -> list[str]:
    if isinstance(reading, Unavailable):
        return _no_answer(reading, "host")
    facts = reading.value
    load = (
        "load not known" if facts.load_1m is None else f"load {facts.load_1m:.2f} on {count(facts.cpu_count, 'core')}"
    )
    disks = ", ".join(
        f"{inline(disk.path)} {size(disk.free_bytes)} free of {size(disk.total_bytes)}" for disk in facts.disks
    )
    up = duration((snapshot.taken_at - facts.booted_at).total_seconds())
    return [
        f"- {inline(facts.hostname)}, {inline(facts.system)}, up {up} ({inline(reading.evidence.id)})",
        (
            f"- {load}; {size(facts.memory_available_bytes)} of {size(facts.memory_total_bytes)} memory available;"
            f" disks: {disks or 'none declared'}"
        ),
    ]


def _no_answer(reading: Unavailable | None, what: str) -> list[str]:
    if reading is None:
        return [f"Not configured: no {what} is declared, so nothing is known about it."]
    remedy = f" To do: {inline(reading.remedy)}" if reading.remedy else ""
    proof = inline(reading.evidence.id)
    return [f"Not known: {inline(reading.source)} did not answer, {inline(reading.reason)} ({proof}).{remedy}"]
