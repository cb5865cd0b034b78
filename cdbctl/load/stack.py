"""The services of the stack: what ``cdbctl.yaml`` declares, and what compose files add to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cdbctl.load import values
from cdbctl.model.compose import ComposeService
from cdbctl.model.stack import Group, Service

_OBSERVING_WORDS = (
    "prometheus", "grafana", "exporter", "cadvisor", "alertmanager", "loki", "promtail", "alloy", "tempo", "jaeger",
    "otel", "vector",
)  # fmt: skip
"""In the name of a service or of its image: it watches the stack, and is not what is watched."""


def expected_services(
    declared: Mapping[str, Mapping[str, Any] | None],
    compose: Sequence[ComposeService],
    groups: Mapping[str, Group | None],
) -> tuple[Service, ...]:
    """Every declared service in the order of the file, then those that only compose files name.

    ``groups`` gives for each compose project the half of the stack that it was declared to be.
    """
    names = _names(compose)
    by_name = dict(zip(names, compose, strict=True))
    services = [_service(name, one or {}, by_name.get(name), groups) for name, one in declared.items()]
    services += [_service(name, {}, one, groups) for name, one in by_name.items() if name not in declared]
    return tuple(services)


def _names(compose: Sequence[ComposeService]) -> list[str]:
    """The name of its container, else its key; with the project in front where two projects use the same key."""
    plain = [service.container or service.name for service in compose]
    taken = Counter(plain)
    return [
        name if taken[name] == 1 else f"{service.project}-{service.name}"
        for name, service in zip(plain, compose, strict=True)
    ]


def _service(
    name: str, declared: Mapping[str, Any], compose: ComposeService | None, groups: Mapping[str, Group | None]
) -> Service:
    health, log = declared.get("health", {}), declared.get("log", {})
    paths = log.get("path", [])
    return Service(
        name=name,
        title=declared.get("title", name),
        group=Group(declared["group"]) if "group" in declared else _group(compose, groups),
        required=declared.get("required", True),
        source_folder=values.inner_path(declared["source"]) if "source" in declared else _build_folder(compose),
        database_role=declared.get("database_role"),
        health_url=health.get("url"),
        health_depth=health.get("depth"),
        metrics_url=declared.get("metrics"),
        log_paths=tuple(values.outer_path(path) for path in ([paths] if isinstance(paths, str) else paths)),
        log_timezone=log.get("timezone", "UTC"),
        project=compose.project if compose else None,
        compose_service=compose.name if compose else None,
    )


def _group(compose: ComposeService | None, groups: Mapping[str, Group | None]) -> Group:
    """As declared for the project, else told from the names of the service and of its image."""
    if compose is None:
        return Group.UNDER_TEST
    watches = any(word in f"{compose.name} {compose.image or ''}".lower() for word in _OBSERVING_WORDS)
    return groups.get(compose.project) or (Group.OBSERVABILITY if watches else Group.UNDER_TEST)


def _build_folder(compose: ComposeService | None) -> str | None:
    return compose.build_folder if compose else None
