"""Makes the network, the volumes and the containers of a demo, labelled as compose labels them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from cdbctl.demo.docker import compose_file as compose
from cdbctl.demo.docker.containers import Container, project_of
from cdbctl.demo.docker.engine import LABEL, ROOT_LABEL, Engine, explanation
from cdbctl.demo.places import Places
from cdbctl.demo.ports import PortTakenError
from cdbctl.errors import CdbctlError

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")

COMPOSE = "com.docker.compose"
AT_ONCE = 4
NANOSECONDS = 1_000_000_000
PORT_IN_USE = ("port is already allocated", "address already in use")


def refuse_taken_names(engine: Engine, places: Places, names: Iterable[str]) -> None:
    """Raise CdbctlError when a container of somebody else has one of our names."""
    wanted = set(names)
    with engine.client() as client:
        found = client.containers(all=True)
    for container in found:
        taken = wanted & {name.lstrip("/") for name in container["Names"]}
        if taken and container["Labels"].get(LABEL) != places.token:
            other = container["Labels"].get(ROOT_LABEL)
            raise CdbctlError(
                "the names of the demo's containers are taken on this engine",
                why=f"{min(taken)} belongs to the demo in {other}" if other else f"there is a container {min(taken)}",
                next_step=f"cdbctl demo down --root {other}"
                if other
                else "run the demo on another engine (DOCKER_HOST)",
            )


def create(engine: Engine, places: Places, containers: Sequence[Container]) -> None:
    """Make everything; nothing is started."""
    with engine.client() as client:
        _make_network(client, places)
        for container in containers:
            if container.volume:
                _make_volume(client, places, container.volume[0])
        _each(lambda container: create_container(client, places, container), containers)


def start(engine: Engine, names: Iterable[str]) -> None:
    """Start containers at once. Raises PortTakenError when a port is in use by now."""
    from docker.errors import APIError

    with engine.client() as client:
        try:
            _each(client.start, tuple(names))
        except APIError as error:
            if any(words in explanation(error) for words in PORT_IN_USE):
                raise PortTakenError("a port was taken by another program", why=explanation(error)) from error
            raise


def _each(work: Callable[[T], object], things: Sequence[T]) -> None:
    """Do something with each thing, some at once; the first error is raised when all are done."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(work, thing) for thing in things]:
            done.result()


def _make_network(client: APIClient, places: Places) -> None:
    labels = {**_labels(places), f"{COMPOSE}.network": "default"}
    client.create_network(f"{project_of(places)}_default", driver="bridge", labels=labels, check_duplicate=True)


def _make_volume(client: APIClient, places: Places, name: str) -> None:
    client.create_volume(f"{project_of(places)}_{name}", labels={**_labels(places), f"{COMPOSE}.volume": name})


def create_container(client: APIClient, places: Places, container: Container) -> None:
    """Make one container in the network of its project."""
    from docker.types import LogConfig

    network = f"{project_of(places)}_default"
    client.create_container(
        container.image,
        list(container.command),
        name=container.name,
        entrypoint=[container.entrypoint] if container.entrypoint else None,
        environment=dict(container.environment),
        labels=_container_labels(places, container),
        ports=[container.port] if container.host_port else None,
        healthcheck=_healthcheck(container.healthcheck),
        host_config=client.create_host_config(
            binds=_binds(places, container),
            port_bindings={container.port: ("127.0.0.1", container.host_port)} if container.host_port else None,
            restart_policy={"Name": compose.RESTART},
            mem_limit=container.memory_bytes,
            log_config=LogConfig(type=LogConfig.types.JSON, config=dict(compose.LOG_OPTIONS)),
            network_mode=network,
        ),
        networking_config={"EndpointsConfig": {network: {"Aliases": [container.name]}}},
    )


def _binds(places: Places, container: Container) -> list[str]:
    files = [f"{places.root / source}:{target}:ro" for source, target in container.files]
    secrets = [f"{places.secrets / name}:/run/secrets/{name}:ro" for name in container.secrets]
    volumes = [f"{project_of(places)}_{container.volume[0]}:{container.volume[1]}:rw"] if container.volume else []
    return [*files, *secrets, *volumes]


def _healthcheck(test: Sequence[str]) -> dict[str, object]:
    return {
        "test": list(test),
        "interval": compose.HEALTH_INTERVAL_SECONDS * NANOSECONDS,
        "timeout": compose.HEALTH_TIMEOUT_SECONDS * NANOSECONDS,
        "retries": compose.HEALTH_RETRIES,
    }


def _labels(places: Places) -> dict[str, str]:
    return {LABEL: places.token, ROOT_LABEL: str(places.root), f"{COMPOSE}.project": project_of(places)}


def _container_labels(places: Places, container: Container) -> dict[str, str]:
    return {
        **_labels(places),
        f"{COMPOSE}.service": container.name,
        f"{COMPOSE}.container-number": "1",
        f"{COMPOSE}.oneoff": "False",
        f"{COMPOSE}.config-hash": hashlib.sha256(repr(container).encode()).hexdigest(),
        f"{COMPOSE}.project.config_files": str(places.root / "compose.yaml"),
        f"{COMPOSE}.project.working_dir": str(places.root),
    }
