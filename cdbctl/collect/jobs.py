"""Every declared source of a stack as a job: who reads it, where, and how long it may take.

A collector is imported when its job runs: no job waits for the libraries of others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cdbctl.collect import answers
from cdbctl.collect.attempt import Job, NoAnswer, Seen
from cdbctl.collect.wire import Deadline
from cdbctl.model.needs import Needs
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service
from cdbctl.settings import DockerSource, Secret, SecretMissing, Settings, SupervisordSource

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cdbctl.collect.docker.engine import Engine
    from cdbctl.collect.docker.reach import Route
    from cdbctl.collect.runtime import Runtime
    from cdbctl.model.ci import CiFacts, IssueFacts
    from cdbctl.model.database import DatabaseFacts, QueryAnswer
    from cdbctl.model.host import HostFacts
    from cdbctl.model.logs import LogFacts
    from cdbctl.model.metrics import MetricsPage
    from cdbctl.model.migrations import MigrationFolder
    from cdbctl.model.prometheus import PrometheusFacts
    from cdbctl.model.redis import RedisFacts
    from cdbctl.model.repository import RepositoryFacts
    from cdbctl.model.runtime import HealthFacts, RuntimeFacts
    from cdbctl.model.snapshot import EarlierRun, SoakHistory

T = TypeVar("T")

SAMPLE_SECONDS = 0.75
"""Between two looks at a counter: long enough for a rate, short enough for breakfast."""
LOG_READERS = 4
"""Logs of containers that are read at once: more of them would only keep short answers of others waiting."""
FIND_SECONDS = 3.0
"""For finding the container of a log: an engine that is slower than this with its list sends no log in time."""
GITHUB = "github"
"""Key of the job that asks for CI and issues."""


@dataclass(frozen=True, slots=True)
class Secrecy:
    """How the readers of logs keep secrets."""

    conceal: Callable[[str], str]
    """Takes secrets out of a text before it is masked: masked in part, no one would know them any more."""
    learn: Callable[[Mapping[str, str]], None]
    """Takes note of the secrets in the environment of a container."""


class Sources:
    """The declared sources of one stack."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = _engine(settings)
        self._log_readers = threading.Semaphore(LOG_READERS)

    def all(self, needs: Needs, window: Window, secrecy: Secrecy, soak: Window | None = None) -> Iterator[Job[Any]]:
        """Every source of one run."""
        services = self._settings.services
        yield self._runtime(window, secrecy)
        yield from (self._metrics(service, service.metrics_url) for service in services if service.metrics_url)
        found = (self.database(), self._answers(needs), self._redis(needs, window), self._prometheus(needs, window))
        yield from (job for job in found if job is not None)
        yield self._repository()
        yield self._host()
        yield self.migrations()
        yield self._history(window)
        if soak is not None:
            yield self._soak(soak)
        yield from (self._health(service, service.health_url) for service in services if service.health_url)
        for service in services:
            if service.log_paths:
                yield self._log_file(service, window, secrecy)
            elif self._engine is not None:
                yield self._container_log(self._engine, service, window, secrecy)
        if (github := self._github()) is not None:
            yield github

    def database(self) -> Job[Any] | None:
        """Read the declared database; None when there is none."""
        source = self._settings.database
        if source is None:
            return None

        def read(timeout: float) -> Seen[DatabaseFacts]:
            from cdbctl.collect.database import read_database

            deadline = Deadline(timeout)
            with self._reached_database(source.dsn, deadline) as route:
                password = self._secret(source.password)
                return _told(route, read_database(route.address, password, timeout_seconds=_left(deadline)))

        return self._job("database", source.dsn, read)

    def migrations(self) -> Job[Any]:
        """Read the folder of migration files."""
        settings = self._settings

        def read(timeout: float) -> Seen[MigrationFolder]:
            from cdbctl.collect.migrations import read_migrations

            return read_migrations(settings.root, settings.paths.migrations, timeout_seconds=timeout)

        return self._job("migrations", f"migrations in {settings.paths.migrations}", read)

    def _runtime(self, window: Window, secrecy: Secrecy) -> Job[Any]:
        settings = self._settings

        def read(timeout: float) -> Seen[RuntimeFacts]:
            runtime = self._runtime_itself(settings.runtime, secrecy)
            return runtime.read(
                settings.services, window=window, timeout_seconds=timeout, sample_seconds=SAMPLE_SECONDS
            )

        declared = settings.runtime
        source = declared.url if isinstance(declared, SupervisordSource) else _engine_source(self._engine)
        return self._job("runtime", source, read, looks_twice=True)

    def _runtime_itself(self, declared: SupervisordSource | DockerSource, secrecy: Secrecy) -> Runtime:
        if isinstance(declared, SupervisordSource):
            from cdbctl.collect.supervisord import Supervisord

            return Supervisord(declared.url, self._settings.root / declared.log if declared.log else None)
        from cdbctl.collect.docker.runtime import DockerRuntime

        assert self._engine is not None  # noqa: S101 - a DockerSource always has one
        return DockerRuntime(self._engine, declared.projects, secrecy.learn)

    def _answers(self, needs: Needs) -> Job[Any] | None:
        source = self._settings.database
        if source is None or not needs.questions:
            return None

        def read(timeout: float) -> Seen[Mapping[str, Seen[QueryAnswer] | NoAnswer]]:
            from cdbctl.collect.database import read_answers

            deadline = Deadline(timeout)
            with self._reached_database(source.dsn, deadline) as route:
                password = self._secret(source.password)
                return read_answers(route.address, password, needs.questions, timeout_seconds=_left(deadline))

        return self._job(answers.KEY, source.dsn, read)

    def _redis(self, needs: Needs, window: Window) -> Job[Any] | None:
        source = self._settings.redis
        if source is None:
            return None

        def read(timeout: float) -> Seen[RedisFacts]:
            from cdbctl.collect.docker.reach import reach_redis
            from cdbctl.collect.redis import read_redis

            deadline = Deadline(timeout)
            with reach_redis(self._engine, source.url, self._settings.services, deadline) as route:
                password = self._secret(source.password)
                facts = read_redis(
                    route.address, password, streams=needs.streams, window=window, timeout_seconds=_left(deadline)
                )
                return _told(route, facts)

        return self._job("redis", source.url, read)

    def _prometheus(self, needs: Needs, window: Window) -> Job[Any] | None:
        source = self._settings.prometheus
        if source is None:
            return None

        def read(timeout: float) -> Seen[PrometheusFacts]:
            from cdbctl.collect.prometheus import read_prometheus

            deadline = Deadline(timeout)
            with self._reached_web(source.url, deadline) as route:
                facts = read_prometheus(
                    route.address, metrics=needs.metrics, window=window, timeout_seconds=_left(deadline)
                )
                return _told(route, facts)

        return self._job("prometheus", source.url, read)

    def _github(self) -> Job[Any] | None:
        source, root = self._settings.github, self._settings.root
        if source is None:
            return None

        def read(timeout: float) -> Seen[tuple[CiFacts, IssueFacts | None]]:
            import os

            from cdbctl.collect.git import head_commit
            from cdbctl.collect.github import find_token, read_ci

            deadline = Deadline(timeout)
            token = find_token(source, root, os.environ)
            commit = head_commit(root, timeout_seconds=_left(deadline))
            cache = root / self._settings.paths.reports / ".cache"
            return read_ci(source, token=token, commit=commit, cache=cache, timeout_seconds=_left(deadline))

        return self._job(GITHUB, f"{source.api}/repos/{source.repository}", read)

    def _repository(self) -> Job[Any]:
        settings = self._settings

        def read(timeout: float) -> Seen[RepositoryFacts]:
            from cdbctl.collect.git import read_repository

            return read_repository(settings.root, exclude=(settings.paths.reports,), timeout_seconds=timeout)

        return self._job("repository", f"git repository {settings.root}", read)

    def _host(self) -> Job[Any]:
        def read(_: float) -> Seen[HostFacts]:
            from cdbctl.collect.host import read_host

            return read_host((self._settings.root,))

        return self._job("host", "this machine", read)

    def _history(self, window: Window) -> Job[Any]:
        reports: Path = self._settings.root / self._settings.paths.reports

        def read(_: float) -> Seen[EarlierRun | None]:
            from cdbctl.collect.history import read_earlier_run

            return read_earlier_run(reports, now=window.until, stack=self._settings.stack)

        return self._job("history", "stored runs", read)

    def _soak(self, stretch: Window) -> Job[Any]:
        reports: Path = self._settings.root / self._settings.paths.reports

        def read(timeout: float) -> Seen[SoakHistory]:
            from cdbctl.collect.soak import read_soak

            return read_soak(reports, stretch=stretch, stack=self._settings.stack, timeout_seconds=timeout)

        return self._job("soak", "stored runs of the soak", read)

    def _health(self, service: Service, url: str) -> Job[Any]:
        def read(timeout: float) -> Seen[HealthFacts]:
            from cdbctl.collect.health import read_health

            deadline = Deadline(timeout)
            with self._reached_web(url, deadline) as route:
                there = replace(service, health_url=route.address)
                return _told(route, read_health(there, timeout_seconds=_left(deadline)))

        return self._job(f"health/{service.name}", url, read)

    def _metrics(self, service: Service, url: str) -> Job[Any]:
        def read(timeout: float) -> Seen[MetricsPage]:
            from cdbctl.collect.metrics import read_page

            deadline = Deadline(timeout)
            with self._reached_web(url, deadline) as route:
                there = replace(service, metrics_url=route.address)
                page = read_page(there, timeout_seconds=_left(deadline), apart_seconds=SAMPLE_SECONDS)
                return _told(route, page)

        return self._job(f"metrics/{service.name}", url, read, looks_twice=True)

    def _log_file(self, service: Service, window: Window, secrecy: Secrecy) -> Job[Any]:
        root = self._settings.root

        def read(timeout: float) -> Seen[LogFacts]:
            from cdbctl.collect.logs import read_log

            return read_log(service, root=root, window=window, timeout_seconds=timeout, conceal=secrecy.conceal)

        return self._job(f"logs/{service.name}", f"log of {service.name}", read)

    def _container_log(self, engine: Engine, service: Service, window: Window, secrecy: Secrecy) -> Job[Any]:
        services = self._settings.services

        def read(timeout: float) -> Seen[LogFacts]:
            from cdbctl.collect.docker.logs import read_container_log
            from cdbctl.collect.docker.naming import environment_of

            deadline = Deadline(timeout)
            found = engine.find(service.name, Deadline(min(timeout, FIND_SECONDS)), services)
            secrecy.learn(environment_of(found))
            with self._turn(deadline):
                left = _left(deadline)
                return read_container_log(
                    engine, service, services, window=window, timeout_seconds=left, conceal=secrecy.conceal
                )

        return self._job(f"logs/{service.name}", f"docker logs {service.name}", read)

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[None]:
        """Wait until few enough others read logs."""
        if not self._log_readers.acquire(timeout=_left(deadline)):
            raise NoAnswer(
                f"the logs of other containers took all of {deadline}", remedy="give them more time: deadlines.logs"
            )
        try:
            yield
        finally:
            self._log_readers.release()

    def _reached_database(self, dsn: str, deadline: Deadline) -> AbstractContextManager[Route]:
        from cdbctl.collect.docker.reach import reach_database

        return reach_database(self._engine, dsn, self._settings.services, deadline)

    def _reached_web(self, url: str, deadline: Deadline) -> AbstractContextManager[Route]:
        from cdbctl.collect.docker.reach import reach_web

        return reach_web(self._engine, url, self._settings.services, deadline)

    def _job(self, key: str, source: str, read: Callable[[float], Seen[T]], *, looks_twice: bool = False) -> Job[T]:
        """A job with the deadline of its kind; ``read`` gets a little less, to say itself what it waited for."""
        deadline = self._settings.deadlines.seconds(key.partition("/")[0])
        return Job(key, source, deadline, lambda: read(deadline * 0.9), looks_twice)

    def _secret(self, secret: Secret | None) -> str | None:
        """The password, read when it is needed; a missing one leaves its source without an answer."""
        try:
            return secret.read(self._settings.root) if secret else None
        except SecretMissing as missing:
            raise NoAnswer(missing.reason, remedy=missing.remedy) from missing


def _engine(settings: Settings) -> Engine | None:
    if not isinstance(settings.runtime, DockerSource):
        return None
    from cdbctl.collect.docker.engine import Engine

    return Engine(settings.runtime, root=settings.root)


def _engine_source(engine: Engine | None) -> str:
    return engine.source if engine else "container engine"


def _left(deadline: Deadline) -> float:
    try:
        return deadline.left()
    except TimeoutError:
        raise NoAnswer(f"the way to it took all of {deadline}") from None


def _told(route: Route, seen: Seen[T]) -> Seen[T]:
    """The evidence also says by which way the source was reached."""
    return Seen(seen.value, f"{route.how}\n{seen.text}") if route.how else seen
