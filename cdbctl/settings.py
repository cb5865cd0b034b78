"""What ``cdbctl.yaml`` says, as frozen values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cdbctl.errors import DefinitionError, Problem, UsageError
from cdbctl.load import values
from cdbctl.load.builtin import Declared, builtin_checks, is_probed, serving
from cdbctl.load.checks import load_checks
from cdbctl.load.compose import load_compose
from cdbctl.load.config import find_root, read_config
from cdbctl.load.json_schema import Schema
from cdbctl.load.machine import machine_timezone
from cdbctl.load.secret import Secret, SecretMissing, secret_file
from cdbctl.load.stack import expected_services
from cdbctl.load.waivers import load_waivers
from cdbctl.model.check import Check, Waiver
from cdbctl.model.compose import ComposeService
from cdbctl.model.stack import Group, Service

__all__ = [
    "ComposeProject",
    "DatabaseSource",
    "Deadlines",
    "Definitions",
    "DockerSource",
    "GithubSource",
    "Paths",
    "PrometheusSource",
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

SLOW_SOURCES: Mapping[str, timedelta] = {"github": timedelta(seconds=8)}
"""By source: its questions are asked one after the other, over the internet."""
SLOW_WITH_DOCKER: Mapping[str, timedelta] = {"runtime": timedelta(seconds=5), "logs": timedelta(seconds=8)}
"""An engine before 25 waits for the ticks of its clock before it tells CPU; sixty logs share one engine."""


@dataclass(frozen=True, slots=True)
class SupervisordSource:
    """The supervisord that runs the services."""

    url: str
    """``unix:///path`` or ``http://host:port``."""
    log: str | None
    """Relative to the root, or absolute."""


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """A compose project of the stack."""

    name: str
    files: tuple[str, ...]
    """Relative to the root, or absolute; each is laid over the ones before it. Empty: nothing is expected."""
    profiles: tuple[str, ...]
    env_file: str | None
    group: Group | None


@dataclass(frozen=True, slots=True)
class DockerSource:
    """The container engine that runs the services (Docker, or Podman with its socket)."""

    projects: tuple[ComposeProject, ...]
    host: str | None
    """``unix://``, ``tcp://``, ``npipe://`` or ``ssh://``; None: DOCKER_HOST, then the context of the docker CLI."""
    context: str | None
    tls: str | None
    """Folder with ca.pem, cert.pem and key.pem."""


@dataclass(frozen=True, slots=True)
class PrometheusSource:
    """The Prometheus server of the stack."""

    url: str


