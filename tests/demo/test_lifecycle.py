"""The demo with real servers: it comes up, shows its fault, and is gone without a trace, whatever was killed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import cdbctl
from cdbctl.demo import lifecycle
from cdbctl.demo.bootstrap import connect
from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import Demo, down, up
from cdbctl.demo.places import Places, places_of
from cdbctl.demo.ports import choose_ports
from cdbctl.demo.processes import processes_of
from cdbctl.demo.state import status
from cdbctl.errors import CdbctlError
from tests.demo.leftovers import left_of, shared_memory, shared_memory_of

pytestmark = pytest.mark.live

CHECKOUT = Path(cdbctl.__file__).parent.parent
CANARY = "canary-0f3b"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder for one demo, taken down in any case."""
    folder = tmp_path / "demo"
    yield folder
    down(folder)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo of the reference day."""
    folder = tmp_path_factory.mktemp("reference") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_TOKEN_OF_THE_CALLER", CANARY)
        try:
            yield up(folder)
        finally:
            down(folder)


def wait_for(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Poll; fail when the condition never holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


class TestUp:
    def test_status_says_what_to_expect(self, reference: Demo) -> None:
        document = status(reference.root).document()

        assert document["schema"] == "cdbctl/demo-status/1"
        assert document["running"] is True
        assert document["reason_code"] == "running"
        assert document["fault"] == "missing-table"
        assert document["expected"] == {"check": "logs.known-signatures", "subject": "cdb_risk"}
        services = status(reference.root).services
        assert len(services) == 11
        assert {service.state for service in services} == {"running"}
        assert json.loads(json.dumps(document))["ports"] == dict(reference.ports)

    def test_exactly_the_migration_of_the_reference_day_is_missing(self, reference: Demo) -> None:
        places = places_of(reference.root)
        with connect(places, reference.ports["cdb_postgres"], user="cdb_reader") as session:
            tables = {
                name for (name,) in session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            }
            zone = session.execute("SHOW timezone").fetchone()

        assert {"signals", "orders", "trades", "positions", "candles_1m"} <= tables
        assert "risk_events" not in tables
        assert zone == ("UTC",)

    def test_the_risk_manager_says_the_sentence_of_the_reference_day(self, reference: Demo) -> None:
        log = places_of(reference.root).log_of("cdb_risk").read_text(encoding="utf-8")

        assert '[ERROR] risk_manager: ❌ Failed to persist risk_event: relation "risk_events" does not exist' in log
        assert "[WARNING] risk_manager: Decision contract BLOCK: RC_002" in log

    def test_no_secret_is_on_a_command_line_and_none_of_the_caller_is_inherited(self, reference: Demo) -> None:
        places = places_of(reference.root)
        passwords = [places.secret(path.name) for path in places.secrets.iterdir()]
        processes = processes_of(places)
        assert len(processes) >= 12

        for process in processes:
            line = " ".join(process.cmdline())
            assert not [word for word in passwords if word in line]
            assert CANARY not in str(process.environ())

    def test_every_port_is_open_on_loopback_only(self, reference: Demo) -> None:
        listening = {
            connection.laddr
            for process in processes_of(places_of(reference.root))
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }

        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert {address.port for address in listening} == set(reference.ports.values())

    def test_postgresql_and_redis_ask_for_a_password(self, reference: Demo) -> None:
        import psycopg
        from redis import Redis
        from redis.exceptions import AuthenticationError

        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host="127.0.0.1", port=reference.ports["cdb_postgres"], user="postgres", dbname="cdb")
        with Redis(port=reference.ports["cdb_redis"]) as client, pytest.raises(AuthenticationError):
            client.ping()

    def test_postgresql_never_runs_as_root(self, reference: Demo) -> None:
        server = next(service for service in status(reference.root).services if service.name == "cdb_postgres")

        assert psutil.Process(server.pid).uids().effective != 0

    def test_the_repository_is_clean_while_everything_runs(self, reference: Demo) -> None:
        git = shutil.which("git")
        assert git is not None
        assert subprocess.check_output([git, "status", "--porcelain"], cwd=reference.root) == b""

    def test_a_port_that_somebody_takes_in_between_is_replaced(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import socket

        with socket.socket() as somebody:
            somebody.bind(("127.0.0.1", 0))
            somebody.listen()
            taken = somebody.getsockname()[1]
            answers = [{"cdb_redis": taken}, {}]

            def choose(names: tuple[str, ...]) -> dict[str, int]:
                return choose_ports(names) | answers.pop(0)

            monkeypatch.setattr(lifecycle, "choose_ports", choose)
            demo = up(root)

        assert demo.ports["cdb_redis"] != taken
        assert str(demo.ports["cdb_redis"]) in (root / "cdbctl.yaml").read_text(encoding="utf-8")
        assert status(root).running

    def test_a_demo_that_cannot_start_says_why_and_leaves_nothing(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(places: Places, *_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(lifecycle, "wait_until_settled", broken)

        with pytest.raises(CdbctlError) as caught:
            up(root)

        assert "No space left" in caught.value.why
        assert left_of(places_of(root)) == []


class TestDown:
    def test_a_second_up_replaces_the_first_and_down_leaves_nothing(self, root: Path) -> None:
        first = up(root, Fault.MISSING_TABLE)
        places = places_of(root)
        before = {process.pid for process in processes_of(places)}

        second = up(root, Fault.NONE)

        assert not before & {process.pid for process in processes_of(places)}
        assert second.ports != first.ports
        assert status(root).expected is None
        with connect(places, second.ports["cdb_postgres"], user="cdb_reader") as session:
            assert session.execute("SELECT count(*) > 0 FROM trades").fetchone() == (True,)
            assert session.execute("SELECT count(*) > 0 FROM risk_events").fetchone() == (True,)
        segment = shared_memory_of(places)

        assert down(root) is True

        assert left_of(places) == []
        assert segment not in shared_memory()
        assert (root / "cdbctl.yaml").is_file()
        assert status(root).reason_code == "stopped"
        assert down(root) is False

    def test_it_works_after_supervisord_and_postgresql_were_killed(self, root: Path) -> None:
        up(root)
        places = places_of(root)
        segment = shared_memory_of(places)
        pids = {service.name: service.pid for service in status(root).services}
        pid_file = (places.runtime / "supervisord.pid").read_text(encoding="ascii")
        os.kill(int(pid_file), signal.SIGKILL)
        wait_for(lambda: status(root).reason_code == "incomplete")
        os.kill(int(pids["cdb_postgres"] or 0), signal.SIGKILL)

        assert down(root) is True

        assert left_of(places) == []
        assert segment not in shared_memory()

    def test_it_works_while_a_service_and_supervisord_are_frozen(self, root: Path) -> None:
        up(root)
        places = places_of(root)
        pids = {service.name: service.pid for service in status(root).services}
        os.kill(int(pids["cdb_signal"] or 0), signal.SIGSTOP)
        os.kill(int((places.runtime / "supervisord.pid").read_text(encoding="ascii")), signal.SIGSTOP)

        assert down(root) is True

        assert left_of(places) == []

    def test_it_works_after_the_runtime_folder_and_the_workspace_were_deleted(self, root: Path) -> None:
        up(root)
        places = places_of(root)
        shutil.rmtree(places.runtime)
        shutil.rmtree(root, ignore_errors=True)

        assert down(root) is True

        assert left_of(places) == []

    def test_a_person_who_looks_around_in_the_runtime_folder_is_left_alone(self, root: Path) -> None:
        up(root)
        somebody = subprocess.Popen([sys.executable, "-c", "input()"], cwd=places_of(root).redis, stdin=subprocess.PIPE)
        try:
            down(root)
            assert somebody.poll() is None
        finally:
            somebody.communicate(b"\n")


MOMENTS: dict[str, Callable[[Places], bool]] = {
    "the workspace is being written": lambda places: places.secrets.exists(),
    "the runtime folder was just made": lambda places: places.runtime.exists(),
    "initdb is at work": lambda places: (places.postgres / "data" / "base").exists(),
    "supervisord is about to start": lambda places: places.configuration.exists(),
    "supervisord listens": lambda places: places.socket.exists(),
    "PostgreSQL is starting": lambda places: (places.postgres / "data" / "postmaster.pid").exists(),
    "the services are starting": lambda places: places.log_of("cdb_regime").exists(),
    "the pipeline is at work": lambda places: places.log_of("cdb_execution").exists(),
}


class TestKilledUp:
    @pytest.mark.parametrize("moment", MOMENTS)
    def test_down_clears_what_a_killed_up_left(self, moment: str, root: Path) -> None:
        places = places_of(root)
        command = [sys.executable, "-m", "cdbctl", "demo", "up", "--root", str(root)]
        process = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: MOMENTS[moment](places))
        finally:
            process.kill()
            process.wait()

        down(root)

        assert left_of(places) == []
        assert status(root).reason_code == "stopped"

    def test_up_works_again_after_a_killed_one(self, root: Path) -> None:
        places = places_of(root)
        command = [sys.executable, "-m", "cdbctl", "demo", "up", "--root", str(root)]
        process = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
        wait_for(lambda: places.log_of("cdb_postgres").exists())
        process.kill()
        process.wait()

        up(root)

        assert status(root).running


class TestSideBySide:
    def test_two_demos_run_at_once_whatever_their_folders_are_called(self, tmp_path: Path) -> None:
        plain = tmp_path / "one"
        odd = tmp_path / 't\'wo %(here)s #1 ;x ü: "q"'
        try:
            with ThreadPoolExecutor() as pool:
                first, second = pool.map(up, (plain, odd), (Fault.MISSING_TABLE, Fault.NONE))
            assert not set(first.ports.values()) & set(second.ports.values())

            down(plain)

            assert left_of(places_of(plain)) == []
            assert status(odd).running
            assert {service.state for service in status(odd).services} == {"running"}
        finally:
            down(plain)
            down(odd)
        assert left_of(places_of(odd)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is the one of an ordinary user already")
class TestOrdinaryUser:
    def test_up_status_and_down_work_without_rights(self) -> None:
        account = pwd.getpwnam("nobody")
        home = Path(tempfile.mkdtemp(prefix="cdbctl-test-"))
        home.chmod(0o755)
        python = copy_of_python(home / "python")
        (home / "home").mkdir()
        os.chown(home / "home", account.pw_uid, account.pw_gid)

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [python, "-m", "cdbctl", "demo", *arguments], cwd=home / "home", capture_output=True, text=True,
                check=False, user=account.pw_uid, group=account.pw_gid, extra_groups=[],
                env={
                    "PATH": os.environ["PATH"], "HOME": str(home / "home"),
                    "LD_LIBRARY_PATH": str(home / "python" / "lib"),
                },
            )  # fmt: skip

        try:
            started = run("up")
            assert started.returncode == 0, started.stderr
            found = json.loads(run("status", "--format", "json").stdout)
            assert found["running"] is True
            owners = {psutil.Process(service["pid"]).uids().real for service in found["services"]}
            assert owners == {account.pw_uid}
            stopped = run("down")
            assert stopped.returncode == 0, stopped.stderr
            assert json.loads(run("status", "--format", "json").stdout)["reason_code"] == "stopped"
            assert not list(Path("/tmp").glob(f"cdbctl-demo-{account.pw_uid}-*"))
        finally:
            run("down")
            shutil.rmtree(home)


def copy_of_python(target: Path) -> str:
    """A Python with cdbctl that every account can run, also where ours lies below the home of root."""
    paths = sysconfig.get_paths()
    library = target / "lib" / Path(paths["stdlib"]).name
    link_tree(Path(paths["stdlib"]), library, leave_out=("site-packages", "test"))
    link_tree(Path(paths["purelib"]), library / "site-packages")
    for name in ("cdbctl", "checks", "governance"):
        link_tree(CHECKOUT / name, library / "site-packages" / name)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*"):
        link(str(shared.resolve()), str(target / "lib" / shared.name))
    program = target / "bin" / "python3"
    program.parent.mkdir()
    link(str(Path(sys.executable).resolve()), str(program))
    return str(program)


def link_tree(source: Path, target: Path, *, leave_out: tuple[str, ...] = ()) -> None:
    """A copy that costs nothing where the file system allows it."""
    ignore = shutil.ignore_patterns(*leave_out) if leave_out else None
    shutil.copytree(source, target, symlinks=True, copy_function=link, ignore=ignore, dirs_exist_ok=True)


def link(source: str, target: str) -> str:
    """Link a file, or copy it to another file system."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
    return target
