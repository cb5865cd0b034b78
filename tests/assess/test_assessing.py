"""Every check answers for each of its subjects, whatever its rule does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cdbctl.assess import RULES, assess, judge
from cdbctl.assess.rule import Judge
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status, Verdict
from cdbctl.model.snapshot import Snapshot
from tests.assess.snapshots import healthy

BROKEN = "redis.memory"


def broken(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Fail."""
    yield from ()
    raise ZeroDivisionError("division by zero")


def silent(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Say nothing."""
    yield from ()


def findings_with(monkeypatch: pytest.MonkeyPatch, judged_by: Judge) -> tuple[Finding, ...]:
    monkeypatch.setitem(RULES, BROKEN, replace(RULES[BROKEN], judge=judged_by))
    return assess(healthy())


def test_a_defect_in_one_rule_is_unknown_and_costs_no_other_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = findings_with(monkeypatch, broken)
    (lost,) = [finding for finding in findings if finding.rule == BROKEN]
    assert lost.status is Status.UNKNOWN
    assert "a defect of cdbctl: the rule redis.memory failed with ZeroDivisionError: division by zero" in lost.actual
    assert len(findings) == len(assess(healthy()))
    assert judge(healthy(), findings).verdict is Verdict.UNKNOWN


def test_a_rule_that_says_nothing_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    (lost,) = [finding for finding in findings_with(monkeypatch, silent) if finding.rule == BROKEN]
    assert (lost.status, "the rule gave no answer" in lost.actual) == (Status.UNKNOWN, True)
