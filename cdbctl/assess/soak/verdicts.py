"""What the verdicts of the runs of a stretch say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cdbctl.assess.units import between, clock, plural
from cdbctl.model.check import Waiver
from cdbctl.model.finding import Status, Verdict
from cdbctl.model.snapshot import EarlierFinding, EarlierRun
from cdbctl.model.soak import Doubt, Failure

NAMED = 3
"""Findings that are named for a group of runs without a verdict."""


def failures(runs: Iterable[EarlierRun], waivers: Sequence[Waiver]) -> tuple[Failure, ...]:
    """The findings that made a run FAIL and that nobody accepts, each with the runs that had it."""
    seen: dict[str, tuple[EarlierFinding | None, list[EarlierRun]]] = {}
    for run in runs:
        for key, finding in _failed(run, waivers):
            seen.setdefault(key, (finding, []))[1].append(run)
    return tuple(_failure(finding, where) for finding, where in seen.values())


def accepted_since(runs: Iterable[EarlierRun], waivers: Sequence[Waiver]) -> tuple[str, ...]:
    """The titles of findings that made a run FAIL and that a waiver accepts by now."""
    found = (
        finding.title
        for run in runs
        if run.verdict == Verdict.FAIL
        for finding in run.findings
        if finding.status == Status.FAIL and _is_accepted(finding, waivers)
    )
    return tuple(dict.fromkeys(found))


def doubts(runs: Sequence[EarlierRun], waivers: Sequence[Waiver]) -> tuple[Doubt, ...]:
    """The runs that could not decide, told once for what they could not decide."""
    groups: dict[tuple[str, ...], list[EarlierRun]] = {}
    for run in runs:
        reasons = _undecided(run, waivers)
        if reasons:
            groups.setdefault(reasons, []).append(run)
    return tuple(_doubt(reasons, where) for reasons, where in groups.items())


def name(run: EarlierRun) -> str:
    """How a run is named in a sentence."""
    return run.path or "this run"


def _failed(run: EarlierRun, waivers: Sequence[Waiver]) -> Iterator[tuple[str, EarlierFinding | None]]:
    if run.verdict != Verdict.FAIL:
        return
    bad = [finding for finding in run.findings if finding.status == Status.FAIL]
    yield from ((finding.fingerprint, finding) for finding in bad if not _is_accepted(finding, waivers))
    if not bad:
        yield "", None


def _failure(finding: EarlierFinding | None, where: Sequence[EarlierRun]) -> Failure:
    subject = finding.subject if finding else ""
    title = finding.title if finding else "the verdict was FAIL, and no finding of it is stored"
    paths = tuple(run.path for run in where if run.path)
    return Failure("FINDING", subject, title, where[0].taken_at, where[-1].taken_at, paths)


def _undecided(run: EarlierRun, waivers: Sequence[Waiver]) -> tuple[str, ...]:
    if not run.services:
        return ("the runtime did not answer",)
    if run.verdict in (Verdict.PASS, Verdict.WARN):
        return ()
    if run.verdict not in (Verdict.UNKNOWN, Verdict.FAIL):
        return (f"the verdict {run.verdict or 'nothing'} is not known to this version",)
    silent = [finding for finding in run.findings if finding.status == Status.UNKNOWN]
    left = [finding.title for finding in silent if not _is_accepted(finding, waivers)]
    if run.verdict == Verdict.UNKNOWN and not silent:
        return ("the verdict was UNKNOWN",)
    return tuple(dict.fromkeys(left))


def _doubt(reasons: Sequence[str], where: Sequence[EarlierRun]) -> Doubt:
    first, last = where[0].taken_at, where[-1].taken_at
    more = f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    why = "; ".join(reasons[:NAMED]) + more
    if len(where) == 1:
        return Doubt("UNKNOWN", f"{name(where[0])} at {clock(first)} could not decide: {why}", first, last)
    return Doubt("UNKNOWN", f"{plural(len(where), 'run')} {between(first, last)} could not decide: {why}", first, last)


def _is_accepted(finding: EarlierFinding, waivers: Sequence[Waiver]) -> bool:
    """Whether a waiver that holds now covers it: what is accepted today was no better yesterday, but it is known."""
    return any(finding.fingerprint == item.fingerprint or finding.check == item.check for item in waivers)
