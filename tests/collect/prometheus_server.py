"""A real Prometheus with little exporters. Loopback only, gone when the block ends."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml

from cdbctl.collect.prometheus import read_prometheus
from cdbctl.model.needs import MetricQuestion
from cdbctl.model.prometheus import PrometheusFacts
from cdbctl.model.snapshot import Window
from tests.collect.servers import free_port, page, until

BINARY = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(BINARY is None, reason="no prometheus on this machine")


class Exporter:
    """A metrics page that a test writes."""

    def __init__(self, text: str | Callable[[], str] = "") -> None:
        self.text = text
        self.status = 200
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):
                    text = exporter.text if isinstance(exporter.text, str) else exporter.text()
                    page(text, status=exporter.status, kind="text/plain; version=0.0.4")(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def instance(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Prometheus:
    """One server that a test can stop, start and reconfigure."""

    folder: Path
    jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: Any = None
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, extra: Mapping[str, Any] | None = None) -> None:
        """Write the configuration; a server that runs does not notice before ``reload``."""
        scrape = [
            {"job_name": name, "static_configs": [{"targets": list(targets)}] if targets else []}
            for name, targets in self.jobs.items()
        ]
        config: dict[str, Any] = {
            "global": {"scrape_interval": "300ms", "scrape_timeout": "250ms", "evaluation_interval": "300ms"},
            "scrape_configs": scrape,
        }
        if self.rules is not None:
            (self.folder / "rules").mkdir(exist_ok=True)
            groups = {"groups": [{"name": "stack", "rules": self.rules}]} if self.rules else {"groups": []}
            (self.folder / "rules" / "stack.yml").write_text(yaml.safe_dump(groups), encoding="utf-8")
            config["rule_files"] = [str(self.folder / "rules" / "*.yml")]
        text = yaml.safe_dump({**config, **(extra or {})})
        (self.folder / "prometheus.yml").write_text(text, encoding="utf-8")

    def start(self) -> None:
        assert BINARY
        with (self.folder / "prometheus.out").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    BINARY,
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--web.enable-lifecycle",
                ],
                stdout=output,
                stderr=output,
            )
        until(lambda: self.ask("status/buildinfo"), what="Prometheus answering")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def ask(self, path: str) -> Any:
        """The data of an answer; None when there is none."""
        try:
            return httpx.get(f"{self.url}/api/v1/{path}", timeout=5).json()["data"]
        except (httpx.HTTPError, ValueError, KeyError):
            return None

    def query(self, expression: str) -> list[Any]:
        data = self.ask(f"query?query={quote(expression)}")
        return data["result"] if data else []

    def reload(self) -> int:
        """The status that the reload was answered with."""
        return httpx.post(f"{self.url}/-/reload", timeout=10).status_code

    def wait_for(self, expression: str) -> None:
        """Until a query has a result."""
        until(lambda: self.query(expression), seconds=20, what=f"a result of {expression}")

    def wait_until_scraped(self) -> None:
        """Until every target was scraped and every rule evaluated."""

        def done() -> bool:
            targets = (self.ask("targets") or {}).get("activeTargets", [])
            groups = (self.ask("rules") or {}).get("groups", [])
            rules = [rule["health"] for group in groups for rule in group["rules"]]
            health = [target["health"] for target in targets]
            return len(health) == sum(map(len, self.jobs.values())) and "unknown" not in health + rules

        until(done, seconds=20, what="a scrape of every target")

    def read(
        self, *metrics: str | MetricQuestion, window: timedelta = timedelta(hours=1), timeout_seconds: float = 10
    ) -> PrometheusFacts:
        """What cdbctl learns."""
        now = datetime.now(UTC)
        questions = [item if isinstance(item, MetricQuestion) else MetricQuestion(item, False) for item in metrics]
        return read_prometheus(
            self.url, metrics=questions, window=Window(now - window, now), timeout_seconds=timeout_seconds
        ).value


@contextmanager
def prometheus(
    folder: Path, jobs: Mapping[str, tuple[str, ...]], rules: Any = None, extra: Mapping[str, Any] | None = None
) -> Iterator[Prometheus]:
    """A server that has scraped all of its targets."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Prometheus(folder, jobs, rules)
    server.configure(extra)
    try:
        server.start()
        server.wait_until_scraped()
        yield server
    finally:
        server.stop()


@contextmanager
def exporters(*texts: str | Callable[[], str]) -> Iterator[list[Exporter]]:
    """A page for each text."""
    with ExitStack() as stack:
        pages = []
        for text in texts:
            exporter = Exporter(text)
            stack.callback(exporter.stop)
            pages.append(exporter)
        yield pages
