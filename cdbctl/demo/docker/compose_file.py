"""The text of ``compose.yaml``: what the containers of the demo are made of, as a person would write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from cdbctl.demo.docker.containers import MIB, Container
from cdbctl.demo.places import Places

HEALTH_INTERVAL_SECONDS = 10
HEALTH_TIMEOUT_SECONDS = 3
HEALTH_RETRIES = 3
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
RESTART = "unless-stopped"


def compose_file(places: Places, project: str, containers: Sequence[Container], base: str) -> str:
    """Describe all containers. Secrets are named, never written."""
    lines = (line for container in containers for line in _service(container, base))
    return "\n".join((*_head(project), *lines, *_secrets(places, containers), *_volumes(containers), ""))


def _head(project: str) -> Iterator[str]:
    yield "# The demo stack. `cdbctl demo up --docker` makes exactly these containers."
    yield f"name: {project}"
    yield "services:"


def _service(container: Container, base: str) -> Iterator[str]:
    yield f"  {container.name}:"
    yield f"    container_name: {container.name}"
    if container.built:
        yield "    build:"
        yield "      context: services"
        yield f"      args: {{BASE: {_text(base)}}}"
    yield f"    image: {_text(container.image)}"
    yield f"    restart: {RESTART}"
    if container.entrypoint:
        yield f"    entrypoint: [{container.entrypoint}]"
    yield from _command(container.command)
    if container.environment:
        yield "    environment:"
        yield from (f"      {name}: {_text(value)}" for name, value in container.environment.items())
    if container.secrets:
        yield f"    secrets: [{', '.join(container.secrets)}]"
    yield from _mounts(container)
    if container.host_port:
        yield f'    ports: ["127.0.0.1:{container.host_port}:{container.port}"]'
    yield from _health(container.healthcheck)
    if container.needs:
        yield "    depends_on:"
        yield from (f"      {name}: {{condition: service_healthy}}" for name in container.needs)
    yield f"    mem_limit: {container.memory_bytes // MIB}m"
    yield "    logging:"
    yield "      driver: json-file"
    yield f"      options: {json.dumps(LOG_OPTIONS)}"


def _command(words: Sequence[str]) -> Iterator[str]:
    yield "    command:"
    for word in words:
        if "\n" in word:
            yield "      - |"
            yield from (f"        {line}" for line in word.replace("$", "$$").splitlines())
        else:
            yield f"      - {_text(word)}"


def _mounts(container: Container) -> Iterator[str]:
    if container.files or container.volume:
        yield "    volumes:"
    for source, target in container.files:
        yield f"      - ./{source}:{target}:ro"
    if container.volume:
        yield f"      - {container.volume[0]}:{container.volume[1]}"


def _health(test: Sequence[str]) -> Iterator[str]:
    yield "    healthcheck:"
    yield f"      test: [{', '.join(_text(word) for word in test)}]"
    yield f"      interval: {HEALTH_INTERVAL_SECONDS}s"
    yield f"      timeout: {HEALTH_TIMEOUT_SECONDS}s"
    yield f"      retries: {HEALTH_RETRIES}"


def _secrets(places: Places, containers: Sequence[Container]) -> Iterator[str]:
    yield "secrets:"
    for name in _each(secret for container in containers for secret in container.secrets):
        yield f"  {name}: {{file: ./{places.relative(places.secrets / name)}}}"


def _volumes(containers: Sequence[Container]) -> Iterator[str]:
    yield "volumes:"
    yield from (f"  {container.volume[0]}:" for container in containers if container.volume)


def _each(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _text(value: str) -> str:
    """A scalar of YAML; a dollar sign that compose must leave alone is written twice."""
    return json.dumps(value.replace("$", "$$"), ensure_ascii=False)
