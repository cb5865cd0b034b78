"""The one thing that a killed PostgreSQL leaves outside its folder: a small System V shared memory segment."""

from __future__ import annotations

import sys
from pathlib import Path

LIST = Path("/proc/sysvipc/shm")
IPC_RMID = 0


def remove_segment(data: Path) -> None:
    """Remove the segment that the lock file in the data folder of a killed server names, when nobody uses it any more.

    The server keeps it to see that no other one works in its folder; it stays small, as the memory itself is mapped.
    """
    wanted = segment_of(data)
    if wanted is None or not sys.platform.startswith("linux"):
        return
    key, identifier = wanted
    if (key, identifier, 0) in listed_segments():
        import ctypes

        ctypes.CDLL(None).shmctl(identifier, IPC_RMID, None)


def segment_of(data: Path) -> tuple[int, int] | None:
    """Key and id of the segment of a server: the seventh line of its postmaster.pid."""
    try:
        key, identifier = (data / "postmaster.pid").read_text(encoding="ascii").splitlines()[6].split()
        return int(key), int(identifier)
    except (OSError, ValueError, IndexError):
        return None


def listed_segments() -> set[tuple[int, int, int]]:
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
