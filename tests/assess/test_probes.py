"""Health: the page of a service and the probe of its container, and the worse of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cdbctl.assess import assess
from cdbctl.model.finding import Finding, Status
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth, ServiceState
from cdbctl.model.snapshot import Snapshot
from tests.assess import snapshots
from tests.assess.looks import NAME, in_docker, service

OK, WARN, FAIL, UNKNOWN = Status.OK, Status.WARN, Status.FAIL, Status.UNKNOWN
HEALTHY, UNHEALTHY, STARTING, NONE = Health.HEALTHY, Health.UNHEALTHY, Health.STARTING, Health.NONE


def probe(health: Health, depth: ProbeDepth = ProbeDepth.PORT, **changes: Any) -> HealthFacts:
    return replace(HealthFacts(health, depth, "exit status 0: probed"), **changes)


def stack(own: HealthFacts | None, page: HealthFacts | str | None, **facts: Any) -> Snapshot:
    """A service with that probe of its container and that answer of its page; text is why there is no answer."""
    snapshot = in_docker(service(health=own, **facts))
    pages = dict(snapshot.health)
    if page is None:
        del pages[NAME]
    elif isinstance(page, str):
        pages[NAME] = snapshots.unavailable(pages[NAME], page)
    else:
        pages[NAME] = snapshots.edit(pages[NAME], lambda _: page)
    return replace(snapshot, health=pages)


def answer(snapshot: Snapshot) -> Finding:
    return next(item for item in assess(snapshot) if (item.check, item.subject) == ("services.healthy", NAME))


@pytest.mark.parametrize(
    ("own", "page", "status"),
    [
        (HEALTHY, None, OK),
        (UNHEALTHY, None, FAIL),
        (STARTING, None, WARN),
        (NONE, None, UNKNOWN),
        (NONE, HEALTHY, OK),
        (NONE, UNHEALTHY, FAIL),
        (HEALTHY, HEALTHY, OK),
        (HEALTHY, UNHEALTHY, FAIL),
        (UNHEALTHY, HEALTHY, FAIL),
        (STARTING, HEALTHY, WARN),
        (HEALTHY, "connection refused", UNKNOWN),
        (STARTING, "connection refused", UNKNOWN),
        (UNHEALTHY, "connection refused", FAIL),
        (NONE, "connection refused", UNKNOWN),
    ],
)
def test_the_worse_answer_counts(own: Health, page: Health | str | None, status: Status) -> None:
    told = snapshots.health(page) if isinstance(page, Health) else page
    assert answer(stack(probe(own), told)).status is status


def test_a_contradiction_is_named_with_both_answers() -> None:
    finding = answer(stack(probe(UNHEALTHY, failing_streak=5), snapshots.health()))
    assert finding.title == f"{NAME} says that it is unhealthy, but its health page says healthy"
    assert "the runtime's probe says unhealthy: exit status 0: probed, 5 failed probes in a row (probe depth port" in (
        finding.actual
    )
    assert "its health page says healthy" in finding.actual
    assert finding.details["answers"] == {"its health page": "healthy", "the runtime's probe": "unhealthy"}
    assert set(finding.evidence) == {"E001", "E105"}


def test_a_page_that_does_not_answer_is_not_made_up_for_by_a_shallow_probe() -> None:
    finding = answer(stack(probe(HEALTHY), "connection refused"))
    assert "no answer from http://127.0.0.1" in finding.actual
    assert "the runtime's probe says healthy" in finding.actual


def test_the_depth_of_the_probe_is_told() -> None:
    finding = answer(stack(probe(HEALTHY, ProbeDepth.PROCESS), None))
    assert "probe depth process: which proves only that a process exists" in finding.actual


@pytest.mark.parametrize("state", [ServiceState.PAUSED, ServiceState.EXITED, ServiceState.BACKOFF])
def test_the_last_word_of_what_does_not_run_proves_nothing(state: ServiceState) -> None:
    finding = answer(stack(probe(HEALTHY), None, state=state))
    assert finding.status is UNKNOWN
    assert f"does not run ({state.value})" in finding.actual


def test_an_engine_that_does_not_answer_is_the_reason_where_there_is_no_page() -> None:
    snapshot = stack(None, None)
    silent = replace(snapshot, runtime=snapshots.unavailable(snapshot.runtime, "Cannot connect to the daemon"))
    assert "Cannot connect to the daemon" in answer(silent).actual


def test_a_runtime_without_probes_and_a_service_without_a_page_have_nothing_to_say() -> None:
    finding = answer(stack(None, None))
    assert "cdbctl.yaml declares no health page" in finding.actual
