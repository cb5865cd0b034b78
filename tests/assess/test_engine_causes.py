"""A container engine that does not answer speaks for everything that is reached through it."""

from __future__ import annotations

from dataclasses import replace

from cdbctl.assess import assess
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Evidence, Unavailable
from cdbctl.model.snapshot import Snapshot
from tests.assess.snapshots import NOW, healthy


def silent(id: str, source: str) -> Unavailable:
    evidence = Evidence(id, source, NOW, "unavailable: no answer within 2 s")
    return Unavailable(source, NOW, 2000.0, "no answer within 2 s", "look at the engine", evidence)


def found(snapshot: Snapshot, rule: str) -> Finding:
    return next(item for item in assess(snapshot) if item.rule == rule)


def voice(snapshot: Snapshot) -> Finding:
    """The one finding about the state of a service that follows from no other."""
    (alone,) = (item for item in assess(snapshot) if item.rule == "service.state" and item.caused_by is None)
    return alone


def test_a_database_behind_a_silent_engine_is_no_cause_of_its_own() -> None:
    runtime = silent("E901", "docker engine unix:///var/run/docker.sock")
    database = silent("E902", "docker://cdb_reader@cdb_postgres/cdb")
    hurt = replace(healthy(), runtime=runtime, database=database)
    cause = voice(hurt)
    effect = found(hurt, "database.reachable")
    assert cause.subject == "cdb_postgres"
    assert effect.status is Status.UNKNOWN
    assert effect.caused_by == cause.fingerprint
    assert effect.details["cause"] == "proven: the engine that leads there did not answer"


def test_a_database_with_an_address_of_its_own_is_another_matter() -> None:
    runtime = silent("E901", "docker engine unix:///var/run/docker.sock")
    database = silent("E902", "postgresql://cdb_reader@127.0.0.1:5432/cdb")
    hurt = replace(healthy(), runtime=runtime, database=database)
    assert found(hurt, "database.reachable").caused_by is None


def test_restarts_that_are_not_known_follow_from_the_runtime() -> None:
    hurt = replace(healthy(), runtime=silent("E901", "docker engine unix:///var/run/docker.sock"))
    assert found(hurt, "service.restarts").caused_by == voice(hurt).fingerprint
