"""A way to a port inside a container that cannot be connected to from here: through ``docker exec``.

Its near end is a Unix socket in a folder that only this user may enter. It is never a port of the loopback address:
official images trust whoever connects from 127.0.0.1, so every user of this machine could have walked in.
"""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.far_link import BLOCK_BYTES, FarLink, dial, publish
from cdbctl.collect.wire import Deadline, connect_unix

if TYPE_CHECKING:
    from cdbctl.collect.docker.engine import Engine

_LONGEST_PATH = 100
"""Of a socket: macOS has 104 bytes for it, Linux 108."""
_WAITING = 16


class Tunnel:
    """The near end. Every connection that it accepts gets a far end of its own."""

    def __init__(self, path: str, first: FarLink, dial_again: Callable[[], FarLink], deadline: Deadline) -> None:
        self.path = path
        self.carrier = first.greeting
        """The program that carries the bytes inside the container."""
        self.failure: NoAnswer | None = None
        """Why a later connection got no far end."""
        self._ready: list[FarLink] = [first]
        self._dial_again = dial_again
        self._deadline = deadline
        self._closed = False
        self._open: list[tuple[socket.socket, FarLink]] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listening = _listen(path)
        self._start(self._accept)

    def close(self) -> None:
        """End every connection and every thread."""
        with self._lock:
            self._closed = True
        # A thread that waits in accept() only notices a connection.
        with suppress(OSError), closing(connect_unix(self.path, Deadline(1.0))):
            pass
        with self._lock:
            for near, far in self._open:
                _shut(near)
                far.hang_up()
        while self._threads:
            self._threads.pop().join()
        for far in self._ready:
            far.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with self._listening, suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self._closed:
                    near.close()
                    return
                self._start(self._serve, near)

    def _serve(self, near: socket.socket) -> None:
        with near:
            try:
                far = self._far()
            except NoAnswer as failure:
                self.failure = failure
                return
            with suppress(OSError), closing(far), self._known(near, far):
                near.settimeout(self._deadline.left())
                sending = threading.Thread(target=_send, args=(near, far), daemon=True)
                sending.start()
                try:
                    _receive(near, far)
                except NoAnswer as failure:
                    # What an engine says after our own client has gone is of no interest.
                    self.failure = failure if sending.is_alive() else self.failure
                finally:
                    _shut(near)
                    far.hang_up()
                    sending.join()

    def _far(self) -> FarLink:
        with self._lock:
            if self._ready:
                return self._ready.pop()
        return self._dial_again()

    @contextmanager
    def _known(self, near: socket.socket, far: FarLink) -> Iterator[None]:
        """Let ``close`` know what is open, for as long as it is."""
        with self._lock:
            if self._closed:
                raise OSError
            self._open.append((near, far))
        try:
            yield
        finally:
            with self._lock:
                self._open.remove((near, far))


@contextmanager
def tunnel(
    engine: Engine, identity: str, name: str, port: int, deadline: Deadline, *, socket_name: str
) -> Iterator[Tunnel]:
    """Open a way to a port inside the container ``name``, for as long as the block lasts; raises NoAnswer.

    The first connection is made here, so a way that leads nowhere is noticed before anyone goes it.
    """
    if not hasattr(socket, "AF_UNIX"):
        reason = f"port {port} of {name} is not published, and a tunnel needs Unix sockets, which this system has not"
        raise NoAnswer(reason, remedy=publish(port))

    def dial_again() -> FarLink:
        return dial(engine, identity, name, port, deadline)

    with _private_folder(socket_name) as folder:
        first = dial_again()
        try:
            way = Tunnel(str(folder / socket_name), first, dial_again, deadline)
        except OSError as error:
            first.close()
            raise NoAnswer(f"no tunnel into {name}: {error.strerror or error}", remedy=publish(port)) from error
        with closing(way):
            yield way


def _receive(near: socket.socket, far: FarLink) -> None:
    """Pass on what the server sends, until it hangs up or the time is over."""
    while data := far.recv():
        near.sendall(data)


def _send(near: socket.socket, far: FarLink) -> None:
    """Pass on what our client sends; when it hangs up, the far end ends."""
    with suppress(OSError):
        while data := near.recv(BLOCK_BYTES):
            far.sendall(data)
    far.close_writing()


def _listen(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        listening.listen(_WAITING)
    except OSError:
        listening.close()
        raise
    return listening


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def _private_folder(socket_name: str) -> Iterator[Path]:
    """A folder that nobody else may enter, with a path short enough for a socket in it; gone afterwards."""
    usual = Path(tempfile.gettempdir())
    is_short = len(str(usual)) + len(socket_name) + len("/cdbctl-12345678/") < _LONGEST_PATH
    with tempfile.TemporaryDirectory(prefix="cdbctl-", dir=usual if is_short else "/tmp") as folder:  # noqa: S108 - the name is random and the folder private
        yield Path(folder)
