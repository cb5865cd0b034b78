"""What a Prometheus server says of itself, its targets and its alerts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.prometheus.api import Api
from cdbctl.collect.prometheus.values import moment, sample, words, written_moment
from cdbctl.collect.web import shown
from cdbctl.model.prometheus import Alert, Target

_MOST_TARGETS = 2_000
_MOST_ALERTS = 1_000
_SUMMARY_CHARACTERS = 300
_SECTION = re.compile(r"([a-z_]+):")
_JOB = re.compile(r"[- ] job_name: (.{1,500})")


@dataclass(frozen=True, slots=True)
class Clock:
    """The answer to the first question."""

    server_at: datetime
    host_at: datetime
    """Host time in the middle of it."""
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the process says of itself."""

    started_at: datetime | None
    config_loaded: bool | None
    config_loaded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """The parts of the loaded configuration that something can be missing from."""

    jobs: tuple[str, ...]
    rule_files: tuple[str, ...]


def read_clock(api: Api) -> Clock:
    """Ask for the time: the shortest question there is; raises NoAnswer when the server does not answer at all."""
    before, started = datetime.now(UTC), time.monotonic()
    samples = api.query("time()")
    elapsed = time.monotonic() - started
    try:
        server_at = moment(sample(samples[0]))
    except (IndexError, KeyError, TypeError, ValueError):
        server_at = None
    if server_at is None:
        raise NoAnswer("answers the question for its time with something else")
    return Clock(server_at, before + (datetime.now(UTC) - before) / 2, round(elapsed * 1000, 2))


def read_version(api: Api) -> str:
    """e.g. ``2.42.0``."""
    return words(api.ask("status/buildinfo")["version"])


def read_runtime(api: Api) -> Runtime:
    """Start, and whether the last change of the configuration was taken."""
    data = api.ask("status/runtimeinfo")
    loaded = data.get("reloadConfigSuccess")
    return Runtime(
        started_at=written_moment(data.get("startTime")),
        config_loaded=loaded if isinstance(loaded, bool) else None,
        config_loaded_at=written_moment(data.get("lastConfigTime")),
    )


def read_configuration(api: Api) -> Configuration:
    """Scrape jobs and patterns of rule files, as loaded.

    Prometheus writes its configuration anew, always in one form, so its lines are read and not the whole YAML: that
    of a large server takes longer than everything else, and what only claims to be one must not take for ever.
    """
    jobs, files = [], []
    section = ""
    for line in api.ask("status/config")["yaml"].splitlines():
        if found := _SECTION.match(line):
            section = found[1]
        elif section == "scrape_configs" and (found := _JOB.fullmatch(line)):
            jobs.append(_scalar(found[1]))
        elif section == "rule_files" and line.startswith("- "):
            files.append(_scalar(line[2:]))
    if not section:
        raise NoAnswer("its configuration is in a form that cdbctl does not know")
    return Configuration(tuple(jobs), tuple(files))


def _scalar(written: str) -> str:
    """A text of YAML on one line; quotes and escapes as in YAML."""
    import yaml

    if written[:1] not in ("'", '"'):
        return written
    try:
        return str(yaml.safe_load(written))
    except (yaml.YAMLError, RecursionError, ValueError):
        return written


def read_targets(api: Api) -> tuple[Target, ...]:
    """Everything that is scraped, sorted by job and instance."""
    found = [_target(item) for item in _mappings(api.ask("targets", state="active")["activeTargets"])]
    if len(found) > _MOST_TARGETS:
        raise NoAnswer(f"it has more than {_MOST_TARGETS} targets")
    return tuple(sorted(found, key=lambda target: (target.job, target.instance, target.url)))


def read_alerts(api: Api) -> tuple[Alert, ...]:
    """Every alert that fires or is about to, sorted by name."""
    found = [_alert(item) for item in _mappings(api.ask("alerts")["alerts"])]
    if len(found) > _MOST_ALERTS:
        raise NoAnswer(f"more than {_MOST_ALERTS} alerts are active")
    return tuple(sorted(found, key=lambda alert: (alert.name, alert.labels)))


def read_names(api: Api, *, since: float) -> frozenset[str]:
    """The names of all metrics that had a sample since then (unix seconds)."""
    return frozenset(map(str, api.ask("label/__name__/values", start=f"{since:.0f}")))


def _target(item: Mapping[str, Any]) -> Target:
    labels = item["labels"]
    return Target(
        job=words(labels.get("job")),
        instance=words(labels.get("instance")),
        url=shown(words(item.get("scrapeUrl"))),
        health=words(item.get("health")),
        last_error=words(item.get("lastError")),
        last_scrape_at=written_moment(item.get("lastScrape")),
    )


def _alert(item: Mapping[str, Any]) -> Alert:
    labels, notes = item["labels"], item.get("annotations") or {}
    summary = words(notes.get("summary") or notes.get("description"))
    return Alert(
        name=words(labels.get("alertname")),
        state=words(item.get("state")),
        labels=tuple(sorted((str(key), words(value)) for key, value in labels.items() if key != "alertname")),
        summary=summary[:_SUMMARY_CHARACTERS],
        active_at=written_moment(item.get("activeAt")),
    )


def _mappings(items: object) -> Iterator[Mapping[str, Any]]:
    if not isinstance(items, list):  # none is an empty list; anything else is no answer
        raise TypeError("no list")
    yield from (item for item in items if isinstance(item, dict))
