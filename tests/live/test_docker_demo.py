"""The demo of containers comes up, goes down, and touches nothing that is not its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdbctl.demo.docker.containers import PROMETHEUS
from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import down
from cdbctl.demo.places import places_of
from cdbctl.demo.programs import SERVERS, SERVICES
from cdbctl.demo.state import status
from tests.live.docker_stack import running_in_docker
from tests.live.engine import DockerEngine
from tests.live.stack import cdbctl, wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def engine(docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> DockerEngine:
    """The engine of the tests, as the one that DOCKER_HOST names."""
    monkeypatch.setenv("DOCKER_HOST", docker_engine.address)
    return docker_engine


def left_of(engine: DockerEngine, root: Path) -> str:
    """Everything on the engine that belongs to the demo of a workspace."""
    token = places_of(root).token
    label = ("--filter", f"label=cdbctl.demo={token}")
    kinds = (("ps", "--all"), ("network", "ls"), ("volume", "ls"), ("image", "ls"))
    found = [engine.docker(*kind, "--quiet", *label) for kind in kinds]
    return "".join((*found, engine.docker("image", "ls", "--quiet", f"cdb{token}/*")))


def test_it_comes_up_and_goes_down_without_a_trace(engine: DockerEngine, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    with engine.run("cdbt_stranger", "sleep", "600") as stranger, running_in_docker(root, Fault.NONE, engine) as stack:
        found = status(root)
        assert found.running
        assert {one.name for one in found.services} == {*SERVERS, *SERVICES, PROMETHEUS}
        assert {one.state for one in found.services} == {"running"}
        second = cdbctl("demo", "up", "--docker", "--root", str(tmp_path / "second"))
        assert second.status == 1
        assert f"the demo in {root}" in second.stderr
        assert f"cdbctl demo down --root {root}" in second.stderr
        assert stack.status_of("cdb_risk") == "running", "the first demo is untouched"
        down(root)
        assert not left_of(engine, root)
        assert not left_of(engine, tmp_path / "second")
        assert engine.docker("inspect", "--format", "{{.State.Status}}", stranger.name) == "running"
    assert status(root).reason_code == "stopped"
    assert not places_of(root).runtime.exists()


def test_what_a_killed_start_left_behind_is_taken_down(engine: DockerEngine, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    command = [sys.executable, "-m", "cdbctl", "demo", "up", "--docker", "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: process.poll() is not None or "cdb_redis" in names(engine), "Redis was started", 300)
        process.kill()
    said = cdbctl("demo", "status", "--root", str(root), "--format", "json").report
    assert said["reason_code"] == "incomplete"
    without_host = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    answer = cdbctl("demo", "down", "--root", str(root), environment=without_host)
    assert answer.status == 0, answer.stderr
    assert not left_of(engine, root)


def test_a_container_of_somebody_else_is_not_touched(engine: DockerEngine, tmp_path: Path) -> None:
    with engine.run("cdb_redis", "sleep", "600") as stranger:
        answer = cdbctl("demo", "up", "--docker", "--root", str(tmp_path / "demo"))
        assert answer.status == 1
        assert "there is a container cdb_redis" in answer.stderr
        assert engine.docker("inspect", "--format", "{{.Id}}", "cdb_redis") == stranger.id


def test_an_engine_that_is_gone_for_good_is_named_with_what_to_remove(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    places = places_of(root)
    places.run.mkdir(parents=True)
    (root / ".cdbctl-demo").write_text("", encoding="utf-8")
    (places.run / "docker.json").write_text(json.dumps({"host": f"unix://{tmp_path}/gone.sock"}), encoding="utf-8")
    answer = cdbctl("demo", "down", "--root", str(root))
    assert answer.status == 1
    assert "could not be taken off its engine" in answer.stderr
    assert str(places.run / "docker.json") in answer.stderr


def names(engine: DockerEngine) -> list[str]:
    return engine.docker("ps", "--format", "{{.Names}}").split()
