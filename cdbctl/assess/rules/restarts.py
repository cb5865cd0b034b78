"""The rule about services that end and are started again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.assess.case import Case, cases, quote
from cdbctl.assess.changes import OUTSIDE, WHO_STARTS_MANY, What
from cdbctl.assess.memory import out_of_memory
from cdbctl.assess.params import Params, schema, whole
from cdbctl.assess.restarts import (
    History,
    Stretch,
    counted,
    history,
    proof,
    proves_nothing,
    restarts_in_window,
    started_together,
    told,
)
from cdbctl.assess.rules.facts import with_facts
from cdbctl.assess.rules.made import no_container
from cdbctl.assess.units import clock, per_minute, plural, stamp
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Observed
from cdbctl.model.runtime import Restart, RuntimeFacts, ServiceFacts, ServiceState
from cdbctl.model.snapshot import EarlierService, Snapshot, Window

RESTARTS = schema(
    warn_at=whole("WARN from this many unplanned restarts on, in the window or since the earlier run", 1, minimum=1),
    fail_at=whole("FAIL from this many unplanned restarts on, in the window or since the earlier run", 3, minimum=1),
)


def judge_restarts(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A service is not restarted again and again; restarts of many services at once are the machine's, not its own."""
    params = Params.of(check, RESTARTS)
    warn_at, fail_at = int(params.number("warn_at")), int(params.number("fail_at"))
    wanted = f"fewer than {plural(warn_at, 'unplanned restart')} in the window and since the earlier run"
    for case in cases(check, snapshot):
        yield with_facts(case.expects(wanted), lambda c, facts, runtime: _restarts(c, facts, runtime, warn_at, fail_at))


def _restarts(case: Case, facts: ServiceFacts, runtime: Observed[RuntimeFacts], warn_at: int, fail_at: int) -> Finding:
    window = case.snapshot.window
    own, shared = restarts_in_window(facts, runtime.value)
    story = history(facts, case.snapshot)
    word = story.change.what if story.change else None
    outside = bool(shared) or word in OUTSIDE or (word is None and started_together(facts, runtime.value, window))
    stretch = counted(facts, own, story, window, fail_at=fail_at)
    readings = (runtime, *story.readings)
    nothing_seen = not (stretch.count or shared or outside)
    if nothing_seen and facts.state is ServiceState.MISSING:
        return _not_there(case, runtime)
    if nothing_seen and _says_nothing(facts, window):
        reason = "the runtime does not count restarts, so their absence proves nothing"
        return case.unknown(f"{case.subject}: restarts are not counted", reason, *readings)
    memory = _memory(facts, own, story, stretch)
    details = {
        "count": stretch.count,
        "shared": len(shared),
        "together": outside,
        "counted_since": stamp(stretch.since),
        "per_minute": per_minute(stretch.count, stretch.seconds(window.until)),
        "restarts": facts.restarts,
        "change": word.value if word else None,
        "out_of_memory": bool(memory),
    }
    bad = stretch.count >= warn_at or outside or (word is What.RECOUNT and _is_recent(facts, window))
    if not bad:
        nothing = proof(facts, story, window, stretch)
        if not stretch.count and proves_nothing(facts, story, window):
            return case.unknown(f"{case.subject}: nobody saw whether it was restarted", nothing, *readings)
        actual = told(stretch, own, shared, story, window.until) if stretch.count else nothing
        return case.ok(actual, *readings, details=details)
    actual = told(stretch, own, shared, story, window.until)
    if outside and not shared and word not in OUTSIDE:
        actual += f"; started again at {clock(facts.started_at)} together with other services: {WHO_STARTS_MANY}"
    if memory and memory not in actual:
        actual += f"; out of memory: {memory}"
    words = quote(runtime.evidence, own[-1].exit_status) if own else ()
    status = Status.FAIL if stretch.count >= fail_at else Status.WARN
    title = _restarts_title(case.subject, stretch, status, outside=outside, memory=bool(memory))
    return case.finding(status, title, actual, *readings, key="restarts", details=details, quotes=words)


def _restarts_title(name: str, stretch: Stretch, status: Status, *, outside: bool, memory: bool) -> str:
    why = ": out of memory" if memory else ""
    if status is Status.FAIL:
        return f"{name} was restarted {plural(stretch.count, 'time')}{why}"
    if stretch.count:
        return f"{name} was restarted{why}"
    if outside:
        return f"{name} was restarted together with other services"
    return f"{name} was started again, and its count of restarts began anew"


def _not_there(case: Case, runtime: Observed[RuntimeFacts]) -> Finding:
    if runtime.value.kind != "supervisord":
        return no_container(case, runtime)
    reason = f"{runtime.source} knows no {case.subject}"
    return case.unknown(f"{case.subject}: restarts are not counted", reason, runtime)


def _says_nothing(facts: ServiceFacts, window: Window) -> bool:
    """Whether neither a count nor the time of the start proves anything about the window."""
    if facts.container is None:
        return facts.restarts_counted_since is None
    began_before = facts.started_at is not None and facts.started_at < window.since
    return facts.restarts is None and not began_before


def _is_recent(facts: ServiceFacts, window: Window) -> bool:
    return facts.started_at is not None and facts.started_at >= window.since


def _memory(facts: ServiceFacts, own: Sequence[Restart], story: History, stretch: Stretch) -> str:
    """What says that memory ended; nothing is looked for where nothing ended."""
    if story.change is not None and story.change.what is What.OOM:
        return out_of_memory(EarlierService.of(facts), since=story.compared_with)
    return out_of_memory(EarlierService.of(facts), since=stretch.since) if own or stretch.count else ""
