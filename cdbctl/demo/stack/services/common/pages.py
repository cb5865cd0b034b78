"""The two pages of every service: ``/health`` and ``/metrics``."""

from __future__ import annotations

import json
import logging
import os
import socketserver
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

# Older releases only listen to PROMETHEUS_DISABLE_CREATED_SERIES.
getattr(prometheus_client, "disable_created_metrics", lambda: None)()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    body: str
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


def as_json(content: Mapping[str, object], *, status: int = 200) -> Page:
    """A JSON page."""
    return Page(json.dumps(content, ensure_ascii=False), status, "application/json")


def serve(log: logging.Logger, registry: CollectorRegistry, health: Callable[[], Page]) -> None:
    """Answer on $HOST:$PORT from a thread of its own until the process ends. The default host is this machine alone."""

    def metrics() -> Page:
        return Page(generate_latest(registry).decode(), content_type=CONTENT_TYPE_LATEST)

    pages = {"/health": health, "/metrics": metrics}

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            make = pages.get(self.path.partition("?")[0])
            page = make() if make else Page("not found\n", 404)
            body = page.body.encode()
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet: a page is read every few seconds."""

    server = _Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler, log)
    threading.Thread(target=server.serve_forever, name="pages", daemon=True).start()


class _Server(socketserver.ThreadingTCPServer):
    """Not http.server's own: that one asks the name service who 127.0.0.1 is before it starts."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], log: logging.Logger) -> None:
        super().__init__(address, handler)
        self._log = log

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that hangs up early is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            self._log.exception("Seite konnte nicht ausgeliefert werden")
