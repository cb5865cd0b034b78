"""One question over HTTP/1.1 and its answer, read to an end that is proven."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from io import BufferedReader
from typing import Any, cast

from cdbctl import __version__
from cdbctl.collect.wire import Deadline, DeadlineSocket

_BLOCK_BYTES = 64 * 1024
_LONGEST_LINE = 4096


class Body:
    """The body of an answer. It ends only where the server says so: a cut connection is no end."""

    def __init__(self, response: HTTPResponse, incoming: BufferedReader) -> None:
        self._incoming = incoming
        self._chunks = _Chunks() if response.chunked else None
        self._left = None if response.chunked else response.length
        self.ended = self._left == 0

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, ``b""`` at the end; raises OSError, and IncompleteRead when it is cut."""
        while not self.ended:
            data = self._incoming.read1(size if self._left is None else min(size, self._left))
            if not data:
                # Neither a length nor chunks were announced: then the end of the connection is the end.
                if self._chunks is None and self._left is None:
                    self.ended = True
                    break
                raise IncompleteRead(b"")
            if self._left is not None:
                self._left -= len(data)
                self.ended = self._left == 0
            if self._chunks is not None:
                data = self._chunks.take(data)
                self.ended = self._chunks.ended
            if data:
                return data
        return b""

    def read_all(self) -> bytes:
        """Everything; the limit is that of the socket."""
        pieces = []
        while piece := self.read(_BLOCK_BYTES):
            pieces.append(piece)
        return b"".join(pieces)


class _Chunks:
    """Takes the frames of chunked transfer off, in blocks: an engine sends each log line as a chunk of its own."""

    def __init__(self) -> None:
        self._left = 0
        self._partial = b""
        self._before_size = 0
        self._in_trailer = False
        self.ended = False

    def take(self, data: bytes) -> bytes:
        """The content of the next bytes from the wire; raises HTTPException when they are no chunks."""
        if self._partial:
            data, self._partial = self._partial + data, b""
        pieces: list[bytes] = []
        position = self._whole_chunks(data, pieces)
        while position < len(data) and not self.ended:
            if self._left:
                piece = data[position : position + self._left]
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                continue
            line_end = data.find(b"\n", position + self._before_size)
            if line_end < 0:
                self._partial = data[position:]
                break
            self._begin(data[position + self._before_size : line_end])
            position = line_end + 1
        if len(self._partial) > _LONGEST_LINE:
            raise HTTPException("a chunk without a size")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _whole_chunks(self, data: bytes, pieces: list[bytes]) -> int:
        """Take the chunks that lie in the bytes from end to end, without a word about each; returns where they end.

        Nearly all of a log passes here, line by line.
        """
        position, before_size = 0, self._before_size
        if self._left or self._in_trailer:
            return 0
        while (line_end := data.find(b"\n", position + before_size)) > 0:
            try:
                size = int(data[position + before_size : line_end], 16)
            except ValueError:
                break
            end = line_end + 1 + size
            if size <= 0 or end > len(data):
                break
            pieces.append(data[line_end + 1 : end])
            position, before_size = end, 2
        self._before_size = before_size
        return position

    def _begin(self, line: bytes) -> None:
        if self._in_trailer:
            self.ended = not line.strip()
            return
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            raise HTTPException("a chunk without a size") from None
        if self._left < 0:
            raise HTTPException("a chunk of a negative size")
        # Each chunk ends with a line end of its own; the next size stands behind it.
        self._before_size = 2 if self._left else 0
        self._in_trailer = not self._left


class Exchange:
    """A question that was sent, and the beginning of its answer. ``begun`` tells how far it came."""

    def __init__(self, sock: socket.socket, deadline: Deadline, *, limit_bytes: int) -> None:
        self.sock = sock
        self.wire = DeadlineSocket(sock, deadline, limit_bytes=limit_bytes)

    def ask(self, method: str, target: str, content: object = None, *, upgrade: bool = False) -> None:
        """Send the question and read the head of the answer; raises OSError and HTTPException."""
        body = b"" if content is None else json.dumps(content).encode("utf-8")
        headers = {"Host": "docker", "User-Agent": f"cdbctl/{__version__}", "Accept": "*/*"}
        if method != "GET":
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        if upgrade:
            headers |= {"Connection": "Upgrade", "Upgrade": "tcp"}
        lines = (f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", "")
        self.wire.sendall("\r\n".join(lines).encode("ascii") + body)
        self._response = HTTPResponse(cast(socket.socket, self.wire), method=method)
        self._response.begin()
        # As the type of http.client does not say it: a buffer of our own wire.
        self.incoming = cast(Any, self._response).fp
        self.body = Body(self._response, self.incoming)

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return cast(Mapping[str, str], self._response.headers)

    @property
    def reusable(self) -> bool:
        """Whether the connection can carry another question."""
        return self.body.ended and not self._response.will_close


def was_stale(error: BaseException | None) -> bool:
    """Whether a kept connection was closed by the other side before the question came."""
    return isinstance(error, RemoteDisconnected | BrokenPipeError | ConnectionResetError)
