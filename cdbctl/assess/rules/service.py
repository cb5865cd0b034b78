"""Rules about services: what the runtime shows, and what their health pages say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cdbctl.assess.case import Case, cases, quote
from cdbctl.assess.params import Params, schema, whole
from cdbctl.assess.restarts import changes_since_earlier_run, restarts_in_window
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural, rate, stamp
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth, RuntimeFacts, ServiceFacts, ServiceState
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


_FactsJudge: TypeAlias = Callable[[Case, ServiceFacts, Observed[RuntimeFacts]], Finding]


def judge_state(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A declared service runs."""
    for case in cases(check, snapshot):
        yield _with_facts(case.expects("the runtime shows it as running"), _state)


def _with_facts(case: Case, judge: _FactsJudge) -> Finding:
    runtime = case.snapshot.runtime
    if isinstance(runtime, Unavailable):
        return case.silent(runtime, needs="runtime")
    facts = runtime.value.service(case.subject)
    if facts is None:
        return case.unknown(
            f"{case.subject} is neither declared nor known",
            f"{runtime.source} knows no {case.subject}, and cdbctl.yaml does not declare it",
            runtime,
        )
    return judge(case, facts, runtime)


def _state(case: Case, facts: ServiceFacts, runtime: Observed[RuntimeFacts]) -> Finding:
    details = {"state": facts.state.value, "pid": facts.pid, "exit_status": facts.exit_status}
    if facts.state is ServiceState.RUNNING:
        since = f" since {clock(facts.started_at)}" if facts.started_at else ""
        pid = f", pid {facts.pid}" if facts.pid else ""
        return case.ok(f"running{since}{pid}", runtime, details=details)
    service = case.snapshot.service(case.subject)
    mild = facts.state is ServiceState.STARTING or (service is not None and not service.required)
    last = f", last end: {facts.exit_status}" if facts.exit_status else ""
    return case.finding(
        Status.WARN if mild else Status.FAIL,
        f"{case.subject} does not run: {facts.state.value}",
        f"{facts.state.value}{last}",
        runtime,
        key="state",
        details=details,
    )


