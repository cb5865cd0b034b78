"""Every way in which an engine can fail has its reason, its remedy, and an end in time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.failures import Refused
from cdbctl.collect.wire import Deadline
from tests.collect.docker.worlds import declared, engine_at, listening, says, says_and_hangs_up, short_folder
from tests.collect.servers import free_port, silent_port

BRIEF_SECONDS = 0.4


def failure(address: str, ask: Callable[[Engine, Deadline], object] | None = None) -> NoAnswer:
    engine = engine_at(address)
    started = time.monotonic()
    try:
        with pytest.raises(NoAnswer) as caught:
            (ask or (lambda e, deadline: e.get("/version", {}, deadline)))(engine, Deadline(BRIEF_SECONDS))
    finally:
        engine.close()
    assert time.monotonic() - started < BRIEF_SECONDS + 1, "it kept nobody waiting"
    return caught.value


def test_no_socket_names_it_and_who_wrote_it() -> None:
    with short_folder() as folder:
        no = failure(f"unix://{folder}/none.sock")
    assert no.reason.endswith("none.sock (runtime.docker.host in cdbctl.yaml) does not exist")
    assert no.remedy == "start the engine, or correct runtime.docker.host in cdbctl.yaml"


def test_a_socket_of_a_dead_engine_refuses() -> None:
    with short_folder() as folder:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(folder / "s"))
        no = failure(f"unix://{folder}/s")
    assert "the engine is not running" in no.reason
    assert "refuses connections" in no.reason


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_of_another_user_names_the_group_as_the_remedy() -> None:
    with short_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen()
        os.chmod(folder / "s", 0o600)  # noqa: PTH101 - a socket
        folder.chmod(0o755)
        os.seteuid(65534)
        try:
            no = failure(f"unix://{folder}/s")
        finally:
            os.seteuid(0)
    assert "this user may not use" in no.reason
    assert "group" in no.remedy


def test_a_port_where_nothing_listens() -> None:
    assert "refuses connections" in failure(f"tcp://127.0.0.1:{free_port()}").reason


def test_a_name_that_nobody_knows() -> None:
    assert "cannot be resolved" in failure("tcp://nobody.invalid:2375").reason


def test_an_engine_that_accepts_and_never_answers_costs_its_deadline() -> None:
    with silent_port() as port:
        no = failure(f"tcp://127.0.0.1:{port}")
    assert no.reason.endswith("accepts connections and does not answer completely within 0.4 s")
    assert "frozen or overloaded" in no.remedy


def drips(sock: socket.socket, _: bytes) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 1000:
        sock.sendall(bytes([byte]))
        time.sleep(0.02)


def test_an_engine_that_drips_costs_its_deadline_too() -> None:
    with listening(drips) as address:
        assert "does not answer completely within 0.4 s" in failure(address).reason


def test_an_error_of_the_engine_is_quoted_in_one_short_line() -> None:
    body = b'{"message": "driver failed:\\n' + b"x" * 5000 + b'"}'
    with listening(says(body, status="500 Internal Server Error")) as address:
        no = failure(address)
    assert isinstance(no, Refused)
    assert no.status == 500
    assert "answers 500 to GET /version: driver failed: xxx" in no.reason
    assert len(no.reason) < 450


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"message": 5}', b"\xff\xfe", b"", b"[" * 30_000])
def test_an_error_in_another_form_is_an_error_all_the_same(body: bytes) -> None:
    with listening(says(body, status="502 Bad Gateway")) as address:
        assert "answers 502" in failure(address).reason


def test_a_tls_port_without_tls_says_what_to_set() -> None:
    body = b"Client sent an HTTP request to an HTTPS server.\n"
    with listening(says(body, status="400 Bad Request")) as address:
        assert "DOCKER_TLS_VERIFY=1" in failure(address).remedy


def test_a_redirect_is_not_followed() -> None:
    with listening(says(b"", status="301 Moved", headers="Location: http://elsewhere/\r\n")) as address:
        assert "answers 301" in failure(address).reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[1", "broke off in the middle"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,", "broke off in the middle"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[1", "does not speak the language of an engine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff", "does not speak the language of an engine"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 50_000, "does not speak the language of an engine"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak the language of an engine"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "does not speak the language of an engine"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500, "does not speak the language of an engine"),
        (b"", "hung up without an answer"),
    ],
)
def test_half_an_answer_is_no_answer(answer: bytes, reason: str) -> None:
    with listening(says_and_hangs_up(answer)) as address:
        assert reason in failure(address).reason


def test_more_than_an_answer_may_have_is_not_read() -> None:
    with listening(says(b"[" + b"1," * 100_000 + b"1]")) as address:
        no = failure(address, lambda e, deadline: e.get("/x", {}, deadline, limit_bytes=10_000))
    assert "sends more than an answer of an engine may have" in no.reason


@pytest.mark.parametrize("body", [b"{}", b"5", b"null", b"[1]", b'["x"]'])
def test_a_listing_of_something_else_is_no_listing(body: bytes) -> None:
    with listening(says(body)) as address:
        assert "something else than a list" in failure(address, lambda e, d: e.containers(d)).reason


def test_a_container_that_nobody_knows_is_named() -> None:
    with listening(says(b"[]")) as address:
        no = failure(address, lambda e, d: e.find("cdb_risk", d, [declared("cdb_risk")]))
    assert no.reason == "the engine knows no container cdb_risk"


def test_a_kept_connection_that_went_stale_is_replaced_without_a_word() -> None:
    connections = []

    def once(sock: socket.socket, head: bytes) -> None:
        connections.append(head)
        says(b"[]")(sock, head)
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    with listening(once) as address:
        engine = engine_at(address)
        for _ in range(3):
            assert engine.get("/x", {}, Deadline(5)) == []
        engine.close()
    assert len(connections) >= 3, "a question may still arrive on a connection that is already closed"


def test_one_connection_carries_many_questions() -> None:
    heads: list[bytes] = []
    connections: set[int] = set()

    def count(sock: socket.socket, head: bytes) -> None:
        heads.append(head)
        connections.add(id(sock))
        says(b"{}")(sock, head)

    with listening(count) as address:
        engine = engine_at(address)
        for number in range(5):
            engine.get("/a path/ü", {"n": f"{number}\r\nX: y"}, Deadline(5))
        engine.close()
    assert len(connections) == 1
    assert heads[3].startswith(b"GET /a%20path/%C3%BC?n=3%0D%0AX%3A+y HTTP/1.1\r\nHost: docker\r\n")


def test_the_listing_is_asked_for_once_however_many_want_it() -> None:
    asked: list[bytes] = []

    def slowly(sock: socket.socket, head: bytes) -> None:
        asked.append(head)
        time.sleep(0.1)
        says(b'[{"Id": "a", "Names": ["/a"]}]')(sock, head)

    found: list[int] = []
    with listening(slowly) as address:
        engine = engine_at(address)
        threads = [
            threading.Thread(target=lambda: found.append(len(engine.containers(Deadline(5))))) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.close()
    assert (len(asked), found) == (1, [1] * 20)


def test_a_failed_listing_is_asked_for_again() -> None:
    answers = iter([says(b"{}", status="500 Oh"), says(b"[]")])
    with listening(lambda sock, head: next(answers)(sock, head)) as address:
        engine = engine_at(address)
        with pytest.raises(NoAnswer):
            engine.containers(Deadline(5))
        assert engine.containers(Deadline(5)) == ()
        engine.close()


def test_a_stream_that_breaks_off_says_so_at_the_break_and_not_before() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\nde"
    with listening(says_and_hangs_up(answer)) as address, engine_at(address).stream("/x", {}, Deadline(5)) as stream:
        assert b"".join(stream.read(1) or b"?" for _ in range(5)) == b"abcde"
        with pytest.raises(NoAnswer, match="broke off in the middle"):
            stream.read(2)


def test_a_pipe_needs_windows(tmp_path: Path) -> None:
    if os.name != "nt":
        assert "no Windows named pipes" in failure("npipe:////./pipe/docker_engine").reason
