"""The evidence of a look at an engine: notes, and for each container every fact that the report may speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from cdbctl.collect.docker.facts import Container
from cdbctl.collect.visible import visible
from cdbctl.model.runtime import ContainerFacts, RuntimeFacts, ServiceFacts

_MOST_RESTARTS = 20
_MOST_ITEMS = 30
_COMMAND_CHARACTERS = 300
_PASSWORD_OPTION = re.compile(r"(?<!\S)(-[A-Za-z]*[apu]|--(?:pass|user)(?=[ =]))([ =]?)\S+")
"""Of redis-cli, mysqladmin, curl: what stands behind them is a secret, and has no form of one."""


def runtime_text(headline: str, facts: RuntimeFacts, containers: Mapping[str, Container], notes: Sequence[str]) -> str:
    """One block for each service; "-" stands for not known or none. Values of the environment are not in it."""
    lines = [
        visible(headline),
        f"started at: {_time(facts.started_at)}",
        f"cpu_percent is of one core; it and memory_bytes are from: {facts.usage_source or 'nowhere, nothing runs'}",
        *map(visible, filter(None, notes)),
    ]
    for service in facts.services:
        lines += ["", f"{visible(service.name)}:"]
        lines += [f"  {name}: {visible(value)}" for name, value in _facts(service, containers.get(service.name))]
    return "\n".join(lines) + "\n"


def _facts(service: ServiceFacts, container: Container | None) -> Iterator[tuple[str, str]]:
    yield "state", service.state.value
    if container is None:
        return
    yield "container", f"{container.name}, id {service.identity}"
    yield "pid", _or_dash(service.pid)
    yield "started_at", _time(service.started_at)
    yield "exit_status", _or_dash(service.exit_status)
    yield (
        "restarts",
        f"{_or_dash(service.restarts)} (RestartCount), counted since {_time(service.restarts_counted_since)}",
    )
    for restart in service.recent_restarts[-_MOST_RESTARTS:]:
        memory = ", out of memory" if restart.out_of_memory else ""
        yield "restarted in the window after an end at", f"{_time(restart.at)}: {restart.exit_status}{memory}"
    if len(service.recent_restarts) > _MOST_RESTARTS:
        yield "restarts in the window", f"{len(service.recent_restarts)}, the last {_MOST_RESTARTS} are shown"
    yield "cpu_percent", _or_dash(service.cpu_percent)
    yield "memory_bytes", _or_dash(service.memory_bytes)
    if service.health:
        health = service.health
        yield "health", f"{health.health.value}, failed in a row: {_or_dash(health.failing_streak)}"
        yield "probe", f"depth {health.depth.value}, command: {_command(container.probe)}"
        yield "probe said", health.detail
    if service.container:
        yield from _container(service.container)


def _container(facts: ContainerFacts) -> Iterator[tuple[str, str]]:
    yield "project", f"{_or_dash(facts.project)}, service {_or_dash(facts.compose_service)}"
    yield "created_at", _time(facts.created_at)
    yield "finished_at", _time(facts.finished_at)
    yield "oom_killed", f"{str(facts.oom_killed).lower()}, last oom event: {_time(facts.out_of_memory_at)}"
    yield "image", f"{facts.image.reference}, runs {facts.image.id}, now means {_or_dash(facts.image.reference_id)}"
    yield "image digests", _list(facts.image.digests)
    yield "ports", _list([f"{p.host_address}:{p.host_port} -> {p.container_port}/{p.protocol}" for p in facts.ports])
    yield "network_mode", facts.network_mode or "-"
    bounded = {True: "bounded", False: "not bounded", None: "not kept by the engine"}[facts.log_is_bounded]
    yield "log", f"driver {facts.log_driver or '-'}, {bounded}"
    yield "memory_limit_bytes", _or_dash(facts.memory_limit_bytes)
    yield "restart_policy", facts.restart_policy
    yield "bind mounts", _list([f"{source} -> {target}" for source, target in facts.mounts])


def _command(words: Sequence[str]) -> str:
    line = " ".join(" ".join(words).split())
    line = _PASSWORD_OPTION.sub(r"\1\2***", line)
    return line if len(line) <= _COMMAND_CHARACTERS else f"{line[:_COMMAND_CHARACTERS].rpartition(' ')[0]} …"


def _list(values: Sequence[str]) -> str:
    if not values:
        return "-"
    more = len(values) - _MOST_ITEMS
    return ", ".join(values[:_MOST_ITEMS]) + (f" and {more} more" if more > 0 else "")


def _time(at: datetime | None) -> str:
    return "-" if at is None else at.isoformat(timespec="milliseconds")


def _or_dash(value: object) -> str:
    return "-" if value is None or value == "" else str(value)
