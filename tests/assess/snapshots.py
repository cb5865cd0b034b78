"""Snapshots of an imagined stack, shaped like the demo: one that is healthy, and ways to hurt it.

Every ``with_…`` function takes a snapshot and returns another one; nothing is changed in place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from cdbctl.assess import RULES, needs
from cdbctl.collect.github.text import ci_text, issues_text
from cdbctl.load.checks import load_checks
from cdbctl.model.check import Check, Severity
from cdbctl.model.ci import CheckRun, CiFacts, Issue, IssueFacts, WorkflowFacts
from cdbctl.model.database import DatabaseFacts, QueryAnswer, Relation, SequenceFacts
from cdbctl.model.host import DiskFacts, HostFacts
from cdbctl.model.logs import Level, LogFacts, LogGroup, LogLine, LogWindow, Signature
from cdbctl.model.metrics import MetricsPage, Series
from cdbctl.model.migrations import MigrationFile, MigrationFolder
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable
from cdbctl.model.redis import ConsumerGroup, RedisFacts, StreamFacts
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.runtime import (
    Health,
    HealthFacts,
    ProbeDepth,
    Restart,
    RuntimeFacts,
    ServiceFacts,
    ServiceState,
)
from cdbctl.model.snapshot import EarlierFinding, EarlierRun, EarlierService, NotConfigured, Snapshot, Window
from cdbctl.model.stack import Group, Service

T = TypeVar("T")

NOW = datetime(2026, 2, 9, 9, 0, 0, tzinfo=UTC)
STARTED = NOW - timedelta(hours=22)
WINDOW = Window(since=NOW - timedelta(hours=1), until=NOW)
CHECKS_FOLDER = Path(__file__).parents[2] / "checks"

TITLES = {
    "cdb_ws": "market data feed",
    "cdb_candles": "candle builder",
    "cdb_regime": "regime detector",
    "cdb_allocation": "allocator",
    "cdb_signal": "signal engine",
    "cdb_risk": "risk manager",
    "cdb_execution": "paper execution",
    "cdb_db_writer": "database writer",
    "cdb_postgres_exporter": "PostgreSQL exporter",
    "cdb_postgres": "PostgreSQL",
    "cdb_redis": "Redis",
}
PIPELINE = tuple(name for name in TITLES if not name.startswith(("cdb_postgres", "cdb_redis")))
WITH_PAGES = (*PIPELINE, "cdb_postgres_exporter")
PORTS = {name: 18001 + index for index, name in enumerate(WITH_PAGES)}
STREAMS = {
    "stream.signals": 0.4,
    "stream.orders": 0.5,
    "stream.orders_blocked": 4.0,
    "stream.fills": 0.6,
    "stream.candles_1m": 0.9,
    "stream.regime_signals": 1.0,
    "stream.allocation_decisions": 1.1,
}
TABLES = {
    "signals": ("id", "symbol", "side", "created_at"),
    "orders": ("id", "signal_id", "symbol", "status", "created_at"),
    "trades": ("id", "symbol", "price", "executed_at"),
    "positions": ("id", "symbol", "size", "updated_at"),
    "candles_1m": ("symbol", "opened_at", "close", "updated_at"),
    "risk_events": (
        "id",
        "timestamp_ms",
        "symbol",
        "decision",
        "reason_code",
        "contract_version",
        "payload",
        "created_at",
    ),
}
COUNTERS = {
    "cdb_ws": {"decoded_messages_total": 14400.0},
    "cdb_candles": {"candles_written_total": 3600.0},
    "cdb_regime": {"regime_updates_total": 3600.0},
    "cdb_allocation": {"allocation_decisions_total": 3600.0},
    "cdb_signal": {"signals_generated_total": 5142.0},
    "cdb_risk": {"risk_events_persisted_total": 5142.0},
    "cdb_execution": {"orders_executed_total": 4500.0},
    "cdb_db_writer": {},
    "cdb_postgres_exporter": {},
}


# -- the healthy stack ---------------------------------------------------------------------------------------------


def healthy(checks: tuple[Check, ...] | None = None) -> Snapshot:
    """A stack with nothing to complain about, judged by the checks of the demo unless others are given."""
    services = declared_services()
    stands = demo_checks() if checks is None else checks
    snapshot = Snapshot(
        tool_version="0.0.0",
        stack="cdb",
        root=".demo",
        agent="cdbctl",
        taken_at=NOW,
        finished_at=NOW + timedelta(seconds=2),
        timezone="Europe/Berlin",
        window=WINDOW,
        services=services,
        checks=stands,
        waivers=(),
        runtime=observed("E001", "supervisord http://127.0.0.1:9001", runtime()),
        health={
            name: observed(f"E1{i:02}", f"http://127.0.0.1:{PORTS[name]}/health", health())
            for i, name in enumerate(WITH_PAGES)
        },
        logs={name: observed(f"E2{i:02}", f"log of {name}", log()) for i, name in enumerate(WITH_PAGES)},
        metrics={
            name: observed(f"E3{i:02}", f"http://127.0.0.1:{PORTS[name]}/metrics", page(name))
            for i, name in enumerate(WITH_PAGES)
        },
        database=observed("E002", "postgresql://127.0.0.1:5432/cdb", database()),
        answers={},
        redis=observed("E003", "redis://127.0.0.1:6379/0", redis()),
        repository=observed("E004", "git .demo", repository()),
        host=observed("E005", "this machine", host()),
        migrations=observed("E006", "governance/migrations", migrations()),
        previous=None,
        not_configured=(NotConfigured("CI", "no CI is declared in cdbctl.yaml"),),
        redactions=(),
        notes=(),
    )
    return with_checks(snapshot, stands)


def declared_services() -> tuple[Service, ...]:
    """The eleven services of the demo."""
    return tuple(_service(name, title) for name, title in TITLES.items())


def _service(name: str, title: str) -> Service:
    page = f"http://127.0.0.1:{PORTS[name]}" if name in WITH_PAGES else None
    observer = name == "cdb_postgres_exporter"
    return Service(
        name=name,
        title=title,
        group=Group.OBSERVABILITY if observer else Group.UNDER_TEST,
        required=not observer,
        source_folder=f"services/{name.removeprefix('cdb_')}" if page else None,
        database_role=name if name in ("cdb_candles", "cdb_risk", "cdb_db_writer") else None,
        health_url=f"{page}/health" if page else None,
        health_depth="application" if page else None,
        metrics_url=f"{page}/metrics" if page else None,
        log_paths=(f"run/logs/{name}.log",) if page else (),
        log_timezone="UTC",
    )


def observed(id: str, source: str, value: T, text: str | None = None) -> Observed[T]:
    """A reading that succeeded; its evidence text defaults to everything quotable in the value."""
    text = _text(value) if text is None else text
    return Observed(
        source=source, at=NOW, took_ms=3.0, value=value, evidence=Evidence(id=id, source=source, at=NOW, text=text)
    )


def unavailable(reading: Observed[Any] | Unavailable, reason: str, remedy: str = "start it again") -> Unavailable:
    """The same source, but it did not answer."""
    text = f"{NOW.isoformat()} {reading.source}: {reason}\n"
    evidence = Evidence(id=reading.evidence.id, source=reading.source, at=NOW, text=text)
    return Unavailable(source=reading.source, at=NOW, took_ms=2000.0, reason=reason, remedy=remedy, evidence=evidence)


def _text(value: object) -> str:
    if isinstance(value, LogFacts):
        lines = [line.text for group in value.groups for line in group.samples]
        return "\n".join([f"{value.window.lines} lines", *lines, ""])
    if isinstance(value, HealthFacts):
        return value.detail + "\n"
    return f"{value!r}\n"


def runtime() -> RuntimeFacts:
    """All running for 22 hours, restarts counted since the start."""
    return RuntimeFacts(
        kind="supervisord",
        started_at=STARTED,
        services=tuple(
            ServiceFacts(
                name=name,
                state=ServiceState.RUNNING,
                pid=4000 + index,
                identity=f"python -m services.{name}",
                started_at=STARTED,
                exit_status=None,
                restarts=0,
                recent_restarts=(),
                restarts_counted_since=STARTED,
                cpu_percent=0.1,
                memory_bytes=34_435_891,
            )
            for index, name in enumerate(TITLES)
        ),
    )


def health(
    state: Health = Health.HEALTHY,
    depth: ProbeDepth = ProbeDepth.APPLICATION,
    detail: str = '200 {"status": "ok"}',
) -> HealthFacts:
    """The answer of one health page."""
    return HealthFacts(health=state, depth=depth, detail=detail)


def log(*groups: LogGroup, lines: int = 5120, newest_at: datetime | None = NOW - timedelta(seconds=1)) -> LogFacts:
    """A log with these groups and otherwise INFO lines, proven back to the start of the window."""
    levels = {Level.INFO.value: lines - sum(group.count for group in groups)}
    for group in groups:
        levels[group.level.value] = levels.get(group.level.value, 0) + group.count
    return LogFacts(
        window=LogWindow(
            since=WINDOW.since,
            until=WINDOW.until,
            first_at=WINDOW.since,
            last_at=newest_at,
            lines=lines,
            bytes=lines * 90,
            complete=True,
            reaches_back=True,
            note="",
            long_lines=0,
            undecodable_lines=0,
        ),
        levels=levels,
        groups=groups,
        groups_left_out=0,
        newest_at=newest_at,
    )


def group(
    text: str,
    *,
    count: int = 812,
    level: Level = Level.ERROR,
    signature: Signature | None = None,
    first_at: datetime = WINDOW.since + timedelta(seconds=48),
    last_at: datetime = NOW - timedelta(seconds=2),
) -> LogGroup:
    """Equal messages, evenly spread."""
    return LogGroup(
        level=level,
        masked=re.sub(r"\d+", "<n>", text),
        count=count,
        first_at=first_at,
        last_at=last_at,
        samples=(LogLine(1, first_at, text),),
        signature=signature,
    )


def signature(kind: str, **facts: str) -> Signature:
    """A signature with only the named facts."""
    names = ("sqlstate", "relation", "column", "subject", "frame")
    return Signature(kind, *(facts.get(name) for name in names))


def page(name: str) -> MetricsPage:
    """The metrics page of one service, all counters moving."""
    series = [Series(metric, (), value, value - 2) for metric, value in COUNTERS.get(name, {}).items()]
    if name == "cdb_ws":
        stamp = NOW.timestamp() - 0.2
        series.append(Series("market_data_last_timestamp_seconds", (), stamp, stamp - 1))
    if name == "cdb_risk":
        for decision, reason, value in (("ALLOW", "", 4500.0), ("BLOCK", "RC_001", 642.0)):
            labels = (("decision", decision), ("reason_code", reason))
            series.append(Series("risk_decisions_total", labels, value, value - 1))
    if name == "cdb_db_writer":
        tables = ("signals", "orders", "trades", "positions")
        series += [Series("rows_written_total", (("table", table),), 4500.0, 4498.0) for table in tables]
    if name == "cdb_postgres_exporter":
        series.append(Series("pg_up", (), 1.0, 1.0))
        series.append(Series("pg_stat_database_numbackends", (("datname", "cdb"),), 6.0, 6.0))
    return MetricsPage(target=name, series=tuple(series), apart_seconds=1.0)


def database() -> DatabaseFacts:
    """PostgreSQL with every table, no trouble."""
    tables = (Relation("public", name, "table", columns) for name, columns in TABLES.items())
    index = Relation("public", "idx_risk_events_timestamp_ms", "index", ())
    return DatabaseFacts(
        database="cdb",
        version="15.18",
        server_at=NOW + timedelta(milliseconds=1),
        host_at=NOW,
        timezone="UTC",
        started_at=STARTED,
        round_trip_ms=0.4,
        connections=7,
        max_connections=100,
        idle_in_transaction=0,
        longest_transaction_seconds=0.01,
        oldest_xmin_age=12,
        deadlocks=0,
        rollbacks=0,
        wraparound_fraction=0.0001,
        in_recovery=False,
        relations=(*tables, index),
        invalid_indexes=(),
        sequences=(SequenceFacts("public.orders_id_seq", 0.00001),),
        schema_versions=None,
        commits=50_000,
        counted_since=STARTED,
    )


def redis() -> RedisFacts:
    """Redis with every stream moving; one decision in eight is a block."""
    return RedisFacts(
        version="6.2.14",
        server_at=NOW,
        host_at=NOW,
        round_trip_ms=0.2,
        started_at=STARTED,
        used_memory_bytes=1_900_000,
        max_memory_bytes=268_435_456,
        eviction_policy="noeviction",
        evicted_keys=0,
        connected_clients=9,
        rdb_last_save_ok=True,
        aof_last_write_ok=True,
        streams=tuple(stream(name, age) for name, age in STREAMS.items()),
        run_id="f00d",
        rejected_connections=0,
        max_clients=10_000,
        rdb_last_save_at=STARTED,
        rdb_changes_since_save=0,
    )


def stream(name: str, age_seconds: float, in_window: int = 700) -> StreamFacts:
    """A stream whose newest entry is that old."""
    counts: Mapping[str, Mapping[str, int]] = {}
    if name == "stream.orders":
        counts = {"decision": {"ALLOW": in_window}, "reason_code": {"": in_window}}
    if name == "stream.orders_blocked":
        in_window //= 7
        counts = {"decision": {"BLOCK": in_window}, "reason_code": {"RC_001": in_window}}
    newest = NOW - timedelta(seconds=age_seconds)
    return StreamFacts(name, 1000, newest, in_window, True, counts, (ConsumerGroup("g", 0, 0),))


def repository() -> RepositoryFacts:
    """A clean clone."""
    return RepositoryFacts(
        branch="main",
        commit="b3a4fc0" + "0" * 33,
        subject="The demo stack",
        committed_at=STARTED,
        staged=0,
        changed=0,
        unmerged=0,
        untracked=0,
        sample=(),
        upstream=None,
        ahead=None,
        behind=None,
        operation=None,
    )


def host() -> HostFacts:
    """A machine with room."""
    return HostFacts(
        hostname="box",
        system="Linux 6.1",
        booted_at=STARTED - timedelta(days=3),
        cpu_count=2,
        load_1m=0.4,
        memory_total_bytes=8 * 2**30,
        memory_available_bytes=5 * 2**30,
        disks=(DiskFacts("/", 100 * 2**30, 60 * 2**30),),
    )


def ci(**changes: Any) -> CiFacts:
    """GitHub with everything green, and its clock half a second ahead at most."""
    facts = CiFacts(
        repository="jannek/stack",
        branch="main",
        head=repository().commit,
        head_is_pushed=True,
        check_runs=(check_run("build"), check_run("lint")),
        workflows=(workflow("tests"), workflow("nightly")),
        protected=True,
        required_checks=("build",),
        server_at=NOW + timedelta(milliseconds=200),
        host_at=NOW,
        clock_doubt_seconds=0.55,
        requests=8,
        not_modified=8,
        rate_limit_left=4990,
        not_read=(),
    )
    return replace(facts, **changes)


def check_run(name: str, conclusion: str | None = "success", *, dynamic: bool = False) -> CheckRun:
    """One check of HEAD."""
    status = "completed" if conclusion else "in_progress"
    return CheckRun(name, "github-actions", status, conclusion, f"https://github.com/x/{name}", dynamic)


def workflow(name: str, **changes: Any) -> WorkflowFacts:
    """A workflow that is green."""
    facts = WorkflowFacts(
        name=name,
        path=f".github/workflows/{name}.yml",
        state="active",
        dynamic=False,
        status="completed",
        conclusion="success",
        run_at=NOW - timedelta(hours=1),
        url=f"https://github.com/x/actions/{name}",
        decided=True,
        red_streak=0,
        red_streak_complete=True,
        red_since=None,
        first_bad_commit=None,
        queued_since=None,
        cause=None,
        cause_detail="",
    )
    return replace(facts, **changes)


def open_issues(*issues: Issue, labels: tuple[str, ...] = ("prio:must", "P0"), **changes: Any) -> IssueFacts:
    """Open issues with one of two labels."""
    return replace(IssueFacts("jannek/stack", labels, issues, incomplete=(), not_read=()), **changes)


def issue(number: int, title: str, *labels: str) -> Issue:
    """An issue that is twenty days old."""
    at = NOW - timedelta(days=20)
    return Issue(number, title, labels, at, at, f"https://github.com/jannek/stack/issues/{number}")


def with_ci(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Declare GitHub, with these facts about CI."""
    facts = ci(**changes)
    return replace(snapshot, ci=observed("E007", "https://api.github.com/repos/jannek/stack", facts, ci_text(facts)))


