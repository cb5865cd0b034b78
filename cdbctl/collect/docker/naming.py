"""Which container belongs to which declared service."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cdbctl.collect.docker.untyped import items, mapping, text
from cdbctl.model.stack import Service

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"

Entry = Mapping[str, Any]
"""One container of the engine's listing."""


def name_of(entry: Entry) -> str:
    """The name of a container, without the names that links gave it; its id where it has none."""
    names = [text(name).lstrip("/") for name in items(entry.get("Names"))]
    return next((name for name in names if name and "/" not in name), str(entry.get("Id", ""))[:12])


def label(entry: Entry, name: str) -> str:
    """A label of a container; empty when it has none."""
    return text(mapping(entry.get("Labels")).get(name))


def environment_of(inspected: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a container. It holds passwords: for knowing them, never for showing."""
    declared = items(mapping(inspected.get("Config")).get("Env"))
    return {name: value for name, _, value in (text(item).partition("=") for item in declared) if name}


def containers_named(name: str, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The container with exactly that name."""
    return tuple(entry for entry in entries if name_of(entry) == name)


def containers_of(service: Service, entries: Sequence[Entry], projects: Collection[str]) -> tuple[Entry, ...]:
    """The containers of a service, the one that speaks for it first.

    Its exact name counts, else its compose labels; a running one before one that does not run, then the lowest
    number. What ``docker compose run`` started for one command is no container of the service.
    """
    if by_name := containers_named(service.name, entries):
        return by_name
    key = service.compose_service or service.name
    wanted = {service.project} if service.project else set(projects)
    found = [
        entry
        for entry in entries
        if label(entry, SERVICE) == key and label(entry, PROJECT) in wanted and label(entry, ONE_OFF) != "True"
    ]
    return tuple(sorted(found, key=lambda entry: (entry.get("State") != "running", _number(entry), name_of(entry))))


def _number(entry: Entry) -> int:
    number = label(entry, NUMBER)
    return int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
