"""A Windows named pipe behaves as a socket, with the library's pipe replaced by one that exists here."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.wire import Deadline
from tests.collect.docker.worlds import Talk, engine_at, listening, says, says_and_hangs_up


class WindowsError(Exception):
    """As pywintypes.error: it is no OSError, and carries a number of Windows."""

    def __init__(self, winerror: int) -> None:
        super().__init__(winerror, "ReadFile", "in the words of Windows")
        self.winerror = winerror


class Pipe:
    """What docker-py has, over a Unix socket: short writes, and errors of its own kind."""

    address = ""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_UNIX)

    def settimeout(self, seconds: float) -> None:
        self._sock.settimeout(seconds)

    def connect(self, address: str) -> None:
        assert address == r"\\.\pipe\docker_engine"
        if not self.address:
            self._sock.close()
            raise WindowsError(2)
        self._sock.connect(self.address)

    def recv_into(self, buffer: bytearray) -> int:
        count = self._sock.recv_into(buffer)
        if not count:
            raise WindowsError(109)
        return count

    def send(self, data: bytes) -> int:
        return self._sock.send(data[:7])

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Pipe]]:
    module: Any = ModuleType("docker.transport.npipesocket")
    module.NpipeSocket = Pipe
    monkeypatch.setitem(sys.modules, "docker.transport.npipesocket", module)
    yield Pipe
    Pipe.address = ""


def ask(talk: Talk, pipe: type[Pipe]) -> object:
    with listening(talk) as address:
        pipe.address = address.removeprefix("unix://")
        engine = engine_at("npipe:////./pipe/docker_engine")
        try:
            return engine.get("/x", {}, Deadline(0.5))
        finally:
            engine.close()


def test_questions_and_answers_go_through_it(pipe: type[Pipe]) -> None:
    assert ask(says(b"[1]"), pipe) == [1]


def test_its_end_is_the_end_of_the_answer(pipe: type[Pipe]) -> None:
    assert ask(says_and_hangs_up(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[2]"), pipe) == [2]
    with pytest.raises(NoAnswer, match="broke off"):
        ask(says_and_hangs_up(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[2]"), pipe)


def test_it_keeps_to_the_deadline(pipe: type[Pipe]) -> None:
    with pytest.raises(NoAnswer, match="does not answer"):
        ask(lambda _, __: None, pipe)


def test_a_pipe_that_is_not_there_is_told_as_such(pipe: type[Pipe]) -> None:
    with pytest.raises(NoAnswer, match="does not exist"):
        engine_at("npipe:////./pipe/docker_engine").get("/x", {}, Deadline(1))
