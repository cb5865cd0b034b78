"""A number is a ratio to a named reference of the same run; seconds alone say more about the machine."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One promised number and what came out."""

    what: str
    value: float
    unit: str
    bound: str
    """As promised, e.g. ``at most 2.0``."""
    reference: str
    """What the value is compared with; empty for a plain number."""
    kept: bool

    def __str__(self) -> str:
        mark = "[ok]    " if self.kept else "[MISSED]"
        against = f"  (reference: {self.reference})" if self.reference else ""
        return f"{mark} {self.what}: {self.value:.2f} {self.unit}, {self.bound}{against}"


def at_most(what: str, value: float, unit: str, bound: float, *, reference: str = "") -> Result:
    """A number that must not be exceeded."""
    return Result(what, value, unit, f"at most {bound:g}", reference, value <= bound)


def at_least(what: str, value: float, unit: str, bound: float, *, reference: str = "") -> Result:
    """A number that must be reached."""
    return Result(what, value, unit, f"at least {bound:g}", reference, value >= bound)


def seconds(command: Sequence[str], *, expected_status: int = 0) -> float:
    """Wall-clock time of one whole process."""
    started = time.perf_counter()
    answer = subprocess.run(command, capture_output=True, check=False)
    elapsed = time.perf_counter() - started
    if answer.returncode != expected_status:
        raise RuntimeError(f"{command} ended with {answer.returncode}: {answer.stderr[-500:]!r}")
    return elapsed


def side_by_side(command: Sequence[str], reference: Sequence[str], *, runs: int = 9) -> tuple[float, float]:
    """Medians of two commands run in turn, after one warm-up of each."""
    seconds(command), seconds(reference)
    pairs = [(seconds(command), seconds(reference)) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
