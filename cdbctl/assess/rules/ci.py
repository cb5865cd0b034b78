"""Rules about the CI on GitHub: the checks of HEAD, and what the branch requires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.assess.case import Case
from cdbctl.assess.github import NAMED, SUBJECT, each_ci, lines, listed, not_read, short_commit
from cdbctl.assess.params import Params, choice, schema
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import plural
from cdbctl.model.check import Check
from cdbctl.model.ci import CheckRun, CiFacts, Part
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed
from cdbctl.model.snapshot import Snapshot

PASSED = frozenset({"success", "neutral", "skipped"})
"""What GitHub itself lets pass."""


HEAD = schema(
    pending=choice("how bad a check is that has not ended yet", "WARN", "OK", "WARN", "FAIL"),
    not_pushed=choice("how bad it is that GitHub does not know HEAD", "WARN", "OK", "WARN", "FAIL"),
)


def judge_head(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Every check of HEAD succeeded; jobs that GitHub itself made are not among them."""
    params = Params.of(check, HEAD)

    def judge(case: Case, reading: Observed[CiFacts]) -> Iterator[Finding]:
        case, facts = case.expects("every check of HEAD ended with success"), reading.value
        own = [item for item in facts.check_runs if not item.dynamic]
        bad = [item for item in _bad(case, reading, own, params) if item.status is not Status.OK]
        yield from bad
        if missing := facts.unread(Part.BRANCH, Part.CHECK_RUNS, Part.STATUSES):
            yield not_read(case, reading, "the checks of HEAD are not all known", missing)
        elif facts.head_is_pushed is None:
            reason = f"the local HEAD is not known; on GitHub {facts.branch} is at {short_commit(facts)}"
            yield case.unknown("it is not known whether these are the checks of HEAD", reason, reading)
        elif not bad:
            yield _all_well(case, reading, own)

    return each_ci(check, snapshot, judge)


def _bad(case: Case, reading: Observed[CiFacts], own: Sequence[CheckRun], params: Params) -> Iterator[Finding]:
    failed = [item for item in own if item.status == "completed" and item.conclusion not in PASSED]
    pending = [item for item in own if item.status != "completed"]
    if reading.value.head_is_pushed is False:
        yield _not_pushed(case, reading, Status(params.text("not_pushed")))
    if failed:
        yield _failed(case, reading, failed)
    if pending:
        commit, status = short_commit(reading.value), Status(params.text("pending"))
        title = f"{plural(len(pending), 'check')} of {commit} not finished: {_names(pending)}"
        details = {"commit": reading.value.head, "checks": [item.name for item in pending]}
        yield case.finding(status, title, title, reading, key="pending", details=details)


def _all_well(case: Case, reading: Observed[CiFacts], own: Sequence[CheckRun]) -> Finding:
    """Skipped checks pass, but only a success proves that somebody looked."""
    commit = short_commit(reading.value)
    succeeded = sum(item.conclusion == "success" for item in own)
    pending = sum(item.status != "completed" for item in own)
    counts = ((pending, "not finished"), (len(own) - succeeded - pending, "skipped or neutral"))
    rest = [f"{count} {word}" for count, word in counts if count]
    if not succeeded:
        return case.unknown(
            f"no check has judged {commit}", f"checks of {commit}: {', '.join(rest) or 'none'}", reading
        )
    return case.ok(", ".join([f"{commit}: {plural(succeeded, 'check')} succeeded", *rest]), reading)


def _not_pushed(case: Case, reading: Observed[CiFacts], status: Status) -> Finding:
    facts, repository = reading.value, case.snapshot.repository
    local = f" {repository.value.commit[:12]}" if isinstance(repository, Observed) else ""
    there = f"; {facts.branch} is at {short_commit(facts)} there" if facts.head else ""
    title = f"HEAD{local} is not pushed, so no check has seen it"
    actual = f"GitHub does not know the local HEAD{local}{there}"
    return case.finding(status, title, actual, reading, key="not-pushed")


def _failed(case: Case, reading: Observed[CiFacts], failed: Sequence[CheckRun]) -> Finding:
    commit = short_commit(reading.value)
    title = f"{plural(len(failed), 'check')} of {commit} failed: {_names(failed)}"
    told = [f"{item.name} ({item.conclusion or 'no conclusion'}, {item.app})" for item in failed[:NAMED]]
    rest = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    return case.finding(
        Status.FAIL,
        title,
        f"{commit}: {', '.join(told)}{rest}",
        reading,
        key="failed",
        details={"commit": reading.value.head, "checks": [item.name for item in failed]},
        quotes=lines(reading, (f'check "{item.name}" by {item.app}: ' for item in failed[:NAMED])),
    )


REQUIRED = schema(
    missing=choice("how bad a required check is that never reported on HEAD", "WARN", "WARN", "FAIL"),
    unprotected=choice("how bad it is that the branch requires no check", "WARN", "OK", "WARN", "FAIL"),
)


def judge_required(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The branch requires checks, and each of them has reported on HEAD: one that never runs protects nothing."""
    params = Params.of(check, REQUIRED)

    def judge(case: Case, reading: Observed[CiFacts]) -> Iterator[Finding]:
        case, facts = case.expects(f"{reading.value.branch} requires checks, and each has reported"), reading.value
        required, unread = facts.required_checks, facts.unread(Part.BRANCH, Part.REQUIRED)
        reported = {item.name for item in facts.check_runs}
        absent = [name for name in required or () if name not in reported]
        unseen = facts.unread(Part.CHECK_RUNS, Part.STATUSES)
        if absent and not unseen:
            title = f"{plural(len(absent), 'required check')} never reported on {short_commit(facts)}: {listed(absent)}"
            actual = f"required: {listed(required or ())}; without any report: {listed(absent)}"
            quotes = lines(reading, (f"branch {facts.branch}: ",))
            status, details = Status(params.text("missing")), {"checks": absent}
            yield case.finding(status, title, actual, reading, key="missing", details=details, quotes=quotes)
        if unread or (required is None) or (absent and unseen):
            yield not_read(case, reading, "the required checks are not all known", unread or unseen)
        elif not required:
            status = Status(params.text("unprotected"))
            actual = f"{facts.branch} is {'protected' if facts.protected else 'not protected'}, and requires no check"
            if status is Status.OK:
                yield case.ok(actual, reading)
            else:
                yield case.finding(status, f"{facts.branch} requires no check", actual, reading, key="unprotected")
        elif not absent:
            yield case.ok(f"{plural(len(required), 'required check')} reported: {listed(required)}", reading)

    return each_ci(check, snapshot, judge)


def _names(items: Sequence[CheckRun]) -> str:
    return listed([item.name for item in items])


RULES = (
    Rule(
        "ci.head",
        judge_head,
        HEAD,
        subjects=SUBJECT,
        good="All twelve checks of HEAD succeeded.",
        bad="The check `build` of HEAD failed; a HEAD without any check is UNKNOWN.",
    ),
    Rule(
        "ci.required",
        judge_required,
        REQUIRED,
        subjects=SUBJECT,
        good="main requires build and lint, and both have reported on HEAD.",
        bad="main requires the check e2e, which has never reported on HEAD, or main requires nothing.",
    ),
)
