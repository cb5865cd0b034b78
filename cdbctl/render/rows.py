"""What every form of the report says in the same way: what counts, what follows from what, clocks and evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cdbctl.model.check import Severity
from cdbctl.model.finding import Finding, Lifecycle, Quote
from cdbctl.model.reading import Evidence, Observed
from cdbctl.model.report import Report
from cdbctl.model.snapshot import EarlierFinding, Snapshot
from cdbctl.render.text import make_visible
from cdbctl.render.words import count

REMEMBERED = 200
"""Resolved findings that a run passes on to the next."""
LINE = 200
"""Characters of a line that is quoted on its own."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding that follows from no other one. One cause has one voice: the rest is listed below it."""

    finding: Finding
    effects: Sequence[Finding]
    """Everything that follows from it, in the order of the report."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A clock compared with that of the host, at the same moment."""

    source: str
    at: datetime
    offset_seconds: float
    """Positive when it is ahead of the host."""
    doubt_seconds: float
    """The true offset differs by no more than this."""


def is_accepted(finding: Finding) -> bool:
    """Whether a waiver covers it, so that it does not count."""
    return finding.lifecycle is Lifecycle.ACCEPTED or finding.accepted_until is not None


def counted(report: Report) -> tuple[Finding, ...]:
    """The findings that count: all but the accepted ones."""
    return tuple(finding for finding in report.findings if not is_accepted(finding))


def accepted(report: Report) -> tuple[Finding, ...]:
    """The findings that somebody knowingly accepted."""
    return tuple(finding for finding in report.findings if is_accepted(finding))


def top_findings(report: Report) -> list[Cause]:
    """The worst findings, in the order of the report."""
    effects = {cause.finding.fingerprint: cause.effects for cause in causes(report)}
    by_fingerprint = {finding.fingerprint: finding for finding in report.findings}
    return [Cause(by_fingerprint[key], effects.get(key, ())) for key in report.top if key in by_fingerprint]


def followers(effects: Sequence[Finding]) -> list[tuple[str, Sequence[Finding]]]:
    """What is proven to follow and what only may, each under its own words; a group that is empty is left out."""
    possible = [item for item in effects if str(item.details.get("cause", "")).startswith("possible")]
    proven = [item for item in effects if item not in possible]
    return [(words, group) for words, group in (("follows from it", proven), ("may follow from it", possible)) if group]


def telling_quotes(cause: Cause) -> list[Quote]:
    """Words of a source that say more than the finding itself, if need be those of what follows from it."""
    for finding in (cause.finding, *cause.effects):
        if telling := [quote for quote in finding.quotes if quote.text not in finding.actual]:
            return telling
    return []


def shown_line(text: str) -> str:
    """The first line of a quote, still verbatim, short enough for a summary."""
    return text.partition("\n")[0][:LINE]


def causes(report: Report) -> list[Cause]:
    """The findings that count and follow from no other one, each with all that follows from it."""
    findings = {finding.fingerprint: finding for finding in counted(report)}
    effects: dict[str, list[Finding]] = {}
    for finding in findings.values():
        first = _first_cause(finding, findings)
        effects.setdefault(first, [])
        if finding.fingerprint != first:
            effects[first].append(finding)
    return [Cause(finding, effects[key]) for key, finding in findings.items() if key in effects]


def closed(report: Report) -> tuple[EarlierFinding, ...]:
    """What was resolved in an earlier run and has not come back: remembered, so that a relapse is known as one."""
    previous = report.snapshot.previous
    if not isinstance(previous, Observed):
        return ()
    here = {item.fingerprint for item in report.findings}
    here |= {item.fingerprint for item in (*report.resolved, *report.unverified)}
    over = (item for item in previous.value.findings if item.lifecycle == Lifecycle.RESOLVED)
    return tuple(item for item in over if item.fingerprint not in here)[:REMEMBERED]


def tally(report: Report) -> str:
    """``1 P0, 12 that follow, 1 accepted``, or ``no findings``."""
    first = causes(report)
    by_severity = Counter(cause.finding.severity for cause in first)
    parts = [f"{by_severity[severity]} {severity}" for severity in Severity if by_severity[severity]]
    if effects := sum(len(cause.effects) for cause in first):
        parts.append(f"{effects} that follow")
    if waived := len(accepted(report)):
        parts.append(f"{waived} accepted")
    return ", ".join(parts) or "no findings"


def coverage_sentence(report: Report) -> str:
    """How much of what was declared could be looked at."""
    missing = report.coverage.not_checked
    required = sum(item.required for item in missing)
    lack = f"; not checked: {len(missing)} ({required} required)" if missing else ""
    return f"{report.coverage.ran} of {count(report.coverage.declared, 'check')} ran{lack}"


def clock_offsets(snapshot: Snapshot) -> list[ClockOffset]:
    """The clocks of the servers that told their time."""
    offsets = []
    for name, reading in (
        ("PostgreSQL", snapshot.database),
        ("Redis", snapshot.redis),
        ("Prometheus", snapshot.prometheus),
    ):
        if isinstance(reading, Observed):
            facts = reading.value
            offsets.append(_offset(name, facts.server_at, facts.host_at, facts.round_trip_ms / 2000))
    if isinstance(snapshot.ci, Observed) and snapshot.ci.value.server_at:
        ci = snapshot.ci.value
        offsets.append(_offset("GitHub", snapshot.ci.value.server_at, ci.host_at, ci.clock_doubt_seconds))
    return offsets


def _offset(name: str, server_at: datetime, host_at: datetime, doubt_seconds: float) -> ClockOffset:
    return ClockOffset(name, server_at, (server_at - host_at).total_seconds(), doubt_seconds)


def stored_text(evidence: Evidence) -> str:
    """The text of an evidence file. Quotes are shown in the same spelling, so they occur in it verbatim."""
    return make_visible(evidence.text)


def digest(evidence: Evidence) -> str:
    """SHA-256 of the evidence file."""
    return sha256(stored_text(evidence).encode()).hexdigest()


def _first_cause(finding: Finding, findings: Mapping[str, Finding]) -> str:
    """Where the chain of causes begins, as far as it is known; a circle begins at its first member."""
    chain = [finding.fingerprint]
    while (cause := findings[chain[-1]].caused_by) in findings and cause:
        if cause in chain:
            return next(key for key in findings if key in chain[chain.index(cause) :])
        chain.append(cause)
    return chain[-1]
