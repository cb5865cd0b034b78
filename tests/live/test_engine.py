"""The engine of the tests itself: it works, and a killed run leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.live import dockerd
from tests.live.engine import DockerEngine, own_engine
from tests.live.stack import wait_until

pytestmark = pytest.mark.live

OWNER = """
import time
from tests.live.engine import own_engine
with own_engine() as engine:
    engine.docker("network", "create", "cdbt_net")
    engine.run("cdbt_orphan", "sleep", "3600", options=("--network", "cdbt_net"))
    print(engine.daemon.folder, engine.daemon.number, flush=True)
    time.sleep(3600)
"""


def test_a_container_runs_and_is_removed(docker_engine: DockerEngine) -> None:
    name = f"cdbt_hello_{os.getpid()}"
    with docker_engine.run(name, "sh", "-c", "seq 3; exec sleep 60") as container:
        assert docker_engine.docker("inspect", "--format", "{{.Id}}", name) == container.id
        wait_until(lambda: docker_engine.docker("logs", name) == "1\n2\n3", "the container has counted")
    assert not docker_engine.docker("ps", "-aq", "--filter", f"name=^{name}$")


def test_an_engine_of_our_own_stops_and_starts_and_leaves_nothing() -> None:
    others = bridges()
    with own_engine() as engine:
        engine.docker("network", "create", "cdbt_net")
        engine.run("cdbt_stays", "sleep", "3600", options=("--restart", "unless-stopped"))
        engine.stop()
        assert not dockerd.answers(engine.address)
        engine.start()
        wait_until(lambda: engine.docker("ps", "--format", "{{.Names}}") == "cdbt_stays", "the container is back")
        assert others < bridges(), "those of another daemon are untouched"
    assert_gone(engine.daemon)
    assert bridges() == others


def test_the_engine_of_a_killed_owner_is_swept_by_the_next_run() -> None:
    others = bridges()
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, encoding="utf-8")
    assert owner.stdout is not None
    folder, number = owner.stdout.readline().split()
    daemon = dockerd.Daemon(Path(folder), int(number))
    pid = daemon.pid()
    assert pid is not None
    owner.kill()
    owner.communicate(timeout=10)
    os.kill(pid, signal.SIGKILL)  # the worst case: nobody can end the container politely any more
    time.sleep(0.1)
    dockerd.sweep()
    assert_gone(daemon)
    assert bridges() == others


def bridges() -> set[str]:
    return {name for name in psutil.net_if_addrs() if name.startswith(("docker", "br-", dockerd.BRIDGE))}


def assert_gone(daemon: dockerd.Daemon) -> None:
    assert not daemon.folder.exists()
    assert daemon.bridge not in psutil.net_if_addrs()
    assert str(daemon.folder) not in Path("/proc/mounts").read_text(encoding="utf-8")
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(daemon.folder) in str(one.info["cmdline"])]
