"""Rules about the workflows on GitHub: green on their branch, and not switched off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.assess.case import Case
from cdbctl.assess.github import NAMED, SUBJECT, each_ci, lines, listed, not_read
from cdbctl.assess.params import Params, choice, number, schema, texts, whole
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural, stamp
from cdbctl.model.check import Check
from cdbctl.model.ci import Cause, CiFacts, Part, WorkflowFacts
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed
from cdbctl.model.snapshot import Snapshot

WORKFLOWS = schema(
    fail_streak=whole("FAIL from this many red runs in a row; fewer are a WARN", 1, minimum=1),
    dynamic=choice("how bad a red job is that GitHub itself made, say Dependabot", "WARN", "OK", "WARN"),
    max_queue_minutes=number("WARN when the newest run waits longer for a runner", 30),
    ignore=texts("paths or names of workflows that may be red"),
)


def judge_workflows(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Every workflow of the repository is green on its branch: its newest run that ended green or red."""
    params = Params.of(check, WORKFLOWS)
    ignored = params.texts("ignore")

    def judge(case: Case, reading: Observed[CiFacts]) -> Iterator[Finding]:
        case, facts = (
            case.expects(f"the newest run of every workflow on {reading.value.branch} is green"),
            reading.value,
        )
        alive = [item for item in facts.workflows if item.state in ("active", "not known")]
        own = [item for item in alive if not item.dynamic and not {item.path, item.name} & set(ignored)]
        red = [item for item in own if item.red_streak]
        bad = [_red(case, reading, item, params) for item in red]
        bad += [_stuck(case, reading, item) for item in own if _waits(item, reading, params) and not item.red_streak]
        made = [item for item in alive if item.dynamic]
        if params.text("dynamic") != Status.OK and any(item.red_streak for item in made):
            bad.append(_dynamic(case, reading, made))
        yield from bad
        missing = facts.unread(Part.WORKFLOWS, Part.RUNS)
        green = [item for item in own if item.decided and not item.red_streak]
        silent = len(own) - len(green) - len(red)
        if missing:
            yield not_read(case, reading, "not every workflow is known", missing)
        elif not green and not bad:
            reason = f"{plural(len(own), 'workflow')}, none with a run on {facts.branch} that was green or red"
            yield case.unknown("no workflow has been green or red", reason, reading)
        elif not bad:
            rest = f"; {silent} without a green or red run there" if silent else ""
            yield case.ok(f"{plural(len(green), 'workflow')} green on {facts.branch}{rest}", reading)

    return each_ci(check, snapshot, judge)


def _red(case: Case, reading: Observed[CiFacts], item: WorkflowFacts, params: Params) -> Finding:
    least = "" if item.red_streak_complete else "at least "
    since = f" since {clock(item.red_since)}" if item.red_since else ""
    bad = f"; first bad commit {item.first_bad_commit[:12]}" if item.first_bad_commit else ""
    cause = item.cause or Cause.NOT_KNOWN
    why = f"; cause: {cause.value}" + (f" ({item.cause_detail})" if item.cause_detail else "")
    enough = item.red_streak >= params.number("fail_streak")
    return case.finding(
        Status.FAIL if enough else Status.WARN,
        f"workflow {item.name} is red on {reading.value.branch}: {_cause_words(cause)}",
        f"{least}{plural(item.red_streak, 'red run')} in a row{since}{bad}{why}",
        reading,
        key=item.path or item.name,
        details={
            "workflow": item.path,
            "red_streak": item.red_streak,
            "complete": item.red_streak_complete,
            "since": stamp(item.red_since),
            "first_bad_commit": item.first_bad_commit,
            "cause": cause.value,
            "url": item.url,
        },
        quotes=lines(reading, (f'workflow "{item.name}" ({item.path}), ',)),
    )


def _cause_words(cause: Cause) -> str:
    words = {Cause.OWN_CODE: "a step of it failed", Cause.NOT_KNOWN: "the cause is not known"}
    return words.get(cause, cause.value)


def _waits(item: WorkflowFacts, reading: Observed[CiFacts], params: Params) -> bool:
    return _waited_seconds(item, reading) > params.number("max_queue_minutes") * 60


def _waited_seconds(item: WorkflowFacts, reading: Observed[CiFacts]) -> float:
    return (reading.at - item.queued_since).total_seconds() if item.queued_since else 0.0


def _stuck(case: Case, reading: Observed[CiFacts], item: WorkflowFacts) -> Finding:
    waited = duration(_waited_seconds(item, reading))
    return case.finding(
        Status.WARN,
        f"workflow {item.name} has waited {waited} for a runner",
        f"queued since {clock(item.queued_since)}: {item.cause_detail or 'why is not known'}",
        reading,
        key=f"queued {item.path or item.name}",
        details={"workflow": item.path, "queued_since": stamp(item.queued_since)},
        quotes=lines(reading, (f'workflow "{item.name}" ({item.path}), ',)),
    )


def _dynamic(case: Case, reading: Observed[CiFacts], made: Sequence[WorkflowFacts]) -> Finding:
    red = [item for item in made if item.red_streak]
    names = listed([item.name for item in red])
    return case.finding(
        Status.WARN,
        f"{len(red)} of {plural(len(made), 'job')} that GitHub itself made (Dependabot and the like) failed",
        f"red: {names}; no workflow of the repository is among them",
        reading,
        key="dynamic",
        details={"jobs": [item.name for item in red], "causes": sorted({str(item.cause) for item in red})},
        quotes=lines(reading, (f'job that GitHub made "{item.name}" ' for item in red[:NAMED])),
    )


DISABLED = schema(
    status=choice("how bad a disabled workflow is", "WARN", "WARN", "FAIL"),
    allowed=texts("paths or names of workflows that may be disabled"),
)


def judge_disabled(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """No workflow is switched off: one that does not run is never red."""
    params = Params.of(check, DISABLED)
    allowed, status = set(params.texts("allowed")), Status(params.text("status"))

    def judge(case: Case, reading: Observed[CiFacts]) -> Iterator[Finding]:
        facts = reading.value
        off = [item for item in facts.workflows if item.state.startswith("disabled")]
        bad = [item for item in off if not {item.path, item.name} & allowed]
        for item in bad:
            yield case.finding(
                status,
                f"workflow {item.name} is switched off",
                f"{item.path}: {item.state}",
                reading,
                key=item.path or item.name,
                details={"workflow": item.path, "state": item.state},
                quotes=lines(reading, (f'workflow "{item.name}" ({item.path}), ',)),
            )
        missing = facts.unread(Part.WORKFLOWS)
        if missing:
            yield not_read(case, reading, "not every workflow is known", missing)
        elif not bad:
            rest = f", {len(off)} disabled and allowed to be" if off else ", none disabled"
            yield case.ok(f"{plural(len(facts.workflows), 'workflow')}{rest}", reading)

    return each_ci(check, snapshot, judge)


RULES = (
    Rule(
        "ci.workflows",
        judge_workflows,
        WORKFLOWS,
        subjects=SUBJECT,
        good="The newest run of each workflow on main is green; one Dependabot job is ignored by param.",
        bad="The workflow tests is red for five runs, the first bad commit is b3a4fc0, a step of it failed.",
    ),
    Rule(
        "ci.disabled",
        judge_disabled,
        DISABLED,
        subjects=SUBJECT,
        good="Every workflow is active.",
        bad="The nightly workflow is switched off after 60 days without a commit.",
    ),
)
