"""One check about one subject: how a rule words its answer."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Fix, Quote, Status
from cdbctl.model.reading import Evidence, Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

AnyReading: TypeAlias = Observed[Any] | Unavailable

QUOTE_LIMIT = 600
NO_ANSWER = "no-answer"
"""Key of every UNKNOWN: what is not known has no facts to tell it apart."""


@dataclass(frozen=True, slots=True)
class Case:
    """One check about one subject in one snapshot."""

    check: Check
    snapshot: Snapshot
    subject: str
    expected: str = ""

    @property
    def required(self) -> bool:
        """Whether an UNKNOWN leaves the verdict open: not for a service that the stack can do without."""
        service = self.snapshot.service(self.subject.partition("/")[0])
        return self.check.required and (service is None or service.required)

    def expects(self, sentence: str) -> Case:
        """The same case with the expectation in numbers."""
        return replace(self, expected=sentence)

    def ok(self, actual: str, *readings: AnyReading, details: Mapping[str, object] | None = None) -> Finding:
        """The expectation holds."""
        return self.finding(Status.OK, self.check.short, actual, *readings, details=details)

    def finding(
        self,
        status: Status,
        title: str,
        actual: str,
        *readings: AnyReading,
        key: str = "",
        details: Mapping[str, object] | None = None,
        quotes: tuple[Quote, ...] = (),
        fix: Fix | None = None,
    ) -> Finding:
        """An answer of any status; the remedy of the check is the fix unless a better one is given."""
        bad = status is not Status.OK
        return Finding(
            check=self.check.id,
            rule=self.check.rule,
            subject=self.subject,
            key=key,
            status=status,
            severity=self.check.severity,
            required=self.required,
            title=title,
            expected=self.expected or self.check.short,
            actual=actual,
            evidence=_ids(readings) or _ids((self.snapshot.repository,)),
            impact=self.check.impact if bad else "",
            policy=self.check.policy,
            details=dict(details or {}),
            quotes=quotes,
            fix=(fix or self.remedy()) if bad else None,
        )

    def unknown(
        self,
        title: str,
        reason: str,
        *readings: AnyReading,
        remedy: str = "",
        quotes: tuple[Quote, ...] = (),
        details: Mapping[str, object] | None = None,
    ) -> Finding:
        """Nothing can be said; the reason is what a person needs to change that."""
        fix = replace(self.remedy(), summary=remedy) if remedy else None
        return self.finding(
            Status.UNKNOWN, title, reason, *readings, key=NO_ANSWER, details=details, quotes=quotes, fix=fix
        )

    def silent(self, reading: Unavailable, **details: object) -> Finding:
        """A source that this check depends on did not answer."""
        remedy = self.remedy()
        found = self.unknown(
            f"{self.subject}: {reading.source} did not answer",
            f"no answer from {reading.source}: {reading.reason}",
            reading,
            quotes=quote(reading.evidence, reading.reason),
            details=details,
        )
        summary = reading.remedy or f"Make {reading.source} answer, then run the check-up again"
        commands = (*remedy.commands, command(self.snapshot, "doctor"))
        return replace(found, fix=replace(remedy, summary=summary, commands=commands))

    def absent(self, what: str) -> Finding:
        """The source that this check depends on is not declared, so nobody looked; the definitions are the evidence."""
        return self.unknown(
            f"{self.subject}: {what} is not declared",
            f"cdbctl.yaml declares no {what}, so nobody looked",
            remedy=f"Declare {what} in cdbctl.yaml, or remove the check {self.check.id}",
            details={"needs": what, "declared": False},
        )

    def remedy(self) -> Fix:
        """What the check itself advises, and the command to look closer."""
        return Fix(summary=self.check.remedy, commands=(explain(self.snapshot, self.check.id),))


def cases(check: Check, snapshot: Snapshot) -> Iterator[Case]:
    """One case for each subject of a check."""
    yield from (Case(check, snapshot, subject) for subject in check.subjects)


def quote(evidence: Evidence, text: str) -> tuple[Quote, ...]:
    """Words of a source, only if they stand in its evidence verbatim; else the longest line of them that does."""
    for candidate in (text, *sorted(text.splitlines(), key=len, reverse=True)):
        words = candidate[:QUOTE_LIMIT]
        if words.strip() and words in evidence.text:
            return (Quote(evidence.id, words),)
    return ()


def command(snapshot: Snapshot, *words: str) -> str:
    """A ``cdbctl`` command for the root of this run, ready to paste."""
    return shlex.join(("cdbctl", *words, "--root", snapshot.root))


def explain(snapshot: Snapshot, check: str) -> str:
    """The command that tells everything about a check."""
    return command(snapshot, "check", "explain", check)


def _ids(readings: tuple[AnyReading, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reading.evidence.id for reading in readings))