def judge_health(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A health page says that its service is well; the answer names how much that proves."""
    for case in cases(check, snapshot):
        yield _health(case.expects("its health page says healthy"))


def _health(case: Case) -> Finding:
    reading = case.snapshot.health.get(case.subject)
    if reading is None:
        return case.absent(f"health page of {case.subject}")
    if isinstance(reading, Unavailable):
        return case.silent(reading)
    facts: HealthFacts = reading.value
    words = quote(reading.evidence, facts.detail)
    said = f": {facts.detail}" if facts.detail else ""
    details = {"health": facts.health.value, "probe": facts.depth.value}
    actual = f"{facts.health.value}{said} (probe depth {facts.depth.value}: {DEPTHS[facts.depth]})"
    match facts.health:
        case Health.HEALTHY:
            return case.ok(actual, reading, details=details)
        case Health.NONE:
            return case.unknown(f"{case.subject} has no health probe", "no probe is declared", reading)
        case Health.STARTING:
            status, title = Status.WARN, f"{case.subject} says that it is still starting"
        case Health.UNHEALTHY:
            service = case.snapshot.service(case.subject)
            status = Status.WARN if service is not None and not service.required else Status.FAIL
            title = f"{case.subject} says that it is unhealthy"
    return case.finding(status, title, actual, reading, key="health", details=details, quotes=words)


RESTARTS = schema(
    warn_at=whole("WARN from this many unplanned restarts in the window on", 1, minimum=1),
    fail_at=whole("FAIL from this many unplanned restarts in the window on", 3, minimum=1),
)


def judge_restarts(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A service is not restarted again and again; restarts of many services at once are the machine's, not its own."""
    params = Params.of(check, RESTARTS)
    warn_at, fail_at = int(params.number("warn_at")), int(params.number("fail_at"))
    wanted = f"fewer than {plural(warn_at, 'unplanned restart')} in the window"
    for case in cases(check, snapshot):
        yield _with_facts(
            case.expects(wanted), lambda c, facts, runtime: _restarts(c, facts, runtime, warn_at, fail_at)
        )


def _restarts(case: Case, facts: ServiceFacts, runtime: Observed[RuntimeFacts], warn_at: int, fail_at: int) -> Finding:
    own, shared = restarts_in_window(facts, runtime.value)
    since, history = facts.restarts_counted_since, changes_since_earlier_run(facts, case.snapshot)
    readings = (runtime, *history.readings)
    if since is None and not own and not shared:
        reason = "the runtime does not count restarts, so their absence proves nothing"
        return case.unknown(f"{case.subject}: restarts are not counted", reason, *readings)
    counted_from = max(case.snapshot.window.since, since) if since else case.snapshot.window.since
    seconds = max(1.0, (case.snapshot.window.until - counted_from).total_seconds())
    details = {
        "count": len(own),
        "shared": len(shared),
        "counted_since": stamp(counted_from),
        "per_minute": round(len(own) * 60 / seconds, 2),
        "restarts": facts.restarts,
        "change": history.word,
    }
    actual = f"{plural(len(own), 'unplanned restart')} counted since {clock(counted_from)} ({duration(seconds)})"
    if own:
        actual += f", {rate(len(own), seconds)}, the last at {clock(own[-1].at)}: {own[-1].exit_status}"
    if shared:
        actual += (
            f"; {len(shared)} more together with other services at {clock(shared[-1].at)}: the machine or the runtime"
        )
    if history.sentence:
        actual += f"; {history.sentence}"
    if len(own) < warn_at and not shared:
        return case.ok(actual, *readings, details=details)
    if len(own) >= fail_at:
        status, title = Status.FAIL, f"{case.subject} was restarted {plural(len(own), 'time')}"
    else:
        status = Status.WARN
        title = f"{case.subject} was restarted" + ("" if own else " together with other services")
    words = quote(runtime.evidence, own[-1].exit_status) if own else ()
    return case.finding(status, title, actual, *readings, key="restarts", details=details, quotes=words)


def judge_unknown(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The runtime runs nothing that nobody declared."""
    runtime = snapshot.runtime
    declared = {service.name for service in snapshot.services}
    for case in cases(check, snapshot):
        case = case.expects(f"the runtime knows the {plural(len(declared), 'declared service')} and no other")
        if isinstance(runtime, Unavailable):
            yield case.silent(runtime, needs="runtime")
            continue
        strangers = [facts for facts in runtime.value.services if facts.name not in declared]
        for facts in strangers:
            yield case.finding(
                Status.WARN,
                f"{facts.name} is not declared",
                f"the runtime shows {facts.name} as {facts.state.value}; cdbctl.yaml does not name it",
                runtime,
                key=facts.name,
                details={"name": facts.name, "state": facts.state.value},
            )
        if not strangers:
            yield case.ok(f"{plural(len(runtime.value.services), 'service')}, all declared", runtime)


RULES = (
    Rule(
        "service.state",
        judge_state,
        schema(),
        subjects="services",
        about_services=True,
        good="The runtime shows cdb_risk as running since yesterday.",
        bad="The runtime gave up on cdb_risk: fatal, last end with exit status 1.",
    ),
    Rule(
        "service.health",
        judge_health,
        schema(),
        subjects="services with a health page",
        about_services=True,
        good="The health page of cdb_risk answers 200 and reports on the program itself.",
        bad="The health page of cdb_risk answers 503.",
    ),
    Rule(
        "service.restarts",
        judge_restarts,
        RESTARTS,
        subjects="services",
        about_services=True,
        good="No unplanned end of cdb_regime was counted since the runtime started yesterday.",
        bad="cdb_regime ended with exit status 1 and was started again twelve times in the window.",
    ),
    Rule(
        "service.unknown",
        judge_unknown,
        schema(),
        subjects="the word `runtime`",
        good="Every service that the runtime knows is declared in cdbctl.yaml.",
        bad="The runtime runs cdb_paper_runner, which cdbctl.yaml does not name.",
    ),
)
