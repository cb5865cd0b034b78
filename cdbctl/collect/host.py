"""Looks at the machine that cdbctl runs on."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cdbctl.collect.attempt import Seen
from cdbctl.model.host import DiskFacts, HostFacts


def read_host(paths: Sequence[Path]) -> Seen[HostFacts]:
    """Read memory, load, boot time, and the file systems that the given paths lie on, each once."""
    import psutil

    memory = psutil.virtual_memory()
    notes: list[str] = []
    facts = HostFacts(
        hostname=socket.gethostname(),
        system=f"{platform.system()} {platform.release()}".strip(),
        booted_at=datetime.fromtimestamp(psutil.boot_time(), UTC),
        cpu_count=psutil.cpu_count() or 1,
        # Elsewhere psutil only imitates the number, and starts with 0.
        load_1m=round(psutil.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        memory_total_bytes=memory.total,
        memory_available_bytes=memory.available,
        disks=tuple(_disks(paths, notes)),
    )
    return Seen(facts, _text(facts, notes))


def _disks(paths: Sequence[Path], notes: list[str]) -> Iterator[DiskFacts]:
    import psutil

    seen: set[int] = set()
    for path in paths:
        try:
            place = _existing(path)
            device = place.stat().st_dev
            if device in seen:
                continue
            usage = psutil.disk_usage(str(place))
        except OSError as error:
            notes.append(f"the disk of {path} could not be read: {error.strerror or error}")
            continue
        seen.add(device)
        yield DiskFacts(path=str(path), total_bytes=usage.total, free_bytes=usage.free)


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists: a report folder may not be there yet."""
    absolute = path.absolute()
    return next((place for place in (absolute, *absolute.parents) if place.exists()), absolute)


def _text(facts: HostFacts, notes: Sequence[str]) -> str:
    lines = [
        f"hostname: {facts.hostname}",
        f"system: {facts.system}",
        f"booted at: {facts.booted_at.isoformat(timespec='seconds')}",
        f"processors: {facts.cpu_count}",
        f"load over 1 minute: {'not told by this system' if facts.load_1m is None else facts.load_1m}",
        f"memory_total_bytes: {facts.memory_total_bytes}",
        f"memory_available_bytes: {facts.memory_available_bytes}",
    ]
    lines += [f"disk of {d.path}: total_bytes={d.total_bytes} free_bytes={d.free_bytes}" for d in facts.disks]
    return "\n".join([*lines, *notes]) + "\n"
