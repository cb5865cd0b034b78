"""CI and issues on GitHub: asked serially, with as few questions as possible, and never guessed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.github.cache import EtagCache
from cdbctl.collect.github.client import Api, check_address
from cdbctl.collect.github.head import Head, Suite, checks, read_head, suites_of, unknown_suites
from cdbctl.collect.github.issues import read_issues
from cdbctl.collect.github.notebook import Notebook
from cdbctl.collect.github.place import Place, find_place, read_branch, read_protection
from cdbctl.collect.github.text import evidence
from cdbctl.collect.github.token import REMEDY, find_token, usable
from cdbctl.collect.github.workflows import read_runs, read_workflows
from cdbctl.collect.wire import Deadline
from cdbctl.model.ci import CiFacts, IssueFacts, Part
from cdbctl.settings import GithubSource

__all__ = ["find_token", "read_ci"]


def read_ci(
    source: GithubSource, *, token: str | None, commit: str | None, cache: Path, timeout_seconds: float
) -> Seen[tuple[CiFacts, IssueFacts | None]]:
    """The checks of a commit (the local HEAD), the workflows of the branch, and the open issues by label.

    What GitHub refuses is named in ``not_read``; raises NoAnswer when not even the repository can be read, or when
    there is no token: then nothing is asked. The issues are None when no label is declared.
    """
    if not token:
        raise NoAnswer("there is no token for GitHub, so nothing was asked", remedy=REMEDY)
    check_address(source.api)
    token, deadline = usable(token, "the given token"), Deadline(timeout_seconds)
    api = Api(source.api, token, cache=EtagCache(cache, token), deadline=deadline)
    with closing(api):
        place = find_place(api, source)
        facts = _read(api, place, commit)
        issues = read_issues(api, place, source.labels) if source.labels else None
    # Counted last: the issues have their price, too.
    facts = replace(
        facts,
        requests=api.tally.requests,
        not_modified=api.tally.not_modified,
        rate_limit_left=api.tally.rate_limit_left,
    )
    return Seen((facts, issues), evidence(facts, issues, api.tally))


def _read(api: Api, place: Place, commit: str | None) -> CiFacts:
    """Most important first: when time or the rate limit runs out, it is the end of this list that is missing."""
    notebook = Notebook()
    branch = notebook.attempt(Part.BRANCH, lambda: read_branch(api, place))
    head = read_head(api, place, branch, commit, notebook)
    runs = read_runs(api, place, notebook)
    clock = api.tally.clock
    now = clock.server_at if clock else datetime.now(UTC)
    protection = read_protection(api, place, branch, notebook)
    workflows = read_workflows(api, place, runs, notebook, now=now)
    suites = suites_of(runs.items if runs else ())
    if head.commit and unknown_suites(head, suites):
        suites |= _suites_of_head(api, place, head, notebook)
    clock = api.tally.clock
    return CiFacts(
        repository=place.repository,
        branch=place.branch,
        head=head.commit,
        head_is_pushed=head.is_pushed,
        check_runs=checks(head, suites),
        workflows=workflows,
        protected=protection.protected,
        required_checks=protection.required,
        server_at=clock.server_at if clock else None,
        host_at=clock.host_at if clock else datetime.now(UTC),
        clock_doubt_seconds=clock.doubt_seconds if clock else 0.0,
        requests=0,
        not_modified=0,
        rate_limit_left=None,
        not_read=tuple(notebook.unread),
    )


def _suites_of_head(api: Api, place: Place, head: Head, notebook: Notebook) -> dict[int, Suite]:
    """Which workflows the checks of the commit belong to, when the newest runs do not tell."""
    path = f"{place.path}/actions/runs"
    listing = notebook.listed(
        Part.RUNS, lambda: api.listing(path, "workflow_runs", max_pages=1, head_sha=head.commit or "")
    )
    return suites_of(listing.items) if listing else {}
