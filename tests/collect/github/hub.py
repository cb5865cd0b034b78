"""A small GitHub: recorded answers in the shape of the real API, served on the loopback."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.github import read_ci
from cdbctl.model.ci import CiFacts, IssueFacts, Part, WorkflowFacts
from cdbctl.settings import GithubSource

TOKEN = "ghp_" + "t0k3n" * 7 + "A"
REPOSITORY = "jannek/stack"
HEAD = "b3a4fc0" + "0" * 33
OLDER = "a1" * 20
FIRST_BAD = "fb" * 20
MAIN_PATH = f"/repos/{REPOSITORY}"
Query: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the server; ``raw`` replaces the whole conversation behind the request."""

    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    raw: Callable[[BaseHTTPRequestHandler], None] | None = None


Route: TypeAlias = "Reply | Callable[[Query], Reply]"


@dataclass(slots=True)
class Hub:
    """What the server answers, and what it was asked."""

    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Path and query, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    """The most requests that were open at one time."""
    address: str = ""
    rate_left: int = 4990
    date: Callable[[], str] = lambda: formatdate(usegmt=True)
    compress: bool = False

    def set(self, path: str, data: Any = None, **reply: Any) -> None:
        """Answer a path below the repository."""
        self.routes[MAIN_PATH + path] = Reply(data, **reply)

    def paged(self, path: str, key: str | None, items: list[Any]) -> None:
        """Answer a list page by page with Link headers, as GitHub does."""

        def route(query: Query) -> Reply:
            size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
            part = items[(page - 1) * size : page * size]
            rest = "&".join(f"{name}={value}" for name, value in query.items() if name != "page")
            url = f"{self.address}{MAIN_PATH}{path}?{rest}&page="
            links = [f'<{url}{page + 1}>; rel="next"', f'<{url}9>; rel="last"'] if page * size < len(items) else []
            links = [f'<{url}{page - 1}>; rel="prev"', *links] if page > 1 else links
            data = part if key is None else {"total_count": len(items), key: part}
            return Reply(data, headers={"Link": ", ".join(links)} if links else {})

        self.routes[MAIN_PATH + path] = route

    def paths(self) -> list[str]:
        """What was asked, without queries, below the repository."""
        return [item.partition("?")[0].removeprefix(MAIN_PATH) for item in self.asked]


