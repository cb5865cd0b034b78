"""The one thing that a killed PostgreSQL leaves outside its folder: a small System V shared memory segment."""

from __future__ import annotations

import sys
from pathlib import Path

from cdbctl.demo.places import Places

LIST = Path("/proc/sysvipc/shm")
IPC_RMID = 0


def remove_segments(places: Places) -> None:
    """Remove the segment that the lock file of a killed server names, when nobody uses it any more.

    The server keeps it to see that no other one works in its folder; it stays small, as the memory itself is mapped.
    """
    wanted = _named_in_lock_file(places.postgres / "data" / "postmaster.pid")
    if wanted is None or not sys.platform.startswith("linux"):
        return
    key, identifier = wanted
    if (key, identifier, 0) in _listed():
        import ctypes

        ctypes.CDLL(None).shmctl(identifier, IPC_RMID, None)


def _named_in_lock_file(path: Path) -> tuple[int, int] | None:
    """Key and id of the segment: the seventh line of postmaster.pid."""
    try:
        key, identifier = path.read_text(encoding="ascii").splitlines()[6].split()
        return int(key), int(identifier)
    except (OSError, ValueError, IndexError):
        return None


def _listed() -> set[tuple[int, int, int]]:
    """(key, id, number of processes that use it) of every segment."""
    try:
        rows = [line.split() for line in LIST.read_text(encoding="ascii").splitlines()]
    except OSError:
        return set()
    head = {name: column for column, name in enumerate(rows[0])} if rows else {}
    try:
        return {(int(row[head["key"]]), int(row[head["shmid"]]), int(row[head["nattch"]])) for row in rows[1:]}
    except (KeyError, ValueError, IndexError):
        return set()
