"""The imagined stack in containers, with the compose files that it was made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from cdbctl.model.check import Check
from cdbctl.model.compose import ComposeMount, ComposePort, ComposeService
from cdbctl.model.reading import Observed
from cdbctl.model.runtime import ContainerFacts, ImageFacts, PublishedPort, RuntimeFacts
from cdbctl.model.snapshot import Snapshot
from tests.assess.snapshots import STARTED, healthy, with_service

OLD, NEW = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"
FILE = "docker-compose.yml"


def container(**changed: Any) -> ContainerFacts:
    """The container of cdb_redis, made as it should be."""
    facts = ContainerFacts(
        container="cdb_redis",
        project="cdb",
        created_at=STARTED - timedelta(seconds=2),
        finished_at=None,
        oom_killed=False,
        image=ImageFacts(reference="redis:7", id=OLD, reference_id=OLD, digests=(f"redis@sha256:{'a' * 64}",)),
        ports=(PublishedPort(6379, "tcp", "127.0.0.1", 6379),),
        log_driver="json-file",
        log_is_bounded=True,
        memory_limit_bytes=None,
        restart_policy="unless-stopped",
        mounts=(),
    )
    return replace(facts, **changed)


def declared(**changed: Any) -> ComposeService:
    """What the compose file says of cdb_redis."""
    service = ComposeService(
        name="redis",
        project="cdb",
        container="cdb_redis",
        image="redis:7",
        built=False,
        build_folder=None,
        ports=(port("127.0.0.1"),),
        mounts=(),
        log_driver="json-file",
        log_options=(("max-size", "10m"),),
        healthcheck=(),
        restart="unless-stopped",
        replicas=1,
        file=FILE,
        line=4,
    )
    return replace(service, **changed)


def port(address: str, host: str = "6379", inside: str = "6379") -> ComposePort:
    """A port of the compose file."""
    return ComposePort(address, host, inside, "tcp", FILE, 9)


def mount(source: str, target: str) -> ComposeMount:
    """A mount of the compose file."""
    return ComposeMount(source, target, True, FILE, 12)


def in_containers(
    *checks: Check, facts: ContainerFacts | None = None, compose: tuple[ComposeService, ...] | None = None
) -> Snapshot:
    """The healthy stack, cdb_redis in a container of its own."""
    snapshot = with_service(healthy(checks), "cdb_redis", container=facts or container())
    services = tuple(
        replace(service, project="cdb", compose_service="redis") if service.name == "cdb_redis" else service
        for service in snapshot.services
    )
    runtime = snapshot.runtime
    assert isinstance(runtime, Observed)
    value: RuntimeFacts = replace(runtime.value, kind="docker")
    stands = (declared(),) if compose is None else compose
    return replace(snapshot, services=services, compose=stands, runtime=replace(runtime, value=value))
