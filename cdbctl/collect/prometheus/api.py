"""The HTTP API of Prometheus: bounded questions, and a reason for each one that gets no answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlencode

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.web import Page, get, shown
from cdbctl.collect.wire import Deadline

A = TypeVar("A")
B = TypeVar("B")

_LIMIT_BYTES = 8 * 1024 * 1024
_MOST_REQUESTS = 250
_MOST_WARNINGS = 50
_AT_ONCE = 8
_WORDS = 300
_WRONG_ADDRESS = "correct prometheus.url in cdbctl.yaml: it has to be the address of a Prometheus server"


class Api:
    """One Prometheus server for the time of one deadline. Thread-safe."""

    def __init__(self, url: str, deadline: Deadline) -> None:
        self.source = shown(url).rstrip("/")
        self.requests = 0
        self._url = url.partition("?")[0].partition("#")[0].rstrip("/")
        self._deadline = deadline
        self._lock = threading.Lock()
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the server warned about in its answers, each once."""
        with self._lock:
            return tuple(sorted(self._warnings))

    def ask(self, path: str, limit_bytes: int = _LIMIT_BYTES, **parameters: str) -> Any:
        """The ``data`` of an answer; raises NoAnswer."""
        page = self._page(path, limit_bytes, parameters)
        if page.cut:
            raise NoAnswer(f"the answer is larger than {limit_bytes // 1024**2} MiB")
        if page.ended_early:
            raise NoAnswer("the answer ended before its announced end")
        document = _document(page)
        self._keep_warnings(document)
        return _data(page, document)

    def query(self, expression: str) -> list[Mapping[str, Any]]:
        """The samples of an instant query, evaluated at the time of the server; raises NoAnswer."""
        data = self.ask("query", query=expression, timeout=f"{self._left() * 0.9:.3f}")
        try:
            if data["resultType"] == "scalar":
                return [{"metric": {}, "value": data["result"]}]
            return [item for item in data["result"] if isinstance(item["metric"], dict)]
        except (TypeError, KeyError) as error:
            raise _strange(error) from error

    def any_series(self, selector: str, *, since: float) -> bool:
        """Whether a series matched a selector at any time since then (unix seconds); raises NoAnswer."""
        parameters = {"match[]": selector, "start": f"{since:.0f}", "limit": "1"}
        page = self._page("series", 64 * 1024, parameters)
        if page.cut:
            # Old servers know no limit. What is too long to be read is not empty.
            return True
        if page.ended_early:
            raise NoAnswer("the answer ended before its announced end")
        # Its warnings are not kept: a new server warns that it kept to the limit.
        return bool(_data(page, _document(page)))

    def each(self, ask: Callable[[A], B], items: Iterable[A]) -> list[B | NoAnswer]:
        """Ask about many things at the same time; what got no answer has its reason in its place."""

        def attempt(item: A) -> B | NoAnswer:
            try:
                return ask(item)
            except NoAnswer as failure:
                return failure
            except (TypeError, KeyError, ValueError, AttributeError, IndexError) as failure:
                return _strange(failure)

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="prometheus") as pool:
            return list(pool.map(attempt, items))

    def _page(self, path: str, limit_bytes: int, parameters: Mapping[str, str]) -> Page:
        with self._lock:
            self.requests += 1
            if self.requests > _MOST_REQUESTS:
                raise NoAnswer(f"not asked: more than {_MOST_REQUESTS} questions would be needed")
        query = urlencode(parameters, errors="replace")
        url = f"{self._url}/api/v1/{path}" + (f"?{query}" if query else "")
        page = get(url, accept="application/json", timeout_seconds=self._left(), limit_bytes=limit_bytes)
        if page.status in (401, 403, 407):
            remedy = "declare an address at which cdbctl may read without a login, e.g. on the loopback interface"
            raise NoAnswer(f"asks for a login ({page.status} {page.reason})", remedy=remedy)
        if page.status == 503 and b"errorType" not in page.body:
            remedy = "run the check-up again in a moment; if it stays, look at the log of Prometheus"
            raise NoAnswer(f"is not ready (503): {_words(page.text)}", remedy=remedy)
        return page

    def _keep_warnings(self, document: Mapping[str, Any]) -> None:
        warnings = document.get("warnings")
        with self._lock:
            for warning in warnings if isinstance(warnings, list) else ():
                if len(self._warnings) < _MOST_WARNINGS:
                    self._warnings[_words(str(warning))] = None

    def _left(self) -> float:
        try:
            return self._deadline.left()
        except TimeoutError as error:
            raise NoAnswer(f"no time was left: all questions together may take {self._deadline}") from error


def _document(page: Page) -> Mapping[str, Any]:
    try:
        document = json.loads(page.body)
    except (ValueError, RecursionError) as error:
        if page.status != 200:
            reason = f"answers {page.status} {page.reason}".rstrip() + f": {_words(page.text)}"
            raise NoAnswer(reason, remedy=_WRONG_ADDRESS if page.status == 404 else "") from error
        raise NoAnswer("does not answer with JSON", remedy=_WRONG_ADDRESS) from error
    if not isinstance(document, dict) or "status" not in document:
        raise NoAnswer("does not answer as Prometheus does", remedy=_WRONG_ADDRESS)
    return document


def _data(page: Page, document: Mapping[str, Any]) -> Any:
    if document.get("status") == "success" and "data" in document:
        return document["data"]
    error = _words(str(document.get("error", "no reason given")))
    if document.get("errorType") == "timeout":
        raise NoAnswer(f"gave up on the question: {error}")
    raise NoAnswer(f"refuses the question ({page.status}): {error}")


def _strange(error: Exception) -> NoAnswer:
    what = f"{type(error).__name__}: {error!s:.100}"
    return NoAnswer(f"does not answer as Prometheus does: {what}", remedy=_WRONG_ADDRESS)


def _words(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else line[: _WORDS - 1] + "…"