def with_issues(snapshot: Snapshot, facts: IssueFacts) -> Snapshot:
    """Declare labels, with these issues."""
    reading = observed("E008", "https://api.github.com/repos/jannek/stack", facts, issues_text(facts))
    return replace(with_ci(snapshot), issues=reading)


def migration(
    name: str, *creates: str, adds: tuple[tuple[str, str], ...] = (), drops: tuple[str, ...] = ()
) -> MigrationFile:
    """One file of the migrations folder."""
    path = f"governance/migrations/{name}"
    return MigrationFile(
        name, path, "0" * 64, creates=creates, adds_columns=adds, drops=drops, other_statements=0, problem=None
    )


def migrations() -> MigrationFolder:
    """Four files, all in effect in ``database()``."""
    return MigrationFolder(
        path="governance/migrations",
        files=(
            migration("0001_signals_orders.sql", "public.signals", "public.orders"),
            migration("0002_trades_positions.sql", "public.trades", "public.positions"),
            migration("0003_candles.sql", "public.candles_1m"),
            migration("0004_risk_events.sql", "public.risk_events", "public.idx_risk_events_timestamp_ms"),
        ),
    )


# -- checks --------------------------------------------------------------------------------------------------------


def demo_checks() -> tuple[Check, ...]:
    """The checks in ``checks/*.yaml``, read as a run reads them."""
    params = {name: rule.params for name, rule in RULES.items()}
    about_services = [name for name, rule in RULES.items() if rule.about_services]
    return load_checks(CHECKS_FOLDER, services=declared_services(), params=params, about_services=about_services)


