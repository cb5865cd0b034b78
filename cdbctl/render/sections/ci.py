"""CI and open issues on GitHub: the checks of HEAD, every own workflow, and what must not stay open."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.model.ci import CheckRun, CiFacts, Issue, Unread, WorkflowFacts
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.report import Report
from cdbctl.render.md import code, inline, paragraphs, table
from cdbctl.render.text import shortened
from cdbctl.render.words import NONE, count, duration, utc

PASSED = ("success", "neutral", "skipped")
NAMED = 8
WORKFLOWS = 40
ISSUES = 20
TITLE = 160


def ci(report: Report) -> list[str]:
    """What GitHub says about the commit and the branch; nothing where GitHub is not declared."""
    reading = report.snapshot.ci
    if reading is None:
        return []
    if isinstance(reading, Unavailable):
        return paragraphs(["### CI on GitHub"], [_no_answer("CI", reading)])
    facts, proof = reading.value, inline(reading.evidence.id)
    own = [item for item in facts.workflows if not item.dynamic]
    header = ("Workflow", "State", "Newest run (UTC)", ">Red in a row", "First bad commit", "Cause")
    more = f"… and {count(len(own) - WORKFLOWS, 'more workflow')}: see {proof}"
    return paragraphs(
        ["### CI on GitHub"],
        [
            f"- {inline(facts.repository)}, branch {code(facts.branch)}, {_commit(facts)} ({proof})",
            f"- Checks: {_checks([item for item in facts.check_runs if not item.dynamic])}",
            f"- Required checks: {_required(facts)}",
            *_made_by_github(facts),
            *_missing(facts.not_read),
        ],
        table(header, map(_workflow, own[:WORKFLOWS])) if own else [],
        [more] if len(own) > WORKFLOWS else [],
    )


def issues(report: Report) -> list[str]:
    """The open issues with a declared label; nothing where no label is declared."""
    reading = report.snapshot.issues
    if reading is None:
        return []
    if isinstance(reading, Unavailable):
        return paragraphs(["### Open issues"], [_no_answer("Open issues", reading)])
    facts = reading.value
    least = "at least " if facts.incomplete else ""
    labels = ", ".join(map(code, facts.labels))
    hidden = len(facts.issues) - ISSUES
    return paragraphs(
        ["### Open issues"],
        [f"{least}{count(len(facts.issues), 'open issue')} labelled {labels} ({inline(reading.evidence.id)})"],
        [
            *(_issue(issue, reading) for issue in facts.issues[:ISSUES]),
            *([f"- … and {hidden} more"] if hidden > 0 else []),
            *_missing(facts.not_read),
        ],
    )


def _commit(facts: CiFacts) -> str:
    commit = code(facts.head[:12]) if facts.head else "a commit that is not known"
    match facts.head_is_pushed:
        case True:
            return f"HEAD {commit}"
        case False:
            return f"HEAD is not pushed; shown is {commit}, the head of the branch there"
        case None:
            return f"{commit}; whether that is HEAD is not known"


def _checks(checks: Sequence[CheckRun]) -> str:
    passed = sum(item.conclusion == "success" for item in checks)
    failed = [item for item in checks if item.status == "completed" and item.conclusion not in PASSED]
    pending = [item for item in checks if item.status != "completed"]
    parts = [f"{passed} succeeded"]
    for word, items in (("failed", failed), ("not finished", pending)):
        if items:
            parts.append(f"{len(items)} {word}: {_names([item.name for item in items])}")
    rest = len(checks) - passed - len(failed) - len(pending)
    return "; ".join([*parts, f"{rest} skipped or neutral"] if rest else parts) if checks else "none was seen"


def _required(facts: CiFacts) -> str:
    said = {True: "the branch is protected", False: "the branch is not protected", None: "protection is not known"}
    if facts.required_checks is None:
        return f"not known; {said[facts.protected]}"
    return f"{_names(facts.required_checks) or 'none'}; {said[facts.protected]}"


def _made_by_github(facts: CiFacts) -> list[str]:
    made = [item for item in facts.workflows if item.dynamic]
    red = [item.name for item in made if item.red_streak]
    if not made:
        return []
    failed = f"{len(red)} red: {_names(red)}" if red else "none red"
    return [f"- Made by GitHub itself (Dependabot and the like): {count(len(made), 'job')}, {failed}"]


def _workflow(item: WorkflowFacts) -> tuple[str, ...]:
    ended = item.conclusion or item.status
    newest = f"{inline(ended)}, {utc(item.run_at).removesuffix(' UTC')}" if ended else NONE
    least = "" if item.red_streak_complete or not item.red_streak else "≥ "
    cause = f"{item.cause.value}: {item.cause_detail}" if item.cause and item.cause_detail else item.cause or NONE
    return (
        inline(shortened(item.name, 80)),
        inline(item.state),
        newest,
        f"{least}{item.red_streak}" if item.decided else NONE,
        code(item.first_bad_commit[:12]) if item.first_bad_commit else NONE,
        inline(shortened(cause, 200)),
    )


def _issue(issue: Issue, reading: Observed[object]) -> str:
    age = duration(max(0.0, (reading.at - issue.created_at).total_seconds()))
    labels = ", ".join(map(inline, issue.labels))
    return f"- #{issue.number} {inline(shortened(issue.title, TITLE))} ({labels}), {age} old"


def _missing(unread: Sequence[Unread]) -> list[str]:
    return [f"- Not read: {item.part.value}: {inline(item.reason)}" for item in unread[:NAMED]]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(code(shortened(name, 80)) for name in names[:NAMED]) + more


def _no_answer(what: str, reading: Unavailable) -> str:
    remedy = f". To do: {inline(reading.remedy)}" if reading.remedy else ""
    return f"- {what}: not known, {inline(reading.reason)} ({inline(reading.evidence.id)}){remedy}"
