"""What was seen on GitHub, in lines that a person can check the report against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from cdbctl.collect.github.client import Tally
from cdbctl.model.ci import CheckRun, CiFacts, Issue, IssueFacts, Unread, WorkflowFacts

MAX_CHARACTERS = 180_000


def evidence(facts: CiFacts, issues: IssueFacts | None, tally: Tally) -> str:
    """Everything that sentences about CI and issues can be made from."""
    text = "".join(f"{note}\n" for note in tally.notes) + ci_text(facts)
    return bounded(text + issues_text(issues) if issues else text)


def ci_text(facts: CiFacts) -> str:
    """What is known about CI, one line for each fact."""
    lines = [*_about(facts), *map(check_line, facts.check_runs), *_required(facts)]
    return _text([*lines, *map(workflow_line, facts.workflows), *_missing(facts.not_read)])


def issues_text(facts: IssueFacts) -> str:
    """What is known about open issues, one line for each."""
    first = f"open issues with one of the labels {', '.join(facts.labels)}: {len(facts.issues)}"
    return _text([first, *map(issue_line, facts.issues), *_missing(facts.not_read)])


def check_line(check: CheckRun) -> str:
    """One check of the commit."""
    kind = "check of a job that GitHub made" if check.dynamic else "check"
    state = f"{check.status} {check.conclusion}" if check.conclusion else check.status
    return f'{kind} "{check.name}" by {check.app}: {state} {check.url}'.rstrip()


def workflow_line(workflow: WorkflowFacts) -> str:
    """One workflow and its newest runs."""
    kind = "job that GitHub made" if workflow.dynamic else "workflow"
    parts = [f'{kind} "{workflow.name}" ({workflow.path}), {workflow.state}: {_newest(workflow)}']
    if workflow.red_streak:
        least = "" if workflow.red_streak_complete else "at least "
        runs = "run" if workflow.red_streak == 1 else "runs"
        parts.append(f"{least}{workflow.red_streak} red {runs} in a row since {_time(workflow.red_since)}")
        parts.append(f"first bad commit {workflow.first_bad_commit or 'not known'}")
    if workflow.queued_since:
        parts.append(f"queued since {_time(workflow.queued_since)}")
    if workflow.cause:
        parts.append(f"cause: {workflow.cause.value}, {workflow.cause_detail}")
    return "; ".join([*parts, workflow.url] if workflow.url else parts)


def issue_line(issue: Issue) -> str:
    """One open issue."""
    labels = ", ".join(issue.labels)
    return f"#{issue.number} {issue.title} [{labels}] since {_time(issue.created_at)} {issue.url}".rstrip()


def _about(facts: CiFacts) -> Iterator[str]:
    yield f"repository {facts.repository}, branch {facts.branch}"
    which = {
        True: "the local HEAD",
        False: "the head of the branch on GitHub, which does not know the local HEAD",
        None: "whether it is the local HEAD is not known",
    }[facts.head_is_pushed]
    yield f"commit {facts.head or 'not known'}: {which}"
    left = "not known" if facts.rate_limit_left is None else f"{facts.rate_limit_left} requests"
    yield f"{facts.requests} requests, {facts.not_modified} of them answered 304; left of the rate limit: {left}"
    if facts.server_at:
        yield (
            f"Date header: {facts.server_at.isoformat()} while this machine said {facts.host_at.isoformat()}"
            f" (± {facts.clock_doubt_seconds:.2f} s)"
        )


def _required(facts: CiFacts) -> Iterator[str]:
    said = {True: "protected", False: "not protected", None: "protection not known"}[facts.protected]
    names = "not known" if facts.required_checks is None else ", ".join(facts.required_checks) or "none"
    yield f"branch {facts.branch}: {said}; required checks: {names}"


def _missing(unread: Iterable[Unread]) -> Iterator[str]:
    for item in unread:
        yield f"not read: {item.part.value}: {item.reason}"


def _newest(workflow: WorkflowFacts) -> str:
    if workflow.status is None:
        return "no run on this branch was seen"
    state = f"{workflow.status} {workflow.conclusion}" if workflow.conclusion else workflow.status
    return f"newest run {state} at {_time(workflow.run_at)}"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "an unknown time"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def bounded(text: str) -> str:
    """Whole lines, as many as an evidence file may hold."""
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[:MAX_CHARACTERS].rpartition("\n")[0] + "\n… the rest does not fit here\n"
