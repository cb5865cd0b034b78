"""The two-way stream of a command that runs inside a container."""

from __future__ import annotations

import socket
from contextlib import suppress
from io import BufferedReader

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.wire import DeadlineSocket

_HEADER_BYTES = 8
_STDERR_BYTES = 4096
_LARGEST_FRAME_BYTES = 64 * 1024 * 1024


class DuplexSocket:
    """As much of a socket as a tunnel needs: bytes go to stdin, bytes come from stdout. Raises OSError, NoAnswer."""

    def __init__(self, sock: socket.socket, wire: DeadlineSocket, incoming: BufferedReader) -> None:
        self._sock = sock
        self._wire = wire
        self._incoming = incoming
        self._left = 0
        self._kind = 0
        self._stderr = b""

    @property
    def stderr(self) -> str:
        """The end of what the command complained about so far."""
        return self._stderr.decode("utf-8", errors="backslashreplace")

    def sendall(self, data: bytes) -> None:
        self._wire.sendall(data)

    def recv(self, size: int) -> bytes:
        """Up to ``size`` bytes of stdout; ``b""`` when the command has ended."""
        while True:
            if not self._left and not self._begin_frame():
                return b""
            data = self._incoming.read1(min(size, self._left))
            if not data:
                return b""
            self._left -= len(data)
            if self._kind == 1:
                return data
            if self._kind == 2:
                self._stderr = (self._stderr + data)[-_STDERR_BYTES:]

    def close_writing(self) -> None:
        """Tell the command that nothing more comes, where the connection can say so."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """End the conversation from another thread: whoever waits in ``recv`` wakes up."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _begin_frame(self) -> bool:
        header = self._incoming.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return False
        self._kind, self._left = header[0], int.from_bytes(header[4:], "big")
        if self._kind > 3 or header[1:4] != b"\0\0\0" or self._left > _LARGEST_FRAME_BYTES:
            raise NoAnswer("the engine sends something else than the output of a command")
        if self._kind == 3:
            said = self._incoming.read(min(self._left, _STDERR_BYTES)).decode("utf-8", errors="backslashreplace")
            raise NoAnswer(f"the engine gave up on the command: {' '.join(said.split())}")
        return True
