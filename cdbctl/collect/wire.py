"""Sockets that keep to one deadline for the whole conversation, however slowly the other side drips."""

from __future__ import annotations

import io
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Deadline:
    """A moment after which nobody waits any longer."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def __str__(self) -> str:
        return f"{round(self.seconds, 2):g} s"

    def left(self) -> float:
        """Seconds that are left; raises TimeoutError when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def used_share(self) -> float:
        """How much of the time is used up: 1 when all of it is."""
        return 1 - (self._end - time.monotonic()) / self.seconds

    def passed(self) -> bool:
        """Whether the moment is over."""
        return time.monotonic() >= self._end


class ConnectTimeoutError(TimeoutError):
    """Nobody accepted the connection in time."""


class TooLongError(OSError):
    """The other side sent more than was allowed."""


class DeadlineSocket:
    """As much of a socket as ``http.client`` uses, with one deadline over all of its reads and writes.

    A timeout of an ordinary socket starts anew with every byte, so a server that drips would hold us for ever.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline, *, limit_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._limit_bytes = limit_bytes

    def sendall(self, data: Buffer) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, mode: str, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._sock, self._deadline, self._limit_bytes))

    def close(self) -> None:
        """Do nothing: a response is still read after its connection object let go of the socket."""

    def hang_up(self) -> None:
        with suppress(OSError):
            self._sock.close()


class _Incoming(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: Deadline, limit_bytes: int) -> None:
        self._sock = sock
        self._deadline = deadline
        self._left_bytes = limit_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(buffer)
        self._left_bytes -= count
        if self._left_bytes < 0:
            raise TooLongError
        return count


def connect_tcp(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of ``host`` that accepts; raises OSError."""
    refusal: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left())
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError as error:
            sock.close()
            raise ConnectTimeoutError from error
        except OSError as error:
            sock.close()
            refusal = error
        else:
            return sock
    raise refusal or OSError(f"{host} has no address")


def connect_unix(path: str, deadline: Deadline) -> socket.socket:
    """Connect to a Unix socket; raises OSError, also where the system has none."""
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.left())
        sock.connect(path)
    except TimeoutError as error:
        sock.close()
        raise ConnectTimeoutError from error
    except OSError:
        sock.close()
        raise
    return sock
