"""A whole check-up of real containers beside the tool that a person would use by hand."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import down, up
from cdbctl.errors import ExitStatus
from tests.benchmarks.measure import Result, at_most, seconds
from tests.live.engine import DockerEngine, any_engine

LINES = 20_000
"""In the window of every container."""
CROWD = 60
RUNS = 5
PAD = """
awk -v day="$(date -u +%Y-%m-%d)" -v time="$(date -u +%H:%M:%S)" 'BEGIN {
  for (i = 0; i < LINES; i++)
    printf "%s %s,%03d [%s] bench: published market_data: BTCUSDT @ %d.%02d after %d ms\\n",
      day, time, i % 1000, (i % 50 ? "INFO" : "DEBUG"), 70000 + i % 900, i % 100, i % 250
}' > /proc/1/fd/1
""".replace("LINES", str(LINES))
"""Written from outside into the log of a container, as its own program writes."""


def run() -> Iterator[Result]:
    """The check-up of 12 containers with full logs, and with 48 more that nobody declared, beside ``docker stats``."""
    with any_engine() as engine, tempfile.TemporaryDirectory(prefix="cdbctl-bench-") as folder:
        root = Path(folder) / "demo"
        os.environ["DOCKER_HOST"] = engine.address
        up(root, Fault.MISSING_TABLE, docker=True)
        try:
            names = engine.docker("ps", "--format", "{{.Names}}", "--filter", "label=cdbctl.demo").split()
            filled = _pad(engine, names)
            yield _compared(engine, root, names, filled, 1.0)
            crowd = _crowd(engine, CROWD - len(names))
            yield _compared(engine, root, [*names, *crowd], filled, 2.0)
        finally:
            down(root)


def _compared(engine: DockerEngine, root: Path, names: Sequence[str], filled: int, bound: float) -> Result:
    """Both measured in turn; the median of the ratios of neighbours."""
    check_up = [sys.executable, "-m", "cdbctl", "daily-check", "--root", str(root), "--since", "1h"]
    by_hand = [shutil.which("docker") or "docker", "--host", engine.address, "stats", "--no-stream", *names]
    seconds(check_up, expected_status=ExitStatus.FAILED)
    pairs = [(seconds(check_up, expected_status=ExitStatus.FAILED), seconds(by_hand)) for _ in range(RUNS)]
    ours, theirs = sorted(pairs, key=lambda pair: pair[0] / pair[1])[RUNS // 2]
    return at_most(
        f"check-up of {len(names)} containers, {filled} logs of {LINES:,} lines read, interpreter start included",
        statistics.median(one / other for one, other in pairs),
        "times docker stats --no-stream",
        bound,
        reference=f"docker stats takes {theirs:.2f} s, the check-up {ours:.2f} s",
    )


def _crowd(engine: DockerEngine, count: int) -> list[str]:
    """More containers of the same project; they are removed with the engine's other test containers."""
    project = engine.docker("inspect", "--format", '{{index .Config.Labels "com.docker.compose.project"}}', "cdb_risk")
    label = f"com.docker.compose.project={project}"
    return [
        engine.run(f"cdbctl-bench-{number}", "sleep", "100000", options=("--label", label)).name
        for number in range(count)
    ]


def _pad(engine: DockerEngine, names: Sequence[str]) -> int:
    """Fill the logs of all whose program may be written for; returns how many those are."""
    filled = 0
    for name in names:
        # A program that gave up its rights at the start keeps the output that root opened for it.
        if engine.docker("exec", name, "sh", "-c", "ls -ldn /proc/1 | awk '{print $3}'") == "0":
            engine.docker("exec", name, "sh", "-c", PAD)
            filled += 1
    return filled
