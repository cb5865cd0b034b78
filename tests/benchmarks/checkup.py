"""What a whole check-up of the running demo stack costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cdbctl.archive import load_snapshot
from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import down, up
from tests.benchmarks.measure import Result, at_most

RUNS = 7


def run() -> Iterator[Result]:
    """The whole process, interpreter start included, beside its slowest source."""
    with tempfile.TemporaryDirectory(prefix="cdbctl-bench-") as folder:
        root = Path(folder) / "demo"
        up(root, Fault.MISSING_TABLE)
        try:
            once(root)
            measured = [once(root) for _ in range(RUNS)]
        finally:
            down(root)
    whole = statistics.median(whole for whole, _, _ in measured)
    slowest = statistics.median(slowest for _, slowest, _ in measured)
    name = measured[-1][2]
    yield at_most("check-up of the demo stack", whole, "s", 2.5)
    yield at_most(
        "check-up of the demo stack",
        statistics.median(whole / slowest for whole, slowest, _ in measured),
        "times its slowest source",
        1.3,
        reference=f"{name} takes {slowest:.2f} s",
    )


def once(root: Path) -> tuple[float, float, str]:
    """Seconds of one whole check-up, of its slowest source, and the name of that source."""
    command = [sys.executable, "-m", "cdbctl", "daily-check", "--root", str(root), "--format", "json"]
    started = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, check=False)
    elapsed = time.perf_counter() - started
    if json.loads(answer.stdout)["verdict"] != "FAIL":
        raise RuntimeError(f"the check-up did not find the planted fault: {answer.stderr!r}")
    newest = max((root / "reports" / "daily").glob("*/*/snapshot.json"), key=lambda path: path.stat().st_mtime)
    slowest = max(load_snapshot(newest).readings(), key=lambda reading: reading.took_ms)
    return elapsed, slowest.took_ms / 1000, slowest.source
