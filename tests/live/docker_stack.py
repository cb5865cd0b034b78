"""A real demo stack of containers, and the real program beside it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import down, up
from tests.live.engine import DockerEngine
from tests.live.stack import Stack, wait_until


@dataclass(frozen=True, slots=True)
class DockerStack(Stack):
    """A running demo stack of containers."""

    engine: DockerEngine

    def status_of(self, name: str) -> str:
        """What the engine says of a container: ``running``, ``paused``, ``exited`` …"""
        return self.engine.docker("inspect", "--format", "{{.State.Status}}", name)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Freeze a container: it accepts connections and never answers."""
        self.engine.docker("pause", name)
        try:
            yield
        finally:
            self.engine.docker("unpause", name)

    @contextmanager
    def killed(self, name: str) -> Iterator[None]:
        """End a container as an operator would who is in a hurry; the engine leaves it so."""
        self.engine.docker("kill", name)
        wait_until(lambda: self.status_of(name) == "exited", f"{name} has ended")
        try:
            yield
        finally:
            self.engine.docker("start", name)

    def wait_until_healthy(self, seconds: float = 60) -> None:
        """Return when every container of the stack says so."""
        count = len(self.names())
        wait_until(lambda: len(self.names("--filter", "health=healthy")) == count, "everything is healthy", seconds)

    def names(self, *options: str) -> list[str]:
        """The containers of the stack, whatever they do."""
        project = ("--filter", "label=cdbctl.demo")
        return self.engine.docker("ps", "--all", "--format", "{{.Names}}", *project, *options).split()

    def seen_through(self, socket: Path, folder: Path) -> Path:
        """The definitions of the stack in another folder, with another address of the engine."""
        for name in ("checks", "governance", "services"):
            shutil.copytree(self.root / name, folder / name)
        shutil.copy(self.root / "compose.yaml", folder)
        text = (self.root / "cdbctl.yaml").read_text(encoding="utf-8")
        text = text.replace("run/", f"{self.root}/run/").replace(self.engine.address, f"unix://{socket}")
        (folder / "cdbctl.yaml").write_text(text, encoding="utf-8")
        return folder


@contextmanager
def running_in_docker(root: Path, fault: Fault, engine: DockerEngine) -> Iterator[DockerStack]:
    """A demo stack of containers that is gone afterwards."""
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = engine.address
    try:
        up(root, fault, docker=True)
        yield DockerStack(root, engine)
    finally:
        down(root)
        if before is None:
            del os.environ["DOCKER_HOST"]
        else:
            os.environ["DOCKER_HOST"] = before
