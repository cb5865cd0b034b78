"""What ``cdbctl.yaml`` says, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cdbctl.errors import DefinitionError, Problem, UsageError
from cdbctl.load import values
from cdbctl.load.checks import load_checks
from cdbctl.load.config import find_root, read_config
from cdbctl.load.json_schema import Schema
from cdbctl.load.machine import machine_timezone
from cdbctl.load.secret import Secret, SecretMissing, secret_file
from cdbctl.load.waivers import load_waivers
from cdbctl.model.check import Check, Waiver
from cdbctl.model.stack import Group, Service

__all__ = [
    "DatabaseSource",
    "Deadlines",
    "Definitions",
    "Paths",
    "RedisSource",
    "Secret",
    "SecretMissing",
    "Settings",
    "SupervisordSource",
    "find_root",
    "known_secret_values",
    "load_definitions",
    "load_settings",
    "parse_duration",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SupervisordSource:
    """The supervisord that runs the services."""

    url: str
    """``unix:///path`` or ``http://host:port``."""
    log: str | None
    """Relative to the root, or absolute."""


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    """The PostgreSQL of the stack."""

    dsn: str
    """Holds no password."""
    password: Secret | None


@dataclass(frozen=True, slots=True)
class RedisSource:
    """The Redis of the stack."""

    url: str
    """Holds no password."""
    password: Secret | None


@dataclass(frozen=True, slots=True)
class Paths:
    """Folders and files of the supervised repository, relative to its root, with forward slashes."""

    checks: str = "checks"
    migrations: str = "governance/migrations"
    contracts: str = "governance/contracts"
    gate: str = "governance/DELIVERY_APPROVED.yaml"
    waivers: str = "governance/waivers.yaml"
    reports: str = "reports"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long sources may take."""

    source: timedelta = timedelta(seconds=2)
    """Of every source that is not named."""
    named: Mapping[str, timedelta] = field(default_factory=dict)
    """By source: runtime, health, logs, metrics, database, redis, repository, host, migrations, history."""

    def seconds(self, source: str) -> float:
        """The deadline of one source in seconds."""
        return self.named.get(source, self.source).total_seconds()


@dataclass(frozen=True, slots=True)
class Settings:
    """One supervised stack."""

    root: Path
    """As the operator named it."""
    stack: str
    agent: str
    timezone: str
    """IANA name, or a fixed offset such as ``+01:00``."""
    window: timedelta
    services: tuple[Service, ...]
    """In the order of the file."""
    runtime: SupervisordSource
    database: DatabaseSource | None
    redis: RedisSource | None
    paths: Paths
    deadlines: Deadlines


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the owner wrote down: the stack, what is expected of it, what is accepted."""

    settings: Settings
    checks: tuple[Check, ...]
    waivers: tuple[Waiver, ...]


class RuleFacts(Protocol):
    """What the loader has to know of a rule."""

    @property
    def params(self) -> Schema:
        """JSON Schema of its parameters."""

    @property
    def about_services(self) -> bool:
        """Whether its subjects are declared services and nothing else."""


def load_definitions(root: Path, *, rules: Mapping[str, RuleFacts]) -> Definitions:
    """Read every definition file of a root; DefinitionError with every problem of every file at once."""
    problems: list[Problem] = []
    settings = _collected(lambda: load_settings(root), problems)
    paths = settings.paths if settings else Paths()
    services = settings.services if settings else None
    checks = _collected(
        lambda: load_checks(
            root / paths.checks,
            services=services,
            params={name: rule.params for name, rule in rules.items()},
            about_services={name for name, rule in rules.items() if rule.about_services},
            shown_folder=paths.checks,
        ),
        problems,
    )
    waivers = _collected(lambda: load_waivers(root / paths.waivers, shown_path=paths.waivers), problems)
    if settings is None or checks is None or waivers is None:
        raise DefinitionError(problems)
    return Definitions(settings, checks, waivers)


def _collected(load: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return load()
    except DefinitionError as error:
        problems += error.problems
        return None


def load_settings(root: Path) -> Settings:
    """Read the ``cdbctl.yaml`` of a root; DefinitionError with every problem at once."""
    data = read_config(root).data
    database, redis, window = data.get("database"), data.get("redis"), data.get("window", "1h")
    return Settings(
        root=root,
        stack=data["stack"],
        agent=data.get("agent", "cdbctl"),
        timezone=data.get("timezone") or machine_timezone(),
        window=values.duration(window),
        services=tuple(_service(name, declared) for name, declared in data["services"].items()),
        runtime=_supervisord(data["runtime"]["supervisord"]),
        database=DatabaseSource(database["dsn"], _secret(database)) if database else None,
        redis=RedisSource(redis["url"], _secret(redis)) if redis else None,
        paths=Paths(**{name: values.inner_path(path) for name, path in data.get("paths", {}).items()}),
        deadlines=_deadlines(data.get("deadlines", {})),
    )


def parse_duration(text: str) -> timedelta:
    """Read ``45s``, ``90m``, ``1h`` or ``2d``; UsageError when it cannot be meant."""
    try:
        return values.duration(text)
    except values.Unmeant as error:
        raise UsageError(str(error), next_step="write a number and a unit: ms, s, m, h or d") from None


def known_secret_values(settings: Settings) -> dict[str, str]:
    """Every readable secret that the settings refer to, by a name that may be printed.

    Where a reference leads into a folder named ``secrets``, its other files count too: they are passwords of the
    same stack, and services print them.
    """
    found: dict[str, str] = {}
    sources = {"database-password": settings.database, "redis-password": settings.redis}
    secrets = {name: source.password for name, source in sources.items() if source and source.password}
    for name, secret in secrets.items():
        with suppress(SecretMissing):
            found[name] = secret.read(settings.root)
    for secret in secrets.values():
        for file, value in _beside(settings.root, secret):
            if value not in found.values():
                found[f"secret-{file}"] = value
    return found


def _beside(root: Path, secret: Secret) -> Iterator[tuple[str, str]]:
    kind, _, name = secret.reference.partition(":")
    folder = (root / name).parent
    if kind != "file" or folder.name != "secrets":
        return
    try:
        files = sorted(folder.iterdir())[:100]
    except OSError:
        return
    for file in files:
        try:
            value = secret_file(file).strip("\r\n")
        except (OSError, ValueError):
            continue
        if value:
            yield file.name, value


def _service(name: str, declared: Mapping[str, Any]) -> Service:
    health, log = declared.get("health", {}), declared.get("log", {})
    paths = log.get("path", [])
    return Service(
        name=name,
        title=declared.get("title", name),
        group=Group(declared.get("group", "under-test")),
        required=declared.get("required", True),
        source_folder=values.inner_path(declared["source"]) if "source" in declared else None,
        database_role=declared.get("database_role"),
        health_url=health.get("url"),
        health_depth=health.get("depth"),
        metrics_url=declared.get("metrics"),
        log_paths=tuple(values.outer_path(path) for path in ([paths] if isinstance(paths, str) else paths)),
        log_timezone=log.get("timezone", "UTC"),
    )


def _supervisord(declared: Mapping[str, Any]) -> SupervisordSource:
    return SupervisordSource(url=declared["url"], log=declared.get("log"))


def _secret(declared: Mapping[str, Any]) -> Secret | None:
    return Secret(declared["password"]) if "password" in declared else None


def _deadlines(declared: Mapping[str, str]) -> Deadlines:
    named = {source: values.deadline(text) for source, text in declared.items()}
    return Deadlines(source=named.pop("source", Deadlines().source), named=named)
