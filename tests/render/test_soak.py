"""The soak in every form of the report."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cdbctl.errors import ExitStatus
from cdbctl.model.finding import Verdict
from cdbctl.model.report import Report
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth
from cdbctl.model.snapshot import UnusedRun, Window
from cdbctl.model.soak import Doubt, Failure, Soak, SoakVerdict
from cdbctl.render.json import report_json
from cdbctl.render.junit import junit
from cdbctl.render.markdown import markdown
from cdbctl.render.status import exit_status, reason_code
from cdbctl.render.terminal import summary
from tests.assess import looks
from tests.render.reports import NOW, fail_report, pass_report
from tests.render.test_json import problems

SINCE = NOW - timedelta(hours=72)
GAP = Doubt("GAP", "no run covers 3 h from 2026-02-08 22:00:00 to 2026-02-09 01:00:00 UTC", SINCE, NOW)
CRASH = Failure(
    "CRASH", "cdb_risk", "cdb_risk ended by itself: `rm`|x", SINCE, NOW, ("reports/daily/2026-02-09/072603Z",)
)


def soak(verdict: SoakVerdict = SoakVerdict.PASS, **changes: Any) -> Soak:
    found = Soak(
        verdict=verdict,
        stretch=Window(SINCE, NOW),
        runs=73,
        covered_seconds=72 * 3600,
        clean_since=SINCE,
        passes_at=NOW,
        failures=(CRASH,) if verdict is SoakVerdict.FAIL else (),
        doubts=(GAP,) if verdict is SoakVerdict.INCONCLUSIVE else (),
        ignored=(),
        notes=(),
        evidence=("E036",),
    )
    return replace(found, **changes)


def report(verdict: SoakVerdict = SoakVerdict.PASS, **changes: Any) -> Report:
    return replace(pass_report(), soak=soak(verdict, **changes))


def terminal(shown: Report) -> str:
    return summary(shown, color=False, width=100, unicode=True)


def test_without_a_soak_nothing_is_said_of_one() -> None:
    assert "Soak" not in markdown(pass_report())
    assert "soak" not in terminal(pass_report())
    assert json.loads(report_json(pass_report()))["soak"] is None


def test_a_pass_tells_what_it_rests_on() -> None:
    text = markdown(report())
    assert "## Soak of 3 d" in text
    assert (
        "**Soak:** ✅ [PASS] — 73 runs cover 3 d of 3 d, no run failed, and no service under test was started again"
        in text
    )
    assert "- **Looked at:** 73 runs, this one included, cover all of it (E036)" in text
    assert "100 %" not in text.partition("## Soak")[2].partition("## Runtime")[0]
    assert "soak      ✅ [PASS] 73 runs cover 3 d of 3 d" in terminal(report())


def test_a_failure_names_what_when_and_who_and_harms_nothing() -> None:
    text = markdown(report(SoakVerdict.FAIL))
    assert "**Soak:** 🔴 [FAIL] — 1 failure; 73 runs cover 3 d of 3 d" in text
    line = next(line for line in text.splitlines() if line.startswith("- **CRASH**"))
    assert "first 2026-02-06 08:26:03 UTC, last 2026-02-09 08:26:03 UTC; seen by reports/daily" in line
    assert "`` `rm`" in line


def test_what_leaves_it_open_is_named() -> None:
    open_ = report(SoakVerdict.INCONCLUSIVE, clean_since=NOW, passes_at=NOW + timedelta(hours=72))
    assert f"- **GAP** {GAP.text}" in markdown(open_)
    assert "it can pass at 2026-02-12 08:26:03 UTC" in markdown(open_)
    shown = terminal(open_)
    assert "[INCONCLUSIVE] 1 doubt" in shown
    assert "no run covers 3 h" in shown


def test_no_time_is_promised_where_time_alone_does_not_help() -> None:
    never = report(SoakVerdict.INCONCLUSIVE, passes_at=None)
    assert "it can pass" not in markdown(never)
    assert problems(json.loads(report_json(never))) == []


def test_of_many_doubts_the_first_are_told_and_the_rest_counted() -> None:
    text = markdown(report(SoakVerdict.INCONCLUSIVE, doubts=(GAP,) * 40))
    assert text.count("- **GAP**") == 12
    assert "- and 28 more, in report.json" in text


def test_runs_of_other_stacks_are_named() -> None:
    other = UnusedRun("reports/daily/2026-02-09/043000Z", "it is of the stack other, not of cdb")
    assert "- **Passed over:** reports/daily/2026-02-09/043000Z: it is of the stack other" in markdown(
        report(ignored=(other,))
    )


@pytest.mark.parametrize("verdict", SoakVerdict)
def test_the_document_keeps_the_schema(verdict: SoakVerdict) -> None:
    document = json.loads(report_json(report(verdict)))
    assert problems(document) == []
    assert document["soak"]["verdict"] == verdict.value


@pytest.mark.parametrize(
    ("verdict", "soaked", "status", "reason"),
    [
        (Verdict.PASS, SoakVerdict.PASS, ExitStatus.PASS, "VERDICT_PASS"),
        (Verdict.PASS, SoakVerdict.INCONCLUSIVE, ExitStatus.UNDECIDED, "SOAK_INCONCLUSIVE"),
        (Verdict.PASS, SoakVerdict.FAIL, ExitStatus.FAILED, "SOAK_FAIL"),
        (Verdict.WARN, SoakVerdict.INCONCLUSIVE, ExitStatus.UNDECIDED, "SOAK_INCONCLUSIVE"),
        (Verdict.UNKNOWN, SoakVerdict.INCONCLUSIVE, ExitStatus.UNDECIDED, "VERDICT_UNKNOWN"),
        (Verdict.UNKNOWN, SoakVerdict.FAIL, ExitStatus.FAILED, "SOAK_FAIL"),
        (Verdict.FAIL, SoakVerdict.INCONCLUSIVE, ExitStatus.FAILED, "VERDICT_FAIL"),
        (Verdict.FAIL, SoakVerdict.FAIL, ExitStatus.FAILED, "VERDICT_FAIL"),
    ],
)
def test_the_status_is_that_of_the_worse(
    verdict: Verdict, soaked: SoakVerdict, status: ExitStatus, reason: str
) -> None:
    judged = replace(report(soaked), verdict=verdict)
    assert (exit_status(judged), reason_code(judged)) == (status, reason)
    assert json.loads(report_json(judged))["status"] == status


@pytest.mark.parametrize(("verdict", "element"), [(SoakVerdict.FAIL, "failure"), (SoakVerdict.INCONCLUSIVE, "error")])
def test_junit_counts_it_as_a_case(verdict: SoakVerdict, element: str) -> None:
    root = ET.fromstring(junit(report(verdict)))  # noqa: S314 - our own text
    case = next(case for case in root.iter("testcase") if case.get("classname") == "soak")
    assert case.find(element) is not None
    passed = ET.fromstring(junit(report()))  # noqa: S314 - our own text
    assert [list(case) for case in passed.iter("testcase") if case.get("classname") == "soak"] == [[]]


class TestContainers:
    """What the runtime section says of containers."""

    def text(self, *services: Any, judged: Report | None = None) -> str:
        snapshot = looks.in_docker(*services)
        return markdown(replace(judged or fail_report(), snapshot=snapshot)).partition("## Log")[0]

    def test_a_container_is_shown_with_its_image_and_its_last_end(self) -> None:
        text = self.text(looks.service(finished_at=looks.ago(minutes=3), started_at=looks.ago(minutes=2)))
        row = next(line for line in text.splitlines() if line.startswith("| cdb_risk | cdb_risk |"))
        told = ("cdb/risk:1", "`aaaaaaaaaaaa`", "2026-02-06 09:00:00", "08:57:00", "256.0 MiB", "always")
        assert row == f"| cdb_risk | cdb_risk | {' | '.join(told)} |"

    def test_where_cpu_and_memory_were_read_is_said_once(self) -> None:
        assert self.text().count("from cgroup files") == 1

    def test_a_stack_without_containers_has_no_such_table(self) -> None:
        assert "### Containers" not in markdown(fail_report())

    def test_page_and_probe_are_both_shown_when_they_differ(self) -> None:
        sick = HealthFacts(Health.UNHEALTHY, ProbeDepth.PORT, "exit status 1", 5)
        text = self.text(looks.service(health=sick))
        assert "page healthy (application), container unhealthy (port, 5 in a row)" in text
        same = self.text(looks.service(health=replace(sick, health=Health.HEALTHY, failing_streak=0)))
        assert "healthy (application, container port)" in same
        assert "1 unhealthy" in text

    def test_the_document_tells_both_and_the_worse_one(self) -> None:
        sick = HealthFacts(Health.UNHEALTHY, ProbeDepth.PORT, "exit status 1", 5)
        judged = replace(fail_report(), snapshot=looks.in_docker(looks.service(health=sick)))
        document = json.loads(report_json(judged))
        (risk,) = (item for item in document["services"] if item["name"] == "cdb_risk")
        assert (risk["health"], risk["probe"]) == ("unhealthy", "port")
        assert risk["probes"]["page"]["health"] == "healthy"
        assert risk["container"]["image"]["reference"] == "cdb/risk:1"
        assert risk["identity"]["identity"] == "id-of-cdb_risk"
        assert problems(document) == []

    def test_what_does_not_run_has_no_probe_that_counts(self) -> None:
        from cdbctl.model.runtime import ServiceState

        well = HealthFacts(Health.HEALTHY, ProbeDepth.PORT, "ok")
        silent = looks.in_docker(looks.service(health=well, state=ServiceState.PAUSED))
        pages = {name: page for name, page in silent.health.items() if name != "cdb_risk"}
        document = json.loads(report_json(replace(fail_report(), snapshot=replace(silent, health=pages))))
        (risk,) = (item for item in document["services"] if item["name"] == "cdb_risk")
        assert risk["health"] == "none"
