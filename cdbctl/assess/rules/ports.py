"""The rule about ports that other machines can reach."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from cdbctl.assess.case import Case
from cdbctl.assess.params import Params, schema, texts
from cdbctl.assess.promised import notes
from cdbctl.assess.rules.made import Made, each_container
from cdbctl.assess.units import listed, plural
from cdbctl.model.check import Check
from cdbctl.model.compose import ComposePort, ComposeService
from cdbctl.model.finding import Finding, Status
from cdbctl.model.runtime import ContainerFacts
from cdbctl.model.snapshot import Snapshot

PORTS = schema(
    allow=texts(
        "ports that may be reached from other machines, as service:port of the container, e.g. cdb_ws:8000; "
        "service:host for a service that shares the network of the host"
    )
)


def judge_ports(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """No port is published beyond this machine unless it is allowed by name."""
    allowed = frozenset(Params.of(check, PORTS).texts("allow"))
    return each_container(check, snapshot, lambda case, made: _ports(case, made, allowed))


def _ports(case: Case, made: Made, allowed: frozenset[str]) -> Finding:
    container, declared, runtime = made.container, made.declared, made.runtime
    case = case.expects("ports are published on 127.0.0.1 or ::1 only" + (", or allowed by name" if allowed else ""))
    names = {case.subject, declared.name if declared else case.subject}
    modes = {container.network_mode if container else "", (declared.network_mode or "") if declared else ""}
    if "host" in modes and not any(f"{name}:host" in allowed for name in names):
        return case.finding(
            Status.WARN,
            f"{case.subject} shares the network of the host",
            "network mode host: whatever it listens on can be reached from other machines without being published",
            runtime,
            key="host",
            details={"network_mode": "host"},
        )
    found = dict(_open_ports(container, declared))
    told = {place: where for place, where in found.items() if not _is_allowed(place, names, allowed)}
    noted = notes(declared, "ports")
    gaps = "".join(f"; {note}" for note in noted)
    if noted and not told and container is None:
        title = f"{case.subject}: what ports its compose file means is not known"
        return case.unknown(title, f"{'; '.join(noted)}; it has no container", runtime)
    if not told:
        return case.ok((_allowed(len(found)) if found else _none(container, declared)) + gaps, runtime)
    return case.finding(
        Status.WARN,
        f"{case.subject} publishes {listed(list(told))} beyond this machine",
        "; ".join(told.values()) + gaps,
        runtime,
        key="ports",
        details={"ports": list(told)},
    )


def _allowed(count: int) -> str:
    return f"{plural(count, 'port')} published beyond this machine, allowed by name"


def _none(container: ContainerFacts | None, declared: ComposeService | None) -> str:
    if container is None and declared is not None:
        most = " beyond this machine" if declared.ports else ""
        return f"{declared.file}:{declared.line} publishes no port{most}; it has no container"
    count = len(container.ports) if container else 0
    return f"{plural(count, 'published port')}, none beyond this machine" if count else "no port is published"


def _open_ports(container: ContainerFacts | None, declared: ComposeService | None) -> Iterator[tuple[str, str]]:
    """Port of the container, and where it is published; what runs is said last, so that it counts."""
    for port in declared.ports if declared else ():
        if _reaches_out(port.host_address):
            yield _place(port.container_port, port.protocol), _written(port)
    for bound in container.ports if container else ():
        if _reaches_out(bound.host_address):
            place = _place(str(bound.container_port), bound.protocol)
            yield place, f"{place} on {_address(bound.host_address)}:{bound.host_port} (its container)"


def _written(port: ComposePort) -> str:
    host = f"{_address(port.host_address)}:{port.host_port or 'any free port'}"
    return f"{_place(port.container_port, port.protocol)} on {host} ({port.file}:{port.line})"


def _place(port: str, protocol: str) -> str:
    return f"{port}/{protocol}"


def _address(text: str) -> str:
    return f"[{text}]" if ":" in text else text or "every address"


def _reaches_out(address: str) -> bool:
    """Whether other machines can come in: everything but the addresses that a machine has for itself alone."""
    try:
        return not ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address != "localhost"


def _is_allowed(place: str, names: set[str], allowed: frozenset[str]) -> bool:
    port, _, protocol = place.partition("/")
    low, _, high = port.partition("-")
    numbers = range(int(low), int(high or low) + 1)
    return all(
        any(f"{name}:{number}" in allowed or f"{name}:{number}/{protocol}" in allowed for name in names)
        for number in numbers
    )
