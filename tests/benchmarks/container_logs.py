"""What it costs to read the log of a container through its engine, beside ``docker logs``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.logs import read_container_log
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Group, Service
from cdbctl.settings import DockerSource
from tests.benchmarks.measure import Result, at_least, at_most
from tests.live.engine import DockerEngine, any_engine

NAME = "cdbctl-bench-log"
LINES = 2_200_000
"""400 MB as the driver json-file stores them."""
NEAR_THE_END = 15_000
"""Lines of the narrow window."""
RUNS = 3
DEADLINE_SECONDS = 600.0
WRITE = """
awk -v day="$(date -u +%Y-%m-%d)" -v time="$(date -u +%H:%M:%S)" 'BEGIN {
  for (i = 0; i < LINES; i++) {
    if (i % 50 == 0) text = "[ERROR] risk_manager: Failed to persist: relation \\"risk_events\\" does not exist"
    else if (i % 50 == 1) text = "[WARNING] risk_manager: Decision contract BLOCK: RC_002"
    else text = "[DEBUG] signal_engine.price_buffer: BTCUSDT: $70467.52 -> $" (70000 + i % 900) ".37 (+0.0001%)"
    printf "%s %s,%03d %s\\n", day, time, i % 1000, text
  }
}'
echo all-lines-written
sleep 100000
""".replace("LINES", str(LINES))


def run() -> Iterator[Result]:
    """A narrow window of a long log in seconds, and all of the log as a ratio to ``docker logs > /dev/null``."""
    with any_engine() as engine, engine.run(NAME, "sh", "-c", WRITE, options=("--log-driver", "json-file")):
        _wait(engine)
        narrow = _time(engine.docker("logs", "--timestamps", "--tail", str(NEAR_THE_END), NAME).splitlines()[0])
        near = [_measured(engine, narrow) for _ in range(RUNS)]
        near_by_hand = _docker_logs(engine, "--since", narrow.isoformat())
        wide = datetime.now(UTC) - timedelta(hours=12)
        pairs = [(_measured(engine, wide), _docker_logs(engine)) for _ in range(RUNS)]
    _expect(near[0], NEAR_THE_END)
    _expect(pairs[0][0], LINES + 1)
    seconds = min(measured["seconds"] for measured in near)
    reference = f"docker logs --since takes {near_by_hand:.2f} s"
    what = f"a window of {NEAR_THE_END:,} lines at the end of a 400 MB container log"
    yield at_most(what, seconds, "s", 0.5, reference=reference)
    ours, by_hand = sorted(((one["seconds"], other) for one, other in pairs), key=lambda pair: pair[1] / pair[0])[
        RUNS // 2
    ]
    reference = f"docker logs takes {by_hand:.2f} s, reading the log {ours:.2f} s"
    yield at_least(
        "all of a 400 MB container log", by_hand / ours, "times the speed of docker logs", 0.8, reference=reference
    )
    peak = max(measured["peak_bytes"] for measured, _ in pairs) / 1e6
    yield at_most("all of a 400 MB container log", peak, "MB of memory", 150)


def _wait(engine: DockerEngine) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while "all-lines-written" not in engine.docker("logs", "--tail", "1", NAME):
        if time.monotonic() > end:
            raise RuntimeError("the container does not write its log")
        time.sleep(0.5)


def _time(line: str) -> datetime:
    return datetime.fromisoformat(line[:26]).replace(tzinfo=UTC)


def _docker_logs(engine: DockerEngine, *options: str) -> float:
    """Seconds of ``docker logs > /dev/null``."""
    client = shutil.which("docker") or "docker"
    started = time.perf_counter()
    subprocess.run(
        [client, "--host", engine.address, "logs", *options, NAME],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.perf_counter() - started


def _measured(engine: DockerEngine, since: datetime) -> dict[str, float]:
    """Of a fresh process that reads the log since a moment."""
    command = [sys.executable, "-m", "tests.benchmarks.container_logs", engine.address, since.isoformat()]
    answer = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    measured: dict[str, float] = json.loads(answer.stdout)
    return measured


def _expect(measured: dict[str, float], lines: int) -> None:
    if (measured["lines"], measured["complete"]) != (lines, True):
        raise RuntimeError(f"the log was not read right: {measured}")


def measure(address: str, since: datetime) -> dict[str, float]:
    """Read the log in this process."""
    import resource  # not on Windows

    engine = Engine(DockerSource((), address, None, None), root=Path.cwd())
    service = Service(NAME, "", Group.UNDER_TEST, True, None, None, None, None, None, (), "UTC")
    window = Window(since, datetime.now(UTC))
    started = time.perf_counter()
    seen = read_container_log(
        engine, service, [service], window=window, timeout_seconds=DEADLINE_SECONDS, may_open_files=False
    )
    elapsed = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": elapsed,
        "lines": seen.value.window.lines,
        "complete": seen.value.window.complete,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], datetime.fromisoformat(sys.argv[2]))))
