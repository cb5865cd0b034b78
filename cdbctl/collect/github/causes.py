"""Why a run is red: only what the words of GitHub prove."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.client import Api
from cdbctl.collect.github.notebook import Notebook
from cdbctl.collect.github.place import Place
from cdbctl.collect.github.shapes import Record, records, whole, words
from cdbctl.model.ci import Cause, Part

BILLING = re.compile(
    r"account payments have failed|spending limit|billing|account is locked|out of (?:included )?minutes", re.IGNORECASE
)
RUNNER = re.compile(
    r"lost communication with the (?:server|runner)|runner has received a shutdown signal"
    r"|not acquired by runner|no runner(?:s)? (?:matching|online)|runner (?:is|was) offline",
    re.IGNORECASE,
)
PREPARATION = frozenset({"Set up job", "Set up runner", "Initialize containers"})
"""Steps of GitHub itself: when they fail, it may be its fault or ours."""
RED = frozenset({"failure", "timed_out"})
MAX_JOBS_ASKED = 2
"""Jobs of one run whose annotations are read."""


@dataclass(frozen=True, slots=True)
class Why:
    """A cause, and the words that it was read from."""

    cause: Cause | None
    detail: str = ""


def cause_of(api: Api, place: Place, run: Record, notebook: Notebook) -> Why:
    """Why a finished run is red: a step of ours failed, or no step was ever reached and an annotation says why."""
    jobs = _jobs(api, place, run, notebook)
    if jobs is None:
        return Why(Cause.NOT_KNOWN, "its jobs could not be read")
    red = [job for job in jobs if job.get("conclusion") in RED]
    for job in red:
        if step := _failed_step(job):
            return Why(Cause.OWN_CODE, f'step "{step}" of job "{words(job, "name")}" failed')
    said = list(_annotations(api, place, red[:MAX_JOBS_ASKED], notebook))
    for cause, pattern in ((Cause.BILLING, BILLING), (Cause.RUNNER, RUNNER)):
        for message in said:
            if pattern.search(message):
                return Why(cause, message)
    return Why(Cause.NOT_KNOWN, _what_is_seen(run, red, said))


def waiting(api: Api, place: Place, run: Record, notebook: Notebook) -> Why:
    """Why a run is queued for long: no runner has taken any of its jobs."""
    jobs = _jobs(api, place, run, notebook)
    queued = [job for job in jobs or () if job.get("status") == "queued" and not whole(job, "runner_id")]
    if not jobs or len(queued) < len(jobs):
        return Why(Cause.NOT_KNOWN, "it is queued for long")
    labels = queued[0].get("labels")
    wanted = [words({"label": item}, "label") for item in labels] if isinstance(labels, list) else []
    detail = f'job "{words(queued[0], "name")}" waits, and no runner has taken it'
    return Why(Cause.RUNNER, detail + (f"; it wants: {', '.join(wanted)}" if wanted else ""))


def _jobs(api: Api, place: Place, run: Record, notebook: Notebook) -> Sequence[Record] | None:
    number = whole(run, "id")
    if number is None:
        return None
    path = f"{place.path}/actions/runs/{number}/jobs"
    listing = notebook.listed(Part.CAUSE, lambda: api.listing(path, "jobs", max_pages=1))
    return listing.items if listing else None


def _failed_step(job: Record) -> str | None:
    """The first step of the workflow's own that failed."""
    for step in records(job.get("steps")):
        if step.get("conclusion") in RED and words(step, "name") not in PREPARATION:
            return words(step, "name") or "without a name"
    return None


def _annotations(api: Api, place: Place, jobs: Sequence[Record], notebook: Notebook) -> Iterator[str]:
    """What GitHub wrote beside the jobs; a job has the id of its check-run."""
    for job in jobs:
        number = whole(job, "id")
        if number is None:
            continue
        path = f"{place.path}/check-runs/{number}/annotations"
        try:
            listing = api.listing(path, None, max_pages=1)
        except NoAnswer as problem:
            notebook.miss(Part.CAUSE, problem)
            return
        yield from (message for item in listing.items if (message := words(item, "message")))


def _what_is_seen(run: Record, red: Sequence[Record], said: Sequence[str]) -> str:
    if run.get("conclusion") == "startup_failure":
        return "startup_failure: the run never started; its workflow file or the account can be why"
    if said:
        return said[0]
    if red:
        return f'job "{words(red[0], "name")}" failed without a failed step of its own'
    return "no job of it failed by itself"