def make_check(rule: str, *subjects: str, id: str = "", required: bool = True, **params: object) -> Check:
    """A check for one test."""
    return Check(
        id=id or f"test.{rule}",
        rule=rule,
        subjects=subjects,
        params=params,
        severity=Severity.P1,
        required=required,
        short="The expectation holds.",
        motivation="A test wants to know.",
        impact="The test fails.",
        policy="",
        remedy="Look at the service.",
        file="checks/test.yaml",
        line=1,
    )


def with_checks(snapshot: Snapshot, checks: tuple[Check, ...]) -> Snapshot:
    """Other checks, and good answers to their questions."""
    answers = {
        question.id: observed(f"E4{i:02}", f"postgresql question {question.id}", _answer(question.sql))
        for i, question in enumerate(needs(checks).questions)
    }
    return replace(snapshot, checks=checks, answers=answers)


def _answer(sql: str) -> QueryAnswer:
    if "age_seconds" in sql:
        newest = (NOW - timedelta(seconds=1)).isoformat()
        return QueryAnswer(sql, ("newest", "age_seconds"), ((newest, 1.0),), more_rows=False)
    return QueryAnswer(sql, ("value",), ((0,),), more_rows=False)


# -- ways to hurt it -----------------------------------------------------------------------------------------------


def edit(reading: Reading[T] | None, change: Callable[[T], T], text: str | None = None) -> Reading[T]:
    """A reading with another value, and evidence that fits it; a source that is silent stays silent."""
    assert reading is not None
    if isinstance(reading, Unavailable):
        return reading
    return observed(reading.evidence.id, reading.source, change(reading.value), text)


