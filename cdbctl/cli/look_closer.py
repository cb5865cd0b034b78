"""The command with which a person looks at the thing that a check is about."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cdbctl.settings import DockerSource

if TYPE_CHECKING:
    from cdbctl.model.check import Check
    from cdbctl.model.stack import Service
    from cdbctl.settings import Settings, SupervisordSource


def look_closer(check: Check, settings: Settings) -> str:
    """Return one command; for a check of several subjects it looks at the first that has something to show."""
    group = check.rule.partition(".")[0]
    fallback = _words("cdbctl", "daily-check", "--root", str(settings.root))
    return _at_a_service(check, settings) or _at_a_source(group, check, settings) or fallback


def _at_a_service(check: Check, settings: Settings) -> str:
    services = {service.name: service for service in settings.services}
    for subject in check.subjects:
        name, _, metric = subject.partition("/")
        if name in services and (command := _show(check.rule, services[name], metric, settings)):
            return command
    return ""


def _show(rule: str, service: Service, metric: str, settings: Settings) -> str:
    if rule.startswith("metric.") and service.metrics_url and not _inside(service.metrics_url):
        return _words("curl", "-sS", service.metrics_url) + (f" | grep {shlex.quote(metric)}" if metric else "")
    if rule == "service.health" and service.health_url and not _inside(service.health_url):
        return _words("curl", "-sS", "-i", service.health_url)
    about_log = rule.startswith("logs.") or rule == "service.healthy-but-erroring"
    if about_log and service.log_paths:
        return _words("tail", "-n", "100", str(settings.root / service.log_paths[0]))
    if isinstance(settings.runtime, DockerSource):
        return _docker(settings.runtime, *(("logs", "--tail", "100") if about_log else ("inspect",)), service.name)
    if rule.startswith("service."):
        return _words("supervisorctl", "-s", settings.runtime.url, "status", service.name)
    return ""


def _at_a_source(group: str, check: Check, settings: Settings) -> str:
    if group == "database" and settings.database:
        sql = check.params.get("sql")
        asked = ("-c", sql) if isinstance(sql, str) else ()
        dsn = settings.database.dsn
        return _in_container(dsn, settings.runtime, "psql", *asked) if _inside(dsn) else _words("psql", dsn, *asked)
    if group in ("redis", "pipeline") and settings.redis:
        address = urlsplit(settings.redis.url)
        if _inside(settings.redis.url):
            return _in_container(settings.redis.url, settings.runtime, "redis-cli", "INFO")
        where = ("-s", address.path) if address.scheme == "unix" else ("-u", settings.redis.url)
        return _words("redis-cli", *where, "INFO")
    if group == "repository":
        return _words("git", "-C", str(settings.root), "status")
    if group == "migrations":
        return _words("cdbctl", "migrate", "status", "--root", str(settings.root))
    return ""


def _inside(address: str) -> bool:
    """Whether an address lies inside a container, where curl does not get."""
    return address.startswith("docker://")


def _docker(engine: DockerSource, *words: str) -> str:
    where = ("-H", engine.host) if engine.host else ("--context", engine.context) if engine.context else ()
    return _words("docker", *where, *words)


def _in_container(address: str, runtime: SupervisordSource | DockerSource, program: str, *words: str) -> str:
    """The client program inside of the container that an address names."""
    container = urlsplit(address).hostname or ""
    if not isinstance(runtime, DockerSource):
        return ""
    user = urlsplit(address).username
    login = ("-U", user, "-d", urlsplit(address).path.lstrip("/") or user) if user and program == "psql" else ()
    return _docker(runtime, "exec", container, program, *login, *words)


def _words(*words: str) -> str:
    return shlex.join(words)
