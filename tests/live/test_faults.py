"""Every fault of the demo stack is the top finding of its own run, and without one the day passes."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cdbctl.demo.faults import DOCKER_ONLY, EXPECTED, Fault
from tests.live.stack import Report, cdbctl, running, top

pytestmark = pytest.mark.live


def validate(report: Report) -> None:
    """Hold a report against the packaged schema."""
    schema = json.loads((files("cdbctl") / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(report)


@pytest.mark.parametrize("fault", [fault for fault in Fault if EXPECTED[fault] and fault not in DOCKER_ONLY])
def test_a_planted_fault_is_the_top_finding_and_the_day_fails(fault: Fault, tmp_path: Path) -> None:
    expected = EXPECTED[fault]
    assert expected is not None
    with running(tmp_path / "demo", fault) as stack:
        run = stack.check_up()
        said = cdbctl("demo", "status", "--root", str(stack.root), "--format", "json").report
    validate(run.report)
    assert run.report["verdict"] == "FAIL"
    assert run.status == 1
    worst = top(run.report)
    assert (worst["check"], worst["subject"]) == (expected.check, expected.subject)
    assert worst["caused_by"] is None
    assert said["expected"] == {"check": worst["check"], "subject": worst["subject"]}
    failed_alone = [one for one in run.report["findings"] if one["status"] == "FAIL" and one["caused_by"] is None]
    assert [one["fingerprint"] for one in failed_alone] == [worst["fingerprint"]], "one cause, one voice"


def test_a_stack_without_a_fault_passes_twice_without_a_warning(tmp_path: Path) -> None:
    with running(tmp_path / "demo", Fault.NONE) as stack:
        runs = [stack.check_up(), stack.check_up()]
    for run in runs:
        validate(run.report)
        assert run.report["findings"] == []
        assert run.report["verdict"] == "PASS"
        assert run.status == 0
    assert runs[0].report["coverage"]["ran"] == runs[0].report["coverage"]["declared"]
