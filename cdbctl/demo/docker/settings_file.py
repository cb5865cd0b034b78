"""The text of ``cdbctl.yaml`` for a demo of containers: also the example for one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cdbctl.demo.docker.containers import PAGE_PORT, PROMETHEUS, project_of
from cdbctl.demo.places import Places
from cdbctl.demo.programs import DATABASE, POSTGRES, PROGRAMS, READER, REDIS, Program


def settings_file(places: Places, host: str) -> str:
    """Describe the demo stack to cdbctl. Secrets are named, never written."""
    programs = (line for program in PROGRAMS for line in _program(program))
    return "\n".join((*_head(places, host), *_servers(), *programs, *_prometheus(), ""))


def _head(places: Places, host: str) -> Iterator[str]:
    yield "# What cdbctl looks at. Secrets are only named here: env:NAME or file:PATH."
    yield "version: 1"
    yield "stack: cdb"
    yield "runtime:"
    yield "  docker:"
    yield f"    host: {json.dumps(host)}"
    yield f"    projects: {{{project_of(places)}: {{compose: compose.yaml}}}}"
    yield "database:"
    yield f'  dsn: "docker://{READER}@{POSTGRES}/{DATABASE}"'
    yield '  password: "file:run/secrets/reader_password"'
    yield "redis:"
    yield f'  url: "docker://{REDIS}"'
    yield '  password: "file:run/secrets/redis_password"'
    yield "prometheus:"
    yield f'  url: "docker://{PROMETHEUS}:9090"'
    yield "services:"


def _servers() -> Iterator[str]:
    for name, title in ((POSTGRES, "PostgreSQL"), (REDIS, "Redis")):
        yield f"  {name}: {{title: {title}, group: under-test, required: true}}"


def _prometheus() -> Iterator[str]:
    # Required: its alerts are the abort gates of the stack.
    yield f"  {PROMETHEUS}: {{title: Prometheus, group: observability, required: true}}"


def _program(program: Program) -> Iterator[str]:
    yield f"  {program.name}:"
    yield f"    title: {program.title}"
    yield f"    group: {'observability' if program.observability else 'under-test'}"
    yield f"    required: {str(program.required).lower()}"
    yield f"    source: services/{program.folder}"
    if program.role:
        yield f"    database_role: {program.role}"
    page = f"docker://{program.name}:{PAGE_PORT}"
    yield f'    health: {{url: "{page}/health", depth: {program.health_depth}}}'
    yield f'    metrics: "{page}/metrics"'
