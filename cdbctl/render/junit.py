"""The report for CI systems: a suite for each group of checks, a case for each check and subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from cdbctl.model.finding import Finding, Status
from cdbctl.model.report import NotChecked, Report
from cdbctl.model.soak import Soak, SoakVerdict
from cdbctl.render.rows import is_accepted
from cdbctl.render.text import make_visible, one_line


def junit(report: Report) -> str:
    """JUnit XML. FAIL is a failure and a required UNKNOWN an error.

    A WARN passes with its words in ``system-out``, as it passes for the exit status; accepted findings and
    optional UNKNOWN ones are skipped.
    """
    snapshot = report.snapshot
    root = ET.Element("testsuites", name=one_line(f"cdbctl daily-check {snapshot.stack}"))
    suites: dict[str, ET.Element] = {}
    findings = (*report.findings, *report.passed)
    names = Counter((finding.check, finding.subject) for finding in findings)
    for finding in findings:
        several = names[finding.check, finding.subject] > 1
        suite = _suite(root, suites, finding.check, report)
        suite.append(_case(finding, f"{finding.subject} ({finding.key})" if several else finding.subject))
    for item in report.coverage.not_checked:
        if (item.check, item.subject) not in names:
            _suite(root, suites, item.check, report).append(_missing(item))
    if report.soak is not None:
        _suite(root, suites, "soak", report).append(_soak(report.soak))
    for suite in (root, *suites.values()):
        for name, value in _counts(suite):
            suite.set(name, str(value))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(root: ET.Element, suites: dict[str, ET.Element], check: str, report: Report) -> ET.Element:
    group = check.partition(".")[0]
    if group not in suites:
        at = f"{report.snapshot.taken_at:%Y-%m-%dT%H:%M:%S}"
        suites[group] = ET.SubElement(root, "testsuite", name=one_line(group), timestamp=at)
    return suites[group]


def _case(finding: Finding, name: str) -> ET.Element:
    case = ET.Element("testcase", classname=one_line(finding.check), name=one_line(name))
    title = one_line(finding.title)
    if is_accepted(finding):
        ET.SubElement(case, "skipped", message=one_line(f"accepted until {finding.accepted_until}: {finding.title}"))
    elif finding.status is Status.FAIL:
        ET.SubElement(case, "failure", type=finding.severity.value, message=title).text = _words(finding)
    elif finding.status is Status.UNKNOWN and finding.required:
        ET.SubElement(case, "error", type="UNKNOWN", message=title).text = _words(finding)
    elif finding.status is Status.UNKNOWN:
        ET.SubElement(case, "skipped", message=f"UNKNOWN, not required: {title}").text = _words(finding)
    elif finding.status is Status.WARN:
        ET.SubElement(case, "system-out").text = f"WARN {finding.severity}: {title}\n{_words(finding)}"
    return case


def _soak(soak: Soak) -> ET.Element:
    """The verdict over the stored runs as one case."""
    case = ET.Element("testcase", classname="soak", name="the stored runs")
    lines = [*(f"{item.kind} {item.title}" for item in soak.failures), *(f"{i.kind} {i.text}" for i in soak.doubts)]
    words = make_visible("\n".join(lines))
    if soak.verdict is SoakVerdict.FAIL:
        ET.SubElement(case, "failure", type="SOAK", message="the soak failed").text = words
    elif soak.verdict is SoakVerdict.INCONCLUSIVE:
        ET.SubElement(case, "error", type="INCONCLUSIVE", message="the soak is inconclusive").text = words
    return case


def _missing(item: NotChecked) -> ET.Element:
    case = ET.Element("testcase", classname=one_line(item.check), name=one_line(item.subject))
    if item.required:
        ET.SubElement(case, "error", type="UNKNOWN", message=one_line(item.reason))
    else:
        ET.SubElement(case, "skipped", message=one_line(item.reason))
    return case


def _words(finding: Finding) -> str:
    lines = [
        f"expected: {finding.expected}",
        f"actual:   {finding.actual}",
        f"evidence: {', '.join(finding.evidence)}",
        f"finding:  {finding.fingerprint}",
        *(f"{quote.evidence}: {quote.text}" for quote in finding.quotes),
    ]
    if finding.fix:
        lines.append(f"fix:      {finding.fix.summary}")
    return make_visible("\n".join(lines))


def _counts(suite: ET.Element) -> Iterator[tuple[str, int]]:
    yield "tests", len(list(suite.iter("testcase")))
    yield "failures", len(list(suite.iter("failure")))
    yield "errors", len(list(suite.iter("error")))
    yield "skipped", len(list(suite.iter("skipped")))
