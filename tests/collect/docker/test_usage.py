"""CPU and memory by the formulas of the docker CLI, from the kernel's files or from the engine."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.cgroups import Cgroups
from cdbctl.collect.docker.usage import Usage, UsageWatch, read_stats
from cdbctl.collect.wire import Deadline
from tests.collect.docker.worlds import engine_at, listening, says

ID = "8f6a" * 16
PID = 4711


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def machine(folder: Path, *, version: int, path: str = f"/docker/{ID}", root: str = "/") -> Cgroups:
    """The files of a machine with one container, as the kernel shows them."""
    sys = folder / "sys"
    mounts = f"25 1 0:22 / {folder}/proc rw - proc proc rw\n"
    if version == 2:
        mounts += f"31 23 0:26 {root} {sys} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
        write(folder / "proc" / str(PID) / "cgroup", f"0::{path}\n")
        below = sys / path.removeprefix(root).lstrip("/")
        write(below / "cpu.stat", "usage_usec 2000000\nuser_usec 1500000\nsystem_usec 500000\n")
        write(below / "memory.current", "10000000\n")
        write(below / "memory.stat", "anon 5\ninactive_file 4000000\nactive_file 9\n")
    else:
        mounts += f"31 23 0:26 {root} {sys}/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        mounts += f"32 23 0:27 {root} {sys}/memory rw - cgroup cgroup rw,memory\n"
        mounts += f"33 23 0:28 {root} {sys}/unified rw - cgroup2 cgroup2 rw\n"
        write(folder / "proc" / str(PID) / "cgroup", f"5:memory:{path}\n2:cpu,cpuacct:{path}\n0::{path}\n")
        below = sys / "cpu,cpuacct" / path.removeprefix(root).lstrip("/")
        write(below / "cpuacct.usage", "2000000000\n")
        memory = sys / "memory" / path.removeprefix(root).lstrip("/")
        write(memory / "memory.usage_in_bytes", "10000000\n")
        write(memory / "memory.stat", "cache 7\ninactive_file 1\ntotal_inactive_file 4000000\n")
    write(folder / "proc" / "self" / "mountinfo", mounts)
    return Cgroups(folder / "proc")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("path", [f"/docker/{ID}", f"/system.slice/docker-{ID}.scope", f"/docker/outer/docker/{ID}"])
def test_both_versions_of_cgroups_tell_the_same(tmp_path: Path, version: int, path: str) -> None:
    cgroup = machine(tmp_path, version=version, path=path).of(PID, ID)
    assert cgroup is not None
    assert cgroup.version == version
    sample = cgroup.sample()
    assert sample is not None
    assert (sample.cpu_seconds, sample.memory_bytes) == (2.0, 6_000_000)


def test_a_pid_of_another_machine_is_not_mistaken_for_the_container(tmp_path: Path) -> None:
    cgroups = machine(tmp_path, version=2, path="/user.slice/session-1.scope")
    assert cgroups.of(PID, ID) is None
    assert cgroups.of(PID + 1, ID) is None
    assert cgroups.of(0, ID) is None
    assert cgroups.of(PID, "") is None


def test_inside_of_a_container_only_what_is_mounted_is_looked_at(tmp_path: Path) -> None:
    inner = machine(tmp_path / "inner", version=2, root="/docker/outer", path=f"/docker/outer/docker/{ID}")
    assert inner.of(PID, ID) is not None
    other = machine(tmp_path / "other", version=2, path=f"/../{ID}")
    assert other.of(PID, ID) is None


def test_without_any_cgroups_nothing_is_found(tmp_path: Path) -> None:
    assert Cgroups(tmp_path).of(PID, ID) is None


def test_a_container_that_is_gone_gives_no_sample(tmp_path: Path) -> None:
    cgroup = machine(tmp_path, version=2).of(PID, ID)
    assert cgroup is not None
    (cgroup.cpu / "cpu.stat").unlink()
    assert cgroup.sample() is None


def test_a_system_without_the_memory_controller_still_counts_cpu_time(tmp_path: Path) -> None:
    cgroup = machine(tmp_path, version=2).of(PID, ID)
    assert cgroup is not None
    (cgroup.memory / "memory.current").unlink()
    sample = cgroup.sample()
    assert sample is not None
    assert sample.memory_bytes is None


def watch(cgroups: Cgroups, *, seconds: float = 0.2) -> UsageWatch:
    engine = engine_at("unix:///nowhere.sock")
    return UsageWatch(engine, {ID: PID}, sample_seconds=seconds, deadline=Deadline(5), cgroups=cgroups)


def test_the_share_of_a_core_is_that_of_the_time_between_the_looks(tmp_path: Path) -> None:
    cgroups = machine(tmp_path, version=1)
    watching = watch(cgroups, seconds=0.5)
    cgroup = cgroups.of(PID, ID)
    assert cgroup is not None
    write(cgroup.cpu / "cpuacct.usage", "2500000000")
    usage = watching.finish()[ID]
    assert isinstance(usage, Usage)
    assert usage.cpu_percent == pytest.approx(100, rel=0.2)
    assert (usage.memory_bytes, watching.source) == (6_000_000, "cgroup files")


def test_a_container_that_began_anew_between_the_looks_has_no_share(tmp_path: Path) -> None:
    cgroups = machine(tmp_path, version=1)
    watching = watch(cgroups)
    cgroup = cgroups.of(PID, ID)
    assert cgroup is not None
    write(cgroup.cpu / "cpuacct.usage", "5")
    assert watching.finish()[ID] == Usage(None, 6_000_000)


def test_a_container_that_ended_between_the_looks_uses_nothing(tmp_path: Path) -> None:
    cgroups = machine(tmp_path, version=1)
    watching = watch(cgroups)
    cgroup = cgroups.of(PID, ID)
    assert cgroup is not None
    (cgroup.cpu / "cpuacct.usage").unlink()
    assert watching.finish() == {}


def stats(second: int, busy: float, *, system: float | None = None, version: int = 2) -> dict[str, Any]:
    cpu: dict[str, Any] = {"cpu_usage": {"total_usage": int(busy * 1e9)}, "online_cpus": 2}
    if system is not None:
        cpu["system_cpu_usage"] = int(system * 1e9)
    inactive = {"inactive_file": 4_000_000} if version == 2 else {"inactive_file": 1, "total_inactive_file": 4_000_000}
    memory = {"usage": 10_000_000, "stats": inactive}
    return {"read": f"2026-02-09T08:00:{second:02}.123456789Z", "cpu_stats": cpu, "memory_stats": memory}


ZEROS = {
    "read": "0001-01-01T00:00:00Z",
    "cpu_stats": {"cpu_usage": {"total_usage": 0, "usage_in_usermode": 0}, "throttling_data": {"periods": 0}},
    "memory_stats": {},
}
"""What an engine answers about a container that does not run."""


def asked(*answers: object) -> Usage | NoAnswer:
    """What follows from these answers of an engine; there is no cgroup here with that id."""
    waiting = [json.dumps(answer).encode() for answer in answers]

    def talk(sock: socket.socket, head: bytes) -> None:
        assert head.startswith(f"GET /containers/{ID}/stats?stream=false&one-shot=1 ".encode())
        body = waiting.pop(0) if waiting else b"{"
        says(body)(sock, head)

    with listening(talk) as address:
        engine = engine_at(address)
        watching = UsageWatch(engine, {ID: 0}, sample_seconds=0.01, deadline=Deadline(5))
        assert watching.source == "engine API"
        found = watching.finish()[ID]
        engine.close()
        return found


def test_the_engine_is_asked_twice_where_its_files_are_elsewhere() -> None:
    assert asked(stats(1, 1, system=100), stats(2, 1.5, system=102)) == Usage(50.0, 6_000_000)


@pytest.mark.parametrize("version", [1, 2])
def test_an_engine_that_tells_no_time_of_the_machine_tells_its_own(version: int) -> None:
    assert asked(stats(1, 1, version=version), stats(3, 2, version=version)) == Usage(50.0, 6_000_000)


def test_a_container_that_does_not_run_uses_nothing_and_not_zero() -> None:
    assert asked(ZEROS, ZEROS) == Usage(None, None)


def test_without_the_second_answer_there_is_a_memory_and_no_share() -> None:
    assert asked(stats(1, 1)) == Usage(None, 6_000_000)


def test_without_any_answer_there_is_a_reason() -> None:
    assert isinstance(asked(), NoAnswer)


@pytest.mark.parametrize("answer", [None, [], {}, {"read": 5}, {"read": "2026-02-09T08:00:00Z", "cpu_stats": []}, "x"])
def test_an_answer_of_another_form_tells_nothing(answer: object) -> None:
    assert read_stats(answer).sample is None


def test_sixty_containers_of_a_slow_engine_cost_its_tick_and_not_sixty(tmp_path: Path) -> None:
    def slowly(sock: socket.socket, head: bytes) -> None:
        time.sleep(0.3)
        says(json.dumps(stats(1, 1)).encode())(sock, head)

    names: Sequence[str] = [f"{number:064}" for number in range(60)]
    with listening(slowly) as address:
        engine = engine_at(address)
        begun = time.monotonic()
        watching = UsageWatch(engine, dict.fromkeys(names, 0), sample_seconds=0.3, deadline=Deadline(10))
        found = watching.finish()
        engine.close()
    assert len(found) == 60
    assert time.monotonic() - begun < 3
