"""One container engine, asked over its HTTP API."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.address import Address, find_address
from cdbctl.collect.docker.connections import Connections
from cdbctl.collect.docker.duplex import DuplexSocket
from cdbctl.collect.docker.exchange import Exchange, was_stale
from cdbctl.collect.docker.failures import Refused, connecting, refused, talking
from cdbctl.collect.docker.naming import Entry, containers_named, containers_of
from cdbctl.collect.docker.once import Once
from cdbctl.collect.docker.transport import connect
from cdbctl.collect.wire import Deadline
from cdbctl.model.stack import Service
from cdbctl.settings import DockerSource

T = TypeVar("T")

LIMIT_BYTES = 16 * 1024 * 1024
_UNLIMITED = 1 << 60
_ERROR_BYTES = 64 * 1024
_MOST = 1000
_MOST_OVER_SSH = 8
"""An sshd begins to refuse at ten that are not logged in yet."""


class Stream:
    """The body of a long answer, read in pieces with one deadline over all."""

    def __init__(self, exchange: Exchange, address: Address, deadline: Deadline) -> None:
        self.status = exchange.status
        self.headers = exchange.headers
        self._exchange = exchange
        self._address = address
        self._deadline = deadline

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the proven end; raises NoAnswer when it is cut or too slow."""
        with talking(self._address, self._deadline, self._exchange.sock):
            return self._exchange.body.read(size)


