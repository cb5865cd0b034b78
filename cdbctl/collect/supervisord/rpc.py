"""Talks XML-RPC with supervisord, over a Unix socket or TCP, with one deadline for everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError
from xmlrpc.client import Fault, ProtocolError, ResponseError, ServerProxy, Transport

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.wire import (
    ConnectTimeoutError,
    Deadline,
    DeadlineSocket,
    TooLongError,
    connect_tcp,
    connect_unix,
)

_LIMIT_BYTES = 16 * 1024 * 1024
_UNKNOWN_METHOD = 1
_SHUTTING_DOWN = 6


@dataclass(frozen=True, slots=True)
class Address:
    """Where supervisord listens."""

    socket_path: str | None
    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether it is on this machine, so that its pids can mean something here."""
        if self.socket_path is not None or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def address(url: str) -> Address:
    """Read ``unix:///path/to/socket`` or ``http://host:port``; raises NoAnswer."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path:
            return Address(parts.netloc + parts.path, "localhost", 0)
        if parts.scheme == "http" and parts.hostname:
            return Address(None, parts.hostname, parts.port or 9001)
    except ValueError:
        pass
    raise NoAnswer(
        "the address of supervisord is neither unix://PATH nor http://HOST:PORT",
        remedy="correct runtime.supervisord.url in cdbctl.yaml",
    )


class Rpc:
    """The questions that are asked of supervisord. None of them changes anything."""

    def __init__(self, where: Address, deadline: Deadline) -> None:
        self._transport = _Transport(where, deadline)
        self._proxy = ServerProxy("http://supervisord", transport=self._transport, allow_none=True)
        self._deadline = deadline

    def ask(self, method: str, *arguments: object) -> Any:
        """Call a method of the ``supervisor`` namespace; raises NoAnswer, and Fault when it is refused."""
        with _translated(self._deadline):
            try:
                return getattr(self._proxy.supervisor, method)(*arguments)
            finally:
                self._transport.hang_up()

    def ask_if_known(self, method: str, *arguments: object) -> Any | None:
        """Like ask, but None when this supervisord refuses."""
        try:
            return self.ask(method, *arguments)
        except Fault:
            return None


class _Transport(Transport):
    accept_gzip_encoding = False

    def __init__(self, where: Address, deadline: Deadline) -> None:
        super().__init__()
        self._where = where
        self._deadline = deadline
        self._wire: DeadlineSocket | None = None

    def make_connection(self, host: Any) -> HTTPConnection:
        path = self._where.socket_path
        if path is None:
            sock = connect_tcp(self._where.host, self._where.port, self._deadline)
        else:
            sock = connect_unix(path, self._deadline)
        self._wire = DeadlineSocket(sock, self._deadline, limit_bytes=_LIMIT_BYTES)
        connection = HTTPConnection(self._where.host)
        connection.sock = self._wire
        return connection

    def hang_up(self) -> None:
        if self._wire is not None:
            self._wire.hang_up()
            self._wire = None


@contextmanager
def _translated(deadline: Deadline) -> Iterator[None]:
    look_at_it = "look whether supervisord runs: supervisorctl status"
    try:
        yield
    except Fault as fault:
        if fault.faultCode == _SHUTTING_DOWN:
            raise NoAnswer("supervisord is shutting down", remedy=look_at_it) from fault
        raise
    except ConnectTimeoutError as error:
        raise NoAnswer(f"does not accept connections within {deadline}", remedy=look_at_it) from error
    except TimeoutError as error:
        reason = f"accepts connections and does not answer within {deadline}"
        raise NoAnswer(reason, remedy="look whether supervisord is frozen or overloaded") from error
    except (ConnectionRefusedError, FileNotFoundError) as error:
        what = "its socket does not exist" if isinstance(error, FileNotFoundError) else "connection refused"
        raise NoAnswer(f"supervisord is not running: {what}", remedy=look_at_it) from error
    except PermissionError as error:
        remedy = "run cdbctl as the user that owns the socket, or set chmod/chown in [unix_http_server]"
        raise NoAnswer("this user may not use the socket of supervisord", remedy=remedy) from error
    except TooLongError as error:
        raise NoAnswer("sends more than an answer of supervisord may have", remedy=look_at_it) from error
    except ProtocolError as error:
        if error.errcode == 401:
            remedy = "give cdbctl the Unix socket: a login over TCP is not supported"
            raise NoAnswer("supervisord asks for a user name and a password", remedy=remedy) from error
        reason = f"answers {error.errcode} {error.errmsg}: this is not the XML-RPC page of supervisord"
        raise NoAnswer(reason, remedy="correct runtime.supervisord.url in cdbctl.yaml") from error
    except (ExpatError, ResponseError, HTTPException, ValueError, TypeError, KeyError) as error:
        reason = f"does not speak XML-RPC: {type(error).__name__}: {error!s:.200}"
        raise NoAnswer(reason, remedy="correct runtime.supervisord.url in cdbctl.yaml") from error
    except OSError as error:
        raise NoAnswer(f"cannot be reached: {error.strerror or error}", remedy=look_at_it) from error