def with_service(snapshot: Snapshot, name: str, **changes: Any) -> Snapshot:
    """Change what the runtime shows of one service."""

    def change(facts: RuntimeFacts) -> RuntimeFacts:
        services = (replace(item, **changes) if item.name == name else item for item in facts.services)
        return replace(facts, services=tuple(services))

    return replace(snapshot, runtime=edit(snapshot.runtime, change))


def with_log(snapshot: Snapshot, name: str, facts: LogFacts) -> Snapshot:
    """Another log for one service."""
    return replace(snapshot, logs={**snapshot.logs, name: edit(snapshot.logs[name], lambda _: facts)})


def with_health(snapshot: Snapshot, name: str, facts: HealthFacts) -> Snapshot:
    """Another answer of one health page."""
    return replace(snapshot, health={**snapshot.health, name: edit(snapshot.health[name], lambda _: facts)})


def with_metric(
    snapshot: Snapshot, name: str, metric: str, value: float | None, earlier: float | None = None
) -> Snapshot:
    """Another value of one metric; None takes it off the page."""

    def change(facts: MetricsPage) -> MetricsPage:
        kept = tuple(series for series in facts.series if series.name != metric)
        new = () if value is None else (Series(metric, (), value, value if earlier is None else earlier),)
        return replace(facts, series=kept + new)

    return replace(snapshot, metrics={**snapshot.metrics, name: edit(snapshot.metrics[name], change)})


