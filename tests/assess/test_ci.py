"""What may be said about CI and issues, and what may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cdbctl.assess import assess
from cdbctl.assess import judge as whole_report
from cdbctl.model.check import Check
from cdbctl.model.ci import Cause, IssueFacts, Part, Unread
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot
from tests.assess.snapshots import (
    NOW,
    check_run,
    healthy,
    issue,
    make_check,
    open_issues,
    unavailable,
    with_ci,
    with_issues,
    workflow,
)

HEAD = "b3a4fc000000"
NO = "GitHub answers 500: Server Error"


def judged(check: Check, **changes: Any) -> list[Finding]:
    return judge(check, with_ci(healthy((check,)), **changes))


def judge(check: Check, snapshot: Snapshot) -> list[Finding]:
    findings = list(assess(replace(snapshot, checks=(check,))))
    texts = {evidence.id: evidence.text for evidence in snapshot.evidence()}
    assert all(quote.text in texts[quote.evidence] for finding in findings for quote in finding.quotes)
    assert len({finding.fingerprint for finding in findings}) == len(findings)
    return findings


def one(check: Check, **changes: Any) -> Finding:
    (finding,) = judged(check, **changes)
    return finding


def unread(*parts: Part) -> tuple[Unread, ...]:
    return tuple(Unread(part, NO, "try again later") for part in parts)


def red(name: str = "tests", **changes: Any) -> Any:
    given = {"conclusion": "failure", "red_streak": 1, "cause": Cause.NOT_KNOWN, "red_since": NOW, **changes}
    return workflow(name, **given)


ALL = [
    make_check("ci.head", "ci"),
    make_check("ci.workflows", "ci"),
    make_check("ci.required", "ci"),
    make_check("ci.disabled", "ci"),
    make_check("issues.open", "issues", labels={"P0": "FAIL"}),
    make_check("clocks.skew", "github"),
]


@pytest.mark.parametrize("check", ALL, ids=[check.rule for check in ALL])
class TestNoAnswer:
    def test_where_github_is_not_declared_nobody_looked(self, check: Check) -> None:
        (finding,) = judge(check, healthy((check,)))
        assert (finding.status, finding.details["needs"]) == (Status.UNKNOWN, "github")

    def test_where_github_does_not_answer_nothing_is_fine(self, check: Check) -> None:
        snapshot = with_issues(healthy((check,)), open_issues())
        assert snapshot.ci is not None
        assert snapshot.issues is not None
        silent = unavailable(snapshot.ci, "there is no token for github.com", "put a token into GH_TOKEN")
        (finding,) = judge(check, replace(snapshot, ci=silent, issues=silent))
        assert isinstance(silent, Unavailable)
        assert finding.status is Status.UNKNOWN
        assert "there is no token for github.com" in finding.actual
        assert finding.fix is not None
        assert finding.fix.summary == "put a token into GH_TOKEN"


class TestHead:
    check = make_check("ci.head", "ci")

    def test_success_is_counted_and_what_was_skipped_is_said(self) -> None:
        finding = one(self.check, check_runs=(check_run("build"), check_run("docs", "skipped")))
        assert (finding.status, finding.actual) == (Status.OK, f"{HEAD}: 1 check succeeded, 1 skipped or neutral")

    @pytest.mark.parametrize("conclusion", ["failure", "timed_out", "cancelled", "action_required", "stale"])
    def test_any_other_end_is_a_failure_with_its_name(self, conclusion: str) -> None:
        finding = one(self.check, check_runs=(check_run("build", conclusion), check_run("lint")))
        assert (finding.status, finding.title) == (Status.FAIL, f"1 check of {HEAD} failed: build")
        assert f"build ({conclusion}, github-actions)" in finding.actual
        assert finding.quotes[0].text.startswith('check "build" by github-actions: completed')

    def test_many_failures_are_one_finding(self) -> None:
        finding = one(self.check, check_runs=tuple(check_run(f"c{number}", "failure") for number in range(9)))
        assert finding.title.endswith("c0, c1, c2, c3, c4 and 4 more")
        assert len(finding.details["checks"]) == 9  # type: ignore[arg-type]  # details are for machines

    def test_pending_is_not_green(self) -> None:
        finding = one(self.check, check_runs=(check_run("build", None), check_run("lint")))
        assert (finding.status, finding.title) == (Status.WARN, f"1 check of {HEAD} not finished: build")

    def test_none_at_all_is_not_green(self) -> None:
        assert one(self.check, check_runs=()).status is Status.UNKNOWN
        assert one(self.check, check_runs=(check_run("docs", "skipped"),)).status is Status.UNKNOWN

    def test_a_head_that_is_not_pushed_was_seen_by_no_check(self) -> None:
        finding = one(self.check, head_is_pushed=False)
        assert (finding.status, finding.key) == (Status.WARN, "not-pushed")
        assert "GitHub does not know the local HEAD" in finding.actual

    def test_a_red_branch_is_said_beside_that(self) -> None:
        findings = judged(self.check, head_is_pushed=False, check_runs=(check_run("build", "failure"),))
        assert {finding.key for finding in findings} == {"not-pushed", "failed"}

    def test_when_the_local_head_is_not_known_green_checks_prove_nothing(self) -> None:
        assert one(self.check, head_is_pushed=None).status is Status.UNKNOWN

    def test_what_could_not_be_read_keeps_it_open_and_a_known_failure_stays(self) -> None:
        findings = judged(self.check, check_runs=(check_run("build", "failure"),), not_read=unread(Part.STATUSES))
        assert {finding.status for finding in findings} == {Status.FAIL, Status.UNKNOWN}
        (unknown,) = (finding for finding in findings if finding.status is Status.UNKNOWN)
        assert unknown.actual == f"commit statuses: {NO}"
        assert unknown.fix is not None
        assert unknown.fix.summary == "try again later"

    def test_dependabot_on_the_same_commit_is_not_our_failure(self) -> None:
        finding = one(self.check, check_runs=(check_run("build"), check_run("Dependabot", "failure", dynamic=True)))
        assert finding.status is Status.OK

    def test_params_decide_how_bad_it_is(self) -> None:
        check = make_check("ci.head", "ci", pending="FAIL", not_pushed="OK")
        assert one(check, check_runs=(check_run("a", None),)).status is Status.FAIL
        assert one(check, head_is_pushed=False).status is Status.OK


class TestWorkflows:
    check = make_check("ci.workflows", "ci")

    def test_a_red_one_tells_streak_first_bad_commit_and_cause(self) -> None:
        since = NOW - timedelta(days=3)
        item = red(
            red_streak=5, red_since=since, first_bad_commit="fb" * 20, cause=Cause.BILLING, cause_detail="not started"
        )
        finding = one(self.check, workflows=(item, workflow("nightly")))
        assert (finding.status, finding.key) == (Status.FAIL, ".github/workflows/tests.yml")
        assert finding.title == "workflow tests is red on main: billing or account"
        assert finding.actual == (
            "5 red runs in a row since 2026-02-06 09:00:00 UTC; first bad commit fbfbfbfbfbfb; "
            "cause: billing or account (not started)"
        )
        assert finding.details["cause"] == "billing or account"

    def test_a_streak_without_an_end_in_sight_is_at_least_as_long(self) -> None:
        finding = one(self.check, workflows=(red(red_streak=100, red_streak_complete=False),))
        assert finding.actual.startswith("at least 100 red runs in a row")

    def test_a_short_streak_can_be_a_warning(self) -> None:
        check = make_check("ci.workflows", "ci", fail_streak=3)
        assert one(check, workflows=(red(red_streak=2),)).status is Status.WARN
        assert one(check, workflows=(red(red_streak=3),)).status is Status.FAIL

    def test_each_red_one_is_a_finding_of_its_own(self) -> None:
        assert len(judged(self.check, workflows=(red("a"), red("b"), workflow("c")))) == 2

    def test_the_reference_day_is_one_warning_whatever_the_number_of_dependabot_failures(self) -> None:
        jobs = tuple(
            red(name, path="dynamic/dependabot/dependabot-updates", dynamic=True, cause=Cause.DEPENDABOT)
            for name in ("docker in /infrastructure", "docker in /.", "github_actions in /.", "pip in /.")
        )
        finding = one(self.check, workflows=(workflow("tests"), *jobs))
        assert (finding.status, finding.key) == (Status.WARN, "dynamic")
        assert finding.title.startswith("4 of 4 jobs that GitHub itself made")
        assert len(finding.quotes) == 4
        ignored = make_check("ci.workflows", "ci", dynamic="OK")
        assert one(ignored, workflows=(workflow("tests"), *jobs)).status is Status.OK

    def test_a_disabled_one_cannot_turn_green_and_is_told_elsewhere(self) -> None:
        assert one(self.check, workflows=(red(state="disabled_manually"), workflow("b"))).status is Status.OK

    def test_ignored_ones_may_be_red(self) -> None:
        check = make_check("ci.workflows", "ci", ignore=["tests"])
        assert one(check, workflows=(red(), workflow("b"))).status is Status.OK

    def test_one_that_never_ran_is_neither_green_nor_red(self) -> None:
        never = workflow("release", status=None, conclusion=None, decided=False)
        finding = one(self.check, workflows=(workflow("tests"), never))
        assert finding.actual == "1 workflow green on main; 1 without a green or red run there"
        assert one(self.check, workflows=(never,)).status is Status.UNKNOWN
        assert one(self.check, workflows=()).status is Status.UNKNOWN

    def test_one_that_waits_for_a_runner_is_a_warning(self) -> None:
        def waiting(minutes: int) -> Any:
            since = NOW - timedelta(minutes=minutes)
            return workflow("tests", status="queued", queued_since=since, cause=Cause.RUNNER, cause_detail="no runner")

        finding = one(self.check, workflows=(waiting(90),))
        assert (finding.status, finding.key) == (Status.WARN, "queued .github/workflows/tests.yml")
        assert finding.title == "workflow tests has waited 90 min for a runner"
        assert one(self.check, workflows=(waiting(20),)).status is Status.OK

    @pytest.mark.parametrize("part", [Part.WORKFLOWS, Part.RUNS])
    def test_what_could_not_be_read_is_not_green(self, part: Part) -> None:
        assert one(self.check, not_read=unread(part)).status is Status.UNKNOWN
        assert len(judged(self.check, workflows=(red(),), not_read=unread(part))) == 2


class TestRequired:
    check = make_check("ci.required", "ci")

    def test_one_that_never_reported(self) -> None:
        finding = one(self.check, required_checks=("build", "e2e"))
        assert finding.title == f"1 required check never reported on {HEAD}: e2e"
        assert finding.quotes[0].text == "branch main: protected; required checks: build, e2e"

    def test_a_pending_one_has_reported(self) -> None:
        assert one(self.check, check_runs=(check_run("build", None),)).status is Status.OK

    def test_a_branch_that_requires_nothing(self) -> None:
        finding = one(self.check, required_checks=(), protected=False)
        assert (finding.status, finding.actual) == (Status.WARN, "main is not protected, and requires no check")
        allowed = make_check("ci.required", "ci", unprotected="OK")
        assert one(allowed, required_checks=(), protected=False).status is Status.OK

    def test_what_the_token_may_not_see_is_not_nothing(self) -> None:
        finding = one(self.check, required_checks=None, not_read=unread(Part.REQUIRED))
        assert (finding.status, finding.actual) == (Status.UNKNOWN, f"required checks: {NO}")
        assert one(self.check, required_checks=(), not_read=unread(Part.REQUIRED)).status is Status.UNKNOWN
        assert one(self.check, required_checks=None).status is Status.UNKNOWN

    def test_checks_that_could_not_be_read_have_not_failed_to_report(self) -> None:
        finding = one(self.check, required_checks=("e2e",), not_read=unread(Part.CHECK_RUNS))
        assert finding.status is Status.UNKNOWN


class TestDisabled:
    check = make_check("ci.disabled", "ci")

    @pytest.mark.parametrize("state", ["disabled_manually", "disabled_inactivity", "disabled_fork"])
    def test_every_way_to_be_off(self, state: str) -> None:
        finding = one(self.check, workflows=(workflow("nightly", state=state),))
        assert (finding.status, finding.actual) == (Status.WARN, f".github/workflows/nightly.yml: {state}")

    def test_some_may_be_off(self) -> None:
        check = make_check("ci.disabled", "ci", allowed=[".github/workflows/nightly.yml"])
        finding = one(check, workflows=(workflow("nightly", state="disabled_manually"), workflow("b")))
        assert (finding.status, finding.actual) == (Status.OK, "2 workflows, 1 disabled and allowed to be")

    def test_without_the_whole_list_nothing_is_claimed(self) -> None:
        assert one(self.check, not_read=unread(Part.WORKFLOWS)).status is Status.UNKNOWN


class TestIssues:
    check = make_check("issues.open", "issues", labels={"prio:must": "WARN", "P0": "FAIL"})

    def judged(self, facts: IssueFacts, check: Check | None = None) -> list[Finding]:
        check = check or self.check
        return judge(check, with_issues(healthy((check,)), facts))

    def test_each_label_is_a_finding_with_number_title_and_age(self) -> None:
        facts = open_issues(
            issue(792, "LR-050 – P5", "prio:must"), issue(762, "[P0][RISK] Contract", "P0", "prio:must")
        )
        must, p0 = sorted(self.judged(facts), key=lambda finding: finding.key, reverse=True)
        assert (must.status, must.key, p0.status, p0.key) == (Status.WARN, "prio:must", Status.FAIL, "P0")
        assert must.actual == (
            "2 open issues labelled prio:must: #792 LR-050 – P5 (20 d old); #762 [P0][RISK] Contract (20 d old)"
        )
        assert must.details["issues"] == [792, 762]
        assert must.quotes[1].text.startswith("#762 [P0][RISK] Contract [P0, prio:must] since 2026-01-20")

    def test_none_is_fine(self) -> None:
        (finding,) = self.judged(open_issues())
        assert finding.actual == "0 open issues labelled prio:must; 0 open issues labelled P0"

    def test_a_label_that_may_stay_open_is_counted(self) -> None:
        check = make_check("issues.open", "issues", labels={"P0": "OK"})
        (finding,) = self.judged(open_issues(issue(1, "x", "P0")), check)
        assert (finding.status, finding.actual) == (Status.OK, "1 open issue labelled P0")

    def test_labels_are_whole_report(self) -> None:
        (finding,) = self.judged(open_issues(issue(1, "x", "P0-later")))
        assert finding.status is Status.OK

    def test_a_label_that_nobody_asked_for_is_not_clean(self) -> None:
        (finding,) = self.judged(open_issues(labels=("P0",)))
        assert finding.status is Status.UNKNOWN
        assert "does not name prio:must" in finding.actual

    def test_an_incomplete_list_is_at_least(self) -> None:
        facts = open_issues(issue(1, "x", "P0"), incomplete=("P0",), not_read=unread(Part.ISSUES))
        findings = self.judged(facts)
        assert {finding.status for finding in findings} == {Status.FAIL, Status.UNKNOWN}
        assert any(finding.title == "at least 1 open issue labelled P0" for finding in findings)
        assert any(finding.actual == f"labelled P0: {NO}" for finding in findings)

    def test_without_declared_labels_nobody_looked(self) -> None:
        (finding,) = judge(self.check, with_ci(healthy((self.check,))))
        assert finding.details["needs"] == "github.labels"


class TestClock:
    check = make_check("clocks.skew", "github")

    def test_it_agrees_within_its_doubt(self) -> None:
        finding = one(self.check, server_at=NOW + timedelta(seconds=2.5))
        assert (finding.status, finding.actual) == (Status.OK, "2.5 s ahead of the clock of this machine (± 550 ms)")

    def test_it_is_an_independent_witness(self) -> None:
        finding = one(self.check, server_at=NOW - timedelta(hours=1))
        assert (finding.status, finding.title) == (Status.FAIL, "the clock of github is 60 min behind this machine")

    def test_a_github_that_tells_no_time(self) -> None:
        assert one(self.check, server_at=None).status is Status.UNKNOWN


def test_the_matrix_has_a_row_for_ci_and_one_for_issues() -> None:
    checks = tuple(ALL[:5])
    declared = replace(with_issues(healthy(checks), open_issues()), checks=checks)
    rows = {row.component: row.status for row in whole_report(declared, assess(declared)).matrix}
    assert (rows["CI"], rows["open issues"]) == (Status.OK, Status.OK)
    absent = healthy(checks)
    assert "CI" not in {row.component for row in whole_report(absent, assess(absent)).matrix}
