"""What it costs to read a million lines of log."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cdbctl.collect.logs import read_log
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Group, Service
from tests.benchmarks.measure import Result, at_least, at_most

LINES = 1_000_000
LOUD_EVERY = 50
DISTINCT_TEXTS = 1000
BEGIN = datetime(2026, 2, 9, 8, tzinfo=UTC)
WINDOW = Window(BEGIN, BEGIN + timedelta(hours=1))
RUNS = 3


def run() -> Iterator[Result]:
    """The best of a few runs, beside ``grep`` over the same file."""
    with tempfile.TemporaryDirectory(prefix="cdbctl-bench-") as folder:
        runs = [million_lines(Path(folder)) for _ in range(RUNS)]
        name, reference_seconds = reference(Path(folder))
    seconds, size, _ = min(runs)
    against = f"{name} takes {reference_seconds:.2f} s, reading the log {seconds:.2f} s for {size / 1e6:.0f} MB"
    yield at_least("a million lines of log", size / 1e6 / seconds, "MB/s", 50, reference=against)
    yield at_most("a million lines of log", max(peak for _, _, peak in runs) / 1e6, "MB of memory", 150)


def million_lines(folder: Path) -> tuple[float, int, int]:
    """Seconds, bytes read and peak memory in bytes of a fresh process that reads a million lines."""
    log = folder / "million.log"
    if not log.exists():
        write(log)
    answer = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.logs", str(log)], capture_output=True, check=True, encoding="utf-8"
    )
    measured = json.loads(answer.stdout)
    if (measured["lines"], measured["errors"]) != (LINES, LINES // LOUD_EVERY):
        raise RuntimeError(f"the log was not read right: {measured}")
    return measured["seconds"], measured["bytes"], measured["peak_bytes"]


def reference(folder: Path) -> tuple[str, float]:
    """A name and the seconds of the plainest way to count the loud lines of the same file."""
    log = folder / "million.log"
    grep = shutil.which("grep")
    started = time.perf_counter()
    if grep is not None:
        subprocess.run([grep, "-c", "-E", "WARN|ERROR", str(log)], capture_output=True, check=True)
        return "grep -c -E 'WARN|ERROR'", time.perf_counter() - started
    with log.open("rb") as lines:
        sum(b"WARN" in line or b"ERROR" in line for line in lines)
    return "a loop over the lines in Python", time.perf_counter() - started


def write(log: Path) -> None:
    """About 100 bytes a line in 50 minutes; every fiftieth is an ERROR."""
    with log.open("w", encoding="utf-8", newline="\n") as file:
        for number in range(LINES):
            at = BEGIN + timedelta(milliseconds=3 * number)
            stamp = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d}"
            if number % LOUD_EVERY:
                file.write(
                    f"{stamp} [DEBUG] signal_engine.price_buffer: BTCUSDT: $70467.52 -> ${number:09.2f} (+0.0001%)\n"
                )
            else:
                text = f"order of table t{number // LOUD_EVERY % DISTINCT_TEXTS} was refused by the exchange"
                file.write(f"{stamp} [ERROR] execution_service: {text}, try again in 5 s\n")


def measure(log: Path) -> dict[str, float]:
    """Read the log in this process."""
    import resource  # not on Windows

    service = Service("cdb_bench", "", Group.UNDER_TEST, True, None, None, None, None, None, (log.name,), "UTC")
    started = time.perf_counter()
    facts = read_log(service, root=log.parent, window=WINDOW, timeout_seconds=120).value
    elapsed = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": elapsed,
        "bytes": facts.window.bytes,
        "lines": facts.window.lines,
        "errors": facts.errors,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
