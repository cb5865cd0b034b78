"""Which part of a stretch somebody looked at: what no window covers is a gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from cdbctl.assess.units import between, duration, plural
from cdbctl.model.snapshot import EarlierRun, Window
from cdbctl.model.soak import Doubt

TOLERANCE = timedelta(minutes=5)
"""A gap of this length is tolerated: no timer starts a run on the second."""
SHARE = 0.01
"""Of the stretch that tolerated gaps may make up together."""


def gaps(stretch: Window, runs: Iterable[EarlierRun]) -> tuple[Window, ...]:
    """The pieces of the stretch that the window of no run covers, in order."""
    covered = stretch.since
    found = []
    for window in sorted(_windows(stretch, runs), key=lambda window: (window.since, window.until)):
        if window.since > covered:
            found.append(Window(covered, window.since))
        covered = max(covered, window.until)
    if covered < stretch.until:
        found.append(Window(covered, stretch.until))
    return tuple(found)


def _windows(stretch: Window, runs: Iterable[EarlierRun]) -> Iterable[Window]:
    for run in runs:
        if run.window is None:
            continue
        # Nobody can have seen what came after the look.
        since, until = max(stretch.since, run.window.since), min(stretch.until, run.window.until, run.taken_at)
        if since < until:
            yield Window(since, until)


def length(windows: Iterable[Window]) -> timedelta:
    """Of all of them together; they do not overlap."""
    return sum((window.until - window.since for window in windows), timedelta(0))


def doubts(stretch: Window, found: Sequence[Window], *, has_older_run: bool) -> tuple[Doubt, ...]:
    """The gaps that are not tolerated, each with its ends and its length."""
    long = [gap for gap in found if gap.until - gap.since > TOLERANCE]
    told = tuple(_told(gap, stretch, has_older_run) for gap in long)
    short = [gap for gap in found if gap not in long]
    if length(short) <= (stretch.until - stretch.since) * SHARE:
        return told
    words = f"{plural(len(short), 'short gap')}, together {duration(length(short).total_seconds())}, that no run covers"
    return (*told, Doubt("GAP", words, short[0].since, short[-1].until))


def _told(gap: Window, stretch: Window, has_older_run: bool) -> Doubt:
    size = duration((gap.until - gap.since).total_seconds())
    ends = between(gap.since, gap.until)
    if gap.since == stretch.since and not has_older_run:
        return Doubt(
            "HISTORY", f"the history is shorter than the soak: no run covers {size} {ends}", gap.since, gap.until
        )
    return Doubt("GAP", f"no run covers {size} {ends}", gap.since, gap.until)


def tolerated(found: Sequence[Window]) -> str:
    """What is said of the gaps that do not count; empty when there is none."""
    short = [gap for gap in found if gap.until - gap.since <= TOLERANCE]
    if not short:
        return ""
    together = duration(length(short).total_seconds())
    limit = duration(TOLERANCE.total_seconds())
    return f"{plural(len(short), 'gap')} of at most {limit}, together {together}, in the cover"
