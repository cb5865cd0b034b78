"""A socket in front of a Docker engine that spoils its answers."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BLOCK_BYTES = 64 * 1024
ERROR = b'{"message":"the layer store is on fire"}'
SERVER_ERROR = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(ERROR)
) + ERROR

Spoil = Callable[[bytes, int], bytes | None]
"""From a piece of an answer and the bytes before it: what is passed on, or None to hang up."""


def silence(piece: bytes, before: int) -> bytes | None:
    """Accept and never answer."""
    return b""


def server_error(piece: bytes, before: int) -> bytes | None:
    """Answer 500 to everything."""
    return SERVER_ERROR if before == 0 else None


def cut_after(limit: int) -> Spoil:
    """Hang up in the middle of an answer."""

    def spoil(piece: bytes, before: int) -> bytes | None:
        return piece[: limit - before] if before < limit else None

    return spoil


def nonsense(piece: bytes, before: int) -> bytes | None:
    """Something that is no HTTP."""
    return b"\x00\x01 <html> 200 OK?\r\n\r\n"


class _Front:
    """The listening socket, and every connection that came in through it."""

    def __init__(self, server: socket.socket, engine: Path, spoil: Spoil) -> None:
        self._server = server
        self._engine = engine
        self._spoil = spoil
        self._closing = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        """End every connection and wait for its threads."""
        self._closing.set()
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            # Again and again: one may have been about to connect.
            for one in (self._server, *self._sockets):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            alive[0].join(0.1)
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            upstream = socket.socket(socket.AF_UNIX)
            self._sockets += [client, upstream]
            self._begin(self._serve, client, upstream)

    def _serve(self, client: socket.socket, upstream: socket.socket) -> None:
        with suppress(OSError):
            upstream.connect(str(self._engine))
            self._begin(self._ask, client, upstream)
            before = 0
            while (piece := upstream.recv(BLOCK_BYTES)) and (passed := self._spoil(piece, before)) is not None:
                client.sendall(passed)
                before += len(piece)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _ask(self, client: socket.socket, upstream: socket.socket) -> None:
        with suppress(OSError):
            while question := client.recv(BLOCK_BYTES):
                upstream.sendall(question)
            upstream.shutdown(socket.SHUT_WR)

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()


@contextmanager
def in_front_of(engine: Path, spoil: Spoil) -> Iterator[Path]:
    """A socket that passes questions on and spoils the answers."""
    with tempfile.TemporaryDirectory(prefix="cdbctl-proxy-") as folder, socket.socket(socket.AF_UNIX) as server:
        path = Path(folder) / "engine.sock"
        server.bind(str(path))
        server.listen(64)
        front = _Front(server, engine, spoil)
        try:
            yield path
        finally:
            front.close()
