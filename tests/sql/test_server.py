"""Throw-away servers: private, forgetful, and gone without a trace."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from cdbctl.errors import CdbctlError
from cdbctl.sql import binaries
from cdbctl.sql.binaries import find_binaries, server_account
from cdbctl.sql.segments import listed_segments, segment_of
from cdbctl.sql.server import PREFIX, Scratch, scratch_server, sweep_orphans

START_AND_HANG = """
import time
from cdbctl.sql.segments import listed_segments, segment_of
from cdbctl.sql.server import scratch_server
with scratch_server() as server:
    print(server.folder, flush=True)
    time.sleep(60)
"""


@pytest.mark.live
def test_a_scratch_server_answers_and_leaves_nothing_behind() -> None:
    with scratch_server() as server:
        with psycopg.connect(server.dsn()) as connection:
            version = connection.execute("SHOW server_version_num").fetchone()
        assert version is not None
        assert int(version[0]) // 10000 == int(server.version.split(".")[0])
        pid = int((server.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    assert not server.folder.exists()
    assert not psutil.pid_exists(pid)


@pytest.mark.live
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_nobody_else_can_reach_the_socket(postgres: Scratch) -> None:
    assert stat.S_IMODE(postgres.folder.stat().st_mode) == 0o700
    assert len(str(postgres.folder / ".s.PGSQL.5432")) < 107


@pytest.mark.live
def test_the_wheel_brings_a_server_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    package = find_spec(binaries.WHEEL)
    assert package is not None
    assert package.origin is not None
    only_the_wheel = [Path(package.origin).parent / "pginstall" / "bin"]
    monkeypatch.setattr(binaries, "_candidates", lambda: iter(only_the_wheel))
    with scratch_server() as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert server.version.startswith("16.")


@pytest.mark.live
def test_a_server_whose_owner_was_killed_is_swept_by_the_next_run() -> None:
    owner = subprocess.Popen([sys.executable, "-c", START_AND_HANG], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip())
    server = psutil.Process(int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert server.is_running()
    sweep_orphans()
    assert not folder.exists()
    assert not server.is_running()


@pytest.mark.live
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists the segments")
def test_a_server_that_was_killed_too_leaves_no_shared_memory() -> None:
    owner = subprocess.Popen([sys.executable, "-c", START_AND_HANG], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip())
    server = psutil.Process(int((folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0]))
    segment = segment_of(folder / "data")
    assert segment is not None
    assert segment in {(key, identifier) for key, identifier, _ in listed_segments()}
    family = [server, *server.children(recursive=True)]
    owner.kill()
    owner.wait()
    owner.stdout.close()
    for member in family:
        with suppress(psutil.NoSuchProcess):  # its children end with the server
            member.kill()
    psutil.wait_procs(family, timeout=10)
    sweep_orphans()
    assert not folder.exists()
    assert segment not in {(key, identifier) for key, identifier, _ in listed_segments()}


def test_the_folder_of_a_living_owner_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"{PREFIX}alive"
    folder.mkdir()
    owner = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    (folder / "owner.json").write_text(json.dumps(owner), encoding="utf-8")
    sweep_orphans()
    assert folder.is_dir()


def test_a_foreign_folder_with_our_prefix_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / f"{PREFIX}foreign").mkdir()
    (tmp_path / f"{PREFIX}nonsense").mkdir()
    (tmp_path / f"{PREFIX}nonsense" / "owner.json").write_text("[", encoding="utf-8")
    sweep_orphans()
    assert len(list(tmp_path.iterdir())) == 2


def test_no_server_programs_is_an_error_that_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_candidates", lambda: iter(()))
    with pytest.raises(CdbctlError, match="no server programs") as caught:
        find_binaries()
    assert "apt-get install postgresql" in caught.value.next_step


def test_a_version_that_is_not_there_is_not_replaced_by_another() -> None:
    with pytest.raises(CdbctlError, match="PostgreSQL 9 "):
        find_binaries(major=9)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root must hand the server over")
def test_root_hands_the_server_to_an_account_without_rights() -> None:
    account = server_account()
    assert account is not None
    assert account.uid != 0
