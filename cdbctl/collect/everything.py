"""All sources of one run, read at the same time, put together into a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cdbctl import __version__
from cdbctl.collect import answers, database, git, health, history, host, logs, metrics, migrations, redis
from cdbctl.collect.attempt import Job, NoAnswer, Seen, run_all
from cdbctl.collect.redact import Redactor, known_secrets
from cdbctl.collect.supervisord import Supervisord
from cdbctl.model.check import Check, Waiver
from cdbctl.model.needs import Needs
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.snapshot import NotConfigured, Snapshot, Window
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
    jobs = tuple(_jobs(settings, needs, window))
    arrived = {}
    for job, reading in run_all(jobs):
        progress(reading)
        arrived[job.key] = reading
    in_order = {job.key: arrived[job.key] for job in jobs}
    readings = _numbered(answers.one_reading_each(in_order, needs.questions))
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
        previous=_unless_first(readings["history"]),
        not_configured=tuple(_not_configured(settings)),
        redactions=(),
        notes=(),
    )
    return _without_secrets(snapshot, settings)


def _jobs(settings: Settings, needs: Needs, window: Window) -> Iterator[Job[Any]]:
    """Every source of the run, in the order of the report."""
    single = (
        _runtime_job(settings, window),
        database_job(settings),
        _answers_job(settings, needs),
        _redis_job(settings, needs, window),
        _repository_job(settings),
        _host_job(settings),
        migrations_job(settings),
        _history_job(settings),
    )
    yield from (job for job in single if job is not None)
    for service in settings.services:
        yield from _service_jobs(settings, service, window)


def _job(settings: Settings, key: str, source: str, read: Callable[[float], Seen[Any]]) -> Job[Any]:
    """A job with the deadline of its kind; ``read`` gets a little less, to say itself what it waited for."""
    deadline = settings.deadlines.seconds(key.partition("/")[0])
    return Job(key, source, deadline, lambda: read(deadline * 0.9))


def _runtime_job(settings: Settings, window: Window) -> Job[Any]:
    log = settings.runtime.log
    supervisord = Supervisord(settings.runtime.url, settings.root / log if log else None)
    return _job(
        settings,
        "runtime",
        supervisord.source,
        lambda timeout: supervisord.read(
            settings.services, window=window, timeout_seconds=timeout, sample_seconds=SAMPLE_SECONDS
        ),
    )


def _host_job(settings: Settings) -> Job[Any]:
    return _job(settings, "host", "this machine", lambda _: host.read_host((settings.root,)))


def database_job(settings: Settings) -> Job[Any] | None:
    """Read the declared database; None when there is none."""
    if settings.database is None:
        return None
    dsn, password = settings.database.dsn, settings.database.password
    return _job(
        settings,
        "database",
        dsn,
        lambda timeout: database.read_database(dsn, _read(password, settings), timeout_seconds=timeout),
    )


def _answers_job(settings: Settings, needs: Needs) -> Job[Any] | None:
    if settings.database is None or not needs.questions:
        return None
    dsn, password = settings.database.dsn, settings.database.password
    return _job(
        settings,
        answers.KEY,
        dsn,
        lambda timeout: database.read_answers(dsn, _read(password, settings), needs.questions, timeout_seconds=timeout),
    )


def _redis_job(settings: Settings, needs: Needs, window: Window) -> Job[Any] | None:
    if settings.redis is None:
        return None
    url, password = settings.redis.url, settings.redis.password
    return _job(
        settings,
        "redis",
        url,
        lambda timeout: redis.read_redis(
            url, _read(password, settings), streams=needs.streams, window=window, timeout_seconds=timeout
        ),
    )


def _repository_job(settings: Settings) -> Job[Any]:
    root, reports = settings.root, settings.paths.reports
    return _job(
        settings,
        "repository",
        f"git repository {root}",
        lambda timeout: git.read_repository(root, exclude=(reports,), timeout_seconds=timeout),
    )


def migrations_job(settings: Settings) -> Job[Any]:
    """Read the folder of migration files."""
    root, folder = settings.root, settings.paths.migrations
    return _job(settings, "migrations", f"migrations in {folder}", lambda _: migrations.read_migrations(root, folder))


def _history_job(settings: Settings) -> Job[Any]:
    reports = settings.root / settings.paths.reports
    return _job(settings, "history", "stored runs", lambda _: history.read_earlier_run(reports))


def _service_jobs(settings: Settings, service: Service, window: Window) -> Iterator[Job[Any]]:
    if service.health_url:
        yield _job(
            settings,
            f"health/{service.name}",
            service.health_url,
            lambda timeout: health.read_health(service, timeout_seconds=timeout),
        )
    if service.log_paths:
        yield _job(
            settings,
            f"logs/{service.name}",
            f"log of {service.name}",
            lambda timeout: logs.read_log(service, root=settings.root, window=window, timeout_seconds=timeout),
        )
    if service.metrics_url:
        yield _job(
            settings,
            f"metrics/{service.name}",
            service.metrics_url,
            lambda timeout: metrics.read_page(service, timeout_seconds=timeout, apart_seconds=SAMPLE_SECONDS),
        )


def _read(secret: Secret | None, settings: Settings) -> str | None:
    """The password, read when it is needed; a missing one leaves its source without an answer."""
    try:
        return secret.read(settings.root) if secret else None
    except SecretMissing as missing:
        raise NoAnswer(missing.reason, remedy=missing.remedy) from missing


def _numbered(readings: Readings) -> dict[str, Reading[Any]]:
    """Give the evidence its ids in the order of the report, not of arrival: E001, E002 …"""
    return {
        key: replace(reading, evidence=replace(reading.evidence, id=f"E{number:03}"))
        for number, (key, reading) in enumerate(readings.items(), start=1)
    }


def _named(field: str, readings: Readings) -> dict[str, Reading[Any]]:
    """The readings of one field of the snapshot, by the name behind the slash."""
    prefix = f"{field}/"
    return {key.removeprefix(prefix): reading for key, reading in readings.items() if key.startswith(prefix)}


def _unless_first(reading: Reading[Any]) -> Reading[Any] | None:
    return None if isinstance(reading, Observed) and reading.value is None else reading


def _not_configured(settings: Settings) -> Iterator[NotConfigured]:
    if settings.database is None:
        yield NotConfigured("PostgreSQL", "cdbctl.yaml has no section 'database'")
    if settings.redis is None:
        yield NotConfigured("Redis", "cdbctl.yaml has no section 'redis'")
    yield NotConfigured("Prometheus server", "this version reads the metrics pages of the services directly")
    yield NotConfigured("CI runs and issues on GitHub", "this version does not ask GitHub")


def _without_secrets(snapshot: Snapshot, settings: Settings) -> Snapshot:
    """Facts were taken from the full text; what is kept has its secrets replaced."""
    redactor = Redactor({**known_secrets(os.environ), **known_secret_values(settings)})
    return replace(redactor.value(snapshot), redactions=redactor.redactions)
