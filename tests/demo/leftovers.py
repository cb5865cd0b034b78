"""Finds what a demo left behind, by other means than the code that removes it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from cdbctl.demo.places import Places


def left_of(places: Places) -> list[str]:
    """Processes and files of a demo that are still there, in words."""
    found = [f"process {process}" for process in psutil.process_iter() if _mentions(process, places)]
    if os.path.lexists(places.runtime):
        found.append(f"folder {places.runtime}")
    return found


def shared_memory_of(places: Places) -> int:
    """Id of the shared memory segment of its PostgreSQL."""
    lock_file = places.postgres / "data" / "postmaster.pid"
    return int(lock_file.read_text(encoding="ascii").splitlines()[6].split()[1])


def shared_memory() -> set[int]:
    """Ids of all segments of this machine; none where the system does not list them."""
    listing = Path("/proc/sysvipc/shm")
    lines = listing.read_text(encoding="ascii").splitlines()[1:] if listing.exists() else []
    return {int(line.split()[1]) for line in lines}


def _mentions(process: psutil.Process, places: Places) -> bool:
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    try:
        if process.pid in own or process.status() == psutil.STATUS_ZOMBIE:
            return False
        said = " ".join((*process.cmdline(), process.cwd(), str(process.environ())))
    except (psutil.Error, OSError):
        return False
    return str(places.runtime) in said or f"'CDBCTL_DEMO': '{places.token}'" in said
