"""Free loopback ports for the programs of a demo."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from cdbctl.demo.places import Places
from cdbctl.errors import CdbctlError

LOWEST, HIGHEST = 20000, 32000
"""Below the ports that the system gives to outgoing connections: none can take ours before we bind it."""


class PortTakenError(CdbctlError):
    """Somebody else was faster; another choice will do."""


def choose_ports(names: Sequence[str]) -> dict[str, int]:
    """One free port for each name."""
    with ExitStack() as held:
        return {name: _hold_one(held) for name in names}


def refuse_taken_ports(places: Places) -> None:
    """Raise PortTakenError when a program of this demo found its port in use."""
    for log in places.logs.glob("*.log"):
        if b"Address already in use" in log.read_bytes():
            raise PortTakenError(
                f"a port of {log.stem} was taken by another program", why=f"see {log}", next_step="try again"
            )


def _hold_one(held: ExitStack) -> int:
    """Bind a port and keep it until all are chosen, so that no two names get the same one."""
    for port in random.sample(range(LOWEST, HIGHEST), 200):
        probe = held.enter_context(socket.socket())
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise CdbctlError(
        "no free port was found", why=f"200 ports of 127.0.0.1 between {LOWEST} and {HIGHEST} are all in use"
    )
