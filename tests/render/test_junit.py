"""JUnit XML for CI: what counts is red, what is accepted is skipped, and any text parses."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.model.finding import Finding, Quote, Status
from cdbctl.model.report import Report
from cdbctl.render.junit import junit
from cdbctl.render.text import one_line
from tests.render.reports import FINDINGS, fail_report, pass_report, silent_report
from tests.render.test_text import ANY_TEXT

P0, UNKNOWN, ACCEPTED = FINDINGS


def parsed(report: Report) -> ET.Element:
    return ET.fromstring(junit(report))  # noqa: S314 - our own text


def case(root: ET.Element, check: str, subject: str) -> ET.Element:
    found = root.findall(f".//testcase[@classname='{check}'][@name='{subject}']")
    assert len(found) == 1
    return found[0]


def only(finding: Finding) -> ET.Element:
    """The one case of a report with nothing but this finding."""
    root = parsed(replace(pass_report(), findings=(finding,), passed=()))
    assert root.get("tests") == "1"
    return root.findall(".//testcase")[0]


def test_there_is_a_suite_for_each_group_and_a_case_for_each_check_and_subject() -> None:
    root = parsed(fail_report())
    assert [suite.get("name") for suite in root] == ["logs", "pipeline", "metrics", "services", "redis"]
    assert len(root.findall(".//testcase")) == 13
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("13", "2", "1", "2")
    services = root[3]
    assert (services.get("tests"), services.get("failures"), services.get("skipped")) == ("7", "0", "1")


def test_a_failure_says_what_was_expected_and_what_was_seen() -> None:
    failure = case(parsed(fail_report()), "logs.known-signatures", "cdb_risk").find("failure")
    assert failure is not None
    assert failure.get("type") == "P0"
    assert failure.get("message") == P0.title
    assert f"expected: {P0.expected}\nactual:   {P0.actual}\n" in (failure.text or "")
    assert P0.quotes[0].text in (failure.text or "")


def test_unknown_is_an_error_when_it_counts_and_skipped_when_it_does_not() -> None:
    assert only(UNKNOWN).find("error") is not None
    assert only(replace(UNKNOWN, required=False)).find("skipped") is not None


def test_a_warning_passes_and_leaves_its_words() -> None:
    warning = only(replace(ACCEPTED, lifecycle=None, accepted_until=None))
    assert [child.tag for child in warning] == ["system-out"]
    assert ACCEPTED.actual in (warning[0].text or "")


def test_an_accepted_finding_is_skipped_with_its_reason() -> None:
    skipped = case(parsed(fail_report()), "services.restarts", "cdb_ws").find("skipped")
    assert skipped is not None
    assert "by jannek: restarted by hand" in (skipped.get("message") or "")


def test_what_was_not_checked_is_not_missing() -> None:
    assert case(parsed(fail_report()), "redis.eviction", "redis").find("skipped") is not None


def test_two_findings_about_one_subject_have_different_names() -> None:
    second = replace(P0, key="42703/risk_events.symbol")
    root = parsed(replace(fail_report(), findings=(P0, second), passed=()))
    names = [item.get("name") for item in root.findall("./testsuite[@name='logs']/testcase")]
    assert names == ["cdb_risk (42P01/risk_events)", "cdb_risk (42703/risk_events.symbol)"]


@pytest.mark.parametrize("report", [pass_report(), silent_report()])
def test_other_days_parse_too(report: Report) -> None:
    assert parsed(report).tag == "testsuites"


@given(ANY_TEXT, st.sampled_from(list(Status)))
def test_any_text_parses_as_xml_and_comes_back(text: str, status: Status) -> None:
    finding = replace(P0, status=status, subject=text, title=text, actual=text, quotes=(Quote("E012", text),))
    report = replace(pass_report(), findings=(finding,), passed=())
    root = ET.fromstring(junit(report).encode())  # noqa: S314 - our own text
    assert root.findall(".//testcase")[0].get("name") == one_line(text)
