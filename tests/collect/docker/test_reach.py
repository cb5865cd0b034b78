"""Every way into a container, on a real engine with real servers."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.database import read_database
from cdbctl.collect.docker import ways
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.reach import Route, reach_database, reach_redis, reach_web
from cdbctl.collect.redis import read_redis
from cdbctl.collect.web import Page, get
from cdbctl.collect.wire import Deadline
from cdbctl.load.secret import Secret
from cdbctl.model.database import DatabaseFacts
from cdbctl.model.redis import RedisFacts
from cdbctl.model.snapshot import Window
from tests.collect.docker.inside import (
    NO_NETWORK,
    PASSWORD,
    client_of,
    container,
    postgres_container,
    processes,
    redis_container,
    web_container,
)
from tests.collect.servers import until
from tests.live.engine import DockerEngine

pytestmark = pytest.mark.live

SECONDS = 10.0
Options = tuple[str, ...]


def published(port: int) -> Options:
    return ("--publish", f"127.0.0.1::{port}")


@pytest.fixture
def engine(docker_engine: DockerEngine) -> Iterator[Engine]:
    with client_of(docker_engine) as client:
        yield client


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    def left() -> tuple[int, list[str]]:
        return threading.active_count(), sorted(
            path.name for path in Path(tempfile.gettempdir()).glob("cdbctl-????????")
        )

    threads, folders = left()
    yield

    def nothing_new() -> bool:
        # What an earlier test left may end meanwhile.
        now = left()
        return now[0] <= threads and set(now[1]) <= set(folders)

    until(nothing_new, what=f"{left()}: the end of all threads and folders")


def look(engine: Engine, url: str) -> tuple[Route, Page]:
    with reach_web(engine, url, (), Deadline(SECONDS)) as route:
        return route, get(route.address, accept="*/*", timeout_seconds=SECONDS, limit_bytes=4 * 1024**2)


def ask_redis(engine: Engine, url: str, password: str | None = PASSWORD) -> tuple[Route, Seen[RedisFacts]]:
    window = Window(datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC))
    with reach_redis(engine, url, (), Deadline(SECONDS)) as route:
        return route, read_redis(route.address, password, streams=(), window=window, timeout_seconds=SECONDS)


def ask_postgres(engine: Engine, dsn: str, password: str | None = PASSWORD) -> tuple[Route, Seen[DatabaseFacts]]:
    with reach_database(engine, dsn, (), Deadline(SECONDS)) as route:
        return route, read_database(route.address, password, timeout_seconds=SECONDS)


def refusal(ask: Callable[[], object]) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        ask()
    return caught.value


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "https://example.org", "http+unix://%2Fa/x"])
def test_other_addresses_pass_through_as_they_are(url: str) -> None:
    with reach_web(None, url, (), Deadline(1)) as route:
        assert route == Route(url, "")
    with reach_redis(None, "redis://127.0.0.1/0", (), Deadline(1)) as route:
        assert route == Route("redis://127.0.0.1/0", "")
    with reach_database(None, "host=/run dbname=cdb", (), Deadline(1)) as route:
        assert route == Route("host=/run dbname=cdb", "")


def test_without_an_engine_there_is_no_way() -> None:
    def ask() -> None:
        with reach_web(None, "docker://cdb_ws:8000", (), Deadline(1)):
            pass

    assert "cdbctl.yaml declares none" in refusal(ask).reason


@pytest.mark.parametrize(
    "address",
    ["docker://", "docker:///x", "docker://a:b@cdb_redis", "docker://cdb_redis:0", "docker://-x:99999", "docker://a b"],
)
def test_an_address_that_cannot_be_meant_is_refused_without_repeating_it(address: str, engine: Engine) -> None:
    failure = refusal(lambda: ask_redis(engine, address))
    assert "the address is not one of a container" in failure.reason
    assert "cdb_redis:0" not in failure.reason


def test_a_published_port_is_taken_first(docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine, options=published(8000)) as web:
        route, page = look(engine, f"docker://{web.name}:8000/ok")
        bound = docker_engine.docker("port", web.name, "8000/tcp")
        assert route == Route(f"http://{bound}/ok", f"reached by the published port {bound}")
        assert page.text == "fine\n"


def test_a_port_bound_to_every_address_is_reached_on_this_machine(docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine, options=("--publish", "0.0.0.0::8000")) as web:
        route, page = look(engine, f"docker://{web.name}:8000/ok")
    assert re.fullmatch(r"reached by the published port 127\.0\.0\.1:\d+", route.how)
    assert page.text == "fine\n"


def test_the_containers_own_address_is_taken_second(docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine, options=()) as web:
        address = docker_engine.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", web.name)
        route, page = look(engine, f"docker://{web.name}:8000/ok?a=b")
    assert route == Route(f"http://{address}:8000/ok?a=b", f"reached by the container's own address {address}:8000")
    assert page.status == 200


def test_an_address_of_a_network_that_is_not_of_this_machine_is_not_trusted(
    docker_engine: DockerEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Docker Desktop and rootless engines look like from here.
    monkeypatch.setattr(ways, "_is_ours", lambda _: False)
    with web_container(docker_engine, options=()) as web:
        route, page = look(engine, f"docker://{web.name}:8000/ok")
    assert route.how.startswith("reached by a tunnel")
    assert page.text == "fine\n"


def test_a_gateway_is_ours_only_when_it_is_an_address_of_this_machine() -> None:
    assert ways._is_ours("127.0.0.1")
    assert not any(map(ways._is_ours, ("192.0.2.77", "", "nonsense", "2001:db8::1")))


@pytest.mark.parametrize(("path", "carrier"), [("/usr/bin:/bin", "bash"), ("/bin", "nc")])
def test_a_tunnel_is_the_last_way(path: str, carrier: str, docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine, path=path) as web:
        before = processes(docker_engine, web.name)
        route, page = look(engine, f"docker://{web.name}:8000/ok")
        assert page.text == "fine\n"
        assert route.how == f"reached by a tunnel to port 8000 of {web.name}: docker exec, {carrier}"
        assert route.address.startswith("http+unix://%2F")
        until(lambda: processes(docker_engine, web.name) == before, what="the end of what carried the connection")


@contextmanager
def only(folder: Path, program: str) -> Iterator[tuple[Options, str]]:
    """Options and PATH of a container in which one program can be found, if any."""
    if program:
        (folder / program).symlink_to(f"/usr/bin/{program}")
    folder.chmod(0o755)
    yield (*NO_NETWORK, f"--volume={folder}:/only:ro"), "/only"


def test_python_carries_it_where_there_is_no_shell(docker_engine: DockerEngine, engine: Engine, tmp_path: Path) -> None:
    with only(tmp_path, "python3") as (options, path), web_container(docker_engine, options=options, path=path) as web:
        route, page = look(engine, f"docker://{web.name}:8000/big")
        assert route.how.endswith("docker exec, python3")
        assert len(page.body) == 1024**2
        failure = refusal(lambda: look(engine, f"docker://{web.name}:9999/"))
    assert failure.reason == f"nothing listens on port 9999 inside {web.name}"


def test_a_container_without_any_program_says_what_to_do(
    docker_engine: DockerEngine, engine: Engine, tmp_path: Path
) -> None:
    with only(tmp_path, "") as (options, path), web_container(docker_engine, options=options, path=path) as web:
        failure = refusal(lambda: look(engine, f"docker://{web.name}:8000/ok"))
    assert failure.reason.startswith(f"port 8000 of {web.name} is not published, and nothing inside could carry")
    assert '"127.0.0.1::8000"' in failure.remedy


def test_a_tunnel_carries_many_connections_of_a_megabyte_at_once(docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine) as web:
        sent = docker_engine.docker("exec", web.name, "/usr/bin/sha256sum", "/tmp/pages/big").split()[0]
        with reach_web(engine, f"docker://{web.name}:8000/big", (), Deadline(30)) as route:

            def fetch(_: int) -> str:
                page = get(route.address, accept="*/*", timeout_seconds=20, limit_bytes=2 * 1024**2)
                return hashlib.sha256(page.body).hexdigest()

            with ThreadPoolExecutor(8) as pool:
                assert set(pool.map(fetch, range(16))) == {sent}


def test_nobody_else_may_enter_the_near_end_of_a_tunnel(docker_engine: DockerEngine, engine: Engine) -> None:
    def listening_ports() -> set[str]:
        tables = [Path(f"/proc/self/net/{name}").read_text(encoding="ascii") for name in ("tcp", "tcp6")]
        return {line.split()[1] for table in tables for line in table.splitlines() if line.split()[3] == "0A"}

    with redis_container(docker_engine) as redis:
        before = listening_ports()
        with reach_redis(engine, f"docker://{redis.name}", (), Deadline(SECONDS)) as route:
            path = Path(route.address.removeprefix("unix://"))
            facts = path.parent.stat()
            assert stat.S_IMODE(facts.st_mode) == 0o700
            assert facts.st_uid == os.geteuid()
            assert listening_ports() <= before
        assert not path.parent.exists()


@pytest.mark.parametrize("options", [published(6379), (), NO_NETWORK], ids=["published", "address", "tunnel"])
def test_redis_is_reached_by_every_way(options: Options, docker_engine: DockerEngine, engine: Engine) -> None:
    with redis_container(docker_engine, options=options) as redis:
        route, seen = ask_redis(engine, f"docker://default@{redis.name}/3")
        assert route.how.startswith("reached by ")
        assert seen.value.version[0].isdigit()
        assert route.address.endswith("?db=3")
        failure = refusal(lambda: ask_redis(engine, f"docker://{redis.name}", "wrong"))
        assert failure.reason.startswith("Redis does not accept the login")
        assert failure.reason.endswith(f"(asked by {route.how.removeprefix('reached by ')})")
        assert "wrong" not in failure.reason


@pytest.mark.parametrize("options", [published(5432), (), NO_NETWORK], ids=["published", "address", "tunnel"])
def test_postgresql_is_reached_by_every_way(options: Options, docker_engine: DockerEngine, engine: Engine) -> None:
    with postgres_container(docker_engine, options=options) as postgres:
        route, seen = ask_postgres(engine, f"docker://{postgres.name}")
        assert route.how.startswith("reached by ")
        assert "user=owner dbname=postgres" in route.address
        assert PASSWORD not in route.address + seen.text
        assert seen.value.database == "postgres"
        failure = refusal(lambda: ask_postgres(engine, f"docker://{postgres.name}", "wrong"))
        assert failure.reason.startswith("28P01 password authentication failed")
        failure = refusal(lambda: ask_postgres(engine, f"docker://nobody@{postgres.name}/none"))
        assert '"nobody"' in failure.reason


def test_a_tunnel_never_makes_postgresql_restart(docker_engine: DockerEngine, engine: Engine) -> None:
    # As the first process of its container it inherits orphans, and takes the end of one for a crash.
    with postgres_container(docker_engine) as postgres:
        _, before = ask_postgres(engine, f"docker://{postgres.name}")
        for _ in range(3):
            with reach_database(engine, f"docker://{postgres.name}", (), Deadline(SECONDS)) as route:
                folder = route.address.partition("host=")[2].partition(" ")[0]
                for _ in range(4):
                    with socket.socket(socket.AF_UNIX) as rude:
                        rude.connect(f"{folder}/.s.PGSQL.5432")
                        rude.sendall(b"\0\0\0")
        _, after = ask_postgres(engine, f"docker://{postgres.name}")
        said = docker_engine.docker("logs", postgres.name)
        until(lambda: not any(" Z" in line or "(bash)" in line for line in processes(docker_engine, postgres.name)))
    assert after.value.started_at == before.value.started_at
    assert "terminat" not in said


@pytest.mark.parametrize("options", [published(5432), NO_NETWORK], ids=["published", "tunnel"])
def test_another_server_in_the_environment_of_libpq_is_not_asked(
    options: Options, docker_engine: DockerEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGHOSTADDR": "192.0.2.1", "PGHOST": "192.0.2.2", "PGPORT": "1", "PGDATABASE": "x"}.items():
        monkeypatch.setenv(name, value)
    with postgres_container(docker_engine, options=options) as postgres:
        ask_postgres(engine, f"docker://{postgres.name}?host=192.0.2.3&port=2&hostaddr=192.0.2.4")


def test_words_that_libpq_does_not_know_are_refused(docker_engine: DockerEngine, engine: Engine) -> None:
    with postgres_container(docker_engine) as postgres:
        failure = refusal(lambda: ask_postgres(engine, f"docker://{postgres.name}?colour=blue"))
        assert "not known to libpq" in failure.reason
        _, seen = ask_postgres(engine, f"docker://{postgres.name}?sslmode=disable&options=-c%20TimeZone%3DAsia/Tokyo")
    assert seen.value.timezone == "Asia/Tokyo"


def test_line_ends_behind_a_secret_do_not_count(docker_engine: DockerEngine, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\r\n\n", encoding="utf-8", newline="")
    with redis_container(docker_engine) as redis:
        _, seen = ask_redis(engine, f"docker://{redis.name}", Secret("file:password").read(tmp_path))
    assert seen.value.version


def test_a_container_that_does_not_run_is_named_with_the_next_step(docker_engine: DockerEngine, engine: Engine) -> None:
    with container(docker_engine, "sh", "-c", "exit 7") as ended:
        until(lambda: docker_engine.docker("inspect", "--format", "{{.State.Status}}", ended.name) == "exited")
        failure = refusal(lambda: look(engine, f"docker://{ended.name}:80/"))
    assert failure.reason == f"container {ended.name} does not run: exited with exit code 7"
    assert failure.remedy.endswith(f"docker start {ended.name}")


def test_a_container_that_is_paused_is_named_with_the_next_step(docker_engine: DockerEngine, engine: Engine) -> None:
    with container(docker_engine, "sleep", "1000") as paused:
        docker_engine.docker("pause", paused.name)
        failure = refusal(lambda: look(engine, f"docker://{paused.name}:80/"))
    assert failure.reason == f"container {paused.name} is paused"
    assert failure.remedy == f"let it go on: docker unpause {paused.name}"


def test_a_container_that_the_engine_does_not_know_is_named(engine: Engine) -> None:
    failure = refusal(lambda: look(engine, "docker://cdbt_nobody:80/"))
    assert failure.reason == "the engine knows no container cdbt_nobody"


def test_a_container_that_is_paused_behind_an_open_tunnel_costs_the_timeout(
    docker_engine: DockerEngine, engine: Engine
) -> None:
    with redis_container(docker_engine) as redis:
        window = Window(datetime.now(UTC), datetime.now(UTC))

        def ask() -> None:
            with reach_redis(engine, f"docker://{redis.name}", (), Deadline(SECONDS)) as route:
                docker_engine.docker("pause", redis.name)
                read_redis(route.address, PASSWORD, streams=(), window=window, timeout_seconds=0.5)

        started = time.monotonic()
        assert "does not answer within 0.5 s (asked by a tunnel" in refusal(ask).reason
        assert time.monotonic() - started < 3
        docker_engine.docker("unpause", redis.name)


def test_a_container_that_is_gone_behind_an_open_tunnel_is_named(docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine) as web:

        def ask() -> None:
            with reach_web(engine, f"docker://{web.name}:8000/ok", (), Deadline(SECONDS)) as route:
                get(route.address, accept="*/*", timeout_seconds=2, limit_bytes=100)
                web.remove()
                get(route.address, accept="*/*", timeout_seconds=2, limit_bytes=100)

        assert "No such container" in refusal(ask).reason


def test_a_port_on_which_nothing_listens_is_named(docker_engine: DockerEngine, engine: Engine) -> None:
    with web_container(docker_engine, options=()) as web:
        failure = refusal(lambda: look(engine, f"docker://{web.name}:9999/"))
    assert failure.reason == f"nothing listens on port 9999 inside {web.name}"
    assert failure.remedy == f"look at what {web.name} listens on: docker logs --tail 50 {web.name}"


def test_a_system_without_unix_sockets_is_told_to_publish_the_port(
    docker_engine: DockerEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_container(docker_engine) as web:
        engine.find(web.name, Deadline(SECONDS), ())
        monkeypatch.delattr(socket, "AF_UNIX")
        failure = refusal(lambda: look(engine, f"docker://{web.name}:8000/"))
    assert "needs Unix sockets" in failure.reason
    assert '"127.0.0.1::8000"' in failure.remedy


def test_everything_is_gone_after_an_error_inside_the_block(docker_engine: DockerEngine, engine: Engine) -> None:
    class Mishap(Exception):
        pass

    def stumble(way: AbstractContextManager[Route]) -> None:
        with way as route:
            path = Path(route.address.removeprefix("unix://"))
            with socket.socket(socket.AF_UNIX) as open_still:
                open_still.connect(str(path))
                raise Mishap

    with redis_container(docker_engine) as redis, pytest.raises(Mishap):
        stumble(reach_redis(engine, f"docker://{redis.name}", (), Deadline(SECONDS)))


def test_a_long_temporary_folder_does_not_matter(
    docker_engine: DockerEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with web_container(docker_engine) as web:
        assert look(engine, f"docker://{web.name}:8000/ok")[1].text == "fine\n"


KILLED = """
import sys, time
from pathlib import Path
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.reach import reach_redis
from cdbctl.collect.wire import Deadline
from cdbctl.settings import DockerSource

engine = Engine(DockerSource((), sys.argv[1], None, None), root=Path("/"), environment={})
with reach_redis(engine, f"docker://{sys.argv[2]}", (), Deadline(60)) as route:
    print(route.address, flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_nothing_that_anyone_could_use(docker_engine: DockerEngine) -> None:
    with redis_container(docker_engine) as redis:
        before = processes(docker_engine, redis.name)
        arguments = (sys.executable, "-c", KILLED, docker_engine.address, redis.name)
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, encoding="utf-8") as process:
            assert process.stdout is not None
            path = Path(process.stdout.readline().strip().removeprefix("unix://"))
            assert len(processes(docker_engine, redis.name)) > len(before)
            process.kill()
        until(lambda: processes(docker_engine, redis.name) == before, what="the end of the far end")
        with socket.socket(socket.AF_UNIX) as late, pytest.raises(ConnectionRefusedError):
            late.connect(str(path))
        shutil.rmtree(path.parent)