@dataclass(frozen=True, slots=True)
class GithubSource:
    """The repository of the stack on GitHub."""

    repository: str
    token: Secret | None
    branch: str | None
    labels: tuple[str, ...]
    api: str


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
    checks_named: bool = False
    """Whether ``cdbctl.yaml`` names the folder of the checks; then it has to be there."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long sources may take."""

    source: timedelta = timedelta(seconds=2)
    """Of every source that is not named."""
    named: Mapping[str, timedelta] = field(default_factory=dict)
    """By source: runtime, health, logs, metrics, database, redis, prometheus, github, repository, host, migrations,
    history."""

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
    """In the order of the file; those that only compose files name come behind them."""
    compose: tuple[ComposeService, ...]
    runtime: SupervisordSource | DockerSource
    database: DatabaseSource | None
    redis: RedisSource | None
    prometheus: PrometheusSource | None
    github: GithubSource | None
    paths: Paths
    deadlines: Deadlines


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the owner wrote down: the stack, what is expected of it, what is accepted."""

    settings: Settings
    checks: tuple[Check, ...]
    waivers: tuple[Waiver, ...]
    notes: tuple[str, ...] = ()
    """What the reader of a report must know about them."""


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
    params = {name: rule.params for name, rule in rules.items()}
    about_services = {name for name, rule in rules.items() if rule.about_services}
    builtin = not paths.checks_named and not os.path.lexists(root / paths.checks)

    def own_checks() -> tuple[Check, ...]:
        services = settings.services if settings else None
        return load_checks(
            root / paths.checks,
            services=services,
            params=params,
            about_services=about_services,
            shown_folder=paths.checks,
        )

    def other_checks() -> tuple[Check, ...]:
        if settings is None:
            return ()
        return builtin_checks(settings.services, _declared(settings), params=params, about_services=about_services)

    checks = _collected(other_checks if builtin else own_checks, problems)
    known = [check.id for check in checks] if settings and checks is not None else None
    waivers = _collected(lambda: load_waivers(root / paths.waivers, shown_path=paths.waivers, checks=known), problems)
    if settings is None or checks is None or waivers is None:
        raise DefinitionError(problems)
    notes = (f"Judged by the built-in checks: there is no folder {paths.checks}/.",) if builtin else ()
    return Definitions(settings, checks, waivers, notes)


def _declared(settings: Settings) -> Declared:
    """What the built-in checks need to know: whose answers can be judged at all."""
    in_docker = isinstance(settings.runtime, DockerSource)
    folder_is_there = (settings.root / settings.paths.migrations).is_dir()
    addresses = {
        "database": settings.database.dsn if settings.database else "",
        "redis": settings.redis.url if settings.redis else "",
        "prometheus": settings.prometheus.url if settings.prometheus else "",
    }
    sources = {
        "containers": in_docker,
        "compose": bool(settings.compose) and folder_is_there,
        "migrations": settings.database is not None and folder_is_there,
        "ci": settings.github is not None,
        "issues": settings.github is not None and bool(settings.github.labels),
        **{name: bool(address) for name, address in addresses.items()},
    }
    return Declared(
        sources={name for name, there in sources.items() if there},
        probed={service.name for service in settings.services if is_probed(service, settings.compose)},
        logged={service.name for service in settings.services if in_docker or service.log_paths},
        labels=settings.github.labels if settings.github else (),
        servers={
            name: server
            for name, address in addresses.items()
            if (server := serving(address, settings.services, settings.compose))
        },
    )


def _collected(load: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return load()
    except DefinitionError as error:
        problems += error.problems
        return None


def load_settings(root: Path) -> Settings:
    """Read the ``cdbctl.yaml`` of a root and its compose files; DefinitionError with every problem at once."""
    data = read_config(root).data
    database, redis, window = data.get("database"), data.get("redis"), data.get("window", "1h")
    runtime = _runtime(data["runtime"])
    projects = runtime.projects if isinstance(runtime, DockerSource) else ()
    compose = _compose(root, projects)
    return Settings(
        root=root,
        stack=data["stack"],
        agent=data.get("agent", "cdbctl"),
        timezone=data.get("timezone") or machine_timezone(),
        window=values.duration(window),
        services=expected_services(
            data.get("services", {}), compose, {project.name: project.group for project in projects}
        ),
        compose=compose,
        runtime=runtime,
        database=DatabaseSource(database["dsn"], _secret(database)) if database else None,
        redis=RedisSource(redis["url"], _secret(redis)) if redis else None,
        prometheus=PrometheusSource(data["prometheus"]["url"]) if "prometheus" in data else None,
        github=_github(data["github"]) if "github" in data else None,
        paths=Paths(
            **{name: values.inner_path(path) for name, path in data.get("paths", {}).items()},
            checks_named="checks" in data.get("paths", {}),
        ),
        deadlines=_deadlines(data.get("deadlines", {}), docker=isinstance(runtime, DockerSource)),
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
    declared = {
        "database-password": settings.database and settings.database.password,
        "redis-password": settings.redis and settings.redis.password,
        "github-token": settings.github and settings.github.token,
    }
    secrets = {name: secret for name, secret in declared.items() if secret}
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


def _runtime(declared: Mapping[str, Any]) -> SupervisordSource | DockerSource:
    if "supervisord" in declared:
        return SupervisordSource(url=declared["supervisord"]["url"], log=declared["supervisord"].get("log"))
    docker = declared["docker"]
    return DockerSource(
        projects=tuple(_project(name, project or {}) for name, project in docker["projects"].items()),
        host=docker.get("host"),
        context=docker.get("context"),
        tls=docker.get("tls"),
    )


def _project(name: str, declared: Mapping[str, Any]) -> ComposeProject:
    files = declared.get("compose", [])
    return ComposeProject(
        name=name,
        files=tuple(values.outer_path(path) for path in ([files] if isinstance(files, str) else files)),
        profiles=tuple(declared.get("profiles", ())),
        env_file=declared.get("env_file"),
        group=Group(declared["group"]) if "group" in declared else None,
    )


def _compose(root: Path, projects: tuple[ComposeProject, ...]) -> tuple[ComposeService, ...]:
    """The services of all projects; DefinitionError with every problem of every file."""
    problems: list[Problem] = []
    found: list[ComposeService] = []
    for project in projects:
        if project.files:
            services = _collected(
                partial(
                    load_compose,
                    root,
                    project=project.name,
                    files=project.files,
                    profiles=project.profiles,
                    env_file=project.env_file,
                    environment=os.environ,
                ),
                problems,
            )
            found += services or ()
    if problems:
        raise DefinitionError(problems)
    return tuple(found)


def _github(declared: Mapping[str, Any]) -> GithubSource:
    return GithubSource(
        repository=declared["repository"],
        token=Secret(declared["token"]) if "token" in declared else None,
        branch=declared.get("branch"),
        labels=tuple(declared.get("labels", ())),
        api=declared.get("api", "https://api.github.com").rstrip("/"),
    )


def _secret(declared: Mapping[str, Any]) -> Secret | None:
    return Secret(declared["password"]) if "password" in declared else None


def _deadlines(declared: Mapping[str, str], *, docker: bool) -> Deadlines:
    named = {source: values.deadline(text) for source, text in declared.items()}
    usual = {**SLOW_SOURCES, **(SLOW_WITH_DOCKER if docker else {})}
    return Deadlines(source=named.pop("source", Deadlines().source), named={**usual, **named})
