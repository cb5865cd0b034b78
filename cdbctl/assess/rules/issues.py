"""The rule about open issues on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cdbctl.assess.case import Case, cases
from cdbctl.assess.github import NAMED, lines
from cdbctl.assess.params import Params, Schema, schema
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import duration, plural
from cdbctl.model.check import Check
from cdbctl.model.ci import Issue, IssueFacts
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

LABELS: Schema = {
    "type": "object",
    "additionalProperties": {"enum": ["OK", "WARN", "FAIL"]},
    "minProperties": 1,
    "description": "labels, each with how bad an open issue with it is, e.g. prio:must: WARN",
}
OPEN = schema("labels", labels=LABELS)


def judge_open(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """No open issue carries a label that must not stay open; pull requests are no issues."""
    wanted = {label: Status(str(word)) for label, word in Params.of(check, OPEN).mapping("labels").items()}
    for case in cases(check, snapshot):
        reading = snapshot.issues
        if reading is None:
            yield case.absent("github" if snapshot.ci is None else "github.labels")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="github")
        else:
            yield from _open(case, reading, wanted)


def _open(case: Case, reading: Observed[IssueFacts], wanted: Mapping[str, Status]) -> Iterator[Finding]:
    facts = reading.value
    unwanted = [label for label, status in wanted.items() if status is not Status.OK]
    case = case.expects(f"no open issue is labelled {' or '.join(unwanted)}" if unwanted else "open issues are counted")
    found = {label: [issue for issue in facts.issues if _among(label, issue.labels)] for label in wanted}
    bad = [label for label in unwanted if found[label]]
    for label in bad:
        yield _labelled(case, reading, label, found[label], wanted[label])
    if gaps := list(_gaps(facts, wanted)):
        remedy = next((item.remedy for item in facts.not_read if item.remedy), "")
        yield case.unknown("not every issue is known", "; ".join(gaps), reading, remedy=remedy)
    elif not bad:
        told = (f"{plural(len(issues), 'open issue')} labelled {label}" for label, issues in found.items())
        yield case.ok("; ".join(told), reading, details={"issues": [issue.number for issue in facts.issues]})


def _labelled(case: Case, reading: Observed[IssueFacts], label: str, found: Sequence[Issue], status: Status) -> Finding:
    least = "at least " if _among(label, reading.value.incomplete) else ""
    count = f"{least}{plural(len(found), 'open issue')} labelled {label}"
    told = [f"#{issue.number} {issue.title} ({_age(issue, reading)} old)" for issue in found[:NAMED]]
    rest = f"; and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return case.finding(
        status,
        count,
        f"{count}: {'; '.join(told)}{rest}",
        reading,
        key=label,
        details={"label": label, "issues": [issue.number for issue in found]},
        quotes=lines(reading, (f"#{issue.number} {issue.title} [" for issue in found[:NAMED])),
    )


def _gaps(facts: IssueFacts, wanted: Iterable[str]) -> Iterator[str]:
    """Why there may be more issues than were seen."""
    for label in wanted:
        if not _among(label, facts.labels):
            yield f"github.labels in cdbctl.yaml does not name {label}, so nobody asked for it"
    missing = [label for label in wanted if _among(label, facts.incomplete)]
    if missing:
        reasons = dict.fromkeys(item.reason for item in facts.not_read)
        yield f"labelled {', '.join(missing)}: {'; '.join(reasons) or 'GitHub did not tell all of them'}"


def _age(issue: Issue, reading: Observed[IssueFacts]) -> str:
    return duration(max(0.0, (reading.at - issue.created_at).total_seconds()))


def _among(label: str, labels: Iterable[str]) -> bool:
    """Whole labels, in upper or lower case, as on GitHub."""
    return label.casefold() in (item.casefold() for item in labels)


RULES = (
    Rule(
        "issues.open",
        judge_open,
        OPEN,
        subjects="the word `issues`",
        good="No open issue is labelled prio:must.",
        bad="Five open issues are labelled prio:must.",
    ),
)
