"""What it costs to ask the program for help."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.benchmarks.measure import Result, at_most, side_by_side


def run() -> Iterator[Result]:
    """``cdbctl --help`` beside a bare import of typer."""
    ours, bare = side_by_side([sys.executable, "-m", "cdbctl", "--help"], [sys.executable, "-c", "import typer"])
    reference = f"python -c 'import typer' takes {bare:.3f} s, cdbctl --help {ours:.3f} s"
    yield at_most("cdbctl --help", ours / bare, "times a bare import of typer", 2.0, reference=reference)
