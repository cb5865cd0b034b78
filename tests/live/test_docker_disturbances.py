"""Whatever becomes of containers and of their engine: the report is written, in time, and says what is not known."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdbctl.demo.docker.containers import PUBLISHED, containers_of
from cdbctl.demo.docker.creating import create_container, start
from cdbctl.demo.docker.engine import Engine
from cdbctl.demo.docker.images import find_images
from cdbctl.demo.faults import Fault
from cdbctl.demo.places import places_of
from cdbctl.demo.state import status
from tests.live.docker_stack import DockerStack, running_in_docker
from tests.live.engine import DockerEngine, OwnEngine, own_engine
from tests.live.engine_proxy import Spoil, cut_after, in_front_of, nonsense, server_error, silence
from tests.live.stack import CheckUp, cdbctl, finding, wait_until
from tests.live.test_disturbances import unknown

pytestmark = pytest.mark.live

SLOWEST_SECONDS = 13.0
"""Logs may take 8 s, everything else 2; the rest is a loaded machine."""


@pytest.fixture(scope="module")
def engine(docker_engine: DockerEngine) -> Iterator[OwnEngine]:
    """An engine that may be stopped, with the image of the demo where another one has it already."""
    with own_engine() as own:
        for image in docker_engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "cdbctl-demo").split()[:1]:
            docker_engine.hand_over(image, own)
        yield own


@pytest.fixture(scope="module")
def stack(engine: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerStack]:
    with running_in_docker(tmp_path_factory.mktemp("disturbed") / "demo", Fault.NONE, engine) as running_stack:
        yield running_stack


def told(run: CheckUp, check: str) -> dict[str, str]:
    """What is said about every subject of a check that is not OK."""
    return {one["subject"]: one["status"] for one in run.report["findings"] if one["check"] == check}


def assert_honest(run: CheckUp) -> None:
    """The report is there, in time, and it is no PASS."""
    assert run.report["verdict"] in {"FAIL", "UNKNOWN"}
    assert run.status in {1, 3}
    assert run.seconds < SLOWEST_SECONDS
    assert "Traceback" not in run.stderr


def assert_nothing_known_of_the_runtime(run: CheckUp) -> None:
    assert_honest(run)
    assert set(told(run, "services.running").values()) == {"UNKNOWN"}
    assert "services.restarts" in unknown(run)
    assert all(one["status"] != "OK" for one in run.report["findings"])


class TestAContainer:
    """One of twelve is in trouble."""

    def test_paused_it_is_no_running_service(self, stack: DockerStack) -> None:
        with stack.paused("cdb_signal"):
            run = stack.check_up()
        assert_honest(run)
        assert finding(run.report, "services.running", "cdb_signal")["status"] == "FAIL"
        assert "paused" in finding(run.report, "services.running", "cdb_signal")["actual"]

    def test_a_paused_database_accepts_and_never_answers(self, stack: DockerStack) -> None:
        with stack.paused("cdb_postgres"):
            run = stack.check_up()
        assert_honest(run)
        assert finding(run.report, "services.running", "cdb_postgres")["status"] == "FAIL"
        assert "database.health" in unknown(run)

    def test_killed_it_is_missed_and_its_end_is_told(self, stack: DockerStack) -> None:
        with stack.killed("cdb_execution"):
            run = stack.check_up()
        assert_honest(run)
        said = finding(run.report, "services.running", "cdb_execution")
        assert said["status"] == "FAIL"
        assert "137" in said["actual"]

    def test_out_of_memory_inside_it_is_told_although_the_service_runs_on(self, stack: DockerStack) -> None:
        with pytest.raises(AssertionError, match="exec cdb_redis tail"):
            stack.engine.docker("exec", "cdb_redis", "tail", "/dev/zero")  # it keeps the last line, which never ends
        run = stack.check_up()
        assert "Traceback" not in run.stderr
        assert "memory" in finding(run.report, "services.running", "cdb_redis")["title"]
        assert "cdb_redis" not in told(run, "services.restarts")

    def test_recreated_it_is_a_deployment_and_no_crash(self, stack: DockerStack) -> None:
        stack.check_up()
        recreate(stack, "cdb_regime")
        stack.wait_until_healthy()
        run = stack.check_up()
        assert run.report["verdict"] != "UNKNOWN"
        assert "cdb_regime" not in told(run, "services.restarts")


class TestAnswersOfTheEngine:
    """What stands in front of the engine accepts every connection."""

    @pytest.mark.parametrize(
        "spoil",
        [silence, server_error, cut_after(0), cut_after(60), cut_after(700), nonsense],
        ids=["silence", "500", "hung up", "half a header", "half a body", "no HTTP"],
    )
    def test_spoiled_ones_are_unknown_with_their_reason(self, stack: DockerStack, spoil: Spoil, tmp_path: Path) -> None:
        engine = Path(stack.engine.address.removeprefix("unix://"))
        with in_front_of(engine, spoil) as socket:
            root = stack.seen_through(socket, tmp_path)
            run = cdbctl("daily-check", "--root", str(root), "--format", "json")
        assert_nothing_known_of_the_runtime(run)
        said = finding(run.report, "services.running", "cdb_risk")
        assert str(socket) in said["actual"]
        assert list((root / "reports").glob("daily/*/*/report.md"))


class TestTheDaemon:
    """It goes away, and comes back."""

    def test_restarted_it_is_no_crash_of_the_services(self, stack: DockerStack, engine: OwnEngine) -> None:
        stack.check_up()
        engine.stop()
        engine.start()
        stack.wait_until_healthy()
        run = stack.check_up()
        assert "Traceback" not in run.stderr
        assert "FAIL" not in told(run, "services.restarts").values()

    def test_stopped_in_the_middle_of_a_check_up(self, stack: DockerStack, engine: OwnEngine, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "cdbctl", "daily-check", "--root", str(stack.root), "--format", "json"]
        with subprocess.Popen([*command, "--out", str(tmp_path)], stdout=subprocess.PIPE) as process:
            time.sleep(0.6)  # any moment is as good as another
            engine.stop()
            stdout, _ = process.communicate(timeout=30)
        try:
            report = json.loads(stdout)
            assert report["verdict"] in {"PASS", "FAIL", "UNKNOWN", "WARN"}
            assert process.returncode in {0, 1, 3}
            assert list(tmp_path.glob("daily/*/*/report.md"))
            gone = stack.check_up()
            found = status(stack.root)
        finally:
            engine.start()
        assert_nothing_known_of_the_runtime(gone)
        assert found.reason_code == "incomplete"

    def test_afterwards_everything_passes_again(self, stack: DockerStack) -> None:
        stack.wait_until_healthy()
        wait_until(
            lambda: stack.check_up("--since", "3s").report["verdict"] in {"PASS", "WARN"}, "the day passes", seconds=90
        )


def recreate(stack: DockerStack, name: str) -> None:
    """Deploy a service anew, as ``docker compose up --force-recreate`` does."""
    engine, places = Engine(stack.engine.address), places_of(stack.root)
    ports = {program: status(stack.root).ports[program] for program in PUBLISHED}
    images = find_images(engine, places, lambda _: None)
    container = next(one for one in containers_of(places, images, Fault.NONE, ports) if one.name == name)
    stack.engine.docker("rm", "--force", name)
    with engine.client() as client:
        create_container(client, places, container)
    start(engine, [name])
