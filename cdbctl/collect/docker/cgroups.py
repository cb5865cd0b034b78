"""CPU and memory of containers on this machine, read where the kernel keeps them: in files of their cgroups."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """How much a container has used, at one moment."""

    at_seconds: float
    """By a clock that only samples of the same source share."""
    cpu_seconds: float
    """CPU time since its start."""
    memory_bytes: int | None
    """Without the page cache that the kernel would give back."""


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The folders of one container; both are the same in version 2."""

    cpu: Path
    memory: Path
    version: int

    def sample(self) -> Sample | None:
        """A look at the files; None when the container is gone."""
        try:
            return Sample(time.monotonic(), self._cpu_seconds(), self._memory_bytes())
        except (OSError, ValueError, KeyError):
            return None

    def _cpu_seconds(self) -> float:
        if self.version == 1:
            return int(_text(self.cpu / "cpuacct.usage")) / 1e9
        return _numbers(self.cpu / "cpu.stat")["usage_usec"] / 1e6

    def _memory_bytes(self) -> int | None:
        """As the docker CLI counts: what is used without the cache that nobody touched lately."""
        used_file, cache = (
            ("usage_in_bytes", "total_inactive_file") if self.version == 1 else ("current", "inactive_file")
        )
        try:
            used = int(_text(self.memory / f"memory.{used_file}"))
            inactive = _numbers(self.memory / "memory.stat").get(cache, 0)
        except FileNotFoundError:
            # A system without the memory controller still counts CPU time.
            return None
        return used - inactive if inactive < used else used


class Cgroups:
    """The cgroups of this machine."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._mounts = _mounts(proc / "self" / "mountinfo")

    def of(self, pid: int, container_id: str) -> Cgroup | None:
        """The cgroup of a container by its first process; None where that is not to be seen from here.

        The pid may be one of another machine or of a virtual one: only a path that names the container counts.
        """
        if pid <= 0 or not container_id or not self._mounts:
            return None
        try:
            lines = _text(self._proc / str(pid) / "cgroup").splitlines()
        except OSError:
            return None
        paths: dict[str, str] = {}
        for line in lines:
            _, controllers, path = (*line.split(":", 2), "", "")[:3]
            if container_id in path:
                paths |= dict.fromkeys(controllers.split(","), path)
        cpu, memory = (self._folder(name, paths.get(name)) for name in ("cpuacct", "memory"))
        if cpu:
            return Cgroup(cpu, memory or cpu, version=1)
        unified = self._folder("", paths.get(""))
        return Cgroup(unified, unified, version=2) if unified else None

    def _folder(self, controller: str, path: str | None) -> Path | None:
        if path is None or controller not in self._mounts:
            return None
        root, place = self._mounts[controller]
        try:
            below = PurePosixPath(path).relative_to(root)
        except ValueError:
            return None
        return None if ".." in below.parts else place / below


def _mounts(mountinfo: Path) -> dict[str, tuple[str, Path]]:
    """Controller -> the part of the tree that is mounted, and where. The one of version 2 has the name ``""``."""
    found: dict[str, tuple[str, Path]] = {}
    try:
        lines = _text(mountinfo).splitlines()
    except OSError:
        return found
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        names = [""] if kind[0] == "cgroup2" else kind[2].split(",")
        for name in names:
            found.setdefault(name, (fields[3], Path(fields[4])))
    return found


def _text(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_LIMIT_BYTES).decode("utf-8", errors="replace")


def _numbers(file: Path) -> dict[str, int]:
    """``name number`` in each line."""
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
