"""Facts that a Prometheus server tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdbctl.model.metrics import MetricState


@dataclass(frozen=True, slots=True)
class Target:
    """Something that Prometheus scrapes."""

    job: str
    instance: str
    url: str
    """The page that is scraped, without secrets."""
    health: str
    """``up``, ``down``, or ``unknown`` while it was not scraped yet."""
    last_error: str
    last_scrape_at: datetime | None


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is not inactive."""

    name: str
    state: str
    """``firing`` or ``pending``."""
    labels: tuple[tuple[str, str], ...]
    """Sorted by name, without the name of the alert."""
    summary: str
    """Its annotation ``summary`` or ``description``, shortened."""
    active_at: datetime | None

    def label(self, name: str) -> str:
        """The value of one label; empty when it has none."""
        return next((value for key, value in self.labels if key == name), "")


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """An alerting or recording rule that is loaded."""

    name: str
    kind: str
    """``alerting`` or ``recording``."""
    group: str
    file: str
    expression: str
    health: str
    """``ok``, ``err``, or ``unknown`` while it was not evaluated yet."""
    last_error: str
    metrics: tuple[str, ...]
    """Names of the metrics in its expression."""
    missing: tuple[str, ...]
    """Selectors in it that no series matched during the look-back."""
    dead: bool
    """Whether it can give no result while those are missing."""
    certain: bool
    """Whether it is dead because of names that nobody exports; else labels that never occurred so far could still
    bring it to life."""
    nearest: tuple[tuple[str, str], ...]
    """For what is missing: the metric name or ``job="…"``, and the existing one that is most like it."""
    not_judged: str
    """Why it is not known whether it can give a result; empty when it is known."""


@dataclass(frozen=True, slots=True)
class MetricAnswer:
    """What the server says of one metric that a check asks for."""

    name: str
    """As the check names it: a metric name, or a selector with labels."""
    state: MetricState
    """``PROM_DOWN`` when the server gave no answer about it; ``note`` says why."""
    value: float | None
    """Sum over its series now; None when there are none."""
    series: int
    """How many there are now."""
    increase: float | None
    """Over the window; None for what is no counter, and when nothing can be said."""
    increase_at_most: float | None
    """Larger than ``increase`` where that is only a lower limit; None where it is an estimate. ``note`` says why."""
    last_seen_at: datetime | None
    """Of its newest sample; only for GONE and TARGET_DOWN, None when it cannot be told."""
    seen_on: tuple[str, ...]
    """``job instance`` of every target that exported it during the look-back."""
    nearest: str
    """For NEVER_SEEN: the existing metric that is most like it; empty when none is."""
    note: str
    """What a reader of the number has to know; empty when there is nothing."""

    @property
    def exact(self) -> bool:
        """Whether the increase is neither an estimate nor only a lower limit."""
        return self.increase is not None and self.increase == self.increase_at_most


@dataclass(frozen=True, slots=True)
class NotRead:
    """A part that the server gave no answer about. It is unknown, not fine."""

    what: str
    """``targets``, ``alerts``, ``rules``, ``configuration``, ``runtime information``, ``metric names`` …"""
    reason: str


@dataclass(frozen=True, slots=True)
class PrometheusFacts:
    """One Prometheus server."""

    version: str
    """Empty when it does not tell."""
    started_at: datetime | None
    """None when it does not tell; likewise below."""
    blind_since: datetime | None
    """Of its newest sample before it started; None when it started before the window, or has none."""
    config_loaded: bool | None
    config_loaded_at: datetime | None
    server_at: datetime
    """Its clock."""
    host_at: datetime
    """Host time in the middle of that question."""
    round_trip_ms: float
    look_back_seconds: float
    """How far back a metric was looked for before it was called missing."""
    jobs: tuple[str, ...]
    """Names of the scrape jobs in its configuration."""
    rule_files: tuple[str, ...]
    """Patterns of the rule files in its configuration."""
    empty_rule_files: tuple[str, ...]
    """Those of which no group is loaded."""
    targets: tuple[Target, ...]
    alerts: tuple[Alert, ...]
    rules: tuple[RuleFacts, ...]
    metrics: tuple[MetricAnswer, ...]
    warnings: tuple[str, ...]
    """What the server itself warned about in its answers."""
    not_read: tuple[NotRead, ...]
    requests: int

    def metric(self, name: str) -> MetricAnswer | None:
        """The answer about one metric, or None when nobody asked."""
        return next((answer for answer in self.metrics if answer.name == name), None)

    def watched_since(self, since: datetime) -> datetime:
        """From when on it has samples, at or after that time."""
        begun_before = self.blind_since is not None and self.blind_since > since
        return since if self.started_at is None or begun_before else max(since, self.started_at)

    def gap(self, what: str) -> str | None:
        """Why a part could not be read, or None when it was."""
        return next((item.reason for item in self.not_read if item.what == what), None)
