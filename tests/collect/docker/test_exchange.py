"""Bodies end where the server says so, however the bytes arrive."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from http.client import HTTPException, IncompleteRead

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.docker.exchange import Exchange
from cdbctl.collect.wire import Deadline

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def body_of(*arriving: bytes) -> tuple[bytes, bool]:
    """The body of an answer that arrives in these pieces, and whether another question may follow."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for data in arriving:
            theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        exchange = Exchange(ours, Deadline(5), limit_bytes=1 << 20)
        exchange.ask("GET", "/")
        return exchange.body.read_all(), exchange.reusable


def in_chunks(pieces: Sequence[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 7))
def test_chunks_give_the_same_bytes_however_they_are_cut(pieces: list[bytes], step: int) -> None:
    wire = in_chunks(pieces)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(HEAD + wire)
        exchange = Exchange(ours, Deadline(5), limit_bytes=1 << 20)
        exchange.ask("GET", "/")
        found = b""
        while piece := exchange.body.read(step):
            assert len(piece) <= step
            found += piece
        assert found == b"".join(pieces)
        assert exchange.reusable


def test_a_chunk_may_have_extensions_and_trailers() -> None:
    assert body_of(HEAD, b"3;name=x\r\nabc\r\n", b"0\r\nTrailer: y\r\n\r\n") == (b"abc", True)


@pytest.mark.parametrize("cut", range(1, len(in_chunks([b"abc", b"de"]))))
def test_a_cut_stream_of_chunks_is_never_taken_for_a_whole_one(cut: int) -> None:
    with pytest.raises(IncompleteRead):
        body_of(HEAD, in_chunks([b"abc", b"de"])[:cut])


def test_a_cut_body_of_a_known_length_is_no_body() -> None:
    with pytest.raises(IncompleteRead):
        body_of(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", b"123456789")


def test_without_any_length_the_end_of_the_connection_is_the_end() -> None:
    assert body_of(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"abc") == (b"abc", False)


@pytest.mark.parametrize("line", [b"nonsense\r\n", b"-5\r\n", b"\r\n", b"x" * 10_000])
def test_a_chunk_without_a_size_is_no_http(line: bytes) -> None:
    with pytest.raises(HTTPException):
        body_of(HEAD, line)
