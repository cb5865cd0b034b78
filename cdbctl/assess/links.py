"""When one finding speaks for another one: few links, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from cdbctl.assess.relations import same
from cdbctl.assess.stages import CONTINUITY
from cdbctl.assess.world import ACTIVITY, DECISIONS, REACHABLE, WATCHER, World, missing_relation_of
from cdbctl.model.finding import Finding, Status

DOWN = ("service.state", "service.restarts")
NOISE = ("logs.error-rate", "service.healthy-but-erroring")
"""Counts of errors; a signature says what the errors are."""
CONTRADICTIONS = ("metric.contradiction", "prometheus.contradiction")
PAGES = ("service.health", "metric.present", "prometheus.targets", *CONTRADICTIONS)
"""What is read from a page; a page that asks a dead server first answers late or not at all."""
CONNECTION = ("connection_", "timeout", "redis_", "admin_shutdown", "cannot_connect")
CONNECTION_CLASSES = ("08", "57P")
"""SQLSTATE classes of a server that is gone or going."""

Link: TypeAlias = Callable[[Finding, Finding, World], bool]


def _names(finding: Finding) -> tuple[str, ...]:
    """The relations that a finding says are not there."""
    missing, relation = finding.details.get("missing"), finding.details.get("relation")
    names = tuple(map(str, missing)) if isinstance(missing, list | tuple) else ()
    return (*names, relation) if isinstance(relation, str) else names


def _is_signature(finding: Finding) -> bool:
    return finding.rule == "logs.signature" and finding.status is Status.FAIL


def _same_missing_relation(cause: Finding, effect: Finding, world: World) -> bool:
    relation = missing_relation_of(cause) if _is_signature(cause) else None
    return relation is not None and any(same(relation, name) for name in _names(effect))


def _service_is_down(cause: Finding, effect: Finding, world: World) -> bool:
    return cause.rule in DOWN and world.home(cause) is not None and world.home(cause) == world.home(effect)


def _server_is_down(cause: Finding, effect: Finding, world: World) -> bool:
    server = world.home(cause)
    if cause.rule not in DOWN or cause.status is not Status.FAIL or server not in world.servers:
        return False
    if effect.rule in REACHABLE:
        return world.runs(effect) == server
    return _lost_a_connection(effect) or effect.rule in (*ACTIVITY, *NOISE, *DOWN, *PAGES)


def _server_answers_nobody(cause: Finding, effect: Finding, world: World) -> bool:
    """Our question and its clients agree that the server is down, whatever the runtime says of it."""
    if cause.rule not in REACHABLE or cause.status is not Status.FAIL:
        return False
    clients = cause.details.get("clients")
    hurt = isinstance(clients, list | tuple) and world.home(effect) in clients
    if effect.rule == "logs.signature":
        return hurt and _lost_a_connection(effect)
    return hurt and effect.rule in (*ACTIVITY, *NOISE, *DOWN, *PAGES)


def _lost_a_connection(finding: Finding) -> bool:
    if finding.rule != "logs.signature":
        return False
    kind, sqlstate = str(finding.details.get("kind", "")), str(finding.details.get("sqlstate", ""))
    return kind.startswith(CONNECTION) or sqlstate.startswith(CONNECTION_CLASSES)


def _server_does_not_answer(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule not in (*REACHABLE, WATCHER) or cause.status is Status.OK:
        return False
    return effect.details.get("needs") == cause.rule.partition(".")[0]


def _signature_names_the_errors(cause: Finding, effect: Finding, world: World) -> bool:
    same_home = world.home(cause) is not None and world.home(cause) == world.home(effect)
    return _is_signature(cause) and same_home and effect.rule in NOISE


def _service_cannot_write(cause: Finding, effect: Finding, world: World) -> bool:
    home = world.home(cause)
    blocked = _is_signature(cause) and cause.details.get("relation") is not None
    return blocked and home is not None and world.starves(home, effect)


def _crash_because_of_missing_relation(cause: Finding, effect: Finding, world: World) -> bool:
    known = _is_signature(cause) and missing_relation_of(cause) is not None
    return known and effect.rule in DOWN and world.home(cause) == world.home(effect)


def _nothing_arrives_from_a_dead_service(cause: Finding, effect: Finding, world: World) -> bool:
    home = world.home(cause)
    return cause.rule in DOWN and cause.status is Status.FAIL and home is not None and world.starves(home, effect)


def _exporter_is_wrong(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule not in CONTRADICTIONS or cause.status is not Status.FAIL:
        return False
    metric = str(cause.details.get("metric"))
    if effect.rule == "prometheus.alerts" and metric in _texts(effect, "metrics"):
        return True
    # What it cannot ask it does not export: pg_up is wrong, and pg_stat_database_numbackends is not there.
    family = metric.partition("_")[0] + "_"
    missing = _texts(effect, "missing_series")
    if effect.rule == "prometheus.rules" and missing and all(name.startswith(family) for name in missing):
        return True
    home = world.home(cause)
    own = effect.rule.startswith(("logs.", "metric.", "service.healthy", "prometheus."))
    return own and home is not None and world.home(effect) == home


def _errors_are_counted_twice(cause: Finding, effect: Finding, world: World) -> bool:
    same_home = world.home(cause) == world.home(effect)
    return cause.rule == "service.healthy-but-erroring" and effect.rule == "logs.error-rate" and same_home


def _nothing_arrives_from_a_stalled_stage(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule != CONTINUITY or cause.status is not Status.FAIL or effect.rule not in ACTIVITY:
        return False
    if effect.rule == CONTINUITY:
        return cause.subject in world.flow.feeders(effect.subject)
    home = world.home(effect)
    return home is not None and world.flow.stage_feeds_service(cause.subject, home)


def _everything_is_refused(cause: Finding, effect: Finding, world: World) -> bool:
    home = world.home(cause)
    refused = cause.rule == DECISIONS and cause.status is Status.FAIL
    return refused and home is not None and effect.rule in ACTIVITY and world.starves(home, effect)


def _target_is_down(cause: Finding, effect: Finding, world: World) -> bool:
    if cause.rule != "prometheus.targets" or "instances" not in cause.details:
        return False
    jobs = _texts(effect, "jobs" if effect.rule == "prometheus.alerts" else "jobs_down")
    return str(cause.details.get("job")) in jobs and not effect.details.get("certain")


def _same_metric(cause: Finding, effect: Finding, world: World) -> bool:
    about = cause.rule == "prometheus.metric" and cause.status is Status.FAIL
    name = cause.subject.partition("{")[0]
    return about and effect.rule == "prometheus.alerts" and name in _texts(effect, "metrics")


def _texts(finding: Finding, name: str) -> tuple[str, ...]:
    """A list of texts among the details."""
    value = finding.details.get(name)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _same_source_did_not_answer(cause: Finding, effect: Finding, world: World) -> bool:
    if any(finding.details.get("declared") is False for finding in (cause, effect)):
        return False  # nobody asked, so its evidence is no source that was silent
    both = cause.status is Status.UNKNOWN and effect.status is Status.UNKNOWN
    silent = world.silent_sources & set(cause.evidence)
    return both and bool(silent) and silent == world.silent_sources & set(effect.evidence)


def _same_role_lacks_the_right(cause: Finding, effect: Finding, world: World) -> bool:
    if any(finding.details.get("declared") is False for finding in (cause, effect)):
        return False  # nobody asked, so its evidence is no source that was silent
    both = cause.status is Status.UNKNOWN and effect.status is Status.UNKNOWN
    return both and all(world.refused_sources.intersection(item.evidence) for item in (cause, effect))


def _failing_statements_roll_back(cause: Finding, effect: Finding, world: World) -> bool:
    fails = _is_signature(cause) and cause.details.get("sqlstate") is not None
    return fails and (effect.rule, effect.subject) == ("database.health", "rollbacks")


def _engine_did_not_answer(cause: Finding, effect: Finding, world: World) -> bool:
    """What is reached through a container engine is as silent as the engine."""
    if cause.rule != "service.state" or cause.status is not Status.UNKNOWN or effect.status is not Status.UNKNOWN:
        return False
    return world.engine_is_silent and not world.behind_the_engine.isdisjoint(effect.evidence)


def _restarted_together(cause: Finding, effect: Finding, world: World) -> bool:
    """Each of them was started from outside, and counted no restart of its own."""
    both = (cause, effect)
    alike = all(item.rule == "service.restarts" and item.status is Status.WARN for item in both)
    return alike and all(item.details.get("together") and not item.details.get("count") for item in both)


LINKS: tuple[tuple[str, Link], ...] = (
    ("proven: the same missing relation", _same_missing_relation),
    ("proven: the same source did not answer", _same_source_did_not_answer),
    ("proven: the engine that leads there did not answer", _engine_did_not_answer),
    ("proven: the server that this needs did not answer", _server_does_not_answer),
    ("proven: the same role may not read", _same_role_lacks_the_right),
    ("proven: the same errors, counted", _signature_names_the_errors),
    ("proven: the same errors, counted again", _errors_are_counted_twice),
    ("possible: the target is down", _target_is_down),
    ("proven: restarted together", _restarted_together),
    ("possible: the service itself is down", _service_is_down),
    ("possible: the server that this needs is down", _server_is_down),
    ("possible: the server that this needs answers nobody", _server_answers_nobody),
    ("possible: the missing relation ends the service", _crash_because_of_missing_relation),
    ("possible: the service cannot write", _service_cannot_write),
    ("possible: a service that this lives on is down", _nothing_arrives_from_a_dead_service),
    ("possible: the exporter itself is wrong", _exporter_is_wrong),
    ("possible: a stage that feeds this stands still", _nothing_arrives_from_a_stalled_stage),
    ("possible: every decision is refused", _everything_is_refused),
    ("possible: each statement that fails is rolled back", _failing_statements_roll_back),
    ("possible: the alert looks at the same metric", _same_metric),
)
"""Reason and link, tried in this order. ``possible`` is said wherever the link is an inference."""
