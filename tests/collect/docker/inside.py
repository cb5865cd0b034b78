"""Real servers inside containers: the tiny image, with the programs of this machine mounted into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from cdbctl.collect.docker.engine import Engine
from cdbctl.settings import DockerSource
from cdbctl.sql.binaries import find_binaries
from tests.collect.servers import until
from tests.collect.test_redis import redis_binary
from tests.live.engine import Container, DockerEngine

HOST_FOLDERS = ("/usr", "/lib", "/lib64", "/etc/passwd")
PROGRAMS = "/usr/bin:/bin"
"""PATH of a container that has bash; ``/bin`` alone is busybox, with its nc."""
NO_NETWORK = ("--network", "none")
PASSWORD = "right-password"


@contextmanager
def client_of(docker: DockerEngine) -> Iterator[Engine]:
    """Our own client of the engine of the tests, which has asked nothing yet."""
    engine = Engine(DockerSource((), docker.address, None, None), root=Path("/"), environment={})
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def container(
    docker: DockerEngine, *command: str, options: tuple[str, ...] = NO_NETWORK, path: str = PROGRAMS
) -> Iterator[Container]:
    """A container with the programs of this machine; yields it while it runs."""
    name = f"cdbt_reach_{token_hex(3)}"
    mounts = [f"--volume={folder}:{folder}:ro" for folder in HOST_FOLDERS if Path(folder).exists()]
    with docker.run(name, *command, options=(*options, *mounts, "--env", f"PATH={path}")) as running:
        yield running


@contextmanager
def web_container(
    docker: DockerEngine, *, options: tuple[str, ...] = NO_NETWORK, path: str = PROGRAMS
) -> Iterator[Container]:
    """A web server on port 8000 with a page ``/ok`` and a file ``/big`` of one mebibyte."""
    script = (
        "mkdir /tmp/pages; echo fine >/tmp/pages/ok; /bin/dd if=/dev/urandom of=/tmp/pages/big bs=1024 count=1024;"
        " exec /bin/busybox httpd -f -p 8000 -h /tmp/pages"
    )
    with container(docker, "/bin/sh", "-c", f"PATH=/bin; {script}", options=options, path=path) as running:
        wait_for_port(docker, running.name, 8000)
        yield running


@contextmanager
def redis_container(
    docker: DockerEngine, *, options: tuple[str, ...] = NO_NETWORK, path: str = PROGRAMS
) -> Iterator[Container]:
    """A Redis on port 6379 with a password."""
    binary = Path(redis_binary())
    command = (str(binary), "--save", "", "--protected-mode", "no", "--requirepass", PASSWORD)
    options = (*options, f"--volume={binary.parent}:{binary.parent}:ro", "--workdir", "/tmp")
    with container(docker, *command, options=options, path=path) as running:
        wait_for_port(docker, running.name, 6379)
        yield running


@contextmanager
def postgres_container(
    docker: DockerEngine, *, options: tuple[str, ...] = NO_NETWORK, path: str = PROGRAMS
) -> Iterator[Container]:
    """A PostgreSQL on port 5432, the first process of its container; it asks everybody for a password."""
    bin_folder = find_binaries().folder
    script = (
        f"printf %s {PASSWORD} >/tmp/pw && {bin_folder}/initdb -D /tmp/pg -U owner -A scram-sha-256 --pwfile=/tmp/pw -N"
        " && echo host all all all scram-sha-256 >>/tmp/pg/pg_hba.conf"
        f" && exec {bin_folder}/postgres -D /tmp/pg -k /tmp -h '*' -c fsync=off 2>/tmp/said"
    )
    # Those of a wheel have their libraries beside their package.
    mount = bin_folder.parents[2]
    options = (*options, f"--volume={mount}:{mount}:ro", "--user", "65534:65534", "--env", "POSTGRES_USER=owner")
    options = (*options, "--env", "POSTGRES_DB=postgres", "--env", "LC_ALL=C.UTF-8")
    with container(docker, "/bin/sh", "-c", script, options=options, path=path) as running:
        # It listens before it takes anybody in.
        ready = "database system is ready to accept connections"
        until(lambda: ready in _said(docker, running.name), seconds=30, what=f"the start of {running.name}")
        yield running


def _said(docker: DockerEngine, name: str) -> str:
    """What PostgreSQL has said so far."""
    return docker.docker("exec", name, "/bin/sh", "-c", "/bin/cat /tmp/said 2>/dev/null || true")


def wait_for_port(docker: DockerEngine, name: str, port: int) -> None:
    """Return when something listens on a port inside a container."""

    def listens() -> bool:
        tables = docker.docker("exec", name, "/bin/cat", "/proc/net/tcp", "/proc/net/tcp6")
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in tables.splitlines())

    until(listens, seconds=30, what=f"port {port} of {name}: {docker.docker('logs', name)}")


def processes(docker: DockerEngine, name: str) -> list[str]:
    """Name and state of every process inside a container."""
    script = "for p in /proc/[0-9]*/stat; do /bin/cat $p 2>/dev/null; done"
    lines = docker.docker("exec", name, "/bin/sh", "-c", script).splitlines()
    return [" ".join(line.split()[1:3]) for line in lines]
