"""Pages of a server behind a Unix socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.web import Page, get, over_socket
from tests.collect.servers import web_server

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")


@contextmanager
def answering(path: Path, *answers: bytes) -> Iterator[list[bytes]]:
    """A server that gives each connection one answer; yields the questions that came."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                for answer in answers:
                    near, _ = listening.accept()
                    with near:
                        asked.append(near.recv(65536))
                        near.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def look(path: Path, page: str = "/metrics?a=b") -> Page:
    return get(over_socket(str(path), page), accept="*/*", timeout_seconds=2, limit_bytes=1000)


FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


def redirect(place: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_page_behind_a_socket_is_read(tmp_path: Path) -> None:
    with answering(tmp_path / "a socket %2F", FINE) as asked:
        page = look(tmp_path / "a socket %2F")
    assert (page.status, page.text) == (200, "fine")
    assert asked[0].startswith(b"GET /metrics?a=b HTTP/1.1\r\n")
    assert b"\r\nHost: localhost\r\n" in asked[0]


def test_an_address_without_a_path_can_be_continued() -> None:
    assert over_socket("/run/x", "") + "/api/v1/query" == "http+unix://%2Frun%2Fx/api/v1/query"


@pytest.mark.parametrize("place", ["/login", "login", "http://localhost/login"])
def test_a_redirect_stays_behind_the_socket(place: str, tmp_path: Path) -> None:
    with answering(tmp_path / "s", redirect(place), FINE) as asked:
        assert look(tmp_path / "s", "/").text == "fine"
    assert asked[1].startswith(b"GET /login HTTP/1.1\r\n")


@pytest.mark.parametrize("place", ["http://127.0.0.1/", "http+unix://%2Frun%2Fother/", "https://localhost/"])
def test_a_redirect_to_elsewhere_is_not_followed(place: str, tmp_path: Path) -> None:
    with answering(tmp_path / "s", redirect(place)), pytest.raises(NoAnswer, match="points to another address"):
        look(tmp_path / "s")


def test_a_page_of_the_network_cannot_lead_to_a_socket_of_this_machine(tmp_path: Path) -> None:
    inside = over_socket(str(tmp_path / "other"), "/")

    def lead_inside(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", inside)
        request.end_headers()

    with (
        answering(tmp_path / "other") as asked,
        web_server(lead_inside) as url,
        pytest.raises(NoAnswer, match="points to another address"),
    ):
        get(url, accept="*/*", timeout_seconds=2, limit_bytes=10)
    assert asked == []


def test_a_socket_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="cannot be reached: No such file"):
        look(tmp_path / "none")


def test_an_address_without_a_socket_is_refused() -> None:
    with pytest.raises(NoAnswer, match="is not an http address"):
        get("http+unix:///metrics", accept="*/*", timeout_seconds=1, limit_bytes=10)
