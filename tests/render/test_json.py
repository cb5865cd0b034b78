"""The report for machines keeps its contract."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cdbctl.model.finding import Verdict
from cdbctl.model.metrics import MetricsPage, Series
from cdbctl.model.reading import Observed
from cdbctl.model.report import Report
from cdbctl.model.snapshot import EarlierFinding
from cdbctl.render.json import report_json
from cdbctl.render.markdown import markdown
from cdbctl.render.rows import stored_text
from tests.render.reports import BOOT, FINDINGS, SNAPSHOT, fail_report, observed, pass_report, silent_report
from tests.render.test_text import ANY_TEXT

SCHEMA = json.loads(files("cdbctl").joinpath("schemas/report.schema.json").read_text(encoding="utf-8"))
REPORTS = [fail_report(), pass_report(), silent_report()]


def loaded(report: Report) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(report_json(report))
    return document


def problems(document: dict[str, Any]) -> list[str]:
    return [error.json_path for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("report", REPORTS)
def test_every_report_validates(report: Report) -> None:
    assert problems(loaded(report)) == []


@pytest.mark.parametrize(
    ("mistake", "place"),
    [
        (lambda d: d.pop("verdict"), "$"),
        (lambda d: d.update(verdict="GREEN"), "$.verdict"),
        (lambda d: d.update(status=0.5), "$.status"),
        (lambda d: d.update(schema="cdbctl/report/2"), "$.schema"),
        (lambda d: d.update(taken_at="2026-02-09T08:26:03+01:00"), "$.taken_at"),
        (lambda d: d["next_step"].pop("command"), "$.next_step"),
        (lambda d: d["top_findings"].append("not hex 1234"), "$.top_findings[2]"),
        (lambda d: d["findings"][0].update(fingerprint="3F9A"), "$.findings[0].fingerprint"),
        (lambda d: d["findings"][0].update(evidence=[]), "$.findings[0].evidence"),
        (lambda d: d["findings"][0].update(status="OK"), "$.findings[0].status"),
        (lambda d: d["findings"][0].update(severity="P9"), "$.findings[0].severity"),
        (lambda d: d["findings"][0]["fix"].pop("verify"), "$.findings[0].fix"),
        (lambda d: d["passed"][0].update(status="WARN"), "$.passed[0].status"),
        (lambda d: d["services"][0].update(cpu_percent="0.1"), "$.services[0].cpu_percent"),
        (lambda d: d["services"][0].update(health="fine"), "$.services[0].health"),
        (lambda d: d["services"][0]["log"].pop("truncated"), "$.services[0].log"),
        (lambda d: d["metrics"][2].update(value=0), "$.metrics[2].value"),
        (lambda d: d["metrics"][1].update(value=1), "$.metrics[1].value"),
        (lambda d: d["evidence"][0].update(file="../../etc/passwd"), "$.evidence[0].file"),
        (lambda d: d["evidence"][0].update(sha256="0"), "$.evidence[0].sha256"),
    ],
)
def test_the_schema_catches_mistakes(mistake: Callable[[dict[str, Any]], object], place: str) -> None:
    document = loaded(fail_report())
    mistake(document)
    assert problems(document) == [place]


def test_readers_ignore_keys_that_they_do_not_know() -> None:
    document = loaded(fail_report()) | {"later": 1}
    document["findings"][0]["later"] = document["services"][0]["later"] = None
    assert problems(document) == []


@pytest.mark.parametrize(
    ("verdict", "status"), [(Verdict.PASS, 0), (Verdict.WARN, 0), (Verdict.FAIL, 1), (Verdict.UNKNOWN, 3)]
)
def test_the_status_is_the_exit_status(verdict: Verdict, status: int) -> None:
    document = loaded(replace(pass_report(), verdict=verdict))
    assert (document["status"], document["reason_code"]) == (status, f"VERDICT_{verdict.value}")
    assert problems(document) == []


def test_a_finding_carries_everything_that_the_report_says_of_it() -> None:
    finding = loaded(fail_report())["findings"][0]
    assert finding["details"] == {"sqlstate": "42P01", "relation": "risk_events", "count": 812, "per_minute": 13.53}
    assert finding["quotes"][0]["evidence"] == "E012"
    assert finding["fix"]["migration"] == "governance/migrations/0004_risk_events.sql"
    assert (finding["caused_by"], finding["lifecycle"]) == (None, "NEW")
    assert loaded(fail_report())["findings"][1]["caused_by"] == finding["fingerprint"]


def test_what_is_not_known_is_null_and_never_zero() -> None:
    service = loaded(silent_report())["services"][0]
    for key in ("state", "health", "probe", "restarts", "started_at", "cpu_percent", "memory_bytes", "log"):
        assert service[key] is None, key
    document = loaded(silent_report())
    for key in ("runtime", "database", "redis", "repository", "migrations", "host", "previous", "ci", "soak"):
        assert document[key] is None, key
    assert document["issues"] == document["clocks"] == []


def test_a_service_without_a_page_has_no_health_which_is_not_healthy() -> None:
    postgres = loaded(fail_report())["services"][4]
    assert (postgres["health"], postgres["probe"]) == ("none", "none")


def test_what_does_not_run_uses_nothing_that_is_known() -> None:
    runtime = SNAPSHOT.runtime
    assert isinstance(runtime, Observed)
    from cdbctl.model.runtime import ServiceState

    stopped = tuple(replace(item, state=ServiceState.FATAL) for item in runtime.value.services)
    snapshot = replace(SNAPSHOT, runtime=observed(1, "supervisord", replace(runtime.value, services=stopped)))
    service = loaded(replace(fail_report(), snapshot=snapshot))["services"][0]
    assert (service["state"], service["cpu_percent"], service["memory_bytes"]) == ("fatal", None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know_never_appear(value: float) -> None:
    page = MetricsPage("cdb_ws", (Series("decoded_messages_total", (), value, value),), 1.0)
    finding = replace(FINDINGS[0], details={"value": value, "nested": {"list": [value]}})
    snapshot = replace(SNAPSHOT, metrics={"cdb_ws": observed(20, "http://127.0.0.1:18001/metrics", page)})
    text = report_json(replace(fail_report(), snapshot=snapshot, findings=(finding,)))
    document = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert problems(document) == []
    assert document["metrics"][0] == {
        "name": "decoded_messages_total",
        "service": "cdb_ws",
        "state": "VALUE",
        "value": None,
        "increase": None,
        "apart_seconds": 1.0,
        "evidence": "E020",
    }


class TestMetrics:
    def row(self, *series: Series, apart_seconds: float = 1.0) -> dict[str, Any]:
        page = MetricsPage("cdb_ws", series, apart_seconds)
        snapshot = replace(SNAPSHOT, metrics={"cdb_ws": observed(20, "http://127.0.0.1:18001/metrics", page)})
        row: dict[str, Any] = loaded(replace(fail_report(), snapshot=snapshot))["metrics"][0]
        return row

    def test_series_of_one_name_are_added_up(self) -> None:
        name = "decoded_messages_total"
        row = self.row(Series(name, (("a", "1"),), 5.0, 3.0), Series(name, (("a", "2"),), 7.0, 6.0))
        assert (row["state"], row["value"], row["increase"]) == ("VALUE", 12.0, 3.0)

    def test_a_counter_that_began_anew_has_increased_by_what_it_holds(self) -> None:
        assert self.row(Series("decoded_messages_total", (), 4.0, 1000.0))["increase"] == 4.0

    def test_one_scrape_gives_no_increase(self) -> None:
        assert self.row(Series("decoded_messages_total", (), 4.0, None), apart_seconds=0.0)["increase"] is None

    def test_absent_is_not_zero(self) -> None:
        row = self.row()
        assert (row["state"], row["value"], row["increase"]) == ("NEVER_SEEN", None, None)

    def test_what_is_exported_without_a_finite_number_was_seen_and_has_no_value(self) -> None:
        page = MetricsPage("cdb_ws", (), 1.0, not_finite=("decoded_messages_total",))
        metrics = {"cdb_ws": observed(20, "http://127.0.0.1:18001/metrics", page)}
        report = replace(fail_report(), snapshot=replace(SNAPSHOT, metrics=metrics))
        row = loaded(report)["metrics"][0]
        assert (row["state"], row["value"], row["increase"]) == ("VALUE", None, None)
        assert "| VALUE | no finite number | " in markdown(report)

    def test_zero_is_zero(self) -> None:
        assert self.row(Series("decoded_messages_total", (), 0.0, 0.0))["state"] == "ZERO"


def test_what_was_resolved_before_is_passed_on_until_it_comes_back() -> None:
    p0 = FINDINGS[0]
    old = EarlierFinding("00000000000a", "redis.memory", "redis", "Redis was full", "FAIL", BOOT, "RESOLVED")
    back = replace(old, fingerprint=p0.fingerprint)
    previous = SNAPSHOT.previous
    assert isinstance(previous, Observed)
    run = replace(previous.value, findings=(old, back, replace(old, fingerprint="00000000000b", lifecycle="NEW")))
    snapshot = replace(SNAPSHOT, previous=observed(36, "stored runs", run))
    document = loaded(replace(fail_report(), snapshot=snapshot))
    assert [item["fingerprint"] for item in document["closed"]] == ["00000000000a"]
    assert problems(document) == []


def test_the_digest_is_that_of_the_evidence_file() -> None:
    from hashlib import sha256

    digests = {item["id"]: item["sha256"] for item in loaded(fail_report())["evidence"]}
    for item in fail_report().snapshot.evidence():
        assert digests[item.id] == sha256(stored_text(item).encode()).hexdigest()


@settings(deadline=None)
@given(ANY_TEXT, st.sampled_from(REPORTS))
def test_any_text_gives_json_that_can_be_written_and_shown(text: str, report: Report) -> None:
    finding = replace(FINDINGS[0], actual=text, details={text: text, "list": (text, [text])})
    written = report_json(replace(report, findings=(finding,))).encode()
    json.loads(written)
    assert b"\x1b" not in written
