"""Small real servers for the tests of the collectors. Loopback only, gone when the block ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cdbctl.model.stack import Group, Service

Answer = Callable[[BaseHTTPRequestHandler], None]


def service(
    name: str = "cdb_risk",
    *,
    health: str | None = None,
    depth: str | None = None,
    metrics: str | None = None,
) -> Service:
    return Service(
        name=name,
        title=name,
        group=Group.UNDER_TEST,
        required=True,
        source_folder=None,
        database_role=None,
        health_url=health,
        health_depth=depth,
        metrics_url=metrics,
        log_paths=(),
        log_timezone="UTC",
    )


def page(body: str | bytes, *, status: int = 200, kind: str = "application/json") -> Answer:
    data = body.encode() if isinstance(body, str) else body

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    return answer


@contextmanager
def web_server(*answers: Answer) -> Iterator[str]:
    """A real web server that gives the answers in turn, the last one again and again; yields its address."""
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # The client may hang up while a slow answer is still being written.
            with suppress(OSError):
                (waiting.pop(0) if len(waiting) > 1 else waiting[0])(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with serving(Handler) as address:
        yield address


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A real web server for the time of the block; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that accepts connections, as the system does for a frozen process, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def started(*command: str, environment: dict[str, str] | None = None, folder: Path) -> Iterator[int]:
    """Run a program until the block ends; yields its pid."""
    with (folder / f"{Path(command[-1]).name}.out").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=output, stderr=output
        )
        try:
            yield process.pid
        finally:
            # A frozen program takes no SIGTERM.
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that exists and does nothing for the time of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def until(condition: Callable[[], object], *, seconds: float = 15, what: str = "it") -> None:
    """Wait for a condition; fails when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


PYTHON = sys.executable
