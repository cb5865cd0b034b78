"""An engine behind ssh is reached as the docker CLI reaches it, and no ssh is left behind."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.parallel import answers
from cdbctl.collect.docker.runtime import DockerRuntime
from cdbctl.collect.wire import Deadline
from cdbctl.settings import ComposeProject, DockerSource
from tests.collect.docker.worlds import engine_at, last_hour, listening, says
from tests.collect.servers import until
from tests.live.engine import DockerEngine

# A stand-in for ssh: it notes its pid and its arguments, and joins stdin and stdout to a socket here.
BRIDGE = """#!{python}
import os, pathlib, socket, sys, threading
folder = pathlib.Path({folder!r})
(folder / f"pid{{os.getpid()}}").touch()
(folder / "arguments").write_text("\\n".join(sys.argv[1:]), encoding="utf-8")
sock = socket.socket(socket.AF_UNIX)
sock.connect({path!r})
def up():
    while data := os.read(0, 65536):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := sock.recv(65536):
    os.write(1, data)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    yield tmp_path
    until(lambda: not any(map(is_alive, started(tmp_path))), what="the end of every ssh")


def fake_ssh(folder: Path, script: str) -> None:
    (folder / "ssh").write_text(script, encoding="utf-8")
    (folder / "ssh").chmod(0o755)


def bridge_to(folder: Path, address: str) -> None:
    path = address.removeprefix("unix://")
    fake_ssh(folder, BRIDGE.format(python=sys.executable, folder=str(folder), path=path))


def started(folder: Path) -> list[int]:
    return [int(file.name.removeprefix("pid")) for file in folder.glob("pid*")]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def ask(engine: Engine, seconds: float = 10) -> object:
    return engine.get("/x", {}, Deadline(seconds))


def test_questions_go_through_one_ssh_that_is_ended_with_the_engine(folder: Path) -> None:
    with listening(says(b"[7]")) as address:
        bridge_to(folder, address)
        engine = engine_at("ssh://me@far.example:2222")
        assert [ask(engine) for _ in range(3)] == [[7], [7], [7]]
        (pid,) = started(folder)
        assert is_alive(pid)
        engine.close()
        assert not is_alive(pid)
    arguments = (folder / "arguments").read_text(encoding="utf-8").splitlines()
    assert arguments[:2] == ["-o", "BatchMode=yes"]
    assert arguments[-7:] == ["-p", "2222", "--", "me@far.example", "docker", "system", "dial-stdio"]


def test_a_forgotten_engine_leaves_no_ssh_behind(folder: Path) -> None:
    with listening(says(b"[7]")) as address:
        bridge_to(folder, address)
        engine = engine_at("ssh://far.example")
        ask(engine)
        del engine
        until(lambda: not any(map(is_alive, started(folder))), what="its end")


def test_what_ssh_says_is_the_reason(folder: Path) -> None:
    fake_ssh(folder, "#!/bin/sh\necho 'me@far.example: Permission denied (publickey).' >&2\nexit 255\n")
    with pytest.raises(NoAnswer, match=r"cannot be reached: me@far\.example: Permission denied \(publickey\)\.") as no:
        ask(engine_at("ssh://me@far.example"))
    assert "ssh -o BatchMode=yes" in no.value.remedy


def test_an_ssh_that_hangs_costs_the_deadline_and_is_ended(folder: Path) -> None:
    fake_ssh(folder, f'#!/bin/sh\ntouch "{folder}/pid$$"\nexec sleep 100\n')
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match=r"does not answer completely within 0\.4 s"):
        ask(engine_at("ssh://far.example"), seconds=0.4)
    assert time.monotonic() - begun < 3


def test_without_an_ssh_program_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoAnswer, match="no ssh program on the PATH"):
        ask(engine_at("ssh://far.example"))


def test_more_questions_at_once_than_an_sshd_accepts_wait_for_each_other(folder: Path) -> None:
    def slowly(sock: socket.socket, head: bytes) -> None:
        time.sleep(0.05)
        says(b"[7]")(sock, head)

    with listening(slowly) as address:
        bridge_to(folder, address)
        engine = engine_at("ssh://far.example")
        found = answers(((str(number), lambda: ask(engine)) for number in range(40)), threads=40)
        engine.close()
    assert list(found.values()) == [[7]] * 40
    assert len(started(folder)) <= 8


@pytest.mark.live
def test_a_whole_look_at_a_real_engine_behind_ssh(folder: Path, docker_engine: DockerEngine) -> None:
    project = f"ssh{os.getpid()}"
    options = ("--label", f"com.docker.compose.project={project}", "--cpus", "0.3")
    bridge_to(folder, docker_engine.address)
    projects = (ComposeProject(project, (), (), None, None),)
    engine = Engine(DockerSource(projects, "ssh://far.example", None, None), root=folder, environment={})
    with docker_engine.run("rt_far", "sh", "-c", "while :; do :; done", options=options):
        seen = (
            DockerRuntime(engine, projects).read((), window=last_hour(), timeout_seconds=20, sample_seconds=1.0).value
        )
    engine.close()
    service = seen.service("rt_far")
    assert service is not None
    assert (seen.usage_source, seen.started_at, engine.host) == ("engine API", None, "far.example")
    assert service.cpu_percent is not None
    assert 10 < service.cpu_percent < 50
    assert service.memory_bytes
