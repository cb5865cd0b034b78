"""Every fault of the demo of containers is the top finding of its own run, and without one the day passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdbctl.demo.faults import EXPECTED, Fault
from tests.live.docker_stack import running_in_docker
from tests.live.engine import DockerEngine
from tests.live.stack import cdbctl, top
from tests.live.test_faults import validate

pytestmark = pytest.mark.live

VERDICTS = {Fault.DAEMON_SLOW: "UNKNOWN", Fault.IMAGE_DRIFT: "WARN"}
"""Of faults that do not make the day fail: nothing is known, or nothing is broken yet."""
STATUSES = {"FAIL": 1, "UNKNOWN": 3, "WARN": 0}
SLOWEST_SECONDS = 13.0
"""Logs may take 8 s, everything else 2; the rest is a loaded machine."""


@pytest.mark.parametrize("fault", [fault for fault in Fault if EXPECTED[fault]])
def test_a_planted_fault_is_the_top_finding_of_its_run(
    fault: Fault, tmp_path: Path, docker_engine: DockerEngine
) -> None:
    expected = EXPECTED[fault]
    assert expected is not None
    with running_in_docker(tmp_path / "demo", fault, docker_engine) as stack:
        run = stack.check_up()
        said = cdbctl("demo", "status", "--root", str(stack.root), "--format", "json").report
    validate(run.report)
    worst = top(run.report)
    assert (worst["check"], worst["subject"]) == (expected.check, expected.subject)
    assert worst["caused_by"] is None
    assert run.report["verdict"] == VERDICTS.get(fault, "FAIL")
    assert run.status == STATUSES[run.report["verdict"]]
    assert run.seconds < SLOWEST_SECONDS
    assert said["running"]
    assert said["expected"] == {"check": worst["check"], "subject": worst["subject"]}
    alone = [one for one in run.report["findings"] if one["status"] == worst["status"] and one["caused_by"] is None]
    as_bad = [one["fingerprint"] for one in alone if one["severity"] <= worst["severity"]]
    assert as_bad == [worst["fingerprint"]], "one cause, one voice"


def test_a_stack_without_a_fault_passes_twice_without_a_warning(tmp_path: Path, docker_engine: DockerEngine) -> None:
    with running_in_docker(tmp_path / "demo", Fault.NONE, docker_engine) as stack:
        runs = [stack.check_up(), stack.check_up()]
    for run in runs:
        validate(run.report)
        assert run.report["findings"] == []
        assert run.report["verdict"] == "PASS"
        assert run.status == 0
    assert runs[0].report["coverage"]["ran"] == runs[0].report["coverage"]["declared"]
    services = {one["name"]: one for one in runs[0].report["services"]}
    assert len(services) == 12
    for one in services.values():
        assert one["state"] == "running"
        assert one["cpu_percent"] is not None
        assert one["memory_bytes"] > 0
