"""The newest runs of every workflow on the branch: how long one is red, and which commit was first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.causes import Why, cause_of, waiting
from cdbctl.collect.github.client import Api, Listing
from cdbctl.collect.github.lines import DEPENDABOT, Line, conclusion, newest_first, sorted_lines
from cdbctl.collect.github.notebook import Notebook
from cdbctl.collect.github.place import Place
from cdbctl.collect.github.shapes import Record, address, commit, inner, moment, words
from cdbctl.model.ci import Cause, Part, WorkflowFacts

FOREIGN_EVENTS = frozenset({"pull_request", "pull_request_target"})
"""A pull request out of a branch that is called like ours, in a fork, is listed with our runs."""
MAX_PAGES = 3
MAX_HISTORIES = 10
"""Workflows whose own list of runs is asked for, because the common one does not reach back far enough."""
MAX_CAUSES = 6
LONG_QUEUE = timedelta(minutes=10)
"""A run that waits longer is looked at."""


def read_runs(api: Api, place: Place, notebook: Notebook) -> Listing | None:
    """The newest runs of all workflows on the branch: one question for nearly everything."""
    path = f"{place.path}/actions/runs"
    try:
        listing = api.listing(path, "workflow_runs", max_pages=1, branch=place.branch)
    except NoAnswer as problem:
        notebook.miss(Part.RUNS, problem)
        return None
    return replace(listing, items=tuple(_own_runs(listing.items, place)))


def read_workflows(
    api: Api, place: Place, runs: Listing | None, notebook: Notebook, *, now: datetime
) -> tuple[WorkflowFacts, ...]:
    """Every workflow with its newest runs; further questions only where the common list is too short."""
    path = f"{place.path}/actions/workflows"
    listed = notebook.listed(Part.WORKFLOWS, lambda: api.listing(path, "workflows", max_pages=MAX_PAGES))
    lines = list(sorted_lines(listed, runs))
    lines = _with_histories(api, place, lines, notebook) if runs else lines
    return tuple(_facts(api, place, lines, notebook, now))


def _own_runs(runs: Iterable[Record], place: Place) -> Iterator[Record]:
    for run in runs:
        home = words(inner(run, "head_repository"), "full_name") or place.repository
        if run.get("event") not in FOREIGN_EVENTS and home.lower() == place.repository.lower():
            yield run


def _with_histories(api: Api, place: Place, lines: Sequence[Line], notebook: Notebook) -> list[Line]:
    """Longer lists for own workflows that are red to the end of the common list, or not in it; red ones first."""
    short = [line for line in lines if not line.is_whole and not line.dynamic and line.state in ("active", "not known")]
    short.sort(key=lambda line: not line.streak)
    longer = {line.workflow: _history(api, place, line, notebook) for line in short[:MAX_HISTORIES]}
    for line in short[MAX_HISTORIES:]:
        problem = NoAnswer(f"they were not asked for: {MAX_HISTORIES} workflows are enough for one run")
        notebook.miss(Part.RUNS, problem, prefix=f"older runs of {line.name}: ")
    return [longer.get(line.workflow, line) for line in lines]


def _history(api: Api, place: Place, line: Line, notebook: Notebook) -> Line:
    path = f"{place.path}/actions/workflows/{line.workflow}/runs"
    try:
        listing = api.listing(path, "workflow_runs", max_pages=1, branch=place.branch)
    except NoAnswer as problem:
        notebook.miss(Part.RUNS, problem, prefix=f"older runs of {line.name}: ")
        return line
    own = newest_first(_own_runs(listing.items, place))
    return replace(line, runs=own or line.runs, reaches_back=listing.complete)


def _facts(api: Api, place: Place, lines: Sequence[Line], notebook: Notebook, now: datetime) -> Iterator[WorkflowFacts]:
    looked = 0
    for line in lines:
        newest = line.runs[0] if line.runs else None
        streak = line.streak
        queued_since = _queued_since(newest, now)
        wrong = streak[0] if streak else newest if queued_since else None
        why = Why(None)
        if wrong is not None and line.dynamic:
            why = Why(Cause.DEPENDABOT if line.path.startswith(DEPENDABOT) else Cause.DYNAMIC, line.name)
        elif wrong is not None and looked < MAX_CAUSES:
            looked += 1
            ask = cause_of if streak else waiting
            why = ask(api, place, wrong, notebook)
        elif wrong is not None:
            why = Why(Cause.NOT_KNOWN, f"not looked at: {MAX_CAUSES} red workflows are enough for one run")
        yield WorkflowFacts(
            name=line.name,
            path=line.path,
            state=line.state,
            dynamic=line.dynamic,
            status=words(newest, "status") or None if newest else None,
            conclusion=conclusion(newest) or None if newest else None,
            run_at=_made_at(newest) if newest else None,
            url=(address(newest, "html_url") if newest else "") or line.url,
            decided=bool(line.decisive),
            red_streak=len(streak),
            red_streak_complete=line.is_whole,
            red_since=_made_at(streak[-1]) if streak else None,
            first_bad_commit=commit(streak[-1], "head_sha") if streak else None,
            queued_since=queued_since,
            cause=why.cause,
            cause_detail=why.detail,
        )


def _queued_since(run: Record | None, now: datetime) -> datetime | None:
    since = _made_at(run) if run and run.get("status") == "queued" else None
    return since if since and now - since > LONG_QUEUE else None


def _made_at(run: Record) -> datetime | None:
    return moment(run, "run_started_at") or moment(run, "created_at")
