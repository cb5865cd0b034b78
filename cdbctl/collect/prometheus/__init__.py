"""Asks one Prometheus server: itself, its targets, alerts and rules, and the metrics that checks name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.prometheus import server
from cdbctl.collect.prometheus.api import Api
from cdbctl.collect.prometheus.metrics import Numbers, answer, ask_metric, last_sample
from cdbctl.collect.prometheus.nearest import Neighbours
from cdbctl.collect.prometheus.rules import Loaded, Surroundings, judged, read_rules
from cdbctl.collect.prometheus.server import Clock, Configuration, Runtime
from cdbctl.collect.prometheus.text import prometheus_text
from cdbctl.collect.wire import Deadline
from cdbctl.model.needs import MetricQuestion
from cdbctl.model.prometheus import NotRead, PrometheusFacts, Target
from cdbctl.model.snapshot import Window

LOOK_BACK_SECONDS = 86_400.0
"""A metric that was seen yesterday is gone; one that was not is called never seen."""


def read_prometheus(
    url: str, *, metrics: Sequence[MetricQuestion], window: Window, timeout_seconds: float
) -> Seen[PrometheusFacts]:
    """Ask everything at the same time; raises NoAnswer when the server does not answer at all.

    A part that gets no answer is named in ``not_read`` and costs nothing else.
    """
    api = Api(url, Deadline(timeout_seconds))
    clock = server.read_clock(api)
    window_seconds = (window.until - window.since).total_seconds()
    look_back = max(LOOK_BACK_SECONDS, window_seconds)
    facts = _Parts(api, clock, window_seconds, look_back, metrics).facts()
    return Seen(facts, prometheus_text(api.source, facts))


class _Parts:
    """All answers of one server, each of which may be missing."""

    def __init__(
        self,
        api: Api,
        clock: Clock,
        window_seconds: float,
        look_back_seconds: float,
        questions: Sequence[MetricQuestion],
    ) -> None:
        self._api = api
        self._clock = clock
        self._window_seconds = window_seconds
        self._look_back = look_back_seconds
        self._questions = questions
        self._found: dict[str, Any] = {}
        self._not_read: list[NotRead] = []

    def facts(self) -> PrometheusFacts:
        """Ask for all of it, then for what hangs on the answers."""
        api, clock = self._api, self._clock
        numbers = self._ask()
        targets: tuple[Target, ...] | None = self._part("targets")
        configuration: Configuration | None = self._part("configuration")
        names: frozenset[str] | None = self._part("metric names")
        loaded: Loaded | None = self._part("rules")
        neighbours = Neighbours(names or ())
        runtime: Runtime = self._part("runtime information") or Runtime(None, None, None)
        patterns = configuration.rule_files if configuration else ()
        around = Surroundings(names, _jobs(configuration, targets), targets, clock.server_at, self._look_back)
        return PrometheusFacts(
            version=self._part("build information") or "",
            started_at=runtime.started_at,
            blind_since=self._blind_since(runtime),
            config_loaded=runtime.config_loaded,
            config_loaded_at=runtime.config_loaded_at,
            server_at=clock.server_at,
            host_at=clock.host_at,
            round_trip_ms=clock.round_trip_ms,
            look_back_seconds=self._look_back,
            jobs=configuration.jobs if configuration else (),
            rule_files=patterns,
            empty_rule_files=_without_groups(patterns, loaded.files) if loaded else (),
            targets=targets or (),
            alerts=self._part("alerts") or (),
            rules=judged(api, loaded.rules, around) if loaded else (),
            metrics=tuple(
                answer(question, found, targets=targets or (), names=neighbours)
                for question, found in zip(self._questions, numbers, strict=True)
            ),
            warnings=api.warnings,
            not_read=tuple(self._not_read),
            requests=api.requests,
        )

    def _ask(self) -> list[Numbers | NoAnswer]:
        """Every part and every metric, at the same time; returns what was said of the metrics."""
        api = self._api
        since = self._clock.server_at.timestamp() - self._look_back
        parts: dict[str, Callable[[], object]] = {
            "build information": lambda: server.read_version(api),
            "runtime information": lambda: server.read_runtime(api),
            "configuration": lambda: server.read_configuration(api),
            "targets": lambda: server.read_targets(api),
            "alerts": lambda: server.read_alerts(api),
            "rules": lambda: read_rules(api),
            "metric names": lambda: server.read_names(api, since=since),
        }
        everything = [*parts.values(), *map(self._metric, self._questions)]
        answers: list[Any] = api.each(lambda ask: ask(), everything)
        self._found = dict(zip(parts, answers, strict=False))
        return answers[len(parts) :]

    def _metric(self, question: MetricQuestion) -> Callable[[], Numbers]:
        window, look_back = self._window_seconds, self._look_back
        return lambda: ask_metric(self._api, question, window_seconds=window, look_back_seconds=look_back)

    def _part(self, what: str) -> Any:
        """One part of the answer; None, and a word about it, when it was not read."""
        value = self._found[what]
        if isinstance(value, NoAnswer):
            self._not_read.append(NotRead(what, value.reason))
            return None
        return value

    def _blind_since(self, runtime: Runtime) -> datetime | None:
        """The newest sample before a start inside the window: what happened in between, nobody saw."""
        started = runtime.started_at
        if started is None or (self._clock.server_at - started).total_seconds() > self._window_seconds:
            return None
        (found,) = self._api.each(
            lambda before: last_sample(self._api, "up", look_back_seconds=self._look_back, before=before), [started]
        )
        if isinstance(found, NoAnswer):
            self._not_read.append(NotRead("samples before its start", found.reason))
            return None
        return found


def _jobs(configuration: Configuration | None, targets: Sequence[Target] | None) -> frozenset[str] | None:
    """Every job that can be meant by a label; None when they could not be read."""
    if configuration is None or targets is None:
        return None
    return frozenset((*configuration.jobs, *(target.job for target in targets)))


def _without_groups(patterns: Sequence[str], files: Sequence[str]) -> tuple[str, ...]:
    """The patterns of rule files that no loaded group comes from."""
    paths = [PurePosixPath(file.replace("\\", "/")) for file in files]
    return tuple(pattern for pattern in patterns if not any(path.match(pattern.replace("\\", "/")) for path in paths))
