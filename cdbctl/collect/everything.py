"""All sources of one run, read at the same time, put together into a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cdbctl import __version__
from cdbctl.collect import answers
from cdbctl.collect.attempt import Job, NoAnswer, Seen, run_all
from cdbctl.collect.redact import Redactor, known_secrets, without_words_of
from cdbctl.model.check import Check, Waiver
from cdbctl.model.database import DatabaseFacts, QueryAnswer
from cdbctl.model.host import HostFacts
from cdbctl.model.logs import LogFacts
from cdbctl.model.metrics import MetricsPage
from cdbctl.model.migrations import MigrationFolder
from cdbctl.model.needs import Needs
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.redis import RedisFacts
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.runtime import HealthFacts, RuntimeFacts
from cdbctl.model.snapshot import EarlierRun, NotConfigured, Snapshot, Window
from cdbctl.model.stack import Service
from cdbctl.settings import Secret, SecretMissing, Settings, known_secret_values

SAMPLE_SECONDS = 1.0
"""Between two looks at a counter: long enough for a rate, short enough for breakfast."""

Readings = Mapping[str, Reading[Any]]
"""By the key of the job."""


def take_snapshot(
    settings: Settings,
    *,
    checks: tuple[Check, ...],
    waivers: tuple[Waiver, ...],
    needs: Needs,
    window: Window,
    progress: Callable[[Observed[object] | Unavailable], None],
) -> Snapshot:
    """Read every declared source at once and remove the secrets from what they said."""
    redactor = _redactor(settings, checks, waivers)
    jobs = tuple(_jobs(settings, needs, window, redactor.conceal))
    arrived = {}
    for job, reading in run_all(jobs):
        progress(reading)
        arrived[job.key] = reading
    in_order = {job.key: arrived[job.key] for job in jobs}
    readings = _numbered(_without_first_run(answers.one_reading_each(in_order, needs.questions)))
    snapshot = Snapshot(
        tool_version=__version__,
        stack=settings.stack,
        root=settings.root.as_posix(),
        agent=settings.agent,
        taken_at=window.until,
        finished_at=datetime.now(UTC),
        timezone=settings.timezone,
        window=window,
        services=settings.services,
        checks=checks,
        waivers=waivers,
        runtime=readings["runtime"],
        health=_named("health", readings),
        logs=_named("logs", readings),
        metrics=_named("metrics", readings),
        database=readings.get("database"),
        answers=_named("answers", readings),
        redis=readings.get("redis"),
        repository=readings["repository"],
        host=readings["host"],
        migrations=readings["migrations"],
        previous=readings.get("history"),
        not_configured=tuple(_not_configured(settings)),
        redactions=(),
        notes=(),
    )
    # Facts were taken from the full text; what is kept has its secrets replaced.
    return replace(redactor.value(snapshot), redactions=redactor.redactions)


def _jobs(settings: Settings, needs: Needs, window: Window, conceal: Callable[[str], str]) -> Iterator[Job[Any]]:
    """Every source of the run. A collector is imported when its job runs: no job waits for the libraries of others."""
    yield _runtime_job(settings, window)
    for service in settings.services:
        if service.metrics_url:
            yield _metrics_job(settings, service, service.metrics_url)
    for job in (database_job(settings), _answers_job(settings, needs), _redis_job(settings, needs, window)):
        if job is not None:
            yield job
    yield _repository_job(settings)
    yield _host_job(settings)
    yield migrations_job(settings)
    yield _history_job(settings, window)
    for service in settings.services:
        if service.health_url:
            yield _health_job(settings, service, service.health_url)
        if service.log_paths:
            yield _log_job(settings, service, window, conceal)


def _job(
    settings: Settings, key: str, source: str, read: Callable[[float], Seen[Any]], *, looks_twice: bool = False
) -> Job[Any]:
    """A job with the deadline of its kind; ``read`` gets a little less, to say itself what it waited for."""
    deadline = settings.deadlines.seconds(key.partition("/")[0])
    return Job(key, source, deadline, lambda: read(deadline * 0.9), looks_twice)


def _runtime_job(settings: Settings, window: Window) -> Job[Any]:
    def read(timeout: float) -> Seen[RuntimeFacts]:
        from cdbctl.collect.supervisord import Supervisord

        supervisord = Supervisord(settings.runtime.url, settings.root / log if log else None)
        return supervisord.read(
            settings.services, window=window, timeout_seconds=timeout, sample_seconds=SAMPLE_SECONDS
        )

    log = settings.runtime.log
    return _job(settings, "runtime", settings.runtime.url, read, looks_twice=True)


def database_job(settings: Settings) -> Job[Any] | None:
    """Read the declared database; None when there is none."""
    source = settings.database
    if source is None:
        return None

    def read(timeout: float) -> Seen[DatabaseFacts]:
        from cdbctl.collect.database import read_database

        return read_database(source.dsn, _secret(source.password, settings), timeout_seconds=timeout)

    return _job(settings, "database", source.dsn, read)


def _answers_job(settings: Settings, needs: Needs) -> Job[Any] | None:
    source = settings.database
    if source is None or not needs.questions:
        return None

    def read(timeout: float) -> Seen[Mapping[str, Seen[QueryAnswer] | NoAnswer]]:
        from cdbctl.collect.database import read_answers

        return read_answers(source.dsn, _secret(source.password, settings), needs.questions, timeout_seconds=timeout)

    return _job(settings, answers.KEY, source.dsn, read)


def _redis_job(settings: Settings, needs: Needs, window: Window) -> Job[Any] | None:
    source = settings.redis
    if source is None:
        return None

    def read(timeout: float) -> Seen[RedisFacts]:
        from cdbctl.collect.redis import read_redis

        password = _secret(source.password, settings)
        return read_redis(source.url, password, streams=needs.streams, window=window, timeout_seconds=timeout)

    return _job(settings, "redis", source.url, read)


def _repository_job(settings: Settings) -> Job[Any]:
    def read(timeout: float) -> Seen[RepositoryFacts]:
        from cdbctl.collect.git import read_repository

        return read_repository(settings.root, exclude=(settings.paths.reports,), timeout_seconds=timeout)

    return _job(settings, "repository", f"git repository {settings.root}", read)


def _host_job(settings: Settings) -> Job[Any]:
    def read(_: float) -> Seen[HostFacts]:
        from cdbctl.collect.host import read_host

        return read_host((settings.root,))

    return _job(settings, "host", "this machine", read)


def migrations_job(settings: Settings) -> Job[Any]:
    """Read the folder of migration files."""

    def read(timeout: float) -> Seen[MigrationFolder]:
        from cdbctl.collect.migrations import read_migrations

        return read_migrations(settings.root, settings.paths.migrations, timeout_seconds=timeout)

    return _job(settings, "migrations", f"migrations in {settings.paths.migrations}", read)


def _history_job(settings: Settings, window: Window) -> Job[Any]:
    def read(_: float) -> Seen[EarlierRun | None]:
        from cdbctl.collect.history import read_earlier_run

        return read_earlier_run(settings.root / settings.paths.reports, now=window.until)

    return _job(settings, "history", "stored runs", read)


def _health_job(settings: Settings, service: Service, url: str) -> Job[Any]:
    def read(timeout: float) -> Seen[HealthFacts]:
        from cdbctl.collect.health import read_health

        return read_health(service, timeout_seconds=timeout)

    return _job(settings, f"health/{service.name}", url, read)


def _log_job(settings: Settings, service: Service, window: Window, conceal: Callable[[str], str]) -> Job[Any]:
    def read(timeout: float) -> Seen[LogFacts]:
        from cdbctl.collect.logs import read_log

        return read_log(service, root=settings.root, window=window, timeout_seconds=timeout, conceal=conceal)

    return _job(settings, f"logs/{service.name}", f"log of {service.name}", read)


def _metrics_job(settings: Settings, service: Service, url: str) -> Job[Any]:
    def read(timeout: float) -> Seen[MetricsPage]:
        from cdbctl.collect.metrics import read_page

        return read_page(service, timeout_seconds=timeout, apart_seconds=SAMPLE_SECONDS)

    return _job(settings, f"metrics/{service.name}", url, read, looks_twice=True)


def _secret(secret: Secret | None, settings: Settings) -> str | None:
    """The password, read when it is needed; a missing one leaves its source without an answer."""
    try:
        return secret.read(settings.root) if secret else None
    except SecretMissing as missing:
        raise NoAnswer(missing.reason, remedy=missing.remedy) from missing


def _numbered(readings: Readings) -> dict[str, Reading[Any]]:
    """Give the evidence its ids in the order of the jobs, not of arrival: E001, E002 …"""
    return {
        key: replace(reading, evidence=replace(reading.evidence, id=f"E{number:03}"))
        for number, (key, reading) in enumerate(readings.items(), start=1)
    }


def _named(field: str, readings: Readings) -> dict[str, Reading[Any]]:
    """The readings of one field of the snapshot, by the name behind the slash."""
    prefix = f"{field}/"
    return {key.removeprefix(prefix): reading for key, reading in readings.items() if key.startswith(prefix)}


def _without_first_run(readings: Readings) -> Readings:
    """Where no run is stored yet there is nothing to remember, and nothing to prove."""
    earlier = readings["history"]
    if isinstance(earlier, Observed) and earlier.value is None:
        return {key: reading for key, reading in readings.items() if key != "history"}
    return readings


def _not_configured(settings: Settings) -> Iterator[NotConfigured]:
    if settings.database is None:
        yield NotConfigured("PostgreSQL", "cdbctl.yaml has no section 'database'")
    if settings.redis is None:
        yield NotConfigured("Redis", "cdbctl.yaml has no section 'redis'")
    yield NotConfigured("Prometheus server", "this version reads the metrics pages of the services directly")
    yield NotConfigured("CI runs and issues on GitHub", "this version does not ask GitHub")


def _redactor(settings: Settings, checks: tuple[Check, ...], waivers: tuple[Waiver, ...]) -> Redactor:
    known = {**known_secrets(os.environ), **known_secret_values(settings)}
    definitions = repr((settings.stack, settings.agent, settings.services, checks, waivers))
    return Redactor(without_words_of(known, definitions))
