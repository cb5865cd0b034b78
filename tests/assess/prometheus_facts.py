"""A Prometheus for the imagined stack: one that is well, and its parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cdbctl.collect.prometheus.text import prometheus_text
from cdbctl.model.metrics import MetricState
from cdbctl.model.prometheus import Alert, MetricAnswer, PrometheusFacts, RuleFacts, Target
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot
from tests.assess.snapshots import NOW, PIPELINE, STARTED, observed, unavailable

SOURCE = "http://127.0.0.1:9090"


def watching(**changes: Any) -> PrometheusFacts:
    """A server that watches every service of the pipeline, with two rules that can fire and one that does."""
    facts = PrometheusFacts(
        version="2.42.0",
        started_at=STARTED,
        blind_since=None,
        config_loaded=True,
        config_loaded_at=STARTED,
        server_at=NOW + timedelta(milliseconds=1),
        host_at=NOW,
        round_trip_ms=2.0,
        look_back_seconds=86_400.0,
        jobs=PIPELINE,
        rule_files=("/etc/prometheus/rules/*.yml",),
        empty_rule_files=(),
        targets=tuple(target(name) for name in PIPELINE),
        alerts=(alert("Watchdog", severity="none"),),
        rules=(rule("Watchdog", "vector(1)"), rule("TargetDown", "up == 0", metrics=("up",))),
        metrics=(answer("signals_generated_total"), answer("pg_up", value=1.0, increase=None)),
        warnings=(),
        not_read=(),
        requests=12,
    )
    return replace(facts, **changes)


def target(job: str, health: str = "up", error: str = "") -> Target:
    """One instance of a job."""
    return Target(job, f"{job}:8000", f"http://{job}:8000/metrics", health, error, NOW)


def alert(name: str, state: str = "firing", summary: str = "", **labels: str) -> Alert:
    """An alert that is active since ten minutes."""
    return Alert(name, state, tuple(sorted(labels.items())), summary, NOW - timedelta(minutes=10))


def rule(name: str, expression: str, **facts: Any) -> RuleFacts:
    """An alert rule that can fire."""
    loaded = RuleFacts(
        name=name,
        kind="alerting",
        group="stack",
        file="/etc/prometheus/rules/stack.yml",
        expression=expression,
        health="ok",
        last_error="",
        metrics=(),
        missing=(),
        dead=False,
        certain=False,
        nearest=(),
        not_judged="",
    )
    return replace(loaded, **facts)


def dead(name: str, missing: str, nearest: str = "", *, certain: bool = True, **facts: Any) -> RuleFacts:
    """An alert rule over something that nobody exports."""
    pairs = ((missing, nearest),) if nearest else ()
    loaded = rule(name, f"rate({missing}[5m]) > 0", missing=(missing,), dead=True, certain=certain, nearest=pairs)
    return replace(loaded, **facts)


def answer(name: str, state: MetricState = MetricState.VALUE, **facts: Any) -> MetricAnswer:
    """A counter that grew by 40."""
    there = state in (MetricState.VALUE, MetricState.ZERO)
    value = (5142.0 if state is MetricState.VALUE else 0.0) if there else None
    increase = facts.pop("increase", 40.0 if there else None)
    found = MetricAnswer(
        name=name,
        state=state,
        value=value,
        series=1 if there else 0,
        increase=increase,
        increase_at_most=increase,
        last_seen_at=None,
        seen_on=("cdb_signal cdb_signal:8000",) if state is not MetricState.NEVER_SEEN else (),
        nearest="",
        note="",
    )
    return replace(found, **facts)


def with_prometheus(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """The stack with a Prometheus server that says this."""
    facts = watching(**changes)
    return replace(snapshot, prometheus=observed("E009", SOURCE, facts, prometheus_text(SOURCE, facts)))


def with_silent_prometheus(snapshot: Snapshot, reason: str = "connection refused") -> Snapshot:
    """The stack with a Prometheus server that does not answer."""
    reading = with_prometheus(snapshot).prometheus
    assert reading is not None
    silent: Unavailable = unavailable(reading, reason)
    return replace(snapshot, prometheus=silent)
