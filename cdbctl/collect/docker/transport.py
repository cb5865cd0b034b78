"""Connections to an engine: Unix sockets, TCP with or without TLS, ssh, Windows named pipes."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.address import Address, Tls
from cdbctl.collect.wire import ConnectTimeoutError, Deadline, connect_tcp, connect_unix

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Buffer


def connect(address: Address, deadline: Deadline) -> socket.socket:
    """Connect to the engine; raises OSError, or NoAnswer where the reason is not the engine's."""
    if address.kind == "unix":
        return connect_unix(address.path, deadline)
    if address.kind == "ssh":
        from cdbctl.collect.docker.ssh import connect_ssh

        return connect_ssh(address, deadline)
    if address.kind == "npipe":
        return cast(socket.socket, _connect_pipe(address.path, deadline))
    sock = connect_tcp(address.host, address.port, deadline)
    if address.tls is None:
        return sock
    try:
        sock.settimeout(deadline.left())
        return _tls_context(address.tls).wrap_socket(sock, server_hostname=address.host)
    except (OSError, NoAnswer):
        sock.close()
        raise


def _tls_context(tls: Tls) -> ssl.SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert and tls.key:
            # A callable instead of a prompt: nobody sits here to type the password of a key.
            context.load_cert_chain(tls.cert, tls.key, password=lambda: b"")
    except (OSError, ValueError) as error:
        reason = f"the TLS files {tls.ca or 'of the system'} and {tls.cert or 'no certificate'} cannot be used: {error}"
        raise NoAnswer(reason, remedy="look at ca.pem, cert.pem and key.pem") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _connect_pipe(path: str, deadline: Deadline) -> _Pipe:
    from importlib import import_module

    try:
        npipe = import_module("docker.transport.npipesocket")
    except ImportError as error:
        remedy = "name a unix://, tcp:// or ssh:// address"
        raise NoAnswer("this system has no Windows named pipes", remedy=remedy) from error
    return _Pipe(npipe.NpipeSocket(), path, deadline)


class _Pipe:
    """As much of a socket over a named pipe as is used here.

    Of the library's methods only ``recv_into`` and ``send`` keep to a timeout, and none raises OSError.
    """

    def __init__(self, pipe: Any, path: str, deadline: Deadline) -> None:
        self._pipe = pipe
        self._call(pipe.settimeout, deadline.left())
        try:
            self._call(pipe.connect, path.replace("/", "\\"))
        except FileNotFoundError:
            raise
        except TimeoutError as error:
            raise ConnectTimeoutError from error

    def settimeout(self, seconds: float | None) -> None:
        self._pipe.settimeout(seconds)

    def recv_into(self, buffer: Buffer) -> int:
        try:
            return int(self._call(self._pipe.recv_into, buffer))
        except BrokenPipeError:
            return 0

    def sendall(self, data: Buffer) -> None:
        left = memoryview(data).cast("B")
        while left:
            left = left[int(self._call(self._pipe.send, bytes(left))) :]

    def shutdown(self, _how: int) -> None:
        """A named pipe has no half that could be closed alone."""

    def close(self) -> None:
        with suppress(OSError):
            self._call(self._pipe.close)

    @staticmethod
    def _call(function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (OSError, ValueError):
            raise
        except Exception as error:
            # pywintypes.error is no OSError, and that module exists on Windows only.
            code = getattr(error, "winerror", None)
            if code is None:
                raise
            kinds = {2: FileNotFoundError, 5: PermissionError, 109: BrokenPipeError, 121: TimeoutError}
            raise kinds.get(code, OSError)(code, str(error)) from error
