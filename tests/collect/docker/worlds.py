"""Small servers on Unix sockets that behave as no engine should, and addresses of engines for the tests."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cdbctl.collect.docker.engine import Engine
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service
from cdbctl.settings import DockerSource
from tests.collect.servers import service

Talk = Callable[[socket.socket, bytes], None]
"""Takes a connection and the head of a question; the connection is closed afterwards."""


def docker_source(host: str | None = None, context: str | None = None, tls: str | None = None) -> DockerSource:
    return DockerSource(projects=(), host=host, context=context, tls=tls)


def engine_at(address: str, environment: Mapping[str, str] | None = None) -> Engine:
    return Engine(docker_source(address), root=Path.cwd(), environment=environment or {})


def declared(name: str, *, project: str | None = None, key: str | None = None) -> Service:
    return replace(service(name), project=project, compose_service=key)


def last_hour() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(hours=1), now + timedelta(minutes=1))


@contextmanager
def short_folder() -> Iterator[Path]:
    """The path of a Unix socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="cdb") as folder:
        yield Path(folder)


@contextmanager
def listening(talk: Talk) -> Iterator[str]:
    """A server on a Unix socket whose every connection is handed to ``talk``; yields its address."""
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen(64)
        threading.Thread(target=_serve, args=(server, talk), daemon=True).start()
        try:
            yield f"unix://{folder / 's'}"
        finally:
            # Closing alone does not wake a thread that waits for a connection.
            server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, talk: Talk) -> None:
    with suppress(OSError):
        while True:
            sock, _ = server.accept()
            threading.Thread(target=_handle, args=(sock, talk), daemon=True).start()


def _handle(sock: socket.socket, talk: Talk) -> None:
    with sock, suppress(OSError):
        while head := read_head(sock):
            talk(sock, head)


def read_head(sock: socket.socket) -> bytes:
    """Up to the empty line behind the headers; empty when the other side has hung up."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(65536)
        if not data:
            return b""
        head += data
    return head


def says(body: bytes, *, status: str = "200 OK", headers: str = "") -> Talk:
    """The same answer to every question, over a connection that stays open."""
    answer = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
    return lambda sock, _: sock.sendall(answer)


def says_and_hangs_up(data: bytes) -> Talk:
    def talk(sock: socket.socket, _: bytes) -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)

    return talk
