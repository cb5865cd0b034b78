"""Every program of the demo as supervisord is to run it."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping

from cdbctl.demo.faults import Fault
from cdbctl.demo.places import Places
from cdbctl.demo.programs import DATABASE, POSTGRES, PROGRAMS, REDIS, Program
from cdbctl.demo.requirements import Programs
from cdbctl.demo.supervision import Entry, configuration, environment
from cdbctl.demo.workspace import secret_name, write_private
from cdbctl.sql.server import initialise, server_command

POSTGRES_SETTINGS = (
    "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC",
    "max_connections=50", "shared_buffers=32MB",
    # The data lives no longer than the demo.
    "fsync=off", "full_page_writes=off", "synchronous_commit=off",
)  # fmt: skip


def write_stack(places: Places, found: Programs, fault: Fault, ports: Mapping[str, int]) -> None:
    """Make the folders of the servers and write the configuration that runs everything."""
    _make_postgres(places, found)
    _make_redis(places, ports[REDIS])
    entries = (
        _postgres(places, found, ports[POSTGRES]),
        Entry(REDIS, (found.redis, "redis.conf"), folder="%(here)s/redis"),
        *(_program(places, program, fault, ports) for program in PROGRAMS),
    )
    write_private(places.configuration, configuration(places, entries))


def _make_postgres(places: Places, found: Programs) -> None:
    places.postgres.mkdir(mode=0o700)
    password = places.runtime / "initial_password"
    write_private(password, places.secret(secret_name("postgres")) + "\n")
    if found.postgres_account is not None:
        for path in (places.postgres, password):
            os.chown(path, found.postgres_account.uid, found.postgres_account.gid)
    initialise(
        found.postgres, places.postgres / "data", account=found.postgres_account, password_file=password,
        environment=environment(places),
    )  # fmt: skip
    password.unlink()


def _make_redis(places: Places, port: int) -> None:
    places.redis.mkdir(mode=0o700)
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {places.secret(secret_name('redis'))}",
        "maxmemory 64mb",
        "maxmemory-policy noeviction",
        'save ""',
        "appendonly no",
        "daemonize no",
        "",
    )
    write_private(places.redis / "redis.conf", "\n".join(lines))


def _postgres(places: Places, found: Programs, port: int) -> Entry:
    return Entry(
        POSTGRES,
        server_command(found.postgres, places.postgres / "data", port=port, settings=POSTGRES_SETTINGS),
        folder="/",
        user=found.postgres_account.name if found.postgres_account else None,
        stop_signal="INT",  # "fast": sessions are ended, nothing waits for them
    )


def _program(places: Places, program: Program, fault: Fault, ports: Mapping[str, int]) -> Entry:
    variables = {
        "PYTHONPATH": ".",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PORT": str(ports[program.name]),
        "REDIS_URL": f"redis://127.0.0.1:{ports[REDIS]}/0",
        "REDIS_PASSWORD": places.secret(secret_name("redis")),
        "CDB_FAULT": fault.value,
    }
    if program.role:
        variables["DATABASE_URL"] = f"postgresql://{program.role}@127.0.0.1:{ports[POSTGRES]}/{DATABASE}"
        variables["DATABASE_PASSWORD"] = _password(places, program, fault)
    command = (sys.executable, "-u", f"services/{program.folder}/service.py")
    return Entry(program.name, command, environment=variables)


def _password(places: Places, program: Program, fault: Fault) -> str:
    if fault is Fault.EXPORTER_LIES and program.observability:
        return secrets.token_hex(16)
    return places.secret(secret_name(program.role or ""))
