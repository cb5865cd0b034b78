"""The day of 2026-02-09, done by the tool: the audit trail is dead and everything looks healthy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdbctl.demo.faults import Fault
from tests.live.stack import CheckUp, Stack, cdbctl, running, top

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("day") / "demo", Fault.MISSING_TABLE) as running_stack:
        yield running_stack


@pytest.fixture(scope="module")
def run(stack: Stack) -> CheckUp:
    return stack.check_up()


def stored(stack: Stack, run: CheckUp) -> Path:
    """The folder of a run."""
    taken = run.report["taken_at"]
    return next(
        folder
        for folder in stack.runs()
        if json.loads((folder / "report.json").read_text(encoding="utf-8"))["taken_at"] == taken
    )


def test_the_p0_is_on_top_although_every_service_is_running_and_healthy(run: CheckUp) -> None:
    worst = top(run.report)
    assert (worst["severity"], worst["subject"], worst["status"]) == ("P0", "cdb_risk", "FAIL")
    assert worst["details"]["sqlstate"] == "42P01"
    assert worst["details"]["relation"] == "risk_events"
    services = {service["name"]: service for service in run.report["services"]}
    assert len(services) == 11
    assert {service["state"] for service in services.values()} == {"running"}
    assert services["cdb_risk"]["health"] == "healthy"


def test_the_fix_names_the_pending_migration_before_anything_is_typed_by_hand(stack: Stack, run: CheckUp) -> None:
    fix = top(run.report)["fix"]
    assert fix["migration"] == "governance/migrations/0004_risk_events.sql"
    assert "0004_risk_events.sql" in run.report["next_step"]["text"]
    assert run.report["next_step"]["command"].startswith("cdbctl migrate status")
    status = cdbctl("migrate", "status", "--root", str(stack.root))
    assert status.status == 0
    (line,) = [line for line in status.stdout.splitlines() if "0004_risk_events.sql" in line]
    assert "pending" in line
    assert "public.risk_events" in line


def test_counts_and_rates_are_computed_from_what_was_read(run: CheckUp) -> None:
    details = top(run.report)["details"]
    risk = next(service for service in run.report["services"] if service["name"] == "cdb_risk")
    assert details["count"] >= 3
    assert risk["log"]["errors"] == details["count"]
    assert risk["log"]["lines"] > risk["log"]["errors"]
    assert risk["log"]["truncated"] is False
    assert risk["log"]["first_at"] < risk["log"]["last_at"]


def test_every_finding_has_evidence_and_every_quote_stands_in_it(stack: Stack, run: CheckUp) -> None:
    folder = stored(stack, run)
    files = {item["id"]: (folder / item["file"]).read_text(encoding="utf-8") for item in run.report["evidence"]}
    quotes = 0
    for finding in run.report["findings"]:
        assert finding["evidence"]
        for quote in finding["quotes"]:
            assert quote["text"] in files[quote["evidence"]]
            quotes += 1
    assert quotes


def test_one_cause_has_one_voice(run: CheckUp) -> None:
    worst = top(run.report)
    others = [finding for finding in run.report["findings"] if finding["fingerprint"] != worst["fingerprint"]]
    assert others
    assert {finding["caused_by"] for finding in others} == {worst["fingerprint"]}
    assert run.report["top_findings"] == [worst["fingerprint"]]


def test_the_markdown_says_it_in_its_first_lines(stack: Stack, run: CheckUp) -> None:
    text = (stored(stack, run) / "report.md").read_text(encoding="utf-8")
    beginning = "\n".join(text.splitlines()[:40])
    assert "[FAIL]" in beginning
    assert "risk_events" in beginning
    assert "0004_risk_events.sql" in beginning
    assert "Not checked" in text


def test_the_snapshot_gives_the_same_report_byte_for_byte(stack: Stack, run: CheckUp, tmp_path: Path) -> None:
    folder = stored(stack, run)
    for form, name in (("md", "report.md"), ("json", "report.json")):
        again = cdbctl("daily-check", "--from-snapshot", str(folder / "snapshot.json"), "--format", form, cwd=tmp_path)
        assert again.stdout == (folder / name).read_text(encoding="utf-8")
        assert again.status == 1


def test_other_checks_judge_a_stored_snapshot_and_the_report_says_so(
    stack: Stack, run: CheckUp, tmp_path: Path
) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    for source in (stack.root / "checks").glob("redis*.yaml"):
        (checks / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    folder = stored(stack, run)
    again = cdbctl("daily-check", "--from-snapshot", str(folder), "--checks", str(checks), "--format", "json")
    assert again.report["verdict"] == "PASS"
    markdown = cdbctl("daily-check", "--from-snapshot", str(folder), "--checks", str(checks), "--format", "md")
    assert str(checks) in markdown.stdout


def test_a_second_run_knows_the_first(stack: Stack, run: CheckUp) -> None:
    assert {finding["lifecycle"] for finding in run.report["findings"]} == {None}
    second = stack.check_up().report
    assert top(second)["lifecycle"] == "ONGOING"
    assert top(second)["first_seen"] == run.report["taken_at"]
    assert top(second)["fingerprint"] == top(run.report)["fingerprint"]


def test_the_summary_on_a_terminal_names_the_report(stack: Stack) -> None:
    run = stack.check_up(form=None)
    assert run.status == 1
    assert "[FAIL]" in run.stdout
    assert "report.md" in run.stdout
    assert len(run.stdout.splitlines()) <= 40


@pytest.mark.parametrize("form", [None, "md", "json", "junit"])
def test_every_format_fits_a_console_that_knows_only_cp1252(stack: Stack, form: str | None) -> None:
    run = stack.check_up(form=form, PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert run.status == 1
    assert "Traceback" not in run.stderr
    if form == "json":
        assert run.report["verdict"] == "FAIL"
    elif form == "junit":
        assert "<failure" in run.stdout
    else:
        assert "[FAIL]" in run.stdout
