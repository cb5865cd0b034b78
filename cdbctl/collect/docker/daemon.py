"""When the engine itself was started, where that is certain."""

from __future__ import annotations

import os
import socket
import struct
from datetime import UTC, datetime
from pathlib import Path

from cdbctl.collect.docker.address import Address
from cdbctl.collect.wire import Deadline, connect_unix

_DAEMONS = frozenset({"dockerd", "podman"})
_USUAL_SOCKET = Path("/run/docker.sock")
_USUAL_PID_FILE = Path("/run/docker.pid")


def started_at(address: Address, deadline: Deadline, *, proc: Path = Path("/proc")) -> datetime | None:
    """The start of the process that listens on a socket of this machine; None where it cannot be known for sure.

    The kernel tells who listens. That is the daemon, or systemd when it made the socket for it: then the pid file
    beside the usual socket names the daemon.
    """
    if address.kind != "unix" or not hasattr(socket, "SO_PEERCRED"):
        return None
    path = Path(address.path)
    try:
        pid = _listener(address.path, deadline)
        if _name(proc, pid) == "systemd" and path.resolve() == _USUAL_SOCKET.resolve():
            pid = int(_USUAL_PID_FILE.read_text(encoding="ascii"))
        return _started_at(proc, pid) if _name(proc, pid) in _DAEMONS else None
    except (OSError, ValueError, IndexError):
        return None


def _listener(path: str, deadline: Deadline) -> int:
    with connect_unix(path, deadline) as sock:
        credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid


def _name(proc: Path, pid: int) -> str:
    return (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()


def _started_at(proc: Path, pid: int) -> datetime:
    # The name in brackets may hold spaces and brackets itself.
    fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    boot = next(
        int(line.split()[1])
        for line in (proc / "stat").read_text(encoding="ascii").splitlines()
        if line.startswith("btime ")
    )
    return datetime.fromtimestamp(boot + int(fields[19]) / os.sysconf("SC_CLK_TCK"), UTC)
