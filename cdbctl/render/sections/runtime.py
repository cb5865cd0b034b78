"""Runtime truth: what runs, what it says of itself, and what it uses."""

from __future__ import annotations

from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.runtime import ContainerFacts, Health, HealthFacts, RuntimeFacts
from cdbctl.render.md import code, inline, paragraphs, table
from cdbctl.render.service_rows import ServiceRow, health_sentence, service_rows
from cdbctl.render.words import NONE, clock, count, duration, percent, size, tag

DIGITS = 12
"""Of an image id: as many as the docker CLI shows."""


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
        [_note(rows, report.snapshot.runtime.value)] if isinstance(report.snapshot.runtime, Observed) else [],
        *_containers(report, rows),
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


def _note(rows: list[ServiceRow], runtime: RuntimeFacts) -> str:
    """What makes a 0 worth something, and where the numbers come from."""
    source = f", from {inline(runtime.usage_source)}" if runtime.usage_source else ""
    dash = f"“{NONE}” stands for what is not known or does not run"
    return f"{_counting(rows)}; CPU is a share of one core during the check-up{source}; {dash}."


def _counting(rows: list[ServiceRow]) -> str:
    """Since when restarts are counted."""
    if any(row.facts and row.facts.container for row in rows):
        return "Restarts are those of the restart policy; their count begins anew with every other start"
    since = sorted(row.facts.restarts_counted_since for row in rows if row.facts and row.facts.restarts_counted_since)
    if not since:
        return "Restarts are not counted"
    return f"Unplanned restarts are counted since {since[-1]:%Y-%m-%d %H:%M:%S} UTC or longer"


def _containers(report: Report, rows: list[ServiceRow]) -> tuple[list[str], ...]:
    """What only a container runtime knows; nothing where there is none."""
    header = (
        "Service",
        "Container",
        "Image",
        "Image id",
        "Created (UTC)",
        "Last end (UTC)",
        ">Memory limit",
        "Restart",
    )
    lines = [_container(row.name, row.facts.container, report) for row in rows if row.facts and row.facts.container]
    return (["### Containers"], table(header, lines)) if lines else ()


def _container(name: str, facts: ContainerFacts, report: Report) -> tuple[str, ...]:
    taken_at = report.snapshot.taken_at
    return (
        inline(name),
        inline(facts.container),
        inline(facts.image.reference),
        code(facts.image.id.removeprefix("sha256:")[:DIGITS]) if facts.image.id else NONE,
        clock(facts.created_at, taken_at),
        clock(facts.finished_at, taken_at),
        size(facts.memory_limit_bytes) if facts.memory_limit_bytes else NONE,
        inline(facts.restart_policy or NONE),
    )


def _health(row: ServiceRow) -> str:
    """Each answer with the depth of its probe; where two of them differ, both are named."""
    page, probe = row.page, row.probe
    if probe is None:
        return _answer(page)
    if page is None:
        return _answer(probe)
    if isinstance(page, HealthFacts) and page.health is probe.health:
        return f"{page.health.value} ({page.depth.value}, container {probe.depth.value})"
    return f"page {_answer(page)}, container {_answer(probe)}"


def _answer(answer: HealthFacts | Unavailable | None) -> str:
    match answer:
        case None:
            return "no probe"
        case Unavailable():
            return "no answer"
        case HealthFacts(health=health, depth=depth, failing_streak=streak):
            more = f", {streak} in a row" if streak else ""
            return f"{health.value} ({depth.value}{more})" if health is not Health.NONE else "no probe"


def _evidence(report: Report, row: ServiceRow) -> str:
    readings = (report.snapshot.runtime, row.health)
    return ", ".join(inline(reading.evidence.id) for reading in readings if reading is not None)
