"""The built-in checks: what holds for any stack, for a root that has no folder of checks yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from cdbctl.load.checks import load_checks
from cdbctl.model.check import BUILT_IN, Check
from cdbctl.model.compose import ComposeService
from cdbctl.model.stack import Service

FOLDER = Path(__file__).parents[1] / "templates" / "checks"


@dataclass(frozen=True, slots=True)
class Declared:
    """Which sources the definitions declare: only about these a built-in check has something to say."""

    sources: Collection[str]
    """Of ``containers``, ``compose``, ``database``, ``redis``, ``prometheus``, ``ci``, ``issues``, ``migrations``."""
    probed: Collection[str]
    """Services that have a health page or a probe of their runtime."""
    logged: Collection[str]
    """Services whose log can be read."""
    labels: tuple[str, ...] = ()
    """Of issues that matter."""
    servers: Mapping[str, str] = field(default_factory=dict)
    """By source the service that runs it, where that is known; it is asked directly, so its log is left alone."""


_SOURCES = {
    "container": "containers",
    "compose": "compose",
    "database": "database",
    "redis": "redis",
    "prometheus": "prometheus",
    "ci": "ci",
    "issues": "issues",
    "migrations": "migrations",
}
"""By the group of a rule the source that it judges; rules of other groups judge what every run looks at."""
_CLOCKS = {"postgresql": "database", "redis": "redis"}
_LOGS = ("logs", "service.healthy-but-erroring")


def builtin_checks(
    services: Sequence[Service],
    declared: Declared,
    *,
    params: Mapping[str, Mapping[str, object]],
    about_services: Collection[str],
) -> tuple[Check, ...]:
    """The built-in checks that have something to look at; a source that is not declared is not asked about."""
    checks = load_checks(
        FOLDER,
        services=services,
        params=params,
        about_services=about_services,
        shown_folder=BUILT_IN,
        may_select_nothing=True,
    )
    return tuple(_fitting(checks, declared))


def _fitting(checks: Sequence[Check], declared: Declared) -> Iterator[Check]:
    for check in checks:
        source = _SOURCES.get(check.rule.partition(".")[0])
        if source is not None and source not in declared.sources:
            continue
        subjects = tuple(subject for subject in check.subjects if _can_be_seen(check.rule, subject, declared))
        if subjects:
            yield replace(check, subjects=subjects, params=_params(check, source, declared))


def _can_be_seen(rule: str, subject: str, declared: Declared) -> bool:
    if rule == "service.health":
        return subject in declared.probed
    if rule.startswith(_LOGS):
        probed = rule != "service.healthy-but-erroring" or subject in declared.probed
        return probed and subject in declared.logged and subject not in declared.servers.values()
    if rule == "clocks.skew":
        return subject not in _CLOCKS or _CLOCKS[subject] in declared.sources
    return True


def _params(check: Check, source: str | None, declared: Declared) -> Mapping[str, object]:
    """Fill in what only this stack knows: its labels, and the service whose end explains the silence of a server."""
    server = declared.servers.get(source or "")
    if check.rule == "issues.open":
        return {**check.params, "labels": dict.fromkeys(declared.labels, "WARN")}
    if server and check.rule in ("database.reachable", "redis.reachable", "prometheus.server"):
        return {**check.params, "service": server}
    return check.params


def is_probed(service: Service, compose: Sequence[ComposeService]) -> bool:
    """Whether somebody declared how to ask a service for its health."""
    one = _in_compose(service, compose)
    return service.health_url is not None or (one is not None and bool(one.healthcheck))


def serving(address: str, services: Sequence[Service], compose: Sequence[ComposeService]) -> str | None:
    """The service behind an address: the container that it names, or the one that publishes its port here."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    for service in services:
        one = _in_compose(service, compose)
        published = one is not None and any(each.host_port == str(port) for each in one.ports)
        names = (service.name, service.compose_service)
        if host in names if parts.scheme == "docker" else host in ("127.0.0.1", "localhost") and published:
            return service.name
    return None


def _in_compose(service: Service, compose: Sequence[ComposeService]) -> ComposeService | None:
    place = (service.project, service.compose_service)
    return next((one for one in compose if (one.project, one.name) == place), None)
