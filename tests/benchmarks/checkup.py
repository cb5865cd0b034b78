"""What a check-up of the running demo stack costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cdbctl import archive, daily
from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import down, up
from tests.benchmarks.measure import Result, at_most, seconds

RUNS = 7


def run() -> Iterator[Result]:
    """The whole process in seconds, and the check-up itself beside its slowest source."""
    with tempfile.TemporaryDirectory(prefix="cdbctl-bench-") as folder:
        root = Path(folder) / "demo"
        up(root, Fault.MISSING_TABLE)
        try:
            command = [sys.executable, "-m", "cdbctl", "daily-check", "--root", str(root)]
            seconds(command, expected_status=1)
            whole = statistics.median(seconds(command, expected_status=1) for _ in range(RUNS))
            inside = [_look(root) for _ in range(RUNS)]
        finally:
            down(root)
    yield at_most("cdbctl daily-check on the demo stack, interpreter start included", whole, "s", 2.5)
    total, slowest, name = sorted(inside, key=lambda one: one[0] / one[1])[RUNS // 2]
    yield at_most(
        "check-up of the demo stack, from the first question to the stored report",
        total / slowest,
        "times its slowest source",
        1.3,
        reference=f"{name} takes {slowest:.2f} s, the check-up {total:.2f} s",
    )


def _look(root: Path) -> tuple[float, float, str]:
    """Seconds of a check-up in a fresh process, of its slowest source, and the name of that source."""
    command = [sys.executable, "-m", "tests.benchmarks.checkup", str(root)]
    answer = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    total, slowest, name = json.loads(answer.stdout)
    return total, slowest, name


def _measure(root: Path) -> None:
    definitions = daily.load_definitions(root)
    started = time.perf_counter()
    report = daily.daily_check(definitions, now=datetime.now(UTC))
    archive.store(root / definitions.settings.paths.reports, report=report, texts=daily.texts(report))
    total = time.perf_counter() - started
    if report.verdict != "FAIL":
        raise RuntimeError("the check-up did not find the planted fault")
    slowest = max(report.snapshot.readings(), key=lambda reading: reading.took_ms)
    print(json.dumps([total, slowest.took_ms / 1000, slowest.source]))


if __name__ == "__main__":
    _measure(Path(sys.argv[1]))
