"""The rule about health: the page of a service, the probe of its runtime, and what each of them proves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cdbctl.assess.case import AnyReading, Case, cases, quote
from cdbctl.assess.units import plural
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth, ServiceState
from cdbctl.model.snapshot import Snapshot

DEPTHS = {
    ProbeDepth.NONE: "nothing was probed",
    ProbeDepth.PROCESS: "which proves only that a process exists",
    ProbeDepth.PORT: "which proves only that something accepts connections",
    ProbeDepth.HTTP: "which proves only that a web server answers",
    ProbeDepth.APPLICATION: "the program's word about itself",
    ProbeDepth.DEPENDENCY: "the program's word about itself and what it depends on",
}
"""How much a passing probe proves."""
_WORST = (Health.UNHEALTHY, Health.STARTING, Health.HEALTHY, Health.NONE)
"""Worst first; what nobody probes says nothing beside an answer."""


def judge_health(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """What probes a service says that it is well; the worse answer counts, and the answer names how much it proves."""
    for case in cases(check, snapshot):
        yield _health(case.expects("whatever probes it says healthy"))


@dataclass(frozen=True, slots=True)
class _Probe:
    """One answer about the health of a service."""

    who: str
    reading: AnyReading
    facts: HealthFacts

    @property
    def words(self) -> str:
        """``healthy: 200 … (probe depth http: …)``."""
        facts = self.facts
        said = f": {facts.detail}" if facts.detail else ""
        streak = f", {plural(facts.failing_streak, 'failed probe')} in a row" if facts.failing_streak else ""
        if facts.health is Health.NONE:
            return "no probe is declared"
        return f"{facts.health.value}{said}{streak} (probe depth {facts.depth.value}: {DEPTHS[facts.depth]})"


def _health(case: Case) -> Finding:
    page, runtime = case.snapshot.health.get(case.subject), case.snapshot.runtime
    own = _own_probe(case)
    if page is None and own is None:
        if isinstance(runtime, Unavailable) and runtime.source.startswith("docker"):
            return case.silent(runtime, needs="runtime")
        return case.absent(f"health page of {case.subject}")
    asked = [_Probe("its health page", page, page.value)] if isinstance(page, Observed) else []
    if own is not None:
        asked.append(own)
    if isinstance(page, Unavailable) and (own is None or own.facts.health is not Health.UNHEALTHY):
        return _without_page(case, page, own)
    worst = min(asked, key=lambda probe: _WORST.index(probe.facts.health))
    frozen = _not_running(case) if worst is own else ""
    if frozen:
        return case.unknown(f"{case.subject} {frozen}, so nothing probes it", frozen, worst.reading)
    return _judged(case, worst, asked)


def _own_probe(case: Case) -> _Probe | None:
    """What the runtime's own probe says; None for a runtime that has none."""
    runtime = case.snapshot.runtime
    facts = runtime.value.service(case.subject) if isinstance(runtime, Observed) else None
    return _Probe("the runtime's probe", runtime, facts.health) if facts and facts.health else None


def _not_running(case: Case) -> str:
    """Why the last answer of the runtime's probe is worth nothing: a frozen program keeps saying healthy."""
    runtime = case.snapshot.runtime
    facts = runtime.value.service(case.subject) if isinstance(runtime, Observed) else None
    if facts is None or facts.state in (ServiceState.RUNNING, ServiceState.STARTING):
        return ""
    return f"does not run ({facts.state.value})"


def _without_page(case: Case, page: Unavailable, own: _Probe | None) -> Finding:
    """The page did not answer; a runtime that calls the service healthy does not make up for it."""
    finding = case.silent(page)
    if own is None or own.facts.health is Health.NONE:
        return finding
    actual = f"{finding.actual}; {own.who} says {own.words}"
    return replace(finding, actual=actual, evidence=tuple(dict.fromkeys((*finding.evidence, own.reading.evidence.id))))


def _judged(case: Case, worst: _Probe, asked: Sequence[_Probe]) -> Finding:
    readings = tuple(probe.reading for probe in asked)
    quotes = quote(worst.reading.evidence, worst.facts.detail)
    details = _details(worst, asked)
    actual = worst.words
    if len(asked) > 1:
        others = "; ".join(f"{probe.who} says {probe.words}" for probe in asked if probe is not worst)
        actual = f"{worst.who} says {worst.words}; {others}"
    other = next((probe.who for probe in asked if probe is not worst and probe.facts.health is Health.HEALTHY), "")
    but = f", but {other} says healthy" if other else ""
    match worst.facts.health:
        case Health.HEALTHY:
            return case.ok(actual, *readings, details=details)
        case Health.NONE:
            return case.unknown(f"{case.subject} has no health probe", "no probe is declared", *readings)
        case Health.STARTING:
            status, title = Status.WARN, f"{case.subject} says that it is still starting"
        case Health.UNHEALTHY:
            service = case.snapshot.service(case.subject)
            status = Status.WARN if service is not None and not service.required else Status.FAIL
            title = f"{case.subject} says that it is unhealthy"
    return case.finding(status, title + but, actual, *readings, key="health", details=details, quotes=quotes)


def _details(worst: _Probe, asked: Sequence[_Probe]) -> Mapping[str, object]:
    details: dict[str, object] = {"health": worst.facts.health.value, "probe": worst.facts.depth.value}
    if worst.facts.failing_streak is not None:
        details["failing_streak"] = worst.facts.failing_streak
    if len(asked) > 1:
        details["answers"] = {probe.who: probe.facts.health.value for probe in asked}
    return details
