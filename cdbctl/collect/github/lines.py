"""Runs of workflows sorted into lines: one for each workflow, newest run first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from cdbctl.collect.github.client import Listing
from cdbctl.collect.github.head import is_dynamic
from cdbctl.collect.github.shapes import Record, address, whole, words

GREEN = frozenset({"success", "neutral"})
RED = frozenset({"failure", "timed_out", "startup_failure", "action_required"})
"""Every other end, say cancelled or skipped, says neither."""
DEPENDABOT = "dynamic/dependabot/"
_RUN_NUMBER = re.compile(r" #\d+$")


@dataclass(frozen=True, slots=True)
class Line:
    """One workflow with its runs on the branch, newest first."""

    workflow: int
    name: str
    path: str
    state: str
    url: str
    runs: tuple[Record, ...]
    reaches_back: bool
    """Whether there are no older runs than these."""

    @property
    def dynamic(self) -> bool:
        """Whether GitHub itself made it."""
        return self.path.startswith("dynamic/") or (bool(self.runs) and is_dynamic(self.runs[0]))

    @property
    def decisive(self) -> list[Record]:
        """The finished runs that were green or red."""
        return [run for run in self.runs if conclusion(run) in GREEN | RED]

    @property
    def streak(self) -> list[Record]:
        """The red runs in a row."""
        return list(takewhile(lambda run: conclusion(run) in RED, self.decisive))

    @property
    def is_whole(self) -> bool:
        """Whether it is known how long the streak is, and whether there is any run at all."""
        return self.reaches_back or len(self.streak) < len(self.decisive)


def sorted_lines(listed: Listing | None, runs: Listing | None) -> Iterator[Line]:
    """One line for each workflow, and one for each update job of Dependabot, which all have the same workflow."""
    items, reaches_back = (runs.items, runs.complete) if runs else ((), False)
    seen: set[int] = set()
    for workflow in listed.items if listed else ():
        number = whole(workflow, "id")
        if number is None or number in seen:
            continue
        seen.add(number)
        line = Line(
            workflow=number,
            name=words(workflow, "name") or words(workflow, "path"),
            path=words(workflow, "path"),
            state=words(workflow, "state") or "not known",
            url=address(workflow, "html_url"),
            runs=newest_first(run for run in items if whole(run, "workflow_id") == number),
            reaches_back=reaches_back,
        )
        yield from _jobs(line) if line.path.startswith(DEPENDABOT) else (line,)
    if listed is None or not listed.complete:
        yield from _from_runs(items, seen, reaches_back)


def _from_runs(items: Sequence[Record], seen: set[int], reaches_back: bool) -> Iterator[Line]:
    """Workflows that only their runs tell of: the list of workflows could not be read to its end."""
    for number in dict.fromkeys(whole(run, "workflow_id") for run in items):
        if number is None or number in seen:
            continue
        own = newest_first(run for run in items if whole(run, "workflow_id") == number)
        path = words(own[0], "path").partition("@")[0]
        line = Line(number, words(own[0], "name") or path, path, "not known", "", own, reaches_back)
        yield from _jobs(line) if path.startswith(DEPENDABOT) else (line,)


def _jobs(line: Line) -> Iterator[Line]:
    """``pip in /. - Update #17`` and ``pip in /. - Update #12`` are runs of one job."""
    names = dict.fromkeys(_job_name(run) for run in line.runs)
    for name in names:
        yield replace(line, name=name, runs=tuple(run for run in line.runs if _job_name(run) == name))
    if not names:
        yield line


def _job_name(run: Record) -> str:
    return _RUN_NUMBER.sub("", words(run, "name") or words(run, "display_title"))


def newest_first(runs: Iterable[Record]) -> tuple[Record, ...]:
    """Ids grow with time."""
    return tuple(sorted(runs, key=lambda run: whole(run, "id") or 0, reverse=True))


def conclusion(run: Record) -> str:
    """How a run ended; empty while it has not."""
    return words(run, "conclusion") if run.get("status") == "completed" else ""
