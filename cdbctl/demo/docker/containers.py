"""Every container of the demo, described once: the compose file and the containers themselves come from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cdbctl.demo.bootstrap import migrations
from cdbctl.demo.docker.images import WGET, Images
from cdbctl.demo.faults import NEVER_APPLIED, Fault
from cdbctl.demo.places import Places
from cdbctl.demo.programs import DATABASE, POSTGRES, PROGRAMS, REDIS, ROLES, Program
from cdbctl.demo.workspace import secret_name

PROMETHEUS = "cdb_prometheus"
PAGE_PORT = 8000
"""Of every service, inside its container."""
PUBLISHED = (POSTGRES, REDIS, PROMETHEUS, "cdb_ws", "cdb_postgres_exporter")
"""On 127.0.0.1. The others are reached through the engine, as in real stacks."""
MIB = 1024 * 1024
SECRETS = "/run/secrets"

REDIS_SCRIPT = f"""\
exec redis-server - <<END
maxmemory 64mb
maxmemory-policy noeviction
save ""
appendonly no
requirepass $(cat {SECRETS}/{secret_name("redis")})
END
"""
"""Its settings come over standard input: on a command line everyone could read the password."""

POSTGRES_SETTINGS = (
    "listen_addresses=*", "timezone=UTC", "log_timezone=UTC", "max_connections=50", "shared_buffers=32MB", "jit=off",
    # The data lives no longer than the demo.
    "fsync=off", "full_page_writes=off", "synchronous_commit=off",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Container:
    """One container, which is one service of the compose file."""

    name: str
    image: str
    command: tuple[str, ...]
    healthcheck: tuple[str, ...]
    port: int
    """That it listens on, inside."""
    memory_bytes: int
    host_port: int | None = None
    """Of 127.0.0.1; None where it is not published."""
    entrypoint: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """File names below ``run/secrets``; each appears below ``/run/secrets``."""
    files: tuple[tuple[str, str], ...] = ()
    """Paths of the workspace and where they appear, read-only."""
    volume: tuple[str, str] | None = None
    """Name of a volume of the project and where it appears."""
    needs: tuple[str, ...] = ()
    """Containers that must be healthy before."""
    built: bool = False
    """From the folder ``services`` of the workspace."""


def project_of(places: Places) -> str:
    """The compose project: unique for each demo."""
    return f"cdb{places.token}"


def containers_of(places: Places, images: Images, fault: Fault, ports: Mapping[str, int]) -> tuple[Container, ...]:
    """All containers, the servers first."""
    return (
        _postgres(places, images, fault, ports),
        _redis(images, ports),
        *(_service(places, images, program, fault, ports) for program in PROGRAMS),
        _prometheus(images, ports),
    )


def service_image(places: Places, name: str) -> str:
    """The tag of the image of one of our own services."""
    return f"{project_of(places)}/{name.removeprefix('cdb_')}:latest"


def _postgres(places: Places, images: Images, fault: Fault, ports: Mapping[str, int]) -> Container:
    settings = tuple(word for setting in POSTGRES_SETTINGS for word in ("-c", setting))
    return Container(
        POSTGRES,
        images.postgres,
        ("postgres", *settings),
        ("CMD", "pg_isready", "-h", "127.0.0.1", "-U", "postgres"),
        5432,
        512 * MIB,
        ports[POSTGRES],
        environment={
            "POSTGRES_DB": DATABASE,
            "POSTGRES_PASSWORD_FILE": f"{SECRETS}/{secret_name('postgres')}",
            "POSTGRES_INITDB_ARGS": "-E UTF8 --locale=C.UTF-8",
        },
        secrets=tuple(secret_name(name) for name in ("postgres", *ROLES)),
        files=tuple(_initdb_files(places, fault)),
        volume=("postgres_data", "/var/lib/postgresql/data"),
    )


def _initdb_files(places: Places, fault: Fault) -> Iterator[tuple[str, str]]:
    """A migration that nobody mounted was never applied: that was the reference day."""
    folder = "/docker-entrypoint-initdb.d"
    yield "postgres/0000_roles.sh", f"{folder}/0000_roles.sh"
    for path in migrations(places.root):
        if path.name != NEVER_APPLIED.get(fault):
            yield places.relative(path), f"{folder}/{path.name}"


def _redis(images: Images, ports: Mapping[str, int]) -> Container:
    ping = f'REDISCLI_AUTH="$(cat {SECRETS}/{secret_name("redis")})" redis-cli ping | grep -q PONG'
    return Container(
        REDIS, images.redis, ("sh", "-c", REDIS_SCRIPT), ("CMD-SHELL", ping), 6379, 128 * MIB, ports[REDIS],
        secrets=(secret_name("redis"),),
    )  # fmt: skip


def _prometheus(images: Images, ports: Mapping[str, int]) -> Container:
    return Container(
        PROMETHEUS,
        images.prometheus,
        (
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            "--storage.tsdb.retention.time=1d",
        ),
        ("CMD", *WGET, "http://127.0.0.1:9090/-/healthy"),
        9090,
        256 * MIB,
        ports[PROMETHEUS],
        entrypoint="prometheus",
        files=(("prometheus", "/etc/prometheus"),),
        volume=("prometheus_data", "/prometheus"),
    )


def _service(places: Places, images: Images, program: Program, fault: Fault, ports: Mapping[str, int]) -> Container:
    environment = {
        "HOST": "0.0.0.0",  # noqa: S104 - inside its container; what is published is published on 127.0.0.1
        "PORT": str(PAGE_PORT),
        "REDIS_URL": f"redis://{REDIS}:6379/0",
        "REDIS_PASSWORD_FILE": f"{SECRETS}/{secret_name('redis')}",
        "CDB_FAULT": fault.value,
    }
    secrets = [secret_name("redis")]
    if program.role:
        wrong = fault is Fault.EXPORTER_LIES and program.observability
        secret = secret_name("redis" if wrong else program.role)
        environment["DATABASE_URL"] = f"postgresql://{program.role}@{POSTGRES}:5432/{DATABASE}"
        environment["DATABASE_PASSWORD_FILE"] = f"{SECRETS}/{secret}"
        secrets.append(secret)
    return Container(
        program.name,
        service_image(places, program.name),
        ("python3", "-u", f"services/{program.folder}/service.py"),
        ("CMD", *images.fetch, f"http://127.0.0.1:{PAGE_PORT}/health"),
        PAGE_PORT,
        128 * MIB,
        ports.get(program.name),
        environment=environment,
        secrets=tuple(dict.fromkeys(secrets)),
        needs=(POSTGRES, REDIS) if program.role else (REDIS,),
        built=True,
    )
