"""A connection to an engine through ``ssh HOST docker system dial-stdio``, as the docker CLI makes it."""

from __future__ import annotations

import socket
import subprocess
import threading
from contextlib import suppress
from typing import IO, cast

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.address import Address
from cdbctl.collect.wire import Deadline

_BLOCK_BYTES = 64 * 1024


def connect_ssh(address: Address, deadline: Deadline) -> socket.socket:
    """Start an ssh that talks with the engine there; it ends when the socket is closed. Raises OSError, NoAnswer."""
    return _Bridge(address, deadline).here


class SshSocket(socket.socket):
    """Our end of the bridge: it knows what ssh said when it gave up."""

    bridge: _Bridge | None = None

    def close(self) -> None:
        super().close()
        if self.bridge is not None:
            bridge, self.bridge = self.bridge, None
            bridge.end()

    def said(self) -> str:
        """The last words of an ssh that has ended; empty when it said nothing."""
        return self.bridge.last_words() if self.bridge is not None else ""


class _Bridge:
    """A process with pipes on one side, a socket on the other: pipes have no timeouts, sockets have."""

    def __init__(self, address: Address, deadline: Deadline) -> None:
        host = f"{address.user}@{address.host}" if address.user else address.host
        port = ("-p", str(address.port)) if address.port else ()
        timeout = f"ConnectTimeout={max(1, round(deadline.left()))}"
        # BatchMode: it must never ask for a password, nobody would answer.
        command = ("ssh", "-o", "BatchMode=yes", "-o", timeout, "-T", *port, "--", host)
        try:
            self._process = subprocess.Popen(
                (*command, "docker", "system", "dial-stdio"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
        except FileNotFoundError as error:
            raise NoAnswer("there is no ssh program on the PATH", remedy="install an OpenSSH client") from error
        ours, theirs = socket.socketpair()
        self._words = b""
        self.here = SshSocket(ours.family, ours.type, ours.proto, fileno=ours.detach())
        self.here.bridge = self
        self._there = theirs
        self._pumps = [threading.Thread(target=pump, daemon=True) for pump in (self._send, self._receive, self._listen)]
        for pump in self._pumps:
            pump.start()

    def end(self) -> None:
        """End ssh by its pid; it is gone afterwards."""
        with suppress(OSError):
            self._there.shutdown(socket.SHUT_RDWR)
        self._process.terminate()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pump in self._pumps:
            pump.join(0.5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                cast(IO[bytes], pipe).close()
        self._there.close()

    def last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)
        self._pumps[2].join(0.2)
        lines = self._words.decode("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _send(self) -> None:
        pipe = cast(IO[bytes], self._process.stdin)
        with suppress(OSError, ValueError):
            while data := self._there.recv(_BLOCK_BYTES):
                left = memoryview(data)
                while left:
                    left = left[pipe.write(left) :]
        with suppress(OSError, ValueError):
            pipe.close()

    def _receive(self) -> None:
        pipe = cast(IO[bytes], self._process.stdout)
        with suppress(OSError, ValueError):
            while data := pipe.read(_BLOCK_BYTES):
                self._there.sendall(data)
        with suppress(OSError):
            self._there.shutdown(socket.SHUT_WR)

    def _listen(self) -> None:
        pipe = cast(IO[bytes], self._process.stderr)
        with suppress(OSError, ValueError):
            while data := pipe.read(_BLOCK_BYTES):
                self._words = (self._words + data)[-4096:]