class Engine:
    """One engine for a whole run: thread-safe, keeps connections open, remembers its containers.

    Making one touches nothing; whatever is wrong with its address is NoAnswer at the first question. Paths carry
    no API version: the oldest that an engine accepts rises with every release, no version always means its own.
    """

    def __init__(self, source: DockerSource, *, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        self.projects = tuple(project.name for project in source.projects)
        self._find = partial(find_address, source, root=root, environment=environment)
        self._found: Address | None = None
        self._lock = threading.Lock()
        self._connections = Connections()
        self._listing = Once[tuple[Entry, ...]]()
        self._inspects: dict[str, Once[Mapping[str, Any]]] = {}

    @property
    def address(self) -> Address:
        """Where it listens; raises NoAnswer."""
        if self._found is None:
            self._found = self._find()
        return self._found

    @property
    def source(self) -> str:
        """Where a person can look again, without secrets."""
        try:
            return f"docker engine {self.address.shown}"
        except NoAnswer:
            return "docker engine"

    @property
    def host(self) -> str:
        """The host under which published ports are reachable from here; raises NoAnswer."""
        return self.address.published_host

    @property
    def local(self) -> bool:
        """Whether it is a socket of this machine; a virtual machine may still be behind it. Raises NoAnswer."""
        return self.address.local

    def get(self, path: str, query: Mapping[str, str], deadline: Deadline, *, limit_bytes: int = LIMIT_BYTES) -> Any:
        """Ask and read JSON; raises NoAnswer, of which Refused carries the status."""
        with self._asking("GET", path, query, deadline, limit_bytes=limit_bytes) as exchange:
            return self._json(exchange, deadline)

    @contextmanager
    def stream(self, path: str, query: Mapping[str, str], deadline: Deadline) -> Iterator[Stream]:
        """Ask and read the answer in pieces; raises NoAnswer for an error of the engine."""
        with self._asking("GET", path, query, deadline, limit_bytes=_UNLIMITED) as exchange:
            yield Stream(exchange, self.address, deadline)

    @contextmanager
    def exec_stream(self, container_id: str, command: Sequence[str], deadline: Deadline) -> Iterator[DuplexSocket]:
        """Run a command in a container and talk with it; raises NoAnswer."""
        settings = {
            "AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": False, "Cmd": list(command),
        }  # fmt: skip
        path = f"/containers/{quote(container_id, safe='')}/exec"
        with self._asking("POST", path, {}, deadline, limit_bytes=LIMIT_BYTES, content=settings) as exchange:
            made = self._json(exchange, deadline)
        if not isinstance(made, dict) or not isinstance(made.get("Id"), str):
            raise NoAnswer(f"{self.address.shown} does not start a command in the container")
        start = {"Detach": False, "Tty": False}
        path = f"/exec/{quote(made['Id'], safe='')}/start"
        with self._asking("POST", path, {}, deadline, limit_bytes=_UNLIMITED, content=start, upgrade=True) as one:
            yield DuplexSocket(one.sock, one.wire, one.incoming)

    def containers(self, deadline: Deadline) -> tuple[Entry, ...]:
        """Every container, running or not, asked once in a run; raises NoAnswer."""

        def ask() -> tuple[Entry, ...]:
            listing = self.get("/containers/json", {"all": "1"}, deadline)
            if not isinstance(listing, list) or not all(isinstance(entry, dict) for entry in listing):
                raise NoAnswer(f"{self.address.shown} answers something else than a list of containers")
            return tuple(listing)

        return self._once(self._listing, ask, deadline)

    def inspect(self, container_id: str, deadline: Deadline) -> Mapping[str, Any]:
        """Everything about one container, asked once in a run; raises NoAnswer, Refused 404 when it is gone."""

        def ask() -> Mapping[str, Any]:
            found = self.get(f"/containers/{quote(container_id, safe='')}/json", {}, deadline)
            if not isinstance(found, dict) or not isinstance(found.get("State"), dict):
                raise NoAnswer(f"{self.address.shown} answers something else than facts about a container")
            return found

        with self._lock:
            once = self._inspects.setdefault(container_id, Once())
        return self._once(once, ask, deadline)

    def find(self, service_name: str, deadline: Deadline, services: Sequence[Service]) -> Mapping[str, Any]:
        """Everything about the container of a declared service; raises NoAnswer."""
        entries = self.containers(deadline)
        service = next((service for service in services if service.name == service_name), None)
        found = containers_of(service, entries, self.projects) if service else containers_named(service_name, entries)
        if not found:
            remedy = "look at its name: docker ps --all"
            raise NoAnswer(f"the engine knows no container {service_name}", remedy=remedy)
        return self.inspect(str(found[0].get("Id")), deadline)

    def _once(self, once: Once[T], ask: Callable[[], T], deadline: Deadline) -> T:
        try:
            return once.get(ask, deadline)
        except TimeoutError as error:
            raise NoAnswer(f"{self.address.shown} does not answer within {deadline}") from error

    def close(self) -> None:
        """Let go of the connections that wait for another question."""
        self._connections.close()

    @contextmanager
    def _asking(
        self, method: str, path: str, query: Mapping[str, str], deadline: Deadline, *, limit_bytes: int,
        content: object = None, upgrade: bool = False,
    ) -> Iterator[Exchange]:  # fmt: skip
        target = quote(path, safe="/%:@+,=~") + (f"?{urlencode(query)}" if query else "")
        exchange = self._asked(method, target, deadline, limit_bytes, content, upgrade)
        try:
            if exchange.status >= 300:
                raise self._refusal(f"{method} {path}", exchange, deadline)
            yield exchange
        finally:
            self._let_go(exchange, upgrade=upgrade)

    def _asked(
        self, method: str, target: str, deadline: Deadline, limit_bytes: int, content: object, upgrade: bool
    ) -> Exchange:
        """Send the question, over a connection that was kept if there is one, else over a new one."""
        while True:
            sock, kept = self._connection(deadline)
            exchange = Exchange(sock, deadline, limit_bytes=limit_bytes)
            try:
                with talking(self.address, deadline, sock):
                    exchange.ask(method, target, content, upgrade=upgrade)
            except NoAnswer as failure:
                self._connections.discard(sock)
                # Asking twice does no harm: what begins a command in a container can begin it only once.
                if kept and was_stale(failure.__cause__):
                    continue
                raise
            except BaseException:
                self._connections.discard(sock)
                raise
            return exchange

    def _connection(self, deadline: Deadline) -> tuple[socket.socket, bool]:
        """A connection, and whether it was used before."""
        with connecting(self.address, deadline):
            kept = self._connections.take(deadline, most=_MOST_OVER_SSH if self.address.kind == "ssh" else _MOST)
            if kept is not None:
                return kept, True
            try:
                return connect(self.address, deadline), False
            except BaseException:
                self._connections.discard(None)
                raise

    def _let_go(self, exchange: Exchange, *, upgrade: bool) -> None:
        if exchange.reusable and not upgrade:
            self._connections.give_back(exchange.sock)
        else:
            self._connections.discard(exchange.sock)

    def _json(self, exchange: Exchange, deadline: Deadline) -> Any:
        with talking(self.address, deadline, exchange.sock):
            return json.loads(exchange.body.read_all())

    def _refusal(self, what: str, exchange: Exchange, deadline: Deadline) -> Refused:
        said = b""
        with suppress(NoAnswer), talking(self.address, deadline, exchange.sock):
            while len(said) < _ERROR_BYTES and (piece := exchange.body.read(_ERROR_BYTES)):
                said += piece
        return refused(self.address.shown, what, exchange.status, said)
