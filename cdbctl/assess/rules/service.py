"""Rules about services: which run, which are restarted, what is said of their health, and which nobody declared."""

from __future__ import annotations

from collections.abc import Iterator

from cdbctl.assess.case import Case, cases
from cdbctl.assess.memory import killed_inside, out_of_memory, perhaps_out_of_memory
from cdbctl.assess.params import schema
from cdbctl.assess.promised import rests
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.facts import with_facts
from cdbctl.assess.rules.health import judge_health
from cdbctl.assess.rules.restarts import RESTARTS, judge_restarts
from cdbctl.assess.units import clock, plural, size
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.runtime import RuntimeFacts, ServiceFacts, ServiceState
from cdbctl.model.snapshot import EarlierService, Snapshot


def judge_state(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A declared service runs."""
    for case in cases(check, snapshot):
        yield with_facts(case.expects("the runtime shows it as running"), _state)


def _state(case: Case, facts: ServiceFacts, runtime: Observed[RuntimeFacts]) -> Finding:
    details = {"state": facts.state.value, "pid": facts.pid, "exit_status": facts.exit_status}
    killed_at = killed_inside(EarlierService.of(facts), since=case.snapshot.window.since)
    if killed_at is not None:
        return case.finding(
            Status.WARN,
            f"something in {case.subject} was killed for lack of memory",
            f"it runs on, and the engine reported an oom event in it at {clock(killed_at)}",
            runtime,
            key="oom",
            details={**details, "out_of_memory": True},
        )
    if facts.state is ServiceState.RUNNING:
        since = f" since {clock(facts.started_at)}" if facts.started_at else ""
        pid = f", pid {facts.pid}" if facts.pid else ""
        return case.ok(f"running{since}{pid}", runtime, details=details)
    if reason := rests(case.subject, case.snapshot, exit_status=facts.exit_status):
        return case.ok(f"{facts.state.value}: {reason}", runtime, details=details)
    service = case.snapshot.service(case.subject)
    mild = facts.state is ServiceState.STARTING or (service is not None and not service.required)
    memory = out_of_memory(EarlierService.of(facts), since=None)
    return case.finding(
        Status.WARN if mild else Status.FAIL,
        f"{case.subject} does not run: {facts.state.value}{', out of memory' if memory else ''}",
        _standing(facts, memory),
        runtime,
        key="state",
        details={**details, "out_of_memory": bool(memory)},
    )


def _standing(facts: ServiceFacts, memory: str) -> str:
    """How it stands there, and what its last end says."""
    words = facts.state.value
    if facts.state is ServiceState.MISSING:
        return words
    ended = facts.container.finished_at if facts.container else None
    if facts.exit_status:
        words += f", last end: {facts.exit_status}" + (f" at {clock(ended)}" if ended else "")
    hint = memory or perhaps_out_of_memory(EarlierService.of(facts))
    if memory:
        words += f"; out of memory: {memory}"
    elif hint:
        words += f" ({hint})"
    if facts.container and facts.container.memory_limit_bytes and hint:
        words += f"; its memory limit is {size(facts.container.memory_limit_bytes)}"
    return words


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
            yield _stranger(case, facts, runtime)
        if not strangers:
            yield case.ok(f"{plural(len(runtime.value.services), 'service')}, all declared", runtime)


def _stranger(case: Case, facts: ServiceFacts, runtime: Observed[RuntimeFacts]) -> Finding:
    shows, by = f"the runtime shows {facts.name} as {facts.state.value}", "cdbctl.yaml does not name it"
    if facts.container is not None:
        project = f"of project {facts.container.project}" if facts.container.project else "of no compose project"
        shows = f"the runtime shows the container {facts.name} {project} as {facts.state.value}"
        by = "neither a compose file nor cdbctl.yaml names it"
    return case.finding(
        Status.WARN,
        f"{facts.name} is not declared",
        f"{shows}; {by}",
        runtime,
        key=facts.name,
        details={"name": facts.name, "state": facts.state.value},
    )


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
        subjects="services with a health page, or with a probe of their container",
        about_services=True,
        good="The health page of cdb_risk answers 200 and reports on the program itself.",
        bad="The health page of cdb_risk answers 200, but the probe of its container failed five times in a row.",
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
