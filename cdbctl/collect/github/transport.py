"""One request over the wire: never longer than its deadline, never more than its limit."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from cdbctl import __version__
from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.limits import Stop
from cdbctl.collect.visible import visible
from cdbctl.collect.wire import Deadline

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

FIRST_SECONDS = 3.0
"""For the first answer: without a network the rest of the report does not wait any longer."""
LOOK = "look at the network, its proxies, and github.api in cdbctl.yaml"
LARGEST_ANSWER_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """Found in upper and lower case."""
    body: bytes
    asked_at: datetime
    """By the clock of this machine."""
    trip_seconds: float
    """Until the headers were there."""


class Transport:
    """Connections that are kept for the next request; every failure is a NoAnswer."""

    def __init__(self, token: str, deadline: Deadline) -> None:
        self._client = _client(token)
        self._deadline = deadline
        self._worker: Thread | None = None
        self._abandoned = False
        self._answered = False

    def close(self) -> None:
        """Let go of the connections; a thread that was left behind closes them itself."""
        if self._worker is None or not self._worker.is_alive():
            self._client.close()

    def get(self, url: str, etag: str) -> Response:
        """Ask once, for changes only if an ETag is given; raises NoAnswer."""
        return self._within_deadline(lambda: self._transfer(url, etag))

    def _within_deadline(self, work: Callable[[], T]) -> T:
        """Do it in a thread that is left behind at the deadline.

        The timeouts of httpx start anew with every byte, and looking up a name has none at all.
        """
        if self._deadline.passed():
            raise _too_late(self._deadline)
        outcome: SimpleQueue[T | NoAnswer] = SimpleQueue()

        def run() -> None:
            outcome.put(_attempt(work, self._deadline))
            if self._abandoned:
                self._client.close()

        self._worker = Thread(target=run, daemon=True)
        self._worker.start()
        try:
            left = self._deadline.left()
            result = outcome.get(timeout=left if self._answered else min(left, FIRST_SECONDS))
        except (Empty, TimeoutError):
            self._abandoned = True
            if not self._deadline.passed():
                raise Stop(f"GitHub did not answer within {FIRST_SECONDS:g} s", remedy=LOOK) from None
            raise _too_late(self._deadline) from None
        self._answered = True
        self._worker.join()
        if isinstance(result, NoAnswer):
            raise result
        return result

    def _transfer(self, url: str, etag: str) -> Response:
        headers = {"If-None-Match": etag} if etag else {}
        started, asked_at = time.monotonic(), datetime.now(UTC)
        with self._client.stream("GET", url, headers=headers, timeout=self._deadline.left()) as response:
            trip_seconds = time.monotonic() - started
            body = b"".join(_bounded(response, self._deadline))
        return Response(response.status_code, response.headers, body, asked_at, trip_seconds)


def _client(token: str) -> httpx.Client:
    """A client with the proxies and certificates of the environment; raises NoAnswer when those cannot be used."""
    import httpx

    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "Accept-Encoding": "gzip",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": f"cdbctl/{__version__}",
    }
    try:
        return httpx.Client(headers=headers, follow_redirects=False)
    except (ValueError, OSError, ImportError, httpx.InvalidURL) as error:
        raise NoAnswer(
            f"the proxy or the certificates that the environment names cannot be used: {error!s:.200}",
            remedy="correct HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
        ) from error


def _attempt(work: Callable[[], T], deadline: Deadline) -> T | NoAnswer:
    """The outcome of a transfer; a failure of the network is a Stop where the next question would fail as well."""
    import httpx

    try:
        return work()
    except NoAnswer as problem:
        return problem
    except httpx.ConnectTimeout:
        return Stop(f"GitHub does not accept connections within {deadline}", remedy=LOOK)
    except (TimeoutError, httpx.TimeoutException):
        return _too_late(deadline)
    except httpx.ProxyError as error:
        return Stop(f"the proxy refuses: {_said(error)}", remedy="look at HTTPS_PROXY and at the proxy")
    except httpx.ConnectError as error:
        return Stop(f"GitHub cannot be reached: {_said(error)}", remedy=LOOK)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        return NoAnswer(f"the conversation with GitHub broke: {type(error).__name__}: {_said(error)}", remedy=LOOK)
    except Exception as error:  # noqa: BLE001 - in a thread of its own it would vanish, and the reason with it
        return NoAnswer(f"cdbctl could not ask GitHub: {type(error).__name__}: {_said(error)}")


def _said(error: Exception) -> str:
    return visible(f"{error!s:.200}")


def _too_late(deadline: Deadline) -> Stop:
    remedy = "look at the network; deadlines.github in cdbctl.yaml allows more"
    return Stop(f"GitHub did not answer within {deadline}", remedy=remedy)


def _bounded(response: httpx.Response, deadline: Deadline) -> Iterator[bytes]:
    """The body, unpacked piece by piece, so that a small answer cannot become a huge one."""
    coding = response.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise NoAnswer(f"GitHub answers in a form that was not asked for: {visible(coding[:40])}")
    unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    left = LARGEST_ANSWER_BYTES
    for raw in response.iter_raw():
        try:
            piece = unpack.decompress(raw, left + 1) if unpack else raw
        except zlib.error as error:
            raise NoAnswer(f"GitHub answers with something that cannot be unpacked: {error}") from error
        left -= len(piece)
        if left < 0:
            raise NoAnswer(f"GitHub answers with more than {LARGEST_ANSWER_BYTES // 2**20} MiB")
        if deadline.passed():
            raise _too_late(deadline)
        yield piece
