"""The stored runs of a stretch of time: what a soak is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cdbctl.collect.attempt import Seen
from cdbctl.collect.history import TRIED, describe_service, newest_first, shown, unreadable
from cdbctl.collect.stored_run import Broken, Foreign, read_run_of_stretch
from cdbctl.collect.wire import Deadline
from cdbctl.model.run_folder import day_name, run_name
from cdbctl.model.snapshot import EarlierRun, EarlierService, SoakHistory, UnusedRun, Window

MOST_RUNS = 3000
"""More than one every two minutes over three days."""
MOST_TEXT = 180_000
"""Characters of evidence."""


def read_soak(reports: Path, *, stretch: Window, stack: str, timeout_seconds: float) -> Seen[SoakHistory]:
    """Read every stored run of the stretch, newest first, and the newest one before it.

    A run that cannot be used is named with its reason. When the time is over, what is older was not read.
    """
    deadline = Deadline(timeout_seconds)
    found = _Found(reports, stretch, stack)
    not_read = ""
    try:
        for folder in newest_first(reports):
            if found.is_enough():
                break
            if deadline.passed() or len(found.runs) == MOST_RUNS:
                why = f"{MOST_RUNS} runs are read at most"
                why = f"the time of {deadline} was over" if deadline.passed() else why
                not_read = f"{shown(folder, reports)} and what is older were not read: {why}"
                break
            found.take(folder)
    except OSError as error:
        raise unreadable(error, reports) from error
    history = replace(found.history(), not_read=not_read)
    return Seen(history, _text(history, stretch))


@dataclass
class _Found:
    """What was read so far, newest first."""

    reports: Path
    stretch: Window
    stack: str
    runs: list[EarlierRun] = field(default_factory=list)
    broken: list[UnusedRun] = field(default_factory=list)
    foreign: list[UnusedRun] = field(default_factory=list)
    useless_before: int = 0
    """Runs before the stretch that are of no use: only one good one is wanted there."""

    def is_enough(self) -> bool:
        """Whether the newest run before the stretch is found, or not worth looking for any longer."""
        return bool(self.runs and self.runs[-1].taken_at < self.stretch.since) or self.useless_before == TRIED

    def take(self, folder: Path) -> None:
        """Read one run."""
        name, at = shown(folder, self.reports), _dated(folder)
        inside = at is None or at >= self.stretch.since.replace(microsecond=0)
        try:
            run = read_run_of_stretch(folder, name, now=self.stretch.until, stack=self.stack)
            _expect_in_place(folder, run)
        except (Broken, Foreign) as useless:
            kept = self.foreign if isinstance(useless, Foreign) else self.broken
            if inside:
                kept.append(UnusedRun(name, str(useless)))
            self.useless_before += not inside
        else:
            self.runs.append(run)

    def history(self) -> SoakHistory:
        """Everything in order of time."""
        runs = self.runs[::-1]  # so that two of one second keep the order of their names
        runs.sort(key=lambda run: run.taken_at)
        return SoakHistory(tuple(runs), tuple(reversed(self.broken)), tuple(reversed(self.foreign)))


def _dated(folder: Path) -> datetime | None:
    """When a run says by its name that it was taken; None for what is no time of day."""
    try:
        return datetime.strptime(f"{folder.parent.name} {folder.name[:6]}", "%Y-%m-%d %H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _expect_in_place(folder: Path, run: EarlierRun) -> None:
    """A copied or edited run would stand for a time in which nobody looked."""
    if (folder.parent.name, folder.name[:7]) != (day_name(run.taken_at), run_name(run.taken_at)):
        raise Broken(f"it was taken at {run.taken_at.isoformat()}, which its folder does not say: it was moved")


def _text(history: SoakHistory, stretch: Window) -> str:
    lines, length = [], 0
    for line in _lines(history, stretch):
        length += len(line) + 1
        if length > MOST_TEXT:
            lines.append("… what follows is left out here; snapshot.json holds all of it")
            break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _lines(history: SoakHistory, stretch: Window) -> Iterator[str]:
    since, until = stretch.since.isoformat(), stretch.until.isoformat()
    yield f"stored runs from {since} to {until}, and the newest one before"
    yield from (f"broken {item.path}: {item.reason}" for item in history.broken)
    yield from (f"passed over {item.path}: {item.reason}" for item in history.foreign)
    if history.not_read:
        yield history.not_read
    before: dict[str, EarlierService] = {}
    for run in history.runs:
        window = f"{run.window.since.isoformat()} to {run.window.until.isoformat()}" if run.window else "not stored"
        yield f"run {run.path} verdict {run.verdict} cdbctl {run.tool_version} window {window} follows {run.follows}"
        for finding in run.findings:
            place = f"{finding.check} {finding.subject}"
            yield f"  {finding.status} {finding.fingerprint} {place}: {finding.title}"
        for service in run.services:
            if before.get(service.name) != service:
                yield f"  {describe_service(service)}"
        before |= {service.name: service for service in run.services}
