"""What is supervised: the declared services of the stack."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """Which half of the stack a service belongs to."""

    UNDER_TEST = "under-test"
    OBSERVABILITY = "observability"


@dataclass(frozen=True, slots=True)
class Service:
    """One declared service (a container or a supervised program)."""

    name: str
    """Name in the runtime, e.g. ``cdb_risk``."""
    title: str
    """What people call it, e.g. ``risk manager``."""
    group: Group
    required: bool
    """Whether the stack cannot do its work without it."""
    source_folder: str | None
    """Folder with its code, relative to the root; None for foreign software."""
    database_role: str | None
    health_url: str | None
    """Answers 200 when healthy; None where no such page exists."""
    health_depth: str | None
    """Declared depth of that page (``http``, ``application``, ``dependency``); None when nobody declared it."""
    metrics_url: str | None
    """A Prometheus text page; None where no such page exists."""
    log_paths: tuple[str, ...]
    """Log files, oldest rotation last is not needed: ``PATH.1``, ``PATH.2`` … are found beside PATH."""
    log_timezone: str
    """IANA name of the zone of time stamps that carry no offset, e.g. ``UTC``."""
    project: str | None = None
    """Compose project; None for a service that no compose file names."""
    compose_service: str | None = None
    """Its key in the compose file."""
