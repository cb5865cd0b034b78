"""The imagined stack as containers: what an engine shows of a service, and what an earlier run remembers of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cdbctl.model.runtime import (
    ContainerFacts,
    Health,
    HealthFacts,
    ImageFacts,
    ProbeDepth,
    Restart,
    RuntimeFacts,
    ServiceFacts,
    ServiceState,
)
from cdbctl.model.snapshot import EarlierRun, EarlierService, Snapshot, Window
from tests.assess import snapshots
from tests.assess.snapshots import NOW, TITLES, WINDOW

CREATED = NOW - timedelta(days=3)
BOOTED = NOW - timedelta(days=9)
NAME = "cdb_risk"


def ago(**length: float) -> datetime:
    """So long before the run."""
    return NOW - timedelta(**length)


def container(**changes: Any) -> ContainerFacts:
    """A container that was made three days ago and has never ended."""
    facts = ContainerFacts(
        container=NAME,
        project="cdb",
        created_at=CREATED,
        finished_at=None,
        oom_killed=False,
        image=ImageFacts("cdb/risk:1", "sha256:" + "a" * 64, "sha256:" + "a" * 64, ()),
        ports=(),
        log_driver="json-file",
        log_is_bounded=True,
        memory_limit_bytes=256 * 2**20,
        restart_policy="always",
        mounts=(),
    )
    return replace(facts, **changes)


def service(name: str = NAME, **changes: Any) -> ServiceFacts:
    """A container that runs since it was made; names of ``ContainerFacts`` change the container."""
    inside = {key: changes.pop(key) for key in tuple(changes) if key in ContainerFacts.__dataclass_fields__}
    facts = ServiceFacts(
        name=name,
        state=ServiceState.RUNNING,
        pid=4711,
        identity=f"id-of-{name}",
        started_at=CREATED + timedelta(seconds=1),
        exit_status=None,
        restarts=0,
        recent_restarts=(),
        restarts_counted_since=CREATED,
        cpu_percent=0.2,
        memory_bytes=30_000_000,
        health=HealthFacts(Health.NONE, ProbeDepth.NONE, "no healthcheck is declared"),
        container=container(container=name, **inside),
    )
    return replace(facts, **changes)


def in_docker(*services: ServiceFacts, started_at: datetime | None = None) -> Snapshot:
    """The healthy stack under an engine, with these services in the place of those of the same name."""
    told = {item.name: item for item in services}
    facts = RuntimeFacts(
        kind="docker",
        started_at=started_at or BOOTED,
        services=tuple(told.get(name) or service(name) for name in TITLES),
        version="20.10.24",
        usage_source="cgroup files",
    )
    snapshot = _healthy()
    source = "docker engine unix:///var/run/docker.sock"
    host = snapshots.edit(snapshot.host, lambda value: replace(value, booted_at=BOOTED))
    return replace(snapshot, runtime=snapshots.observed("E001", source, facts), host=host)


@cache
def _healthy() -> Snapshot:
    return snapshots.healthy()


def run_of(*services: ServiceFacts, at: datetime, **changes: Any) -> EarlierRun:
    """An earlier run that saw the healthy stack with these services in it; its window is one hour."""
    told = {item.name: item for item in services}
    run = EarlierRun(
        taken_at=at,
        path=f"reports/daily/{at:%Y-%m-%d}/{at:%H%M%S}Z",
        verdict="PASS",
        findings=(),
        services=tuple(EarlierService.of(told.get(name) or service(name)) for name in TITLES),
        stack="cdb",
        tool_version="0.0.0",
        window=Window(at - (WINDOW.until - WINDOW.since), at),
        follows=None,
        host_booted_at=BOOTED,
        runtime_started_at=BOOTED,
    )
    return replace(run, **changes)


def after(earlier: EarlierRun, snapshot: Snapshot) -> Snapshot:
    """The snapshot with that run as its earlier one."""
    return replace(snapshot, previous=snapshots.observed("E007", "stored runs", earlier))


def ends(*times: datetime, exit_status: str = "exit status 1", out_of_memory: bool = False) -> tuple[Restart, ...]:
    """Unplanned ends that were followed by a start."""
    return tuple(Restart(at, exit_status, out_of_memory) for at in times)
