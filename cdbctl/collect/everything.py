"""All sources of one run, read at the same time, put together into a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cdbctl import __version__
from cdbctl.collect import answers
from cdbctl.collect.attempt import run_all
from cdbctl.collect.jobs import GITHUB, Secrecy, Sources
from cdbctl.collect.redact import Redactor, known_secrets, without_words_of
from cdbctl.model.check import Check, Waiver
from cdbctl.model.needs import Needs
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.snapshot import NotConfigured, Snapshot, Window
from cdbctl.settings import Settings, known_secret_values

Readings = Mapping[str, Reading[Any]]
"""By the key of the job."""


def take_snapshot(
    settings: Settings,
    *,
    checks: tuple[Check, ...],
    waivers: tuple[Waiver, ...],
    needs: Needs,
    window: Window,
    soak: Window | None = None,
    progress: Callable[[Observed[object] | Unavailable], None],
) -> Snapshot:
    """Read every declared source at once and remove the secrets from what they said."""
    definitions = repr((settings.stack, settings.agent, settings.services, checks, waivers))
    redactor = Redactor(without_words_of({**known_secrets(os.environ), **known_secret_values(settings)}, definitions))

    def learn(environment: Mapping[str, str]) -> None:
        redactor.learn(without_words_of(known_secrets(environment), definitions))

    jobs = tuple(Sources(settings).all(needs, window, Secrecy(redactor.conceal, learn), soak))
    arrived = {}
    for job, reading in run_all(jobs):
        progress(reading)
        arrived[job.key] = reading
    in_order = {job.key: arrived[job.key] for job in jobs}
    readings = _numbered(_ci_apart(_without_first_run(answers.one_reading_each(in_order, needs.questions))))
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
        compose=settings.compose,
        prometheus=readings.get("prometheus"),
        ci=readings.get("ci"),
        issues=readings.get("issues"),
        soak_stretch=soak,
        soak=readings.get("soak"),
    )
    # Facts were taken from the full text; what is kept has its secrets replaced.
    return replace(redactor.value(snapshot), redactions=redactor.redactions)


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


def _ci_apart(readings: Readings) -> Readings:
    """CI and issues come from one conversation; each is a reading of its own."""
    separate: dict[str, Reading[Any]] = {}
    for key, reading in readings.items():
        if key != GITHUB:
            separate[key] = reading
        elif isinstance(reading, Unavailable):
            separate |= {"ci": reading, "issues": reading}
        else:
            ci, issues = reading.value
            separate["ci"] = replace(reading, value=ci)
            if issues is not None:
                separate["issues"] = replace(reading, value=issues)
    return separate


def _not_configured(settings: Settings) -> Iterator[NotConfigured]:
    if settings.database is None:
        yield NotConfigured("PostgreSQL", "cdbctl.yaml has no section 'database'")
    if settings.redis is None:
        yield NotConfigured("Redis", "cdbctl.yaml has no section 'redis'")
    if settings.prometheus is None:
        yield NotConfigured("Prometheus server", "cdbctl.yaml has no section 'prometheus'")
    if settings.github is None:
        yield NotConfigured("CI runs and issues on GitHub", "cdbctl.yaml has no section 'github'")
