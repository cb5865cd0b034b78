"""The text of ``cdbctl.yaml`` for a demo stack: also the example for one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cdbctl.demo.places import Places
from cdbctl.demo.programs import DATABASE, POSTGRES, PROGRAMS, READER, REDIS, Program


def settings_file(places: Places, ports: dict[str, int]) -> str:
    """Describe the demo stack to cdbctl. Secrets are named, never written."""
    programs = (line for program in PROGRAMS for line in _program(program, ports[program.name]))
    return "\n".join((*_head(places, ports), *_servers(), *programs, ""))


def _head(places: Places, ports: dict[str, int]) -> Iterator[str]:
    yield "# What cdbctl looks at. Secrets are only named here: env:NAME or file:PATH."
    yield "version: 1"
    yield "stack: cdb"
    yield "runtime:"
    yield f"  supervisord: {{url: {json.dumps(f'unix://{places.socket}')}, log: run/supervisord.log}}"
    yield "database:"
    yield f'  dsn: "postgresql://{READER}@127.0.0.1:{ports[POSTGRES]}/{DATABASE}"'
    yield '  password: "file:run/secrets/reader_password"'
    yield "redis:"
    yield f'  url: "redis://127.0.0.1:{ports[REDIS]}/0"'
    yield '  password: "file:run/secrets/redis_password"'
    yield "services:"


def _servers() -> Iterator[str]:
    for name, title in ((POSTGRES, "PostgreSQL"), (REDIS, "Redis")):
        yield f"  {name}:"
        yield f"    title: {title}"
        yield "    group: under-test"
        yield "    required: true"
        yield f"    log: {{path: run/logs/{name}.log, timezone: UTC}}"


def _program(program: Program, port: int) -> Iterator[str]:
    page = f"http://127.0.0.1:{port}"
    yield f"  {program.name}:"
    yield f"    title: {program.title}"
    yield f"    group: {'observability' if program.observability else 'under-test'}"
    yield f"    required: {str(program.required).lower()}"
    yield f"    source: services/{program.folder}"
    if program.role:
        yield f"    database_role: {program.role}"
    yield f'    health: {{url: "{page}/health", depth: {program.health_depth}}}'
    yield f'    metrics: "{page}/metrics"'
    yield f"    log: {{path: run/logs/{program.name}.log, timezone: UTC}}"
