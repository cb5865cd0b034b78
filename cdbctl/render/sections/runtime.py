"""Runtime truth: what runs, what it says of itself, and what it uses."""

from __future__ import annotations

from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.runtime import Health
from cdbctl.render.md import inline, paragraphs, table
from cdbctl.render.service_rows import ServiceRow, health_sentence, service_rows
from cdbctl.render.words import NONE, clock, count, duration, percent, size, tag


def services(report: Report) -> list[str]:
    """Every service, declared or only known to the runtime."""
    rows = service_rows(report)
    header = (
        "Service",
        "Status",
        "State",
        "Health (probe)",
        ">CPU",
        ">Memory",
        ">Restarts",
        "Started (UTC)",
        "Evidence",
    )
    return paragraphs(
        ["## Runtime truth"],
        ["### Services"],
        [services_sentence(report, rows)],
        table(header, (_row(report, row) for row in rows)),
        [_restarts_note(rows)] if isinstance(report.snapshot.runtime, Observed) else [],
    )


def services_sentence(report: Report, rows: list[ServiceRow]) -> str:
    """How many run, and how many of those say that they are well: two different things."""
    runtime = report.snapshot.runtime
    if isinstance(runtime, Unavailable):
        remedy = f" To do: {inline(runtime.remedy)}." if runtime.remedy else ""
        return f"Not known: {inline(runtime.source)} did not answer ({inline(runtime.reason)}).{remedy}"
    declared = [row for row in rows if row.declared]
    strangers = len(rows) - len(declared)
    more = f"; {count(strangers, 'service')} not declared" if strangers else ""
    running = f"{sum(row.runs for row in declared)} of {len(declared)} declared services run{more}"
    return f"{running}. Health: {health_sentence(declared)}."


def _row(report: Report, row: ServiceRow) -> tuple[str, ...]:
    facts, taken_at = row.facts, report.snapshot.taken_at
    status = tag(row.status) if row.status else NONE
    name = inline(row.name) if row.declared else f"{inline(row.name)} (not declared)"
    if facts is None:
        return (name, status, NONE, _health(row), NONE, NONE, NONE, NONE, _evidence(report, row))
    state = (
        facts.state.value if row.runs or not facts.exit_status else f"{facts.state.value} ({inline(facts.exit_status)})"
    )
    started = facts.started_at if row.runs else None
    age = f", {duration((taken_at - started).total_seconds())} ago" if started else ""
    return (
        name,
        status,
        state,
        _health(row),
        percent(facts.cpu_percent) if row.runs else NONE,
        size(facts.memory_bytes) if row.runs else NONE,
        NONE if facts.restarts is None else str(facts.restarts),
        f"{clock(started, taken_at)}{age}",
        _evidence(report, row),
    )


def _restarts_note(rows: list[ServiceRow]) -> str:
    """Since when restarts are counted, which is what makes a 0 worth something."""
    since = sorted(row.facts.restarts_counted_since for row in rows if row.facts and row.facts.restarts_counted_since)
    counting = (
        f"Unplanned restarts are counted since {since[-1]:%Y-%m-%d %H:%M:%S} UTC or longer"
        if since
        else "Restarts are not counted"
    )
    dash = f"“{NONE}” stands for what is not known or does not run"
    return f"{counting}; CPU is a share of one core during the check-up; {dash}."


def _health(row: ServiceRow) -> str:
    if isinstance(row.health, Observed):
        facts = row.health.value
        return f"{facts.health.value} ({facts.depth.value})" if facts.health is not Health.NONE else "no probe"
    return row.health_word


def _evidence(report: Report, row: ServiceRow) -> str:
    readings = (report.snapshot.runtime, row.health)
    return ", ".join(inline(reading.evidence.id) for reading in readings if reading is not None)
