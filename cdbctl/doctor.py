"""Which sources can be reached from here: every one is asked once, nothing is judged. Read-only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from cdbctl.collect.everything import take_snapshot
from cdbctl.model.needs import Needs
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot, Window
from cdbctl.settings import Settings

GLANCE = timedelta(minutes=1)
"""Of every log: enough to see that it can be read."""


def examine(
    settings: Settings,
    *,
    now: datetime,
    progress: Callable[[Observed[object] | Unavailable], None] = lambda _: None,
) -> Snapshot:
    """Ask every declared source once; one that does not answer costs its deadline."""
    window = Window(since=now - GLANCE, until=now)
    return take_snapshot(settings, checks=(), waivers=(), needs=Needs(), window=window, progress=progress)
