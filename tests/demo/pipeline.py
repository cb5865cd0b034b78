"""Runs services of the demo against a real PostgreSQL and a real Redis, without a supervisor."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis
from prometheus_client.parser import text_string_to_metric_families
from redis.backoff import NoBackoff
from redis.retry import Retry

from cdbctl.demo.ports import choose_ports
from cdbctl.demo.requirements import find_redis
from cdbctl.sql.server import Scratch

REPOSITORY = Path(__file__).resolve().parents[2]
MIGRATIONS = REPOSITORY / "governance" / "migrations"
ROLES = {"candles": "cdb_candles", "risk": "cdb_risk", "db_writer": "cdb_db_writer", "postgres_exporter": "cdb_reader"}
SERVICES = ("ws", "candles", "regime", "allocation", "signal", "risk", "execution", "db_writer", "postgres_exporter")
PASSWORD = "p-for-tests"
STOP_SECONDS = 5.0
"""A second for the service, the rest for a busy machine."""

_numbers = itertools.count(1)


def until(condition: Callable[[], object], *, seconds: float = 40.0) -> Any:
    """Poll until the condition is true and return its value; fail when it does not become true.

    The bound is generous: it costs only a failing test, and a busy machine must not make one.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.05)
    return answer


@contextmanager
def empty_database(server: Scratch) -> Iterator[str]:
    """A database of its own, with the roles that the migrations name; yields its name."""
    name = f"cdb_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as session:
        for role in ROLES.values():
            with suppress(psycopg.errors.DuplicateObject):
                session.execute(f"CREATE ROLE {role} LOGIN".encode())
        session.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield name
        finally:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def apply(server: Scratch, database: str, *names: str) -> None:
    """Apply migrations as a superuser, each file in one transaction."""
    with psycopg.connect(server.dsn(database=database)) as session:
        for name in names:
            session.execute((MIGRATIONS / name).read_text(encoding="utf-8").encode())
            session.commit()


def migration_names() -> list[str]:
    """All migration files in order."""
    return sorted(path.name for path in MIGRATIONS.glob("*.sql"))


@dataclass
class Pipeline:
    """Some services, their servers, and what they wrote."""

    root: Path
    server: Scratch
    database: str
    ports: dict[str, int] = field(default_factory=lambda: choose_ports((*SERVICES, "redis")))
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_redis(self) -> None:
        """Start Redis, empty."""
        command = (
            find_redis(), "--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--save", "",
            "--requirepass", PASSWORD,
        )  # fmt: skip
        self._run("redis", command, {})
        until(self._redis_answers)

    def start(self, *names: str, fault: str = "", **environment: str) -> None:
        """Start services in this order, at once."""
        for name in names:
            variables = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": ".",
                "PORT": str(self.ports[name]),
                "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
                "REDIS_PASSWORD": PASSWORD,
                "CDB_FAULT": fault,
                "CDB_SEED": "7",
            }
            if name in ROLES:
                variables["DATABASE_URL"] = self.database_url(ROLES[name])
            self._run(name, (sys.executable, "-u", f"services/{name}/service.py"), variables | environment)

    def database_url(self, role: str) -> str:
        """Where a role finds the database."""
        return f"postgresql://{role}@/{self.database}?host={quote(self.server.host, safe='')}&port={self.server.port}"

    def log(self, name: str) -> str:
        """What a service wrote so far."""
        return (self.root / f"{name}.log").read_text(encoding="utf-8")

    def complaints(self) -> list[str]:
        """Every line of every service that is worse than INFO, tracebacks too."""
        lines = (
            line for name in SERVICES if (self.root / f"{name}.log").exists() for line in self.log(name).splitlines()
        )
        return [line for line in lines if any(word in line for word in ("WARNING", "ERROR", "CRITICAL", "Traceback"))]

    def page(self, name: str, path: str) -> tuple[int, str]:
        """Status and body of a page."""
        with closing(HTTPConnection("127.0.0.1", self.ports[name], timeout=5)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def health(self, name: str) -> tuple[int, Any]:
        """Status and JSON of the health page."""
        status, body = self.page(name, "/health")
        return status, json.loads(body)

    def metrics(self, name: str) -> dict[str, float]:
        """Sample, with its labels, to value; empty while the page is not there."""
        with suppress(OSError):
            families = text_string_to_metric_families(self.page(name, "/metrics")[1])
            samples = (sample for family in families for sample in family.samples)
            return {",".join((sample.name, *sample.labels.values())): sample.value for sample in samples}
        return {}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Answer of a query, asked as a superuser."""
        with psycopg.connect(self.server.dsn(database=self.database)) as session:
            return session.execute(query.encode()).fetchall()

    def count(self, table: str) -> int:
        """Rows of a table."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - names of our own tables

    def redis(self) -> redis.Redis:
        """A client of our Redis."""
        return redis.Redis(
            port=self.ports["redis"],
            password=PASSWORD,
            decode_responses=True,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )

    def stream(self, name: str) -> list[dict[str, str]]:
        """All entries of a stream."""
        with self.redis() as client:
            entries: Any = client.xrange(name)
        return [fields for _id, fields in entries]

    def terminate(self, *names: str) -> dict[str, int]:
        """Send SIGTERM to services at once; the exit status of each, which it must reach in time."""
        deadline = time.monotonic() + STOP_SECONDS
        for name in names:
            self.processes[name].terminate()
        ended = {name: self.processes[name].wait(deadline - time.monotonic()) for name in names}
        for name in names:
            del self.processes[name]
        return ended

    def kill(self, name: str) -> None:
        """End a process without a warning."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def show(self) -> None:
        """Print the end of every log; pytest shows it when the test failed."""
        for path in sorted(self.root.glob("*.log")):
            print(f"--- {path.name}", *path.read_text(encoding="utf-8").splitlines()[-15:], sep="\n")

    def _run(self, name: str, command: tuple[str, ...], environment: dict[str, str]) -> None:
        assert name not in self.processes, f"{name} runs already"
        with (self.root / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.root, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _redis_answers(self) -> bool:
        with self.redis() as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False


@contextmanager
def pipeline(server: Scratch, root: Path, *, without: tuple[str, ...] = ()) -> Iterator[Pipeline]:
    """A workspace with a migrated database and a Redis; nothing of it remains running."""
    shutil.copytree(REPOSITORY / "cdbctl/demo/stack/services", root / "services")
    with empty_database(server) as database:
        apply(server, database, *(name for name in migration_names() if name not in without))
        running = Pipeline(root, server, database)
        try:
            running.start_redis()
            yield running
        finally:
            for name in list(running.processes):
                running.kill(name)
            running.show()
