"""The Prometheus section of the report, and its part of the JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cdbctl.assess import assess, judge
from cdbctl.model.metrics import MetricState
from cdbctl.model.prometheus import NotRead
from cdbctl.model.report import Report
from cdbctl.render.json import report_json
from cdbctl.render.markdown import markdown
from cdbctl.render.sections.prometheus import prometheus
from tests.assess.prometheus_facts import (
    alert,
    answer,
    dead,
    rule,
    target,
    with_prometheus,
    with_silent_prometheus,
)
from tests.assess.snapshots import NOW, PIPELINE, healthy, make_check

CHECKS = (make_check("prometheus.metric", "signals_generated_total", "old_total", "nope_total"),)
EVIL = "a|b`c<script>\n# x \x1b[31m\u202e"


def report(**changes: Any) -> Report:
    snapshot = with_prometheus(healthy(CHECKS), **changes)
    return judge(snapshot, assess(snapshot))


def section(**changes: Any) -> str:
    return "\n".join(prometheus(report(**changes)))


def test_without_a_declared_server_there_is_no_section() -> None:
    snapshot = healthy(())
    assert prometheus(judge(snapshot, assess(snapshot))) == []
    assert "### Prometheus" not in markdown(judge(snapshot, assess(snapshot)))


def test_a_server_that_is_well_takes_a_few_lines() -> None:
    text = section(metrics=())
    assert text.splitlines()[2:] == [
        "- Prometheus 2.42.0, up 22 h since 2026-02-08 11:00:00 UTC, answered in 2.0 ms (E009)",
        "- 8 of 8 targets up",
        "- 1 alert firing, 0 pending",
        "- 2 rules loaded",
        "",
        "| Alert | State | Since (UTC) | Labels | Summary |",
        "| --- | --- | --- | --- | --- |",
        "| Watchdog | firing | 08:50:00 | severity=none | — |",
    ]


def test_each_state_of_a_metric_has_its_row() -> None:
    text = section(
        metrics=(
            answer("signals_generated_total", increase_at_most=None, note="1 counter reset"),
            answer("old_total", MetricState.GONE, last_seen_at=NOW - timedelta(hours=2)),
            answer("nope_total", MetricState.NEVER_SEEN, nearest="note_total"),
        )
    )
    assert "| signals_generated_total | VALUE | 5142 | 1 | about 40 in 1 h | 1 counter reset |" in text
    assert "| old_total | GONE | — | — | — | last seen 2026-02-09 07:00:00 UTC |" in text
    assert "| nope_total | NEVER_SEEN | — | — | — | most like it: note_total |" in text


def test_an_exact_increase_has_no_remark_and_names_the_time_that_was_watched() -> None:
    text = section(metrics=(answer("x_total", note="at least this"),), started_at=NOW - timedelta(seconds=90))
    assert "| x_total | VALUE | 5142 | 1 | 40 in 90 s | — |" in text


def test_trouble_is_listed_with_its_reason() -> None:
    text = section(
        targets=(target("cdb_ws", "down", "connection refused"), target("cdb_risk")),
        jobs=("cdb_ws", "cdb_risk", "cadvisor"),
        rules=(dead("A", "x_totl", "x_total"), dead("B", "y", certain=False), rule("C", "?", not_judged="a puzzle")),
        alerts=(alert("TargetDown", "pending", "it is down", job="cdb_ws"),),
        empty_rule_files=("/rules/*.yml",),
        warnings=("remote read failed",),
        not_read=(NotRead("runtime information", "answers 500"),),
        config_loaded=False,
    )
    assert "**the last change of its configuration was refused**" in text
    assert "- 1 of 2 targets up; without a target: cadvisor" in text
    assert "| cdb_ws cdb_ws:8000 | down | connection refused |" in text
    assert "| TargetDown | pending | 08:50:00 | job=cdb_ws | it is down |" in text
    assert "3 rules loaded, 2 over series that do not exist, 1 not judged, none from `/rules/*.yml`" in text
    assert "| A | can never fire | x_totl | x_total for x_totl |" in text
    assert "| B | cannot fire now | y | — |" in text
    assert "| C | a puzzle | — | — |" in text
    assert "- Warning of the server: remote read failed" in text
    assert "- Not known: runtime information, answers 500" in text


@pytest.mark.parametrize("what", ["targets", "alerts", "rules"])
def test_what_was_not_read_is_not_said_to_be_none(what: str) -> None:
    text = section(targets=(), alerts=(), rules=(), not_read=(NotRead(what, "answers 500"),))
    assert f"- {what.capitalize()}: not known" in text


def test_long_lists_are_cut_and_counted() -> None:
    text = section(targets=tuple(target(f"job{number}", "down", "refused") for number in range(40)))
    assert text.count("| down | refused |") == 12
    assert "… and 28 more" in text


def test_a_server_that_is_silent_is_not_known_and_neither_are_its_metrics() -> None:
    snapshot = with_silent_prometheus(healthy(CHECKS))
    judged = judge(snapshot, assess(snapshot))
    text = "\n".join(prometheus(judged))
    assert "Not known: `http://127.0.0.1:9090` did not answer, connection refused (E009)" in text
    assert "Of signals_generated_total, old_total, nope_total nothing is known (PROM_DOWN)." in text
    metrics = [item for item in json.loads(report_json(judged))["metrics"] if item["service"] is None]
    assert [(item["state"], item["value"]) for item in metrics] == [("PROM_DOWN", None)] * 3


def test_text_from_outside_stays_text() -> None:
    text = section(
        targets=(target("cdb_ws", "down", EVIL),),
        alerts=(alert(EVIL, summary=EVIL, job=EVIL),),
        rules=(dead(EVIL, EVIL, EVIL),),
        metrics=(answer(EVIL, increase_at_most=None, note=EVIL),),
        warnings=(EVIL,),
    )
    assert "\x1b" not in text
    assert "\u202e" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all("<script>" not in line.replace("`c<script>", "") or "`" in line for line in rows)
    assert not any(line.startswith("# x") for line in text.splitlines())


@pytest.mark.parametrize("silent", [False, True])
def test_the_json_keeps_its_schema(silent: bool) -> None:
    snapshot = healthy(CHECKS)
    asked = (
        answer("signals_generated_total"),
        answer("old_total", MetricState.GONE, last_seen_at=NOW),
        answer("nope_total", MetricState.NEVER_SEEN, nearest="x"),
    )
    sick = tuple(target(name, "down", "refused") for name in PIPELINE)
    well = with_prometheus(snapshot, metrics=asked, targets=sick, rules=(dead("A", "x_totl", "x_total"),))
    snapshot = with_silent_prometheus(snapshot) if silent else well
    data = json.loads(report_json(judge(snapshot, assess(snapshot))))
    schema = json.loads((files("cdbctl.schemas") / "report.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(data)
    assert (data["prometheus"] is None) == silent
    if not silent:
        states = {item["name"]: item["state"] for item in data["metrics"] if item["service"] is None}
        assert states == {"signals_generated_total": "VALUE", "old_total": "GONE", "nope_total": "NEVER_SEEN"}
        assert data["prometheus"]["rules"][0]["dead"] is True
        assert any(clock["source"] == "Prometheus" for clock in data["clocks"])
