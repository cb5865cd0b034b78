"""A bad and a good example for every rule: the imagined stack, hurt and well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from cdbctl.model.check import Check, Waiver
from cdbctl.model.ci import Cause
from cdbctl.model.host import DiskFacts
from cdbctl.model.logs import Level
from cdbctl.model.redis import ConsumerGroup, ReplicaFacts
from cdbctl.model.runtime import Health, Restart, ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess.containers import NEW, container, declared, in_containers, mount
from tests.assess.prometheus_facts import alert, answer, dead, target, with_prometheus
from tests.assess.snapshots import (
    NOW,
    check_run,
    edit,
    group,
    health,
    healthy,
    issue,
    log,
    make_check,
    open_issues,
    signature,
    stream,
    with_ci,
    with_database,
    with_health,
    with_issues,
    with_log,
    with_metric,
    with_redis,
    with_row_age,
    with_service,
    with_stream,
    without_table,
    workflow,
)


@dataclass(frozen=True, slots=True)
class Example:
    """One rule at work: a check of it, a stack that it reports, and one that it is content with."""

    check: Check
    bad: Snapshot
    good: Snapshot


def _example(check: Check, bad: Snapshot, good: Snapshot | None = None) -> Example:
    well = good or healthy((check,))
    return Example(check, replace(bad, checks=(check,)), replace(well, checks=(check,)))


def _service_state() -> Example:
    check = make_check("service.state", "cdb_risk")
    end = {"state": ServiceState.FATAL, "pid": None, "exit_status": "exit status 1"}
    return _example(check, with_service(healthy((check,)), "cdb_risk", **end))


def _service_health() -> Example:
    check = make_check("service.health", "cdb_risk")
    sick = health(Health.UNHEALTHY, detail='503 {"status": "down"}')
    return _example(check, with_health(healthy((check,)), "cdb_risk", sick))


def _service_restarts() -> Example:
    check = make_check("service.restarts", "cdb_regime")
    ends = tuple(Restart(NOW - timedelta(seconds=3 * i), "exit status 1") for i in (3, 2, 1))
    return _example(check, with_service(healthy((check,)), "cdb_regime", restarts=3, recent_restarts=ends))


def _service_unknown() -> Example:
    check = make_check("service.unknown", "runtime")
    bad = healthy((check,))
    declared = tuple(service for service in bad.services if service.name != "cdb_regime")
    return _example(check, replace(bad, services=declared))


def _healthy_but_erroring() -> Example:
    check = make_check("service.healthy-but-erroring", "cdb_execution")
    text = "2026-02-09 08:59:58,001 - paper_execution - ERROR - order rejected"
    return _example(check, with_log(healthy((check,)), "cdb_execution", log(group(text, count=2400))))


def _error_rate() -> Example:
    check = make_check("logs.error-rate", "cdb_risk")
    return _example(check, with_log(healthy((check,)), "cdb_risk", log(group("2026-02-09 [ERROR] no"))))


def _signature() -> Example:
    check = make_check("logs.signature", "cdb_risk")
    text = '2026-02-09 08:00:48,062 [ERROR] risk_manager: relation "risk_events" does not exist'
    known = signature("undefined_table", sqlstate="42P01", relation="risk_events")
    bad = with_log(healthy((check,)), "cdb_risk", log(group(text, signature=known)))
    harmless = with_log(healthy((check,)), "cdb_risk", log(group("2026-02-09 [WARNING] slow", level=Level.WARNING)))
    return _example(check, without_table(bad, "risk_events"), harmless)


def _log_freshness() -> Example:
    check = make_check("logs.freshness", "cdb_ws", max_age_seconds=60)
    return _example(check, with_log(healthy((check,)), "cdb_ws", log(newest_at=NOW - timedelta(minutes=10))))


def _metric_present() -> Example:
    check = make_check("metric.present", "cdb_risk/risk_events_persisted_total")
    bad = with_metric(healthy((check,)), "cdb_risk", "risk_events_persisted_total", None)
    good = with_metric(healthy((check,)), "cdb_risk", "risk_events_persisted_total", 0.0)
    return _example(check, bad, good)


def _metric_value() -> Example:
    check = make_check("metric.value", "cdb_risk/risk_events_persisted_total", min=1)
    return _example(check, with_metric(healthy((check,)), "cdb_risk", "risk_events_persisted_total", 0.0))


def _metric_increase() -> Example:
    check = make_check("metric.increase", "cdb_ws/decoded_messages_total")
    return _example(check, with_metric(healthy((check,)), "cdb_ws", "decoded_messages_total", 20.0))


def _contradiction() -> Example:
    check = make_check("metric.contradiction", "cdb_postgres_exporter", metric="pg_up", probe="database")
    return _example(check, with_metric(healthy((check,)), "cdb_postgres_exporter", "pg_up", 0.0))


def _database_reachable() -> Example:
    check = make_check("database.reachable", "PostgreSQL")
    return _example(check, with_database(healthy((check,)), round_trip_ms=3000.0))


def _database_health() -> Example:
    check = make_check("database.health", "connections", "indexes")
    return _example(check, with_database(healthy((check,)), connections=95))


def _database_value() -> Example:
    check = make_check("database.value", "unknown decisions", sql="SELECT count(*) FROM risk_events", max=0)
    bad = healthy((check,))
    three = {id: edit(reading, lambda answer: replace(answer, rows=((3,),))) for id, reading in bad.answers.items()}
    return _example(check, replace(bad, answers=three))


def _database_freshness() -> Example:
    check = make_check("database.freshness", "risk_events", column="created_at", max_age_seconds=30)
    return _example(check, with_row_age(healthy((check,)), "risk_events", 3600))


def _redis_reachable() -> Example:
    check = make_check("redis.reachable", "Redis")
    return _example(check, with_redis(healthy((check,)), round_trip_ms=2000.0))


def _redis_memory() -> Example:
    check = make_check("redis.memory", "Redis")
    return _example(check, with_redis(healthy((check,)), used_memory_bytes=268_000_000))


def _redis_eviction() -> Example:
    check = make_check("redis.eviction", "Redis")
    return _example(check, with_redis(healthy((check,)), eviction_policy="allkeys-lru"))


def _redis_persistence() -> Example:
    check = make_check("redis.persistence", "Redis")
    return _example(check, with_redis(healthy((check,)), rdb_last_save_ok=False))


def _redis_connections() -> Example:
    check = make_check("redis.connections", "Redis")
    return _example(check, with_redis(healthy((check,)), rejected_connections=2))


def _redis_replication() -> Example:
    check = make_check("redis.replication", "Redis")
    link = ReplicaFacts("10.0.0.1:6379", link_up=False, syncing=False, silent_seconds=None, down_seconds=90)
    return _example(check, with_redis(healthy((check,)), replica=link))


def _redis_groups() -> Example:
    check = make_check("redis.groups", "stream.orders")
    late = replace(stream("stream.orders", 0.5), groups=(ConsumerGroup("db_writer", 3, 5000),))
    return _example(check, with_stream(healthy((check,)), late))


def _continuity() -> Example:
    stages = [{"name": "signals", "service": "cdb_signal", "streams": ["stream.signals"], "max_age_seconds": 10}]
    check = make_check("pipeline.continuity", "signals", stages=stages)
    return _example(check, with_stream(healthy((check,)), stream("stream.signals", 600)))


def _decisions() -> Example:
    check = make_check(
        "pipeline.decisions",
        "order decisions",
        streams=["stream.orders", "stream.orders_blocked"],
        field="decision",
        reason_field="reason_code",
    )
    blocked = replace(
        stream("stream.orders_blocked", 0.5),
        in_window=812,
        counts={"decision": {"BLOCK": 812}, "reason_code": {"RC_002": 812}},
    )
    return _example(check, with_stream(healthy((check,)), blocked, without=("stream.orders",)))


def _skew() -> Example:
    check = make_check("clocks.skew", "postgresql", "redis", "logs")
    return _example(check, with_database(healthy((check,)), server_at=NOW + timedelta(hours=1)))


def _repository() -> Example:
    check = make_check("repository.state", "repository")
    bad = healthy((check,))
    return _example(check, replace(bad, repository=edit(bad.repository, lambda facts: replace(facts, untracked=56))))


def _migrations() -> Example:
    check = make_check("migrations.pending", "migrations")
    return _example(check, without_table(healthy((check,)), "risk_events"))


def _disk() -> Example:
    check = make_check("host.disk", "disk")
    bad = healthy((check,))
    full = (DiskFacts("/", 100 * 2**30, 100 * 2**20),)
    return _example(check, replace(bad, host=edit(bad.host, lambda facts: replace(facts, disks=full))))


def _memory() -> Example:
    check = make_check("host.memory", "memory")
    bad = healthy((check,))
    return _example(
        check, replace(bad, host=edit(bad.host, lambda facts: replace(facts, memory_available_bytes=20 * 2**20)))
    )


def _waivers() -> Example:
    check = make_check("waivers.expired", "waivers")
    return _example(
        check,
        replace(healthy((check,)), waivers=(waiver(until=NOW.date() - timedelta(days=1)),)),
        replace(healthy((check,)), waivers=(waiver(until=NOW.date()),)),
    )


def _ci_head() -> Example:
    check = make_check("ci.head", "ci")
    well = healthy((check,))
    return _example(check, with_ci(well, check_runs=(check_run("build", "failure"), check_run("lint"))), with_ci(well))


def _ci_workflows() -> Example:
    check = make_check("ci.workflows", "ci")
    well = healthy((check,))
    red = workflow(
        "tests",
        conclusion="failure",
        red_streak=5,
        red_since=NOW - timedelta(days=3),
        first_bad_commit="fb" * 20,
        cause=Cause.OWN_CODE,
        cause_detail='step "pytest" of job "build" failed',
    )
    return _example(check, with_ci(well, workflows=(red, workflow("nightly"))), with_ci(well))


def _ci_required() -> Example:
    check = make_check("ci.required", "ci")
    well = healthy((check,))
    return _example(check, with_ci(well, required_checks=("build", "e2e")), with_ci(well))


def _ci_disabled() -> Example:
    check = make_check("ci.disabled", "ci")
    well = healthy((check,))
    off = workflow("nightly", state="disabled_inactivity")
    return _example(check, with_ci(well, workflows=(workflow("tests"), off)), with_ci(well))


def _issues_open() -> Example:
    check = make_check("issues.open", "issues", labels={"prio:must": "WARN"})
    well = healthy((check,))
    bad = open_issues(issue(792, "LR-050 – P5 Canary Execution Checklist", "prio:must"))
    return _example(check, with_issues(well, bad), with_issues(well, open_issues()))


def _prometheus_server() -> Example:
    check = make_check("prometheus.server", "Prometheus")
    return _prometheus(check, started_at=NOW - timedelta(minutes=20))


def _prometheus_targets() -> Example:
    check = make_check("prometheus.targets", "Prometheus")
    return _prometheus(check, targets=(target("cdb_risk", "down", "connection refused"),))


def _prometheus_alerts() -> Example:
    check = make_check("prometheus.alerts", "Prometheus")
    return _prometheus(check, alerts=(alert("AuditTrailBroken", job="cdb_risk", severity="critical"),))


def _prometheus_rules() -> Example:
    check = make_check("prometheus.rules", "Prometheus")
    return _prometheus(check, rules=(dead("A", "risk_event_persisted_total", "risk_events_persisted_total"),))


def _prometheus_metric() -> Example:
    check = make_check("prometheus.metric", "signals_generated_total", min_increase=1)
    return _prometheus(check, metrics=(answer("signals_generated_total", increase=0.0),))


def _prometheus_contradiction() -> Example:
    check = make_check("prometheus.contradiction", "pg_up", probe="database")
    return _prometheus(check, metrics=(answer("pg_up", value=0.0),))


def _prometheus(check: Check, **changes: Any) -> Example:
    return _example(check, with_prometheus(healthy((check,)), **changes), with_prometheus(healthy((check,))))


def waiver(*, until: date, check: str | None = "logs.error-rate", fingerprint: str | None = None) -> Waiver:
    """An accepted finding."""
    return Waiver(fingerprint, check, "owner", "known and harmless", until, "governance/waivers.yaml", 3)


def _image_drift() -> Example:
    check = make_check("container.image-drift", "cdb_redis")
    rebuilt = container(image=replace(container().image, reference_id=NEW))
    return _example(check, in_containers(check, facts=rebuilt), in_containers(check))


def _log_bound() -> Example:
    check = make_check("container.log-bound", "cdb_redis")
    return _example(check, in_containers(check, facts=container(log_is_bounded=False)), in_containers(check))


def _ports() -> Example:
    check = make_check("container.ports", "cdb_redis")
    everywhere = tuple(replace(port, host_address="0.0.0.0") for port in container().ports)  # noqa: S104 - judged
    return _example(check, in_containers(check, facts=container(ports=everywhere)), in_containers(check))


def _initdb() -> Example:
    check = make_check("compose.initdb", "initdb.d")
    folder = declared(mounts=(mount("governance/migrations", "/docker-entrypoint-initdb.d"),))
    return _example(check, in_containers(check), in_containers(check, compose=(folder,)))


CASES: Mapping[str, Example] = {
    example.check.rule: example
    for example in (
        _service_state(),
        _service_health(),
        _service_restarts(),
        _service_unknown(),
        _healthy_but_erroring(),
        _error_rate(),
        _signature(),
        _log_freshness(),
        _metric_present(),
        _metric_value(),
        _metric_increase(),
        _contradiction(),
        _database_reachable(),
        _database_health(),
        _database_value(),
        _database_freshness(),
        _redis_reachable(),
        _redis_memory(),
        _redis_eviction(),
        _redis_persistence(),
        _redis_connections(),
        _redis_replication(),
        _redis_groups(),
        _continuity(),
        _decisions(),
        _skew(),
        _repository(),
        _migrations(),
        _disk(),
        _memory(),
        _waivers(),
        _ci_head(),
        _ci_workflows(),
        _ci_required(),
        _ci_disabled(),
        _issues_open(),
        _prometheus_server(),
        _prometheus_targets(),
        _prometheus_alerts(),
        _prometheus_rules(),
        _prometheus_metric(),
        _prometheus_contradiction(),
        _image_drift(),
        _log_bound(),
        _ports(),
        _initdb(),
    )
}
"""By rule."""
