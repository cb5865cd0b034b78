"""A real Docker engine for the tests: one that is there, else one that they start themselves."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.live import dockerd

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
BUSYBOX = Path("/bin/busybox")
"""Of the Debian package busybox-static."""
LABEL = "cdbctl.test"
COMMANDS = (
    "awk", "cat", "chmod", "cp", "date", "dd", "echo", "env", "false", "grep", "head", "hostname", "httpd", "kill",
    "ln", "ls", "mkdir", "nc", "nohup", "printf", "ps", "rm", "sed", "seq", "sh", "sleep", "tail", "test", "touch",
    "tr", "true", "usleep", "wc", "wget", "yes",
)  # fmt: skip
NOTHING_TO_RUN_ON = "no Docker engine answers, and dockerd can only be started by root on a machine that has it"


@dataclass(frozen=True, slots=True)
class Container:
    """A running container; as a context manager it is removed at the end of the block."""

    engine: DockerEngine
    id: str
    name: str

    def remove(self) -> None:
        """End it at once; one that is gone is no error."""
        self.engine.remove(self.name)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """An engine that answers."""

    address: str
    """E.g. ``unix:///tmp/…/docker.sock``."""
    image: str
    """A tiny image with the programs of busybox."""
    _started: list[str] = field(default_factory=list)

    def docker(self, *arguments: str) -> str:
        """Run the docker CLI against this engine and return what it prints, without the last newline."""
        client = shutil.which("docker")
        assert client, "the docker CLI is not installed"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        answer = subprocess.run(
            [client, "--host", self.address, *arguments],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
            check=False, timeout=120,
        )  # fmt: skip
        assert answer.returncode == 0, f"docker {' '.join(arguments)}: {answer.stderr}"
        return answer.stdout.removesuffix("\n")

    def run(self, name: str, *command: str, options: Sequence[str] = ()) -> Container:
        """Start a container of the tiny image; it is removed when the tests are done, if nobody does it before."""
        self._remove_leftover(name)
        options = ("--name", name, "--label", LABEL, "--stop-timeout", "1", *options)
        identity = self.docker("run", "--detach", *options, self.image, *command)
        self._started.append(name)
        return Container(self, identity, name)

    def remove(self, name: str) -> None:
        """Remove a container with its volumes; one that is gone is no error."""
        with suppress(AssertionError):
            self.docker("rm", "--force", "--volumes", name)

    def hand_over(self, image: str, other: DockerEngine) -> None:
        """Give another engine an image that is slow to make."""
        client = shutil.which("docker")
        assert client, "the docker CLI is not installed"
        with subprocess.Popen([client, "--host", self.address, "save", image], stdout=subprocess.PIPE) as saving:
            command = [client, "--host", other.address, "load", "--quiet"]
            subprocess.run(command, stdin=saving.stdout, stdout=subprocess.DEVNULL, check=True, timeout=300)
        assert saving.returncode == 0

    def close(self) -> None:
        """Remove what the tests made."""
        for name in reversed(self._started):
            self.remove(name)
        with suppress(AssertionError):
            self.docker("image", "rm", "--force", self.image)

    def _remove_leftover(self, name: str) -> None:
        """Only a killed run of these tests can have left a container with this label."""
        for found in self.docker("ps", "-aq", "--filter", f"name=^{name}$", "--filter", f"label={LABEL}").split():
            self.remove(found)


@dataclass(frozen=True, slots=True)
class OwnEngine(DockerEngine):
    """An engine that a test may stop and start."""

    daemon: dockerd.Daemon = field(kw_only=True)

    def stop(self) -> None:
        """Stop the daemon, and its containers with it."""
        dockerd.stop(self.daemon)

    def start(self) -> None:
        """Start the daemon again; containers with a restart policy come back."""
        dockerd.start(self.daemon)


@contextmanager
def any_engine() -> Iterator[DockerEngine]:
    """The engine that DOCKER_HOST names or that listens at the usual place; else one of our own."""
    address = os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS
    if not dockerd.answers(address):
        with own_engine() as own:
            yield own
        return
    engine = DockerEngine(address, _import_busybox(address))
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def own_engine() -> Iterator[OwnEngine]:
    """An engine of our own that may be stopped; everything of it is gone afterwards."""
    if dockerd.program() is None:
        pytest.skip(NOTHING_TO_RUN_ON)
    dockerd.sweep()
    daemon = dockerd.new_daemon()
    try:
        dockerd.start(daemon)
        address = f"unix://{daemon.socket}"
        yield OwnEngine(address, _import_busybox(address), daemon=daemon)
    finally:
        _kill_containers(daemon)
        dockerd.remove(daemon)


def _kill_containers(daemon: dockerd.Daemon) -> None:
    """A daemon that is asked to stop waits ten seconds for programs that do not listen."""
    with suppress(AssertionError, subprocess.TimeoutExpired):
        if daemon.pid() is not None:
            engine = DockerEngine(f"unix://{daemon.socket}", "")
            if running := engine.docker("ps", "-aq").split():
                engine.docker("rm", "--force", *running)


def _import_busybox(address: str) -> str:
    """Make an image of one static program; no registry is needed."""
    image = f"cdbctl-test:{secrets.token_hex(6)}"
    client = shutil.which("docker")
    assert client, "the docker CLI is not installed"
    assert BUSYBOX.exists(), f"{BUSYBOX} is missing: apt-get install busybox-static"
    answer = subprocess.run(
        [client, "--host", address, "import", "--change", f"LABEL {LABEL}=1", "-", image],
        input=root_file_system(), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return image


def root_file_system() -> bytes:
    """A tar of busybox and its names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "var", "proc", "sys", "dev"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(BUSYBOX, arcname="bin/busybox")
        for name in COMMANDS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        users = b"root:x:0:0:root:/:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(users)
        tar.addfile(entry, io.BytesIO(users))
    return buffer.getvalue()
