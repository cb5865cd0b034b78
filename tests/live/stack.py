"""A real demo stack, and the real program beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cdbctl.demo import supervision
from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import down, up
from cdbctl.demo.places import places_of

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckUp:
    """What one run of the program said."""

    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def report(self) -> Report:
        """The JSON document on stdout."""
        document: Report = json.loads(self.stdout)
        return document


@dataclass(frozen=True, slots=True)
class Stack:
    """A running demo stack."""

    root: Path

    def check_up(self, *arguments: str, form: str | None = "json", **environment: str) -> CheckUp:
        """Run ``cdbctl daily-check`` on it as a process of its own."""
        return cdbctl("daily-check", "--root", str(self.root), *_format(form), *arguments, environment=environment)

    def pid(self, name: str) -> int:
        """The process of one program."""
        states = supervision.program_states(places_of(self.root)) or ()
        pid = next(state.pid for state in states if state.name == name)
        assert pid is not None
        return pid

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Stop one program for a while."""
        places = places_of(self.root)
        supervision.stop_programs(places, [name])
        wait_until(lambda: self._state(name) == "stopped", f"{name} has stopped")
        try:
            yield
        finally:
            supervision.start_programs(places, [name])

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Let one program accept connections and never answer."""
        process = psutil.Process(self.pid(name))
        family = [process, *process.children(recursive=True)]
        for member in family:
            member.suspend()
        try:
            yield
        finally:
            for member in family:
                member.resume()

    def log(self, name: str) -> Path:
        """The log file of one service."""
        return self.root / "run" / "logs" / f"{name}.log"

    def runs(self) -> list[Path]:
        """The folders of the stored runs, oldest first."""
        return sorted(path.parent for path in (self.root / "reports" / "daily").glob("*/*/report.json"))

    def _state(self, name: str) -> str:
        states = supervision.program_states(places_of(self.root)) or ()
        return next((state.state for state in states if state.name == name), "")


@contextmanager
def running(root: Path, fault: Fault) -> Iterator[Stack]:
    """A demo stack that is gone afterwards."""
    up(root, fault)
    try:
        yield Stack(root)
    finally:
        down(root)


def cdbctl(*arguments: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> CheckUp:
    """Run the real program, with some variables of its environment set."""
    changed = environment or {}
    started = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-m", "cdbctl", *arguments],
        cwd=cwd,
        env={**os.environ, **changed},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    seconds = time.monotonic() - started
    encoding = changed.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    return CheckUp(answer.returncode, answer.stdout.decode(encoding), answer.stderr.decode(encoding), seconds)


def finding(report: Report, check: str, subject: str) -> Report:
    """The one finding of a check about a subject."""
    found = [one for one in report["findings"] if one["check"] == check and one["subject"] == subject]
    assert len(found) == 1, [(one["check"], one["subject"], one["status"]) for one in report["findings"]]
    return dict(found[0])


def top(report: Report) -> Report:
    """The finding on top."""
    return next(one for one in report["findings"] if one["fingerprint"] == report["top_findings"][0])


def wait_until(done: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Poll until it is so; fail with what was awaited."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"waited {seconds:g} s until {what}"
        time.sleep(0.05)


def _format(form: str | None) -> tuple[str, ...]:
    return () if form is None else ("--format", form)
