"""The checks of one commit: check-runs, and the commit statuses of older tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.client import Api, Listing
from cdbctl.collect.github.limits import Refused
from cdbctl.collect.github.notebook import Notebook
from cdbctl.collect.github.place import Branch, Place
from cdbctl.collect.github.shapes import Record, address, inner, whole, words
from cdbctl.model.ci import CheckRun, Part

ACTIONS = "github-actions"
STATUS_APP = "commit status"
UNKNOWN_COMMIT = "No commit found"
"""What GitHub says of a commit that nobody pushed, with status 422."""
MAX_PAGES = 10
STATES = {
    "success": ("completed", "success"),
    "failure": ("completed", "failure"),
    "error": ("completed", "failure"),
    "pending": ("pending", None),
}
"""Of a commit status, as a check-run would say it."""


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that is judged."""

    commit: str | None
    is_pushed: bool | None
    check_runs: tuple[Record, ...]
    statuses: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """The run of a workflow that check-runs belong to."""

    workflow: int
    dynamic: bool


def read_head(api: Api, place: Place, branch: Branch | None, local: str | None, notebook: Notebook) -> Head:
    """The checks of the local HEAD if GitHub knows it, else of the head of the branch there."""
    there = branch.head if branch else None
    commit, is_pushed, runs = local or there, None, None
    try:
        if commit:
            runs, is_pushed = _check_runs(api, place, commit), True if local else None
    except NoAnswer as problem:
        if local and isinstance(problem, Refused) and UNKNOWN_COMMIT in problem.message:
            commit, is_pushed = there, False
            runs = notebook.attempt(Part.CHECK_RUNS, lambda: _check_runs(api, place, there)) if there else None
        else:
            notebook.miss(Part.CHECK_RUNS, problem)
            is_pushed = True if local and local == there else None
    if runs and runs.problem:
        notebook.miss(Part.CHECK_RUNS, runs.problem, prefix="not all of them: ")
    return Head(commit, is_pushed, runs.items if runs else (), _statuses(api, place, commit, notebook))


def checks(head: Head, suites: Mapping[int, Suite]) -> tuple[CheckRun, ...]:
    """The newest check of each name, those of each workflow apart.

    One commit can have run several times, say on every night: an older failure is over when a newer run succeeded.
    """
    newest: dict[object, tuple[int, CheckRun]] = {}
    for item in head.check_runs:
        check, number = _check(item, suites), whole(item, "id") or 0
        suite = whole(inner(item, "check_suite"), "id") or 0
        known = suites.get(suite)
        # The jobs of Dependabot have one workflow and one name in common, and are not the same.
        origin = ("workflow", known.workflow) if known and not known.dynamic else ("suite", suite)
        key = (check.app, check.name, origin)
        if key not in newest or newest[key][0] < number:
            newest[key] = number, check
    return (*(check for _, check in newest.values()), *map(_status, head.statuses))


def unknown_suites(head: Head, suites: Mapping[int, Suite]) -> bool:
    """Whether a check of GitHub Actions that did not succeed belongs to a run that is not known yet."""
    actions = (item for item in head.check_runs if words(inner(item, "app"), "slug") == ACTIONS)
    bad = (item for item in actions if item.get("conclusion") not in ("success", "neutral", "skipped"))
    return any((whole(inner(item, "check_suite"), "id") or 0) not in suites for item in bad)


def suites_of(runs: Iterable[Record]) -> dict[int, Suite]:
    """Which suite belongs to which workflow."""
    found = {}
    for run in runs:
        suite, workflow = whole(run, "check_suite_id"), whole(run, "workflow_id")
        if suite is not None and workflow is not None:
            found[suite] = Suite(workflow, is_dynamic(run))
    return found


def is_dynamic(run: Record) -> bool:
    """Whether GitHub itself made a workflow or a run, not the repository."""
    return run.get("event") == "dynamic" or words(run, "path").startswith("dynamic/")


def _check_runs(api: Api, place: Place, commit: str) -> Listing:
    path = f"{place.path}/commits/{commit}/check-runs"
    return api.listing(path, "check_runs", max_pages=MAX_PAGES)


def _statuses(api: Api, place: Place, commit: str | None, notebook: Notebook) -> tuple[Record, ...]:
    """The combined status lists the newest status of each context; its own ``state`` is pending when there is none."""
    if not commit:
        return ()
    path = f"{place.path}/commits/{commit}/status"
    listing = notebook.listed(Part.STATUSES, lambda: api.listing(path, "statuses", max_pages=MAX_PAGES))
    return listing.items if listing else ()


def _check(item: Record, suites: Mapping[int, Suite]) -> CheckRun:
    app = inner(item, "app")
    suite = suites.get(whole(inner(item, "check_suite"), "id") or 0)
    status = words(item, "status") or "not known"
    return CheckRun(
        name=words(item, "name") or "a check without a name",
        app=words(app, "slug") or words(app, "name") or "an unknown app",
        status=status,
        conclusion=words(item, "conclusion") or None if status == "completed" else None,
        url=address(item, "html_url"),
        dynamic=bool(suite and suite.dynamic),
    )


def _status(item: Record) -> CheckRun:
    status, conclusion = STATES.get(words(item, "state"), ("not known", None))
    name = words(item, "context") or "a status without a name"
    return CheckRun(name, STATUS_APP, status, conclusion, address(item, "target_url"))
