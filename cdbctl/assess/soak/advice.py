"""What to do about a soak that did not pass."""

from __future__ import annotations

from cdbctl.assess.case import command
from cdbctl.assess.units import clock, duration, plural
from cdbctl.model.report import NextStep
from cdbctl.model.snapshot import Snapshot
from cdbctl.model.soak import Soak, SoakVerdict


def next_step_of_soak(soak: Soak, snapshot: Snapshot) -> NextStep | None:
    """The one step for a stack that is well today; None when its soak has passed."""
    if soak.verdict is SoakVerdict.PASS:
        return None
    again = command(snapshot, "daily-check", "--soak", _option(soak))
    if soak.verdict is SoakVerdict.FAIL:
        last = max(soak.failures, key=lambda item: item.last_at)
        seen = f", seen by {last.runs[-1]}" if last.runs else ""
        failed = f"the last of its {plural(len(soak.failures), 'failure')} was: {last.title}{seen}"
        return NextStep(f"Find out why the soak failed ({failed}), then let it begin anew", again)
    if soak.passes_at is None:
        return NextStep("Declare in cdbctl.yaml which services are under test: without one no soak can pass", again)
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