class Server(ThreadingHTTPServer):
    """Says nothing when the client hangs up at its deadline."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextmanager
def hub() -> Iterator[Hub]:
    """A server on which everything is well: one green workflow, a protected branch, no issue."""
    here, lock, open_now = well(), threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with lock:
                open_now[0] += 1
                here.at_once = max(here.at_once, open_now[0])
                here.asked.append(self.path)
                here.headers.append({name.lower(): value for name, value in self.headers.items()})
            try:
                with suppress(OSError):  # the client may hang up at its deadline
                    self._answer()
            finally:
                with lock:
                    open_now[0] -= 1

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            route = here.routes.get(parts.path, Reply({"message": "Not Found", "status": "404"}, status=404))
            reply = route if isinstance(route, Reply) else route(query)
            if reply.raw:
                reply.raw(self)
                self.close_connection = True
                return
            body = json.dumps(reply.data).encode() if reply.body is None else reply.body
            etag = f'W/"{sha256(body + self.headers.get("Authorization", "").encode()).hexdigest()}"'
            same = reply.status == 200 and self.headers.get("If-None-Match") == etag
            if here.compress and reply.body is None:
                body = gzip.compress(body)
            self.send_response_only(304 if same else reply.status)
            if reply.status == 200:
                self.send_header("ETag", etag)
                here.rate_left -= 0 if same else 1
            if "Date" not in reply.headers:
                self.send_header("Date", here.date())
            if here.compress and reply.body is None:
                self.send_header("Content-Encoding", "gzip")
            if "x-ratelimit-remaining" not in reply.headers:
                self.send_header("x-ratelimit-remaining", str(here.rate_left))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", "0" if same else str(len(body)))
            self.end_headers()
            if not same:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    here.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def well() -> Hub:
    """Recorded answers of a repository on a good day."""
    made = Hub()
    made.set("", repository())
    made.set("/branches/main", branch())
    made.paged(f"/commits/{HEAD}/check-runs", "check_runs", [check_run("build"), check_run("lint", id=2)])
    made.set(f"/commits/{HEAD}/status", {"state": "pending", "statuses": [], "total_count": 0, "sha": HEAD})
    made.set("/rules/branches/main", [])
    made.paged("/actions/workflows", "workflows", [workflow(1, "tests")])
    made.paged("/actions/runs", "workflow_runs", [run(901)])
    made.paged("/issues", None, [])
    return made


def repository(**changes: Any) -> dict[str, Any]:
    """``GET /repos/{owner}/{repo}``, shortened."""
    return {
        "id": 1296269,
        "name": "stack",
        "full_name": REPOSITORY,
        "private": True,
        "html_url": f"https://github.com/{REPOSITORY}",
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        "open_issues_count": 6,
    } | changes


def branch(*contexts: str, protected: bool = True) -> dict[str, Any]:
    """``GET /repos/{owner}/{repo}/branches/{branch}``, shortened."""
    checks = [{"context": name, "app_id": 15368} for name in contexts]
    return {
        "name": "main",
        "commit": {"sha": HEAD, "url": f"https://api.github.com{MAIN_PATH}/commits/{HEAD}"},
        "protected": protected,
        "protection": {
            "enabled": protected,
            "required_status_checks": {
                "enforcement_level": "non_admins" if contexts else "off",
                "contexts": list(contexts),
                "checks": checks,
            },
        },
        "protection_url": f"https://api.github.com{MAIN_PATH}/branches/main/protection",
    }


def check_run(
    name: str, conclusion: str | None = "success", *, id: int = 1, suite: int = 501, **changes: Any
) -> dict[str, Any]:
    """One of ``check_runs``."""
    return {
        "id": id,
        "name": name,
        "head_sha": HEAD,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "started_at": "2026-02-09T07:50:00Z",
        "completed_at": "2026-02-09T07:52:00Z" if conclusion else None,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/{suite}/job/{id}",
        "output": {"title": None, "summary": None, "annotations_count": 0},
        "check_suite": {"id": suite},
        "app": {"id": 15368, "slug": "github-actions", "name": "GitHub Actions"},
    } | changes


def workflow(id: int, name: str, *, path: str = "", state: str = "active") -> dict[str, Any]:
    """One of ``workflows``."""
    return {
        "id": id,
        "name": name,
        "path": path or f".github/workflows/{name}.yml",
        "state": state,
        "html_url": f"https://github.com/{REPOSITORY}/blob/main/.github/workflows/{name}.yml",
    }


def run(id: int, conclusion: str | None = "success", *, workflow_id: int = 1, **changes: Any) -> dict[str, Any]:
    """One of ``workflow_runs``; higher ids are newer."""
    at = f"2026-02-{id % 28 + 1:02}T03:38:00Z"
    return {
        "id": id,
        "name": "tests",
        "head_branch": "main",
        "head_sha": HEAD,
        "path": ".github/workflows/tests.yml",
        "display_title": "a change",
        "run_number": id,
        "run_attempt": 1,
        "event": "push",
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "workflow_id": workflow_id,
        "check_suite_id": id - 400,
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/{id}",
        "created_at": at,
        "run_started_at": at,
        "updated_at": at,
        "head_repository": {"id": 1296269, "full_name": REPOSITORY},
    } | changes


def dependabot(id: int, name: str, conclusion: str = "failure") -> dict[str, Any]:
    """A run of Dependabot, as on the reference day."""
    path = "dynamic/dependabot/dependabot-updates"
    return run(id, conclusion, workflow_id=77, name=f"{name} #{id}", path=path, event="dynamic")


def job(
    name: str, conclusion: str | None = "failure", *steps: tuple[str, str], id: int = 3001, **changes: Any
) -> dict[str, Any]:
    """One of ``jobs``."""
    return {
        "id": id,
        "name": name,
        "status": "completed" if conclusion else "queued",
        "conclusion": conclusion,
        "steps": [
            {"name": step, "status": "completed", "conclusion": end, "number": number}
            for number, (step, end) in enumerate(steps, 1)
        ],
        "labels": ["ubuntu-latest"],
        "runner_id": 12 if steps else 0,
        "runner_name": "GitHub Actions 12" if steps else "",
        "html_url": f"https://github.com/{REPOSITORY}/actions/runs/901/job/{id}",
    } | changes


def issue(number: int, title: str, *labels: str, **changes: Any) -> dict[str, Any]:
    """One of the issues."""
    return {
        "number": number,
        "title": title,
        "state": "open",
        "labels": [{"id": 1, "name": name, "color": "ededed"} for name in labels],
        "created_at": "2026-01-20T10:00:00Z",
        "updated_at": "2026-02-01T10:00:00Z",
        "html_url": f"https://github.com/{REPOSITORY}/issues/{number}",
        "user": {"login": "jannek"},
    } | changes


def source(here: Hub, **changes: Any) -> GithubSource:
    """The declaration of that server."""
    given: dict[str, Any] = {
        "repository": REPOSITORY,
        "token": None,
        "branch": None,
        "labels": (),
        "api": here.address,
    } | changes
    return GithubSource(**given)


def read(
    here: Hub,
    cache: Path,
    *,
    commit: str | None = HEAD,
    token: str | None = TOKEN,
    seconds: float = 10.0,
    **changes: Any,
) -> Seen[tuple[CiFacts, IssueFacts | None]]:
    """Ask the server everything."""
    return read_ci(source(here, **changes), token=token, commit=commit, cache=cache, timeout_seconds=seconds)


def facts(here: Hub, cache: Path, **given: Any) -> CiFacts:
    """What it said about CI."""
    return read(here, cache, **given).value[0]


def open_issues(here: Hub, cache: Path, *labels: str, **given: Any) -> IssueFacts:
    """What it said about issues."""
    found = read(here, cache, labels=labels, **given).value[1]
    assert found is not None
    return found


def only_workflow(here: Hub, cache: Path, **given: Any) -> WorkflowFacts:
    """The one workflow that there is."""
    (found,) = facts(here, cache, **given).workflows
    return found


def missing(found: CiFacts) -> dict[Part, str]:
    """What could not be read, by part."""
    return {item.part: item.reason for item in found.not_read}


def refusal(here: Hub, cache: Path, **given: Any) -> NoAnswer:
    """Why nothing could be read."""
    try:
        read(here, cache, **given)
    except NoAnswer as failure:
        return failure
    raise AssertionError("it was read")
