"""The REST API of GitHub, asked one question after the other within one deadline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.cache import EtagCache, Stored
from cdbctl.collect.github.limits import Stop, failure, http_date, reset_at, used_up_until
from cdbctl.collect.github.shapes import Record, record, records, words
from cdbctl.collect.github.transport import Response, Transport
from cdbctl.collect.wire import Deadline

MAX_REQUESTS = 60
"""Of one run: far below every limit, far above what a run needs."""
MAX_REDIRECTS = 3
PER_PAGE = 100
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that could be read."""

    data: Any
    next_page: str
    """Address of the page behind it; empty for the last one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the pages of a list hold."""

    items: tuple[Record, ...]
    complete: bool
    """Whether the last page was read."""
    problem: NoAnswer | None = None
    """Why a page behind the first one could not be read."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """What the ``Date`` header said, and what this machine said at the same moment."""

    server_at: datetime
    host_at: datetime
    doubt_seconds: float


@dataclass(slots=True)
class Tally:
    """What a run has cost, and what it saw by the way."""

    requests: int = 0
    not_modified: int = 0
    rate_limit_left: int | None = None
    clock: ClockSample | None = None
    notes: list[str] = field(default_factory=list)


class Api:
    """Asks serially. Whatever goes wrong is a NoAnswer; after a Stop no further question leaves this machine."""

    def __init__(self, base: str, token: str, *, cache: EtagCache, deadline: Deadline) -> None:
        self._base = base.rstrip("/")
        self._origin = _origin(self._base)
        self._token = token
        self._cache = cache
        self._transport = Transport(token, deadline)
        self._stopped: NoAnswer | None = None
        self.tally = Tally()

    def close(self) -> None:
        """Let go of the connections and write the cache."""
        if problem := self._cache.save():
            self.tally.notes.append(problem)
        self._transport.close()

    def get(self, path: str, **query: str | int) -> Answer:
        """One answer as JSON; raises Refused for this question, Stop for all that would follow."""
        return self._ask(f"{self._base}{path}" + (f"?{urlencode(query)}" if query else ""))

    def listing(self, path: str, key: str | None, *, max_pages: int, **query: str | int) -> Listing:
        """A list over its pages; ``key`` is where an answer keeps it. A failure of the first page is raised."""
        answer = self.get(path, **query, per_page=PER_PAGE)
        items = _items(answer, key, path)
        for _ in range(max_pages - 1):
            if not answer.next_page:
                break
            try:
                answer = self._ask(answer.next_page)
                items += _items(answer, key, path)
            except NoAnswer as problem:
                return Listing(tuple(items), complete=False, problem=problem)
        rest = NoAnswer(f"there are more than {max_pages * PER_PAGE} of them") if answer.next_page else None
        return Listing(tuple(items), complete=rest is None, problem=rest)

    def _ask(self, url: str) -> Answer:
        if _origin(url) != self._origin:
            raise NoAnswer("GitHub points to a next page at another address, which was not followed")
        for _ in range(MAX_REDIRECTS + 1):
            stored = self._cache.find(url)
            response = self._request(url, stored)
            if response.status not in _REDIRECTS:
                return self._answer(url, response, stored)
            url = self._redirected(url, response.headers.get("location", ""), response.status)
        raise NoAnswer(f"GitHub redirects more than {MAX_REDIRECTS} times")

    def _redirected(self, url: str, location: str, status: int) -> str:
        """A repository that was renamed answers so; anything else than the same server is not followed."""
        new = urljoin(url, location)
        if not location or _origin(new) != self._origin:
            raise NoAnswer(f"GitHub answers {status} and points to another address, which was not followed")
        return new

    def _answer(self, url: str, response: Response, stored: Stored | None) -> Answer:
        if response.status == 304 and stored is not None:
            self.tally.not_modified += 1
            self._cache.keep(url, stored)
            return Answer(_parsed(stored.body), stored.next_page)
        if response.status != 200:
            refusal = failure(
                response.status,
                response.headers,
                _message(response.body.replace(self._token.encode(), b"[the token]")),
                datetime.now(UTC),
            )
            if isinstance(refusal, Stop):
                self._stopped = refusal
            raise refusal
        body = response.body.decode("utf-8", "replace").replace(self._token, "[the token]")
        answer = Answer(_parsed(body), _next_page(response.headers.get("link", "")))
        etag = response.headers.get("etag", "")
        if etag and etag.isascii() and etag.isprintable():
            self._cache.keep(url, Stored(etag, answer.next_page, body))
        return answer

    def _request(self, url: str, stored: Stored | None) -> Response:
        """One request over the wire, its cost counted; raises NoAnswer."""
        if self._stopped:
            raise self._stopped
        if self.tally.requests >= MAX_REQUESTS:
            raise NoAnswer(f"it was not asked: {MAX_REQUESTS} questions are enough for one run")
        self.tally.requests += 1
        try:
            response = self._transport.get(url, stored.etag if stored else "")
        except Stop as problem:
            self._stopped = problem
            raise
        self._look_at_clock(response)
        left = response.headers.get("x-ratelimit-remaining", "")
        if left.isdecimal() and len(left) < 10:
            self.tally.rate_limit_left = int(left)
            if self.tally.rate_limit_left == 0:
                self._stopped = used_up_until("rate limit", reset_at(response.headers))
        return response

    def _look_at_clock(self, response: Response) -> None:
        """Keep the sample with the least doubt. An answer out of somebody's cache (``Age``) tells an old time."""
        server_at = http_date(response.headers.get("date", ""))
        if server_at is None or response.headers.get("age", "0") != "0":
            return
        half_second, half_trip = timedelta(seconds=0.5), timedelta(seconds=response.trip_seconds / 2)
        doubt = (half_second + half_trip).total_seconds()
        if self.tally.clock is None or doubt < self.tally.clock.doubt_seconds:
            self.tally.clock = ClockSample(server_at + half_second, response.asked_at + half_trip, doubt)


def check_address(api: str) -> None:
    """The token travels encrypted, or stays on this machine; raises NoAnswer."""
    try:
        parts = urlsplit(api)
        _ = parts.port
    except ValueError:
        raise NoAnswer("the address of the API cannot be read", remedy="correct github.api in cdbctl.yaml") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        reason = "the address of the API is not https, so the token would travel in the clear; nothing was asked"
        raise NoAnswer(reason, remedy="correct github.api in cdbctl.yaml")


def _items(answer: Answer, key: str | None, path: str) -> list[Record]:
    value = answer.data if key is None else record(answer.data, path).get(key)
    if not isinstance(value, list):
        raise NoAnswer(f"GitHub answered for {path} in an unexpected form: no list")
    return records(value)


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoAnswer(f"GitHub answers with something else than JSON: {type(error).__name__}") from error


def _message(body: bytes) -> str:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return words(data, "message") if isinstance(data, Mapping) else ""


def _next_page(link: str) -> str:
    """The address of ``<…>; rel="next"``."""
    for part in link.split(","):
        address, _, attributes = part.partition(";")
        if 'rel="next"' in attributes:
            return address.strip().removeprefix("<").removesuffix(">")
    return ""


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme)
