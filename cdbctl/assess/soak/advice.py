"""What to do about a soak that did not pass."""

from __future__ import annotations

from cdbctl.assess.case import command
from cdbctl.assess.units import clock, duration
from cdbctl.model.report import NextStep
from cdbctl.model.snapshot import Snapshot
from cdbctl.model.soak import Soak, SoakVerdict


def next_step_of_soak(soak: Soak, snapshot: Snapshot) -> NextStep | None:
    """The one step for a stack that is well today; None when its soak has passed."""
    if soak.verdict is SoakVerdict.PASS:
        return None
    again = command(snapshot, "daily-check", "--soak", _option(soak))
    if soak.verdict is SoakVerdict.FAIL:
        worst = soak.failures[-1]
        seen = f", seen by {worst.runs[-1]}" if worst.runs else ""
        return NextStep(f"Repair what failed in the soak ({worst.title}{seen}), then let it begin anew", again)
    window = duration((snapshot.window.until - snapshot.window.since).total_seconds())
    return NextStep(
        f"Let the stack run as it is and look at it at least every {window}: "
        f"the soak can pass at {clock(soak.passes_at)}",
        again,
    )


def _option(soak: Soak) -> str:
    seconds = round((soak.stretch.until - soak.stretch.since).total_seconds())
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
