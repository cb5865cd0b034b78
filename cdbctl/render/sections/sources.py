"""The other sources of the runtime: metrics, PostgreSQL, Redis, the machine and its clocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cdbctl.model.database import DatabaseFacts
from cdbctl.model.finding import Status
from cdbctl.model.host import HostFacts
from cdbctl.model.metrics import MetricState
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.redis import RedisFacts, StreamFacts
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.md import inline, paragraphs, table
from cdbctl.render.metric_rows import MetricRow, metric_rows, metric_statuses
from cdbctl.render.rows import ClockOffset, clock_offsets
from cdbctl.render.words import NONE, clock, count, duration, number, percent, size, tag, utc

LAST_TIMESTAMP = 253_402_300_800.0
"""The end of the year 9999; what is beyond is no time."""
CLOCK_DOUBT_SECONDS = 0.1
"""From here on the doubt is told with the offset of a clock."""
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)")


def metrics(report: Report) -> list[str]:
    """The metrics that checks ask for. What is absent is not zero."""
    snapshot = report.snapshot
    rows = metric_rows(snapshot)
    statuses = metric_statuses(report)
    header = ("Metric", "Exported by", "Status", "State", ">Value", ">Increase", "Evidence")
    silent = [
        f"- {inline(name)}: no answer, {inline(reading.reason)} ({inline(reading.evidence.id)})"
        for name, reading in snapshot.metrics.items()
        if isinstance(reading, Unavailable)
    ]
    return paragraphs(
        ["### Metrics"],
        table(header, (_metric(row, statuses.get((row.service, row.name))) for row in rows))
        if rows
        else ["No check asks for a metric by name."],
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
        _groups(streams),
    )


def host(report: Report) -> list[str]:
    """The machine, and how far the clocks are apart."""
    clocks = [_clock(item) for item in clock_offsets(report.snapshot)]
    return paragraphs(
        ["### Host and clocks"],
        _host(report.snapshot.host, report.snapshot),
        [f"Clocks against the host: {', '.join(clocks) or 'no server told its time'}."],
    )


def _clock(item: ClockOffset) -> str:
    """To the millisecond, or as exactly as it can be known."""
    if item.doubt_seconds < CLOCK_DOUBT_SECONDS:
        return f"{inline(item.source)} {item.offset_seconds:+.3f} s"
    return f"{inline(item.source)} {item.offset_seconds:+.1f} s (± {item.doubt_seconds:.1f} s)"


def _metric(row: MetricRow, status: Status | None) -> tuple[str, ...]:
    return (
        inline(row.name),
        inline(row.service),
        tag(status) if status else NONE,
        row.state.value,
        _metric_value(row),
        NONE if row.increase is None else f"{number(row.increase)} in {duration(row.apart_seconds)}",
        inline(row.evidence),
    )


def _metric_value(row: MetricRow) -> str:
    """The number; a time that is exported as seconds since 1970 is shown as a time, too."""
    if row.value is None and row.state is MetricState.VALUE:
        return "no finite number"
    if row.value is None or not row.name.endswith("_timestamp_seconds") or not 0 < row.value < LAST_TIMESTAMP:
        return number(row.value)
    return f"{number(row.value)} ({utc(datetime.fromtimestamp(row.value, UTC))})"


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
            f" since {utc(facts.counted_since) if facts.counted_since else 'the statistics began'},"
            f" {percent(facts.wraparound_fraction * 100)} of the way to wraparound"
        ),
        (
            f"- {count(tables, 'table')} of {count(len(facts.relations), 'relation')};"
            f" invalid indexes: {', '.join(map(inline, facts.invalid_indexes)) or 'none'}"
        ),
    ]
    if facts.in_recovery:
        lines.append("- The server is in recovery: it takes no writes")
    if facts.schema_versions is not None:
        newest = facts.schema_versions[-1:]
        said = (
            f"{count(len(facts.schema_versions), 'row')}, the last: {inline(_row_in_words(newest[0]))}"
            if newest
            else "no row"
        )
        lines.append(f"- The stack's own schema_version: {said}")
    return lines


def _row_in_words(row: str) -> str:
    return ", ".join(_ISO_TIME.sub(r"\1 \2 UTC", value) for value in row.split(" | "))


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
    if facts.rejected_connections:
        lines.append(f"- {count(facts.rejected_connections, 'connection')} rejected since its start")
    if facts.replica:
        link = "up" if facts.replica.link_up else "down"
        lines.append(f"- It is a replica of {inline(facts.replica.primary)}, the link is {link}")
    if not (facts.rdb_last_save_ok and facts.aof_last_write_ok and facts.aof_last_rewrite_ok):
        lines.append("- The last save to disk failed")
    return lines


def _groups(streams: Sequence[StreamFacts]) -> list[str]:
    """Who reads the streams, and how far behind."""
    rows = [
        (
            inline(group.name),
            inline(stream.name),
            str(group.pending),
            "not told" if group.lag is None else str(group.lag),
        )
        for stream in streams
        for group in stream.groups
    ]
    return table(("Group", "Reads", ">Unacknowledged", ">To come"), rows) if rows else []


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
