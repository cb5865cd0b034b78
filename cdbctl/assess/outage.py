"""A server that answers nobody: our own question without an answer, and clients that say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from cdbctl.assess.case import Case, quote
from cdbctl.assess.units import clock, plural
from cdbctl.assess.world import ENGINE
from cdbctl.model.finding import Finding, Quote, Status
from cdbctl.model.logs import LogGroup
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.runtime import RuntimeFacts

RECENT = timedelta(seconds=30)
"""A client that was refused longer ago may have found its server again."""
PORTS = {"database": 5432, "redis": 6379}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_PORT = re.compile(r":(\d{1,5})(?:/|\?|$)")
_HOST = re.compile(r"(?:://|@)(?:[^@/]*@)?([\w.\-]+)")


def silent_server(case: Case, reading: Unavailable, *, needs: str, server: str) -> Finding:
    """UNKNOWN, as for every source without an answer; FAIL when clients are refused at the same address, too.

    Two witnesses that do not know of each other are proof: then the server is what has to be repaired first.
    """
    apart = _in_containers(case.snapshot.runtime)
    clients = _refused(case, address_of(reading.source, needs, server, in_containers=apart))
    if not clients:
        return case.silent(reading, needs=needs)
    logs = [log for log, _ in clients.values()]
    quotes: tuple[Quote, ...] = quote(reading.evidence, reading.reason)
    for log, group in clients.values():
        quotes += quote(log.evidence, group.samples[-1].text) if group.samples else ()
    last = max(group.last_at for _, group in clients.values() if group.last_at)
    names = ", ".join(clients)
    return case.finding(
        Status.FAIL,
        f"{case.subject} gave no answer, and {plural(len(clients), 'client is', 'clients are')} refused",
        f"no answer from {reading.source}: {reading.reason}; connection refused in the log of {names}, "
        f"the last time at {clock(last)}",
        reading,
        *logs,
        key="down",
        details={"needs": needs, "clients": list(clients)},
        quotes=quotes,
    )


def address_of(source: str, needs: str, server: str, *, in_containers: bool = False) -> frozenset[str]:
    """The ways in which a client may name this server: by its port anywhere here, or by the name of its service.

    In a container, a loopback address is the container itself.
    """
    port = _PORT.search(source.partition("://")[2])
    number = int(port[1]) if port else PORTS[needs]
    host = _HOST.search(source)
    hosts = {*LOOPBACK, *([host[1]] if host else []), *([server] if server else [])}
    if in_containers:
        hosts -= LOOPBACK
    return frozenset(f"{name}:{number}" for name in hosts) | ({f"{server}:{PORTS[needs]}"} if server else set())


def _in_containers(runtime: Reading[RuntimeFacts]) -> bool:
    if isinstance(runtime, Unavailable):
        return runtime.source.startswith(ENGINE)
    return runtime.value.kind == "docker"


def _refused(case: Case, addresses: frozenset[str]) -> Mapping[str, tuple[Observed[object], LogGroup]]:
    """The clients whose newest messages say that a connection to one of these addresses is refused."""
    found: dict[str, tuple[Observed[object], LogGroup]] = {}
    for name, log in case.snapshot.logs.items():
        if not isinstance(log, Observed):
            continue
        for group in log.value.groups:
            known, last = group.signature, group.last_at
            refused = known is not None and known.kind == "connection_refused" and known.subject in addresses
            if refused and last is not None and last >= case.snapshot.taken_at - RECENT:
                found[name] = log, group
    return found
