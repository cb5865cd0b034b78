"""Every way in which an engine can fail, in words for a person."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.address import Address
from cdbctl.collect.wire import ConnectTimeoutError, Deadline, TooLongError

_LOOK = "look whether the engine runs: docker info"
_MESSAGE_CHARACTERS = 300


class Refused(NoAnswer):
    """The engine answered, and the answer is an error."""

    def __init__(self, status: int, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason, remedy=remedy)
        self.status = status
        """Of HTTP, e.g. 404 for a container that is gone."""


@contextmanager
def connecting(address: Address, deadline: Deadline) -> Iterator[None]:
    """Translate what goes wrong before the engine has accepted."""
    who = f"{address.shown} ({address.named_by})"
    correct = f"start the engine, or correct {address.named_by}"
    try:
        yield
    except TimeoutError as error:
        reason = f"{who} does not accept connections within {deadline}"
        raise NoAnswer(reason, remedy="look whether the engine is overloaded or a firewall drops it") from error
    except FileNotFoundError as error:
        raise NoAnswer(f"the engine is not running: {who} does not exist", remedy=correct) from error
    except PermissionError as error:
        remedy = "run cdbctl as a user of the group that owns the socket (often: docker)"
        raise NoAnswer(f"this user may not use {who}", remedy=remedy) from error
    except ConnectionRefusedError as error:
        raise NoAnswer(f"the engine is not running: {who} refuses connections", remedy=correct) from error
    except socket.gaierror as error:
        raise NoAnswer(f"the name of {who} cannot be resolved: {error.strerror}", remedy=correct) from error
    except OSError as error:
        # ssl.SSLError is one; importing ssl only to name it costs more than the sentence gains.
        what = getattr(error, "verify_message", "") or error.strerror or str(error)
        remedy = "look at runtime.docker.tls, DOCKER_CERT_PATH or the context" if address.tls else correct
        raise NoAnswer(f"{who} cannot be reached: {what}", remedy=remedy) from error


@contextmanager
def talking(address: Address, deadline: Deadline, sock: socket.socket) -> Iterator[None]:
    """Translate what goes wrong after the engine has accepted."""
    who = address.shown
    try:
        yield
    except ConnectTimeoutError:
        raise
    except TimeoutError as error:
        reason = f"{who} accepts connections and does not answer completely within {deadline}"
        raise NoAnswer(reason, remedy="look whether the engine is frozen or overloaded") from error
    except TooLongError as error:
        raise NoAnswer(f"{who} sends more than an answer of an engine may have", remedy=_LOOK) from error
    except (RemoteDisconnected, ConnectionError) as error:
        raise _hung_up(who, sock) from error
    except IncompleteRead as error:
        raise NoAnswer(f"{who} broke off in the middle of an answer", remedy=_LOOK) from error
    except (HTTPException, ValueError, RecursionError) as error:
        what = f"{type(error).__name__}: {shortened(str(error))}".rstrip(": ")
        remedy = f"look whether an engine listens there ({address.named_by})"
        raise NoAnswer(f"{who} does not speak the language of an engine: {what}", remedy=remedy) from error
    except OSError as error:
        raise NoAnswer(f"the connection to {who} broke: {error.strerror or error}", remedy=_LOOK) from error


def refused(who: str, what: str, status: int, body: bytes) -> Refused:
    """The answer of the engine to a question that it does not want to answer."""
    said = shortened(_message(body))
    reason = f"{who} answers {status} to {what}" + (f": {said}" if said else "")
    if "HTTP request to an HTTPS server" in said:
        return Refused(status, reason, remedy="set DOCKER_TLS_VERIFY=1 or runtime.docker.tls in cdbctl.yaml")
    if status in (401, 403):
        return Refused(status, reason, remedy="allow this user to read from the engine")
    return Refused(status, reason, remedy=_LOOK if status >= 500 else "")


def shortened(text: str) -> str:
    """One short line."""
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_CHARACTERS else line[: _MESSAGE_CHARACTERS - 1] + "…"


def _hung_up(who: str, sock: socket.socket) -> NoAnswer:
    said = getattr(sock, "said", str)()
    if said:
        remedy = "try it by hand: ssh -o BatchMode=yes HOST docker system dial-stdio"
        return NoAnswer(f"{who} cannot be reached: {shortened(said)}", remedy=remedy)
    return NoAnswer(f"{who} hung up without an answer", remedy=_LOOK)


def _message(body: bytes) -> str:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", errors="backslashreplace")
    message = data.get("message", data.get("cause", "")) if isinstance(data, dict) else ""
    return message if isinstance(message, str) else ""
