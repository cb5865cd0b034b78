"""Facts about the machine that the stack runs on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """One file system that matters to the stack."""

    path: str
    total_bytes: int
    free_bytes: int
    """Free for an ordinary user."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The machine that cdbctl runs on."""

    hostname: str
    system: str
    """e.g. ``Linux 6.1``."""
    booted_at: datetime
    cpu_count: int
    load_1m: float | None
    """None where the system has no such number."""
    memory_total_bytes: int
    memory_available_bytes: int
    disks: tuple[DiskFacts, ...]
