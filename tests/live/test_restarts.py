"""Restarts of real containers: what the engine tells, compared between two real runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.live.engine import DockerEngine

pytestmark = pytest.mark.live

NAMES = ("steady", "loops", "hungry", "again")


class Stack:
    """A few containers of one project, and the real program beside them."""

    def __init__(self, engine: DockerEngine, root: Path) -> None:
        self.engine = engine
        self.root = root
        self.project = f"rst{uuid4().hex[:8]}"

    def start(self, name: str, *command: str, options: tuple[str, ...] = ()) -> None:
        labels = (
            *("--label", f"com.docker.compose.project={self.project}"),
            *("--label", f"com.docker.compose.service={name}"),
        )
        self.engine.run(self.name(name), *command, options=(*options, *labels))

    def name(self, name: str) -> str:
        return f"{self.project}_{name}"

    def declare(self, *names: str) -> None:
        services = {self.name(name): {"title": name, "group": "under-test", "required": True} for name in names}
        runtime = {"docker": {"host": self.engine.address, "projects": {self.project: {}}}}
        config = {"version": 1, "stack": "real", "window": "1h", "runtime": runtime, "services": services}
        (self.root / "cdbctl.yaml").write_text(json.dumps(config), encoding="utf-8")
        (self.root / "checks").mkdir()
        checks = [self._check("state"), self._check("restarts")]
        (self.root / "checks" / "all.yaml").write_text(json.dumps({"checks": checks}), encoding="utf-8")

    def _check(self, rule: str) -> dict[str, Any]:
        texts = dict.fromkeys(("short", "motivation", "impact", "remedy"), "A test wants to know it.")
        return {"id": f"real.{rule}", "rule": f"service.{rule}", "subject": "services:*", "severity": "P1", **texts}

    def look(self, *arguments: str) -> dict[str, Any]:
        answer = subprocess.run(
            [sys.executable, "-m", "cdbctl", "daily-check", "--root", str(self.root), "--format", "json", *arguments],
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert answer.returncode in (0, 1, 3), answer.stderr
        report: dict[str, Any] = json.loads(answer.stdout)
        assert report["status"] == answer.returncode
        return report

    def answer(self, report: dict[str, Any], name: str, rule: str = "restarts") -> dict[str, Any]:
        place = (f"real.{rule}", self.name(name))
        found: dict[str, Any] = next(
            item for item in (*report["findings"], *report["passed"]) if (item["check"], item["subject"]) == place
        )
        return found

    def inspect(self, name: str, what: str) -> str:
        return self.engine.docker("inspect", "-f", what, self.name(name)).strip()


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.1)


def test_real_containers_are_told_apart_in_one_look_and_in_two(docker_engine: DockerEngine, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    stack = Stack(docker_engine, tmp_path)
    stack.start("steady", "sleep", "1000")
    stack.start("again", "sleep", "1000")
    stack.start("loops", "sh", "-c", "exit 3", options=("--restart", "always"))
    stack.start("hungry", "sh", "-c", "x=a; while :; do x=$x$x; done", options=("--memory", "12m"))
    stack.declare(*NAMES)
    wait_until(lambda: int(stack.inspect("loops", "{{.RestartCount}}")) >= 4, "four restarts")
    wait_until(lambda: stack.inspect("hungry", "{{.State.Status}}") == "exited", "the end of memory")

    first = stack.look("--soak", "1h")
    loops = stack.answer(first, "loops")
    assert loops["status"] == "FAIL"
    assert loops["details"]["count"] >= 3
    assert loops["details"]["per_minute"] > 0
    steady = stack.answer(first, "steady")
    assert steady["status"] == "OK"
    assert "never restarted since" in steady["actual"]
    assert "out of memory" in stack.answer(first, "hungry", "state")["title"]
    assert first["soak"]["verdict"] == "FAIL"
    assert {(item["kind"], item["subject"]) for item in first["soak"]["failures"]} >= {
        ("CRASH", stack.name("loops")),
    }

    docker_engine.docker("restart", "-t", "0", stack.name("again"))
    docker_engine.docker("rm", "-f", stack.name("steady"))
    stack.start("steady", "sleep", "1000")
    before = int(stack.inspect("loops", "{{.RestartCount}}"))
    wait_until(lambda: int(stack.inspect("loops", "{{.RestartCount}}")) > before, "one more restart")
    second = stack.look("--soak", "1h")
    assert stack.answer(second, "steady")["details"]["change"] == "DEPLOY"
    assert stack.answer(second, "again")["details"]["change"] == "MANUAL"
    assert stack.answer(second, "again")["status"] == "OK"
    assert stack.answer(second, "loops")["details"]["change"] == "CRASH"
    kinds = {item["kind"] for item in second["soak"]["doubts"]}
    assert {"DEPLOY", "MANUAL"} <= kinds
    assert second["soak"]["runs"] == 2

    for name in ("steady", "again"):
        docker_engine.docker("kill", stack.name(name))
    docker_engine.docker("restart", "-t", "0", *(stack.name(name) for name in NAMES if name != "hungry"))
    third = stack.look()
    words = {stack.answer(third, name)["details"]["change"] for name in ("steady", "again")}
    assert words == {"DAEMON"}
    assert {stack.answer(third, name)["status"] for name in ("steady", "again")} == {"WARN"}
