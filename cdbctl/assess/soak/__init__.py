"""A soak: whether the stack ran through a stretch of time, judged by every run that looked at it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cdbctl.assess.restarts import this_run
from cdbctl.assess.soak import cover, services, verdicts
from cdbctl.assess.units import plural
from cdbctl.assess.waivers import expired, is_accepted
from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.reading import Observed
from cdbctl.model.run_folder import is_day, run_order
from cdbctl.model.snapshot import EarlierFinding, EarlierRun, Snapshot, SoakHistory, Window
from cdbctl.model.soak import Doubt, Failure, Soak, SoakVerdict
from cdbctl.model.stack import Group


def judge_soak(snapshot: Snapshot, findings: Sequence[Finding], verdict: Verdict) -> Soak | None:
    """Judge the stretch that was asked for; None when none was.

    FAIL when a service under test crashed or a run failed for something that nobody accepts; INCONCLUSIVE when
    nobody looked for a while, a look could not decide, or the stack was started or deployed anew; else PASS.
    """
    stretch, reading = snapshot.soak_stretch, snapshot.soak
    if stretch is None or reading is None:
        return None
    this = _this(snapshot, findings, verdict)
    if isinstance(reading, Observed):
        unusable = tuple(_unusable(reading.value, stretch))
        return _judged(snapshot, stretch, reading.value, this, unusable, reading.evidence.id)
    nothing = SoakHistory((), (), (), not_read=f"the stored runs could not be read: {reading.reason}")
    return _judged(snapshot, stretch, nothing, this, tuple(_unusable(nothing, stretch)), reading.evidence.id)


def _judged(
    snapshot: Snapshot,
    stretch: Window,
    history: SoakHistory,
    this: EarlierRun,
    known: tuple[Doubt, ...],
    evidence: str,
) -> Soak:
    runs = (*sorted(history.runs, key=_order), this)
    inside = [run for run in runs if run.taken_at >= stretch.since]
    waivers = [waiver for waiver in snapshot.waivers if not expired(waiver, snapshot.taken_at)]
    under_test = {service.name for service in snapshot.services if service.group is Group.UNDER_TEST}
    happened = services.events(runs, stretch, under_test)
    gaps = cover.gaps(stretch, inside)
    failed = (*services.failures(happened), *verdicts.failures(inside, waivers))
    doubts = (
        *known,
        *_missing(history, inside, stretch),
        *([] if history.not_read else cover.doubts(stretch, gaps, has_older_run=len(inside) < len(runs))),
        *verdicts.doubts(inside, waivers),
        *services.doubts(happened),
        *([] if under_test else [_nothing_under_test(stretch)]),
    )
    ordered = tuple(sorted(doubts, key=lambda doubt: (doubt.since, doubt.until, doubt.kind, doubt.text)))
    clean_since = _clean_since(stretch, failed, ordered)
    return Soak(
        verdict=_verdict(failed, ordered),
        stretch=stretch,
        runs=len(inside),
        covered_seconds=(stretch.until - stretch.since - cover.length(gaps)).total_seconds(),
        clean_since=clean_since,
        passes_at=clean_since + (stretch.until - stretch.since) if under_test else None,
        failures=tuple(sorted(failed, key=lambda item: (item.first_at, item.kind, item.subject, item.title))),
        doubts=ordered,
        ignored=tuple(sorted(history.foreign, key=lambda item: item.path)),
        notes=tuple(_notes(inside, gaps, verdicts.accepted_since(inside, waivers))),
        evidence=(evidence,),
    )


def _verdict(failed: Sequence[Failure], doubts: Sequence[Doubt]) -> SoakVerdict:
    if failed:
        return SoakVerdict.FAIL
    return SoakVerdict.INCONCLUSIVE if doubts else SoakVerdict.PASS


def _clean_since(stretch: Window, failed: Sequence[Failure], doubts: Sequence[Doubt]) -> datetime:
    ends = [*(item.last_at for item in failed), *(item.until for item in doubts)]
    return min(stretch.until, max((stretch.since, *ends)))


def _this(snapshot: Snapshot, findings: Sequence[Finding], verdict: Verdict) -> EarlierRun:
    """The run that judges is the last one of the stretch."""
    voices = [
        finding
        for finding in findings
        if (finding.status is Status.FAIL or (finding.status is Status.UNKNOWN and finding.required))
        and finding.caused_by is None
        and not is_accepted(finding)
    ]
    return replace(
        this_run(snapshot), verdict=verdict.value, findings=tuple(_remembered(item, snapshot) for item in voices)
    )


def _remembered(finding: Finding, snapshot: Snapshot) -> EarlierFinding:
    return EarlierFinding(
        fingerprint=finding.fingerprint,
        check=finding.check,
        subject=finding.subject,
        title=finding.title,
        status=finding.status.value,
        first_seen=finding.first_seen or snapshot.taken_at,
        lifecycle=finding.lifecycle.value if finding.lifecycle else None,
    )


def _unusable(history: SoakHistory, stretch: Window) -> list[Doubt]:
    """Runs that nobody can read may have seen anything."""
    found = []
    for item in history.broken:
        at = _dated(item.path) or stretch.until
        at = min(stretch.until, max(stretch.since, at))
        found.append(Doubt("BROKEN", f"{item.path} cannot be used: {item.reason}", at, at))
    if history.not_read:
        found.append(Doubt("HISTORY", history.not_read, stretch.since, stretch.until))
    return found


def _missing(history: SoakHistory, inside: Sequence[EarlierRun], stretch: Window) -> list[Doubt]:
    """Runs that a later one compared itself with, and that are not there any more: they may have seen anything."""
    unusable = (item.path for item in (*history.broken, *history.foreign))
    there = {_place(path) for path in (*(run.path for run in history.runs), *unusable)}
    gone: dict[datetime, str] = {}
    for run in inside:
        at = _dated(run.follows) if run.follows else None
        if run.follows and at and at >= stretch.since.replace(microsecond=0) and _place(run.follows) not in there:
            gone[at] = run.follows
    return [Doubt("MISSING", f"{path} was stored once, and is not there any more", at, at) for at, path in gone.items()]


def _nothing_under_test(stretch: Window) -> Doubt:
    return Doubt("UNKNOWN", "no service is declared to be under test", stretch.since, stretch.until)


def _notes(inside: Sequence[EarlierRun], gaps: Sequence[Window], accepted: Sequence[str]) -> list[str]:
    versions: dict[str, int] = {}
    for run in inside:
        versions[run.tool_version] = versions.get(run.tool_version, 0) + 1
    notes = [cover.tolerated(gaps)] if cover.tolerated(gaps) else []
    if len(versions) > 1:
        told = ", ".join(f"{name or 'an unknown version'} ({plural(n, 'run')})" for name, n in versions.items())
        notes.append(f"judged by several versions of cdbctl: {told}")
    return notes + [f"accepted by a waiver by now: {title}" for title in accepted]


def _order(run: EarlierRun) -> tuple[object, ...]:
    return run.taken_at, run_order(run.path.rpartition("/")[2]) or ("", 0), run.path


def _place(path: str) -> str:
    """Day and run: the folder of the reports may have been renamed."""
    return "/".join(path.split("/")[-2:])


def _dated(path: str) -> datetime | None:
    """When a run was taken, by the name of its folder."""
    day, _, run = _place(path).partition("/")
    if not is_day(day) or run_order(run) is None:
        return None
    try:
        return datetime.strptime(f"{day} {run[:6]}", "%Y-%m-%d %H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
