"""The machine that the tests run on."""

from __future__ import annotations

import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

from cdbctl.collect.host import read_host


def test_the_machine_tells_its_name_memory_and_boot_time(tmp_path: Path) -> None:
    seen = read_host([tmp_path])
    facts = seen.value
    assert facts.hostname == socket.gethostname()
    assert facts.booted_at < datetime.now(UTC)
    assert facts.cpu_count >= 1
    assert 0 < facts.memory_available_bytes <= facts.memory_total_bytes
    assert f"hostname: {facts.hostname}\n" in seen.text
    assert f"memory_total_bytes: {facts.memory_total_bytes}\n" in seen.text


def test_one_file_system_is_shown_once(tmp_path: Path) -> None:
    (disk,) = read_host([tmp_path, tmp_path / "reports", tmp_path]).value.disks
    assert disk.path == str(tmp_path)
    assert disk.total_bytes == shutil.disk_usage(tmp_path).total
    assert 0 <= disk.free_bytes <= disk.total_bytes


def test_a_folder_that_is_not_there_yet_lies_on_the_disk_of_its_parent(tmp_path: Path) -> None:
    (disk,) = read_host([tmp_path / "reports" / "daily"]).value.disks
    assert disk.path == str(tmp_path / "reports" / "daily")
    assert disk.total_bytes == shutil.disk_usage(tmp_path).total


def test_a_path_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    seen = read_host([Path("/" + "x" * 5000), tmp_path])
    assert [disk.path for disk in seen.value.disks] == [str(tmp_path)]
    assert "could not be read" in seen.text
