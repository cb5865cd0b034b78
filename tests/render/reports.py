"""Reports to render: the reference day, a day on which all is well, and a day on which nothing answered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cdbctl.model.check import Check, Severity, Waiver
from cdbctl.model.database import DatabaseFacts, QueryAnswer, Relation
from cdbctl.model.finding import Finding, Fix, Lifecycle, Quote, Status, Verdict
from cdbctl.model.host import DiskFacts, HostFacts
from cdbctl.model.logs import Level, LogFacts, LogGroup, LogLine, LogWindow, Signature
from cdbctl.model.metrics import MetricsPage, Series
from cdbctl.model.migrations import MigrationFile, MigrationFolder
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable
from cdbctl.model.redis import RedisFacts, StreamFacts
from cdbctl.model.report import Coverage, MatrixRow, NextStep, NotChecked, Report
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
from cdbctl.model.snapshot import (
    EarlierFinding,
    EarlierRun,
    EarlierService,
    NotConfigured,
    Redaction,
    Snapshot,
    Window,
)
from cdbctl.model.stack import Group, Service

NOW = datetime(2026, 2, 9, 8, 26, 3, tzinfo=UTC)
SINCE = NOW - timedelta(hours=1)
BOOT = NOW - timedelta(hours=22)
RISK_ERROR = """\
2026-02-09 08:00:48,062 [ERROR] risk_manager: ❌ Failed to persist risk_event: \
relation "risk_events" does not exist
LINE 1: INSERT INTO risk_events (timestamp_ms, symbol, decision, rea...
                    ^"""
TICK = "2026-02-09 08:26:02 [DEBUG] ws_service: [redis] published market_data: BTCUSDT @ 70476.81"
SIGNAL = "2026-02-09 08:26:02,053 [INFO] signal_engine: ✨ Signal generiert: BTCUSDT BUY @ $70467.52 (+0.01%)"
RISK_BLOCK = "2026-02-09 08:00:48,062 [WARNING] risk_manager: Decision contract BLOCK: RC_002"


def observed(number: int, source: str, value: Any, text: str = "") -> Observed[Any]:
    """A reading that succeeded."""
    evidence = Evidence(id=f"E{number:03}", source=source, at=NOW, text=text or f"{source}: as seen\n")
    return Observed(source=source, at=NOW, took_ms=12.5, value=value, evidence=evidence)


def unavailable(number: int, source: str, reason: str, remedy: str = "") -> Unavailable:
    """A reading that failed."""
    evidence = Evidence(id=f"E{number:03}", source=source, at=NOW, text=f"{source}: {reason}\n")
    return Unavailable(source=source, at=NOW, took_ms=2000.0, reason=reason, remedy=remedy, evidence=evidence)


def with_tail(reading: Observed[LogFacts], *texts: str) -> Observed[LogFacts]:
    """The same log, ending with these lines."""
    tail = tuple(LogLine(number, NOW - timedelta(seconds=1), text) for number, text in enumerate(texts, 1))
    return replace(reading, value=replace(reading.value, tail=tail))


def service(name: str, title: str, *, port: int | None = None, log: bool = True) -> Service:
    """A declared service; with a port it has a health page and a metrics page."""
    return Service(
        name=name,
        title=title,
        group=Group.OBSERVABILITY if "exporter" in name else Group.UNDER_TEST,
        required=True,
        source_folder=None,
        database_role=None,
        health_url=f"http://127.0.0.1:{port}/health" if port else None,
        health_depth="application" if port else None,
        metrics_url=f"http://127.0.0.1:{port}/metrics" if port else None,
        log_paths=(f"run/logs/{name}.log",) if log else (),
        log_timezone="UTC",
    )


def running(name: str, **changes: Any) -> ServiceFacts:
    """A service that runs since yesterday."""
    facts = ServiceFacts(
        name=name,
        state=ServiceState.RUNNING,
        pid=4711,
        identity=f"python services/{name}.py",
        started_at=BOOT + timedelta(seconds=2),
        exit_status=None,
        restarts=0,
        recent_restarts=(),
        restarts_counted_since=BOOT,
        cpu_percent=0.11,
        memory_bytes=34435891,
    )
    return replace(facts, **changes)


def log(levels: dict[str, int], *groups: LogGroup, **changes: Any) -> LogFacts:
    """A log that was read to its end."""
    window = LogWindow(
        since=SINCE,
        until=NOW,
        first_at=SINCE + timedelta(milliseconds=312),
        last_at=NOW - timedelta(seconds=1),
        lines=sum(levels.values()),
        bytes=sum(levels.values()) * 92,
        complete=True,
        reaches_back=True,
        note="",
        long_lines=0,
        undecodable_lines=0,
    )
    return LogFacts(
        window=replace(window, **changes),
        levels=levels,
        groups=groups,
        groups_left_out=0,
        newest_at=NOW - timedelta(seconds=1),
    )


def check(check_id: str, rule: str, *subjects: str, severity: Severity = Severity.P1, **params: object) -> Check:
    """A declared check."""
    return Check(
        id=check_id,
        rule=rule,
        subjects=subjects,
        params=params,
        severity=severity,
        required=True,
        short="What is expected.",
        motivation="Why.",
        impact="",
        policy="",
        remedy="Look closer.",
        file="checks/stack.yaml",
        line=1,
    )


SERVICES = (
    service("cdb_ws", "market data feed", port=18001),
    service("cdb_signal", "signal engine", port=18002),
    service("cdb_risk", "risk manager", port=18003),
    service("cdb_execution", "paper execution", port=18004),
    service("cdb_postgres", "PostgreSQL"),
    service("cdb_postgres_exporter", "PostgreSQL exporter", port=18009, log=False),
)

CHECKS = (
    check("services.state", "service.state", *(item.name for item in SERVICES)),
    check("services.restarts", "service.restarts", "cdb_ws"),
    check("logs.known-signatures", "logs.signature", "cdb_risk", severity=Severity.P0),
    check("metrics.ticks", "metric.increase", "cdb_ws", metric="decoded_messages_total"),
    check("metrics.persisted", "metric.present", "cdb_risk", metric="risk_events_persisted_total"),
    check("metrics.orders", "metric.increase", "cdb_execution", metric="orders_executed_total"),
    check("pipeline.decisions", "pipeline.decisions", "stream.orders_blocked"),
    check("redis.eviction", "redis.eviction", "redis"),
)

RISK_LOG = log(
    {"ERROR": 812, "WARNING": 812, "INFO": 3496},
    LogGroup(
        Level.ERROR,
        'risk_manager: ❌ Failed to persist risk_event: relation "risk_events" does not exist',
        812,
        SINCE,
        NOW,
        (LogLine(3, SINCE, RISK_ERROR),),
        Signature("undefined_table", "42P01", "risk_events", None, None, None),
    ),
    LogGroup(Level.WARNING, "risk_manager: …", 812, SINCE, NOW, (LogLine(6, SINCE, RISK_BLOCK),), None),
)

LOGS: dict[str, Reading[LogFacts]] = {
    "cdb_ws": with_tail(observed(10, "log of cdb_ws", log({"DEBUG": 14210}), f"{TICK}\n"), TICK),
    "cdb_signal": with_tail(
        observed(11, "log of cdb_signal", log({"DEBUG": 5000, "INFO": 5120}), f"{SIGNAL}\n"), "an earlier line", SIGNAL
    ),
    "cdb_risk": observed(12, "log of cdb_risk", RISK_LOG, f"{RISK_ERROR}\n{RISK_BLOCK}\n"),
    "cdb_execution": observed(
        13,
        "log of cdb_execution",
        replace(
            log(
                {},
                complete=False,
                reaches_back=False,
                first_at=None,
                last_at=None,
                note="the log is empty since 07:58:01 UTC",
            ),
            newest_at=None,
        ),
    ),
    "cdb_postgres": unavailable(14, "log of cdb_postgres", "permission denied", "chmod g+r run/logs/cdb_postgres.log"),
}

SNAPSHOT = Snapshot(
    tool_version="0.1.0",
    stack="cdb",
    root=".demo",
    agent="Claude (session lead)",
    taken_at=NOW,
    finished_at=NOW + timedelta(seconds=1.4),
    timezone="+01:00",
    window=Window(SINCE, NOW),
    services=SERVICES,
    checks=CHECKS,
    waivers=(
        Waiver(
            None,
            "services.restarts",
            "jannek",
            "restarted by hand",
            date(2026, 3, 1),
            "governance/waivers.yaml",
            2,
        ),
    ),
    runtime=observed(
        1,
        "supervisord at unix:///tmp/cdb/supervisor.sock",
        RuntimeFacts(
            "supervisord",
            BOOT,
            (
                running(
                    "cdb_ws",
                    restarts=1,
                    recent_restarts=(Restart(NOW - timedelta(minutes=9), "exit status 1"),),
                    cpu_percent=0.5,
                    memory_bytes=57482936,
                    started_at=NOW - timedelta(minutes=9),
                ),
                running("cdb_signal", cpu_percent=0.33),
                running("cdb_risk"),
                running("cdb_execution", cpu_percent=0.06),
                running("cdb_postgres", restarts=None, restarts_counted_since=None),
                running("cdb_postgres_exporter", cpu_percent=None, memory_bytes=None),
            ),
        ),
    ),
    health={
        name: observed(
            number, f"http://127.0.0.1:{18000 + number}/health", HealthFacts(Health.HEALTHY, depth, "200 ok")
        )
        for number, name, depth in (
            (2, "cdb_ws", ProbeDepth.APPLICATION),
            (3, "cdb_signal", ProbeDepth.HTTP),
            (4, "cdb_risk", ProbeDepth.APPLICATION),
            (5, "cdb_execution", ProbeDepth.APPLICATION),
        )
    }
    | {"cdb_postgres_exporter": unavailable(6, "http://127.0.0.1:18009/health", "no answer within 2 s")},
    logs=LOGS,
    metrics={
        "cdb_ws": observed(
            20,
            "http://127.0.0.1:18001/metrics",
            MetricsPage("cdb_ws", (Series("decoded_messages_total", (), 14210.0, 14206.0),), 1.0),
        ),
        "cdb_risk": observed(
            21,
            "http://127.0.0.1:18003/metrics",
            MetricsPage(
                "cdb_risk",
                (
                    Series(
                        "risk_decisions_total",
                        (("decision", "BLOCK"), ("reason_code", "RC_002")),
                        812.0,
                        811.0,
                    ),
                    Series("risk_events_persisted_total", (), 0.0, 0.0),
                ),
                1.0,
            ),
        ),
        "cdb_execution": observed(22, "http://127.0.0.1:18004/metrics", MetricsPage("cdb_execution", (), 1.0)),
    },
    database=observed(
        30,
        "postgresql://127.0.0.1:5432/cdb",
        DatabaseFacts(
            database="cdb",
            version="15.18",
            server_at=NOW + timedelta(milliseconds=3),
            host_at=NOW,
            timezone="UTC",
            started_at=BOOT,
            round_trip_ms=0.4,
            connections=9,
            max_connections=100,
            idle_in_transaction=0,
            longest_transaction_seconds=None,
            oldest_xmin_age=12,
            deadlocks=0,
            rollbacks=812,
            wraparound_fraction=0.001,
            in_recovery=False,
            relations=(Relation("public", "signals", "table", ("id", "symbol")),),
            invalid_indexes=(),
            sequences=(),
            schema_versions=None,
        ),
    ),
    answers={
        "database.fresh|signals": observed(
            31,
            "postgresql://127.0.0.1:5432/cdb",
            QueryAnswer("SELECT max(created_at) FROM signals", ("max",), (("2026-02-09T08:26:02Z",),), False),
        )
    },
    redis=observed(
        32,
        "redis://127.0.0.1:6379/0",
        RedisFacts(
            version="6.2.14",
            server_at=NOW - timedelta(milliseconds=8),
            host_at=NOW,
            round_trip_ms=0.2,
            started_at=BOOT,
            used_memory_bytes=12016353,
            max_memory_bytes=0,
            eviction_policy="noeviction",
            evicted_keys=0,
            connected_clients=11,
            rdb_last_save_ok=True,
            aof_last_write_ok=True,
            streams=(
                StreamFacts(
                    "stream.orders_blocked",
                    812,
                    NOW - timedelta(seconds=2),
                    812,
                    True,
                    {"reason_code": {"RC_002": 812}},
                    (),
                ),
            ),
        ),
    ),
    repository=observed(
        33,
        "git in .demo",
        RepositoryFacts(
            branch="main",
            commit="b3a4fc0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b",
            subject="Merge pull request #809 from chore/post-808-cleanup",
            committed_at=NOW - timedelta(days=1),
            staged=0,
            changed=0,
            unmerged=0,
            untracked=56,
            sample=("archive/", "docs/live-readiness/"),
            upstream="origin/main",
            ahead=0,
            behind=0,
            operation=None,
        ),
    ),
    host=observed(
        34,
        "this machine",
        HostFacts("breakfast", "Linux 6.1", BOOT, 2, 0.42, 8 << 30, 5 << 30, (DiskFacts("/", 100 << 30, 60 << 30),)),
    ),
    migrations=observed(
        35,
        "governance/migrations",
        MigrationFolder(
            "governance/migrations",
            (
                MigrationFile(
                    "0004_risk_events.sql",
                    "governance/migrations/0004_risk_events.sql",
                    "0" * 64,
                    ("public.risk_events",),
                    (),
                    (),
                    0,
                    None,
                ),
            ),
        ),
    ),
    previous=observed(
        36,
        "reports/daily",
        EarlierRun(
            NOW - timedelta(days=1),
            "reports/daily/2026-02-08/082603Z",
            "WARN",
            (),
            (EarlierService("cdb_ws", "python services/cdb_ws.py", 4000, BOOT, 0),),
        ),
    ),
    not_configured=(
        NotConfigured("open issues", "no issue tracker is declared in cdbctl.yaml"),
        NotConfigured("CI", "no CI is declared in cdbctl.yaml"),
    ),
    redactions=(Redaction("[REDACTED:dsn:1a2b3c]", 3),),
    notes=(),
)

FINDINGS = (
    Finding(
        check="logs.known-signatures",
        rule="logs.signature",
        subject="cdb_risk",
        key="42P01/risk_events",
        status=Status.FAIL,
        severity=Severity.P0,
        required=True,
        title="cdb_risk cannot find the relation risk_events",
        expected="no line with a known way to fail",
        actual="812 lines say undefined_table (42P01) of risk_events, 13.5/min",
        evidence=("E012", "E030", "E035"),
        impact="Risk decisions are not audited.",
        policy="INV-030",
        details={"sqlstate": "42P01", "relation": "risk_events", "count": 812, "per_minute": 13.53},
        quotes=(Quote("E012", RISK_ERROR),),
        fix=Fix(
            summary="Apply the pending migration 0004_risk_events.sql: it creates risk_events.",
            migration="governance/migrations/0004_risk_events.sql",
            options=(
                "Apply governance/migrations/0004_risk_events.sql through the delivery gate (recommended).",
                "Stop cdb_risk until it can keep its audit trail.",
            ),
            risks=("A schema change needs an open delivery gate.",),
            commands=("cdbctl migrate plan --root .demo", "cdbctl migrate apply --root .demo"),
            verify=(
                "cdb_risk logs no ERROR for five minutes.",
                "Rows arrive: SELECT count(*), max(id) FROM risk_events;",
            ),
        ),
        lifecycle=Lifecycle.NEW,
        first_seen=NOW,
    ),
    Finding(
        check="metrics.orders",
        rule="metric.increase",
        subject="cdb_execution",
        key="orders_executed_total",
        status=Status.UNKNOWN,
        severity=Severity.P1,
        required=True,
        title="orders_executed_total is not exported",
        expected="orders_executed_total increases",
        actual="NEVER_SEEN: the page of cdb_execution has no such metric",
        evidence=("E022",),
        lifecycle=Lifecycle.ONGOING,
        first_seen=NOW - timedelta(days=1),
    ),
    Finding(
        check="services.restarts",
        rule="service.restarts",
        subject="cdb_ws",
        key="restarts",
        status=Status.WARN,
        severity=Severity.P2,
        required=True,
        title="cdb_ws was restarted 1 time",
        expected="fewer than 1 unplanned restart in the window",
        actual="1 unplanned restart, the last at 08:17:03: exit status 1",
        evidence=("E001",),
        lifecycle=Lifecycle.ACCEPTED,
        first_seen=NOW - timedelta(days=1),
        accepted_until="2026-03-01 by jannek: restarted by hand",
    ),
)
P0 = FINDINGS[0].fingerprint
EFFECT = Finding(
    check="pipeline.decisions",
    rule="pipeline.decisions",
    subject="stream.orders_blocked",
    key="RC_002",
    status=Status.FAIL,
    severity=Severity.P1,
    required=True,
    title="every decision of the window is BLOCK RC_002",
    expected="less than 100 % of decisions with one reason",
    actual="812 of 812 decisions are BLOCK RC_002",
    evidence=("E032",),
    caused_by=P0,
    lifecycle=Lifecycle.NEW,
    first_seen=NOW,
)


def passed(item: Check, subject: str, evidence: str) -> Finding:
    """An OK answer."""
    return Finding(
        check=item.id,
        rule=item.rule,
        subject=subject,
        key="",
        status=Status.OK,
        severity=item.severity,
        required=True,
        title=item.short,
        expected="running",
        actual="running since 2026-02-08 10:26:05 UTC",
        evidence=(evidence,),
    )


PASSED = (
    *(passed(CHECKS[0], item.name, "E001") for item in SERVICES),
    passed(CHECKS[3], "cdb_ws", "E020"),
    passed(CHECKS[4], "cdb_risk", "E021"),
)


def fail_report() -> Report:
    """The reference day, as this tool would have written it."""
    first, second, accepted = FINDINGS
    return Report(
        snapshot=SNAPSHOT,
        verdict=Verdict.FAIL,
        next_step=NextStep("Plan the pending migration 0004_risk_events.sql.", "cdbctl migrate plan --root .demo"),
        findings=(first, EFFECT, second, accepted),
        passed=PASSED,
        resolved=(
            EarlierFinding("0123456789ab", "redis.reachable", "redis", "Redis did not answer", "FAIL", BOOT, "ONGOING"),
        ),
        unverified=(
            EarlierFinding("ba9876543210", "redis.eviction", "redis", "Redis may evict streams", "WARN", BOOT, "NEW"),
        ),
        top=(first.fingerprint, second.fingerprint),
        coverage=Coverage(
            declared=14,
            ran=12,
            not_checked=(
                NotChecked("metrics.orders", "cdb_execution", "NEVER_SEEN: no such metric", True),
                NotChecked("redis.eviction", "redis", "CONFIG is not permitted", False),
            ),
        ),
        matrix=(
            MatrixRow("market data feed", Status.OK, "runs, publishes ticks", ("E001", "E020"), "none"),
            MatrixRow(
                "risk manager",
                Status.FAIL,
                "relation risk_events does not exist",
                ("E012",),
                "apply 0004_risk_events.sql",
            ),
            MatrixRow(
                "paper execution",
                Status.UNKNOWN,
                "orders_executed_total is not exported",
                ("E022",),
                "export it",
            ),
        ),
    )


def pass_report() -> Report:
    """A first run on which all is well."""
    logs = {name: reading for name, reading in LOGS.items() if name in ("cdb_ws", "cdb_signal")}
    probe = HealthFacts(Health.HEALTHY, ProbeDepth.DEPENDENCY, "200 ok")
    orders = MetricsPage("cdb_execution", (Series("orders_executed_total", (), 40.0, 39.0),), 1.0)
    snapshot = replace(
        SNAPSHOT,
        previous=None,
        runtime=observed(
            1, "supervisord", RuntimeFacts("supervisord", BOOT, tuple(running(item.name) for item in SERVICES))
        ),
        health={**SNAPSHOT.health, "cdb_postgres_exporter": observed(6, "http://127.0.0.1:18009/health", probe)},
        metrics={**SNAPSHOT.metrics, "cdb_execution": observed(22, "http://127.0.0.1:18004/metrics", orders)},
        logs=logs,
        redactions=(),
        waivers=(),
    )
    return Report(
        snapshot=snapshot,
        verdict=Verdict.PASS,
        next_step=NextStep("Nothing to do: look again tomorrow.", "cdbctl daily-check --root .demo"),
        findings=(),
        passed=PASSED,
        resolved=(),
        unverified=(),
        top=(),
        coverage=Coverage(declared=8, ran=8, not_checked=()),
        matrix=(MatrixRow("market data feed", Status.OK, "runs, publishes ticks", ("E001", "E020"), "none"),),
    )


def silent_report() -> Report:
    """A run on which no source answered."""
    names = [item.name for item in SERVICES]

    def dead(first: int) -> dict[str, Reading[Any]]:
        return {name: unavailable(first + i, name, "connection refused") for i, name in enumerate(names)}

    snapshot = replace(
        SNAPSHOT,
        runtime=unavailable(1, "supervisord", "connection refused", "start supervisord"),
        health=dead(40),
        logs=dead(50),
        metrics=dead(60),
        database=unavailable(30, "postgresql://127.0.0.1:5432/cdb", "no answer within 2 s"),
        answers={},
        redis=unavailable(32, "redis://127.0.0.1:6379/0", "connection refused"),
        repository=unavailable(
            33, "git in .demo", "dubious ownership", "git config --global --add safe.directory .demo"
        ),
        host=unavailable(34, "this machine", "no /proc"),
        migrations=unavailable(35, "governance/migrations", "no such folder"),
        previous=unavailable(36, "reports/daily", "permission denied"),
    )
    return replace(
        fail_report(),
        snapshot=snapshot,
        verdict=Verdict.UNKNOWN,
        findings=(FINDINGS[1],),
        top=(FINDINGS[1].fingerprint,),
        passed=(),
    )
