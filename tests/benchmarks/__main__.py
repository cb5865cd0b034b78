"""``python3 dev.py bench``: every number that the project promises, measured on this machine."""

from __future__ import annotations

import os
import sys

from tests.benchmarks import checkup, cli, container_logs, containers, logs


def main() -> int:
    """Print each number as it is measured; status 1 when one was missed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, not at every start
    kept = True
    for benchmark in (cli, logs, container_logs, checkup, containers):
        for result in benchmark.run():
            print(result, flush=True)
            kept = kept and result.kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
