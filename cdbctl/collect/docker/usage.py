"""CPU and memory of containers, from the kernel's files where they are of this machine, else from the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.cgroups import Cgroup, Cgroups, Sample
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.parallel import answers
from cdbctl.collect.docker.times import read_time
from cdbctl.collect.wire import Deadline

_SPARE_SECONDS = 0.1
"""Left of the timeout behind the second look at the files."""
_TICK_SECONDS = 0.5
"""An engine before 25 answers only at its own tick of a second; one that took this long has made the pause itself."""
_THREADS = 64
"""They only wait: such an engine takes a second for each question, however many come at once."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one container uses."""

    cpu_percent: float | None
    """Of one core."""
    memory_bytes: int | None


class UsageWatch:
    """Two looks at all running containers. What goes on between them is up to the one who watches."""

    def __init__(
        self,
        engine: Engine,
        pids: Mapping[str, int],
        *,
        sample_seconds: float,
        deadline: Deadline,
        cgroups: Cgroups | None = None,
    ) -> None:
        self._sample_seconds = sample_seconds
        self._deadline = deadline
        self._cgroups = _cgroups(engine, pids, cgroups)
        self._first = self._look()
        self._first_at = time.monotonic()
        self._total = len(pids)
        ask_twice = partial(_ask_twice, engine, sample_seconds=sample_seconds, deadline=deadline)
        self._asked = [(name, partial(ask_twice, name)) for name in pids if name not in self._cgroups]
        self._answers: SimpleQueue[dict[str, Usage | NoAnswer]] = SimpleQueue()
        if self._asked:
            threading.Thread(target=self._ask, daemon=True).start()

    @property
    def source(self) -> str:
        """Where the numbers come from; empty when nothing runs."""
        if not self._cgroups:
            return "engine API" if self._asked else ""
        return "cgroup files" + (f"; engine API for {len(self._asked)} of {self._total}" if self._asked else "")

    def finish(self) -> dict[str, Usage | NoAnswer]:
        """The second look, a sample later, and what follows from both; by container id."""
        found: dict[str, Usage | NoAnswer] = {}
        if self._cgroups:
            _pause(self._first_at + self._sample_seconds - time.monotonic(), self._deadline)
            found |= {name: _usage(self._first.get(name), sample) for name, sample in self._look().items()}
        if self._asked:
            found |= self._answers.get()
        return found

    def _look(self) -> dict[str, Sample]:
        samples = ((name, cgroup.sample()) for name, cgroup in self._cgroups.items())
        return {name: sample for name, sample in samples if sample}

    def _ask(self) -> None:
        self._answers.put(answers(self._asked, threads=_THREADS))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says of a container."""

    sample: Sample | None
    system_seconds: float | None
    """CPU time of the whole machine, where the engine tells it."""
    cores: int | None


def read_stats(stats: object) -> Answer:
    """Read one answer of ``/containers/ID/stats``; that of a container which does not run holds only zeros."""
    try:
        return _read_stats(stats)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return Answer(None, None, None)


def _read_stats(stats: Any) -> Answer:
    at = read_time(stats["read"])
    cpu, memory = stats["cpu_stats"], stats.get("memory_stats") or {}
    used = memory.get("usage")
    if at is None or (not cpu["cpu_usage"]["total_usage"] and not used):
        return Answer(None, None, None)
    details = memory.get("stats") or {}
    inactive = int(details.get("total_inactive_file", details.get("inactive_file", 0)))
    memory_bytes = None if used is None else int(used) - (inactive if inactive < int(used) else 0)
    sample = Sample(at.timestamp(), int(cpu["cpu_usage"]["total_usage"]) / 1e9, memory_bytes)
    system, cores = cpu.get("system_cpu_usage"), cpu.get("online_cpus")
    return Answer(sample, int(system) / 1e9 if system else None, int(cores) if cores else None)


def _stats(engine: Engine, container_id: str, deadline: Deadline) -> Answer:
    query = {"stream": "false", "one-shot": "1"}
    return read_stats(engine.get(f"/containers/{container_id}/stats", query, deadline))


def _usage_of_answers(first: Answer, second: Answer) -> Usage:
    """The formula of the docker CLI: the share of the machine's CPU time, times its cores."""
    if first.sample is None or second.sample is None:
        only = second.sample or first.sample
        return Usage(None, only.memory_bytes if only else None)
    if first.system_seconds and second.system_seconds and second.cores:
        system_seconds = second.system_seconds - first.system_seconds
        busy_seconds = second.sample.cpu_seconds - first.sample.cpu_seconds
        if system_seconds > 0 and busy_seconds >= 0:
            percent = busy_seconds / system_seconds * second.cores * 100
            return Usage(round(percent, 2), second.sample.memory_bytes)
    return _usage(first.sample, second.sample)


def _usage(first: Sample | None, second: Sample) -> Usage:
    if first is None:
        return Usage(None, second.memory_bytes)
    elapsed_seconds = second.at_seconds - first.at_seconds
    busy_seconds = second.cpu_seconds - first.cpu_seconds
    # It began anew between the looks: what it used before is lost.
    if elapsed_seconds <= 0 or busy_seconds < 0:
        return Usage(None, second.memory_bytes)
    return Usage(round(busy_seconds / elapsed_seconds * 100, 2), second.memory_bytes)


def _cgroups(engine: Engine, pids: Mapping[str, int], cgroups: Cgroups | None) -> dict[str, Cgroup]:
    if not engine.local:
        return {}
    cgroups = cgroups or Cgroups()
    found = ((name, cgroups.of(pid, name)) for name, pid in pids.items())
    return {name: cgroup for name, cgroup in found if cgroup and cgroup.sample()}


def _ask_twice(engine: Engine, container_id: str, *, sample_seconds: float, deadline: Deadline) -> Usage:
    """Two questions to the engine; without the second answer there is a memory and no CPU time."""
    began = time.monotonic()
    first = _stats(engine, container_id, deadline)
    if time.monotonic() - began < _TICK_SECONDS:
        _pause(began + sample_seconds - time.monotonic(), deadline)
    try:
        return _usage_of_answers(first, _stats(engine, container_id, deadline))
    except NoAnswer:
        return Usage(None, first.sample.memory_bytes if first.sample else None)


def _pause(seconds: float, deadline: Deadline) -> None:
    with suppress(TimeoutError):
        time.sleep(max(0.0, min(seconds, deadline.left() - _SPARE_SECONDS)))
