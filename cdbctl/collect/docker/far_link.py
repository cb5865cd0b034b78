"""The far end of a tunnel: a command inside the container that carries one connection to a port there."""

from __future__ import annotations

import math
from contextlib import ExitStack
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.wire import Deadline

if TYPE_CHECKING:
    from cdbctl.collect.docker.duplex import DuplexSocket
    from cdbctl.collect.docker.engine import Engine

BLOCK_BYTES = 64 * 1024
_GREETING = b"cdbctl-tunnel "
_LONGEST_GREETING = 400
_ABSENT = ("executable file not found", "no such file or directory", "not found in $path")
"""What engines say, in lower case, when the program of a command is not there."""


class FarLink:
    """One connection to the port: bytes in both directions, until one side hangs up."""

    def __init__(self, stream: DuplexSocket, held: ExitStack, greeting: str, ahead: bytes) -> None:
        self.greeting = greeting
        self._stream = stream
        self._held = held
        self._ahead = ahead

    def sendall(self, data: bytes) -> None:
        """Raises OSError."""
        self._stream.sendall(data)

    def recv(self) -> bytes:
        """The next bytes, ``b""`` at the end; raises OSError and NoAnswer."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        return self._stream.recv(BLOCK_BYTES)

    def close_writing(self) -> None:
        """Tell the far end that nothing more comes: it then ends by itself."""
        self._stream.close_writing()

    def hang_up(self) -> None:
        """Wake whoever waits for the far end."""
        self._stream.hang_up()

    def close(self) -> None:
        self._held.close()


def dial(engine: Engine, identity: str, name: str, port: int, deadline: Deadline) -> FarLink:
    """Connect to a port inside a container by the first program there that can; raises NoAnswer."""
    for command in _commands(port, deadline):
        try:
            link = _link(engine, identity, command, deadline)
        except NoAnswer as failure:
            if _is_absent(failure.reason):
                continue
            raise
        if link.greeting in ("bash", "socat", "nc", "python3"):
            return link
        link.close()
        if link.greeting == "closed":
            remedy = f"look at what {name} listens on: docker logs --tail 50 {name}"
            raise NoAnswer(f"nothing listens on port {port} inside {name}", remedy=remedy)
        if link.greeting not in ("use-python3", "nothing") and not _is_absent(link.greeting):
            said = link.greeting or "it ended without a word"
            raise NoAnswer(f"no tunnel into {name} through docker exec: {said:.300}", remedy=publish(port))
    raise NoAnswer(
        f"port {port} of {name} is not published, and nothing inside could carry a connection to it: "
        "there is neither bash, socat, nc nor python3",
        remedy=publish(port),
    )


def publish(port: int) -> str:
    """What makes a tunnel unnecessary."""
    return f'publish the port to this machine alone, in the compose file: ports: ["127.0.0.1::{port}"]'


def _link(engine: Engine, identity: str, command: tuple[str, ...], deadline: Deadline) -> FarLink:
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(engine.exec_stream(identity, command, deadline))
            greeting, ahead = _greeting(stream)
            return FarLink(stream, stack.pop_all(), greeting, ahead)
        except OSError as error:
            what = f"does not begin within {deadline}" if isinstance(error, TimeoutError) else f"broke: {error}"
            raise NoAnswer(f"the tunnel through docker exec {what}") from error


def _greeting(stream: DuplexSocket) -> tuple[str, bytes]:
    """What the first line says, or whatever came instead of a greeting; and what came behind it."""
    said = b""
    while b"\n" not in said and len(said) < _LONGEST_GREETING and (data := stream.recv(BLOCK_BYTES)):
        said += data
    line, _, ahead = said.partition(b"\n")
    words = line.removeprefix(_GREETING) if line.startswith(_GREETING) else said + stream.stderr.encode()
    return " ".join(words.decode("utf-8", errors="backslashreplace").split()), ahead


def _commands(port: int, deadline: Deadline) -> tuple[tuple[str, ...], ...]:
    # Should we be killed and the engine not notice it, the far end still ends by itself.
    seconds = str(math.ceil(max(0.0, deadline.seconds)) + 1)
    return (
        ("sh", "-c", _source("far_end.sh"), "cdbctl", str(port), seconds),
        ("python3", "-c", _source("far_end.py"), str(port), seconds),
    )


@cache
def _source(name: str) -> str:
    return files("cdbctl.collect.docker").joinpath(name).read_text(encoding="utf-8")


def _is_absent(words: str) -> bool:
    return any(sign in words.lower() for sign in _ABSENT)
