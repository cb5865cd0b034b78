"""Findings to a report: the verdict, what stands on top, and the one next step."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.assess.case import command, explain
from cdbctl.assess.coverage import coverage
from cdbctl.assess.lifecycle import gone
from cdbctl.assess.matrix import matrix
from cdbctl.assess.ordering import weight, worst_first
from cdbctl.assess.soak import judge_soak
from cdbctl.assess.soak.advice import next_step_of_soak
from cdbctl.assess.waivers import is_accepted
from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.reading import Unavailable
from cdbctl.model.report import NextStep, Report
from cdbctl.model.snapshot import Snapshot
from cdbctl.model.soak import Soak

TOP = 3


def judge(snapshot: Snapshot, findings: Sequence[Finding]) -> Report:
    """Judge what was found: nothing here looks at the world, and nothing here changes a finding."""
    bad = worst_first(finding for finding in findings if finding.status is not Status.OK)
    roots = [finding for finding in bad if finding.caused_by is None and not is_accepted(finding)]
    settled = gone(findings, snapshot)
    answer = verdict(findings)
    soak = judge_soak(snapshot, findings, answer)
    return Report(
        snapshot=snapshot,
        verdict=answer,
        next_step=_next_step(answer, roots, bad, snapshot, soak),
        findings=bad,
        passed=tuple(finding for finding in findings if finding.status is Status.OK),
        resolved=settled.resolved,
        unverified=settled.unverified,
        top=tuple(finding.fingerprint for finding in roots[:TOP]),
        coverage=coverage(findings, snapshot),
        matrix=matrix(findings, snapshot),
        soak=soak,
    )


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The worst status decides; an optional UNKNOWN and an accepted finding do not, and no answer at all is no pass."""
    counting = [finding for finding in findings if not is_accepted(finding)]
    if not any(finding.status is not Status.UNKNOWN for finding in findings):
        return Verdict.UNKNOWN
    match min(map(weight, counting), default=4):
        case 0:
            return Verdict.FAIL
        case 1:
            return Verdict.UNKNOWN
        case 2:
            return Verdict.WARN
        case _:
            return Verdict.PASS


def _next_step(
    answer: Verdict, roots: Sequence[Finding], findings: Sequence[Finding], snapshot: Snapshot, soak: Soak | None
) -> NextStep:
    again = command(snapshot, "daily-check")
    if not snapshot.checks:
        return NextStep("Declare what is expected: no check is declared", command(snapshot, "check", "list"))
    if soak is not None and answer in (Verdict.PASS, Verdict.WARN):
        step = next_step_of_soak(soak, snapshot)
        if step is not None:
            return step
    if answer is Verdict.PASS or not roots:
        return NextStep("Nothing to do. Look again tomorrow", again)
    worst = roots[0]
    if worst.fix is not None and worst.fix.migration and isinstance(snapshot.database, Unavailable):
        return _bring_back(snapshot.database, findings, snapshot)
    if worst.fix is None:
        return NextStep(worst.title, explain(snapshot, worst.check))
    return NextStep(worst.fix.summary, worst.fix.commands[0] if worst.fix.commands else again)


def _bring_back(database: Unavailable, findings: Sequence[Finding], snapshot: Snapshot) -> NextStep:
    """A migration cannot be applied to a database that does not answer: whatever speaks for that comes first.

    Our own question without an answer does not prove that it is down: only a FAIL does.
    """
    by_fingerprint = {finding.fingerprint: finding for finding in findings}
    silent = next((finding for finding in findings if finding.rule == "database.reachable"), None)
    root = by_fingerprint.get(silent.caused_by or "", silent) if silent else None
    if root is None or root.fix is None or root.status is not Status.FAIL:
        words = f"cdbctl got no answer from {database.source}: see why ({database.reason})"
        return NextStep(f"{words}; {database.remedy}" if database.remedy else words, command(snapshot, "doctor"))
    words = f"Bring PostgreSQL back first ({root.title}). {root.fix.summary}"
    return NextStep(words, root.fix.commands[0] if root.fix.commands else command(snapshot, "daily-check"))