def with_database(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Other facts about PostgreSQL."""
    return replace(snapshot, database=edit(snapshot.database, lambda facts: replace(facts, **changes)))


def with_redis(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Other facts about Redis."""
    return replace(snapshot, redis=edit(snapshot.redis, lambda facts: replace(facts, **changes)))


def with_stream(snapshot: Snapshot, *streams: StreamFacts, without: tuple[str, ...] = ()) -> Snapshot:
    """Other streams in the place of those of the same name."""
    gone = {item.name for item in streams} | set(without)

    def change(facts: RedisFacts) -> RedisFacts:
        kept = tuple(item for item in facts.streams if item.name not in gone)
        return replace(facts, streams=kept + streams)

    return replace(snapshot, redis=edit(snapshot.redis, change))


def with_row_age(snapshot: Snapshot, table: str, age_seconds: float | None) -> Snapshot:
    """Another age of the newest row, in every answer about that table; None when it is empty."""
    row = (None, None) if age_seconds is None else ((NOW - timedelta(seconds=age_seconds)).isoformat(), age_seconds)
    return _with_answers(
        snapshot,
        table,
        lambda reading: edit(cast("Reading[QueryAnswer]", reading), lambda answer: replace(answer, rows=(row,))),
        wanted="age_seconds",
    )


def _with_answers(
    snapshot: Snapshot, table: str, change: Callable[[Any], Reading[QueryAnswer]], wanted: str = ""
) -> Snapshot:
    answers = {
        id: change(reading)
        if isinstance(reading, Observed)
        and re.search(rf"\b{table}\b", reading.value.sql)
        and wanted in reading.value.sql
        else reading
        for id, reading in snapshot.answers.items()
    }
    return replace(snapshot, answers=answers)


def with_silent_stages(snapshot: Snapshot, *names: str) -> Snapshot:
    """These streams were never written to."""
    return with_stream(snapshot, without=names)


def with_missing_table(snapshot: Snapshot) -> Snapshot:
    """The fault of the reference day: risk_events was never made, every order is blocked, nothing is executed."""
    text = (
        "2026-02-09 08:00:48,062 [ERROR] risk_manager: ❌ Failed to persist risk_event: "
        'relation "risk_events" does not exist\nLINE 2:             INSERT INTO risk_events\n'
        "                                ^"
    )
    block = "2026-02-09 08:00:48,062 [WARNING] risk_manager: Decision contract BLOCK: RC_002"
    known = signature("undefined_table", sqlstate="42P01", relation="risk_events")
    snapshot = with_log(snapshot, "cdb_risk", log(group(text, signature=known), group(block, level=Level.WARNING)))
    snapshot = with_metric(snapshot, "cdb_risk", "risk_events_persisted_total", 0.0)
    snapshot = with_metric(snapshot, "cdb_execution", "orders_executed_total", 0.0)
    blocked = replace(
        stream("stream.orders_blocked", 0.5),
        in_window=812,
        counts={"decision": {"BLOCK": 812}, "reason_code": {"RC_002": 812}},
    )
    snapshot = with_stream(snapshot, blocked, without=("stream.orders", "stream.fills"))
    snapshot = with_row_age(with_row_age(snapshot, "orders", None), "trades", None)
    snapshot = with_log(snapshot, "cdb_execution", log(lines=4, newest_at=NOW - timedelta(minutes=59)))
    return without_table(snapshot, "risk_events")


def without_table(snapshot: Snapshot, table: str) -> Snapshot:
    """The live catalog lacks a table and what hangs on it; questions about it fail."""

    def change(facts: DatabaseFacts) -> DatabaseFacts:
        return replace(facts, relations=tuple(item for item in facts.relations if table not in item.name))

    snapshot = replace(snapshot, database=edit(snapshot.database, change))
    reason = f'42P01 relation "{table}" does not exist'
    return _with_answers(snapshot, table, lambda reading: unavailable(reading, reason))


def with_crash_loop(snapshot: Snapshot, name: str = "cdb_regime") -> Snapshot:
    """A service dies with a traceback about one second after every start."""
    restarts = tuple(Restart(NOW - timedelta(seconds=3 * i), "exit status 1") for i in reversed(range(1, 13)))
    snapshot = with_service(
        snapshot,
        name,
        state=ServiceState.BACKOFF,
        pid=None,
        started_at=NOW - timedelta(seconds=3),
        exit_status="exit status 1",
        restarts=12,
        recent_restarts=restarts,
        cpu_percent=None,
        memory_bytes=None,
    )
    text = "Traceback (most recent call last):\n  File \"service.py\", line 41, in detect\nKeyError: 'close'"
    known = signature("exception", subject="KeyError", frame="service.py:41 detect")
    snapshot = with_log(snapshot, name, log(group(text, count=12, level=Level.NONE, signature=known)))
    snapshot = with_dead_pages(snapshot, name)
    return with_stream(
        snapshot,
        stream("stream.regime_signals", 3600),
        stream("stream.allocation_decisions", 3600),
    )


def with_dead_pages(snapshot: Snapshot, name: str, reason: str = "connection refused") -> Snapshot:
    """Neither the health page nor the metrics page of a service answers."""
    return replace(
        snapshot,
        health={**snapshot.health, name: unavailable(snapshot.health[name], reason)},
        metrics={**snapshot.metrics, name: unavailable(snapshot.metrics[name], reason)},
    )


def with_stalled_feed(snapshot: Snapshot) -> Snapshot:
    """The feed is up and healthy and has published nothing for ten minutes; everything behind it starves."""
    ago = 600.0
    snapshot = with_metric(snapshot, "cdb_ws", "market_data_last_timestamp_seconds", NOW.timestamp() - ago)
    snapshot = with_metric(snapshot, "cdb_ws", "decoded_messages_total", 20.0)
    snapshot = with_stream(snapshot, *(stream(name, ago, in_window=3) for name in STREAMS))
    for table in TABLES:
        snapshot = with_row_age(snapshot, table, ago)
    for name in PIPELINE:
        snapshot = with_log(snapshot, name, log(lines=40, newest_at=NOW - timedelta(seconds=ago)))
    return snapshot


def with_lying_exporter(snapshot: Snapshot) -> Snapshot:
    """The exporter says that PostgreSQL is down, while it answers."""
    name = "cdb_postgres_exporter"
    snapshot = with_metric(snapshot, name, "pg_up", 0.0)
    snapshot = with_metric(snapshot, name, "pg_stat_database_numbackends", None)
    text = '2026-02-09 08:59:58,001 [ERROR] exporter: password authentication failed for user "cdb_reader"'
    known = signature("invalid_password", sqlstate="28P01", subject="cdb_reader")
    return with_log(snapshot, name, log(group(text, signature=known)))


def with_healthy_but_erroring(snapshot: Snapshot, name: str = "cdb_execution") -> Snapshot:
    """A service calls itself healthy and fails half of its work without a known signature."""
    text = "2026-02-09 08:59:58,001 - paper_execution - ERROR - order rejected: unexpected symbol"
    return with_log(snapshot, name, log(group(text, count=2400)))


def with_earlier_run(snapshot: Snapshot, *findings: EarlierFinding, identity: str | None = None) -> Snapshot:
    """An earlier run, one hour older, in which the same processes ran."""
    facts = cast("Observed[RuntimeFacts]", healthy(()).runtime).value
    services = tuple(
        EarlierService(item.name, identity or item.identity, item.pid, item.started_at, item.restarts)
        for item in facts.services
    )
    run = EarlierRun(
        taken_at=NOW - timedelta(hours=1),
        path="reports/daily/2026-02-09/080000Z",
        verdict="FAIL",
        findings=findings,
        services=services,
    )
    return replace(snapshot, previous=observed("E007", "reports/daily", run))
