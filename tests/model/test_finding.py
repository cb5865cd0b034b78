"""A finding is known again, whatever stands in place of its secrets."""

from __future__ import annotations

from cdbctl.model.check import Severity
from cdbctl.model.finding import Finding, Status


def _finding(key: str) -> Finding:
    return Finding(
        check="pipeline.decisions", rule="pipeline.decisions", subject="orders", key=key, status=Status.FAIL,
        severity=Severity.P1, required=True, title="", expected="", actual="", evidence=("E001",),
    )  # fmt: skip


def test_the_fingerprint_depends_on_the_key_and_not_on_the_tokens_of_a_run() -> None:
    first, second = (_finding(f"BLOCK [REDACTED:DB:{token}]") for token in ("0a1b2c", "ffffff"))
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != _finding("BLOCK RC_002").fingerprint
