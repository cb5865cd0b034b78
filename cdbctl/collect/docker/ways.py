"""The ways into a container: its published port, its own address, a tunnel through ``docker exec``."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.tunnel import Tunnel, tunnel
from cdbctl.collect.wire import Deadline, connect_tcp
from cdbctl.model.stack import Service

if TYPE_CHECKING:
    from cdbctl.collect.docker.engine import Engine

KNOCK_SECONDS = 0.3
FAR_KNOCK_SECONDS = 1.0
"""How long an address may take to accept a connection, before the next way is tried: here, and over a network."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way into a container."""

    container: Mapping[str, Any]
    host: str
    port: int
    socket: str
    """Path of the near end of a tunnel; empty when host and port can be connected to."""
    by: str

    @property
    def how(self) -> str:
        return f"reached by {self.by}"

    @property
    def place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def hostaddr(self) -> str:
        try:
            return str(ip_address(self.host))
        except ValueError:
            return ""


@contextmanager
def find_way(
    engine: Engine | None,
    container_name: str,
    port: int,
    services: Sequence[Service],
    deadline: Deadline,
    *,
    socket_name: str,
) -> Iterator[Way]:
    """The first way to a port that is open; whatever fails behind it also says which way it was. Raises NoAnswer."""
    if engine is None:
        raise NoAnswer(
            "a docker:// address needs a container engine, and cdbctl.yaml declares none",
            remedy="declare runtime.docker in cdbctl.yaml, or write the address as the service itself gives it",
        )
    container = engine.find(container_name, deadline, services)
    _expect_running(container)
    with _opened(engine, container, port, deadline, socket_name) as (way, through):
        try:
            yield way
        except NoAnswer as failure:
            cause = (through.failure if through else None) or failure
            raise NoAnswer(f"{cause.reason} (asked by {way.by})", remedy=cause.remedy) from failure


@contextmanager
def _opened(
    engine: Engine, container: Mapping[str, Any], port: int, deadline: Deadline, socket_name: str
) -> Iterator[tuple[Way, Tunnel | None]]:
    knock = KNOCK_SECONDS if engine.local else FAR_KNOCK_SECONDS
    for way in _direct_ways(engine, container, port):
        if _accepts(way, min(knock, _left(deadline) / 2)):
            yield way, None
            return
    name = name_of(container)
    with tunnel(engine, container["Id"], name, port, deadline, socket_name=socket_name) as through:
        by = f"a tunnel to port {port} of {name}: docker exec, {through.carrier}"
        yield Way(container, "", 0, through.path, by), through


def _direct_ways(engine: Engine, container: Mapping[str, Any], port: int) -> Iterator[Way]:
    """What can be connected to without a tunnel, if it accepts connections."""
    network = container.get("NetworkSettings") or {}
    for bound in (network.get("Ports") or {}).get(f"{port}/tcp") or ():
        host, host_port = _reachable(str(bound.get("HostIp") or ""), engine), str(bound.get("HostPort") or "")
        if host and host_port.isdigit():
            way = Way(container, host, int(host_port), "", "")
            yield replace(way, by=f"the published port {way.place}")
    for connected in (network.get("Networks") or {}).values() if engine.local else ():
        for address, gateway in (("IPAddress", "Gateway"), ("GlobalIPv6Address", "IPv6Gateway")):
            host = connected.get(address)
            if host and _is_ours(connected.get(gateway) or ""):
                way = Way(container, host, port, "", "")
                yield replace(way, by=f"the container's own address {way.place}")


def _reachable(bound_to: str, engine: Engine) -> str:
    """The host of a published port as it is reached from here; empty when only its own machine reaches it."""
    try:
        address = ip_address(bound_to or "0.0.0.0")  # noqa: S104 - what an engine says, nothing is bound here
    except ValueError:
        return ""
    if address.is_unspecified:
        # Over IPv4 another server of this machine may listen on the same port.
        return "::1" if engine.local and address.version == 6 else engine.host
    return bound_to if engine.local or not address.is_loopback else ""


def _is_ours(gateway: str) -> bool:
    """Whether the gateway of a container is an address of this machine, so that the way to it stays inside.

    In a virtual machine (Docker Desktop) or without root the address of a container means nothing here, or
    another computer.
    """
    try:
        family = socket.AF_INET6 if ip_address(gateway).version == 6 else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as sock:
            sock.bind((gateway, 0))
    except (OSError, ValueError):
        return False
    return True


def _accepts(way: Way, seconds: float) -> bool:
    try:
        connect_tcp(way.host, way.port, Deadline(seconds)).close()
    except OSError:
        return False
    return True


def _left(deadline: Deadline) -> float:
    try:
        return deadline.left()
    except TimeoutError:
        raise NoAnswer(f"the engine took all of {deadline}") from None


def name_of(container: Mapping[str, Any]) -> str:
    """The name of an inspected container."""
    return str(container.get("Name") or container.get("Id", "")[:12]).removeprefix("/")


def _expect_running(container: Mapping[str, Any]) -> None:
    """Raise NoAnswer for a container that cannot answer, and say what would let it."""
    state, name = container.get("State") or {}, name_of(container)
    if state.get("Paused"):
        raise NoAnswer(f"container {name} is paused", remedy=f"let it go on: docker unpause {name}")
    if state.get("Restarting"):
        raise NoAnswer(
            f"container {name} ends and is started again and again, last with exit code {state.get('ExitCode')}",
            remedy=f"read why: docker logs --tail 50 {name}",
        )
    if not state.get("Running"):
        status = str(state.get("Status") or "not running")
        ended = f" with exit code {state.get('ExitCode')}" if status in ("exited", "dead") else ""
        raise NoAnswer(
            f"container {name} does not run: {status}{ended}",
            remedy=f"read why: docker logs --tail 50 {name}, then docker start {name}",
        )
