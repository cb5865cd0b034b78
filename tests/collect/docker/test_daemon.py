"""The start of a daemon is told where it is certain, and nowhere else."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdbctl.collect.docker.address import read_address
from cdbctl.collect.docker.daemon import started_at
from cdbctl.collect.wire import Deadline
from tests.collect.docker.worlds import listening, says

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")


def processes(folder: Path, name: str) -> Path:
    """A /proc in which this process has another name and was started 20 s after the machine."""
    own = folder / str(os.getpid())
    own.mkdir()
    (own / "comm").write_text(f"{name}\n", encoding="utf-8")
    ticks = 20 * os.sysconf("SC_CLK_TCK")
    (own / "stat").write_text(f"1 (a) b) c) S {'0 ' * 18}{ticks} 0 0\n", encoding="utf-8")
    (folder / "stat").write_text("cpu 1 2 3\nbtime 1770000000\n", encoding="ascii")
    return folder


@pytest.mark.parametrize("name", ["dockerd", "podman"])
def test_the_process_that_listens_tells_when_it_was_started(tmp_path: Path, name: str) -> None:
    with listening(says(b"{}")) as address:
        at = started_at(read_address(address, "x"), Deadline(5), proc=processes(tmp_path, name))
    assert at == datetime.fromtimestamp(1770000000, UTC) + timedelta(seconds=20)


@pytest.mark.parametrize("name", ["systemd", "socat", "python3"])
def test_somebody_else_who_listens_tells_nothing(tmp_path: Path, name: str) -> None:
    with listening(says(b"{}")) as address:
        assert started_at(read_address(address, "x"), Deadline(5), proc=processes(tmp_path, name)) is None


def test_a_daemon_elsewhere_tells_nothing(tmp_path: Path) -> None:
    assert started_at(read_address("tcp://127.0.0.1:1", "x"), Deadline(5)) is None
    assert started_at(read_address(f"unix://{tmp_path}/none", "x"), Deadline(5)) is None
