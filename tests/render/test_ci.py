"""CI, open issues and the clock of GitHub in the report."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cdbctl.model.ci import Cause, CiFacts, IssueFacts, Part, Unread
from cdbctl.model.report import Report
from cdbctl.render.json import report_json
from cdbctl.render.markdown import markdown
from cdbctl.render.text import make_visible
from tests.assess.snapshots import check_run, ci, issue, open_issues, workflow
from tests.render.reports import NOW, fail_report, observed, pass_report, unavailable
from tests.render.test_json import SCHEMA
from tests.render.test_markdown import HARMLESS, HOSTILE, planted
from tests.render.test_md import PARSER

SOURCE = "https://api.github.com/repos/jannek/stack"
BAD = "fb" * 20


def with_github(facts: CiFacts | None = None, issues: IssueFacts | None = None) -> Report:
    """A good day on which GitHub was asked."""
    report = pass_report()
    facts = replace(facts or ci(), host_at=NOW, server_at=NOW + timedelta(milliseconds=240))
    listed = observed(71, SOURCE, issues) if issues else None
    return replace(report, snapshot=replace(report.snapshot, ci=observed(70, SOURCE, facts), issues=listed))


def red_day() -> Report:
    red = workflow(
        "tests",
        conclusion="failure",
        red_streak=5,
        red_streak_complete=False,
        red_since=NOW,
        first_bad_commit=BAD,
        cause=Cause.OWN_CODE,
        cause_detail='step "pytest" of job "build" failed',
    )
    path = "dynamic/dependabot/dependabot-updates"
    bot = workflow("pip in /.", path=path, dynamic=True, red_streak=1, cause=Cause.DEPENDABOT)
    facts = ci(
        check_runs=(
            check_run("build", "failure"),
            check_run("lint"),
            check_run("e2e", None),
            check_run("x", "skipped"),
        ),
        workflows=(red, workflow("nightly", state="disabled_manually"), bot),
        head_is_pushed=False,
        required_checks=None,
        protected=None,
        not_read=(Unread(Part.REQUIRED, "GitHub answers 403: no", ""),),
    )
    issues = open_issues(issue(792, "LR-050 – P5 *Canary*", "prio:must"), incomplete=("P0",))
    return with_github(facts, issues)


def section(report: Report, heading: str) -> list[str]:
    text = markdown(report).partition(f"\n{heading}\n")[2]
    return [line for line in text.partition("\n#")[0].splitlines() if line]


def test_a_good_day_in_a_few_lines() -> None:
    assert section(with_github(), "### CI on GitHub") == [
        "- jannek/stack, branch `main`, HEAD `b3a4fc000000` (E070)",
        "- Checks: 2 succeeded",
        "- Required checks: `build`; the branch is protected",
        "| Workflow | State | Newest run (UTC) | Red in a row | First bad commit | Cause |",
        "| --- | --- | --- | ---: | --- | --- |",
        "| tests | active | success, 2026-02-09 08:00:00 | 0 | — | — |",
        "| nightly | active | success, 2026-02-09 08:00:00 | 0 | — | — |",
    ]


def test_a_red_day_names_streak_first_bad_commit_and_cause_and_what_was_not_read() -> None:
    assert section(red_day(), "### CI on GitHub") == [
        (
            "- jannek/stack, branch `main`, HEAD is not pushed; shown is `b3a4fc000000`,"
            " the head of the branch there (E070)"
        ),
        "- Checks: 1 succeeded; 1 failed: `build`; 1 not finished: `e2e`; 1 skipped or neutral",
        "- Required checks: not known; protection is not known",
        "- Made by GitHub itself (Dependabot and the like): 1 job, 1 red: `pip in /.`",
        "- Not read: required checks: GitHub answers 403: no",
        "| Workflow | State | Newest run (UTC) | Red in a row | First bad commit | Cause |",
        "| --- | --- | --- | ---: | --- | --- |",
        (
            "| tests | active | failure, 2026-02-09 08:00:00 | ≥ 5 | `fbfbfbfbfbfb` |"
            ' own code: step "pytest" of job "build" failed |'
        ),
        "| nightly | disabled_manually | success, 2026-02-09 08:00:00 | 0 | — | — |",
    ]


def test_issues_are_told_with_number_labels_and_age() -> None:
    assert section(red_day(), "### Open issues") == [
        "at least 1 open issue labelled `prio:must`, `P0` (E071)",
        "- #792 LR-050 – P5 `*Canary*` (prio:must), 19 d 23 h old",
    ]


def test_where_github_is_not_declared_one_line_says_so() -> None:
    text = markdown(pass_report())
    assert "- CI and open issues: not configured, nobody looked" in text
    assert "### CI on GitHub" not in text
    assert "CI and open issues: not configured" not in markdown(with_github())


def test_where_github_does_not_answer_nothing_is_claimed() -> None:
    report = with_github()
    silent = unavailable(70, SOURCE, "there is no token for github.com", "put a token into GH_TOKEN")
    report = replace(report, snapshot=replace(report.snapshot, ci=silent, issues=silent))
    expected = "not known, there is no token for github.com (E070). To do: put a token into GH_TOKEN"
    assert section(report, "### CI on GitHub") == [f"- CI: {expected}"]
    assert section(report, "### Open issues") == [f"- Open issues: {expected}"]
    document = json.loads(report_json(report))
    assert (document["ci"], document["issues"]) == (None, None)


def test_the_clock_of_github_is_shown_with_its_doubt() -> None:
    (line,) = (line for line in markdown(with_github()).splitlines() if line.startswith("Clocks against the host:"))
    assert line.endswith("GitHub +0.2 s (± 0.6 s).")
    clocks = json.loads(report_json(with_github()))["clocks"]
    assert [item["source"] for item in clocks] == ["PostgreSQL", "Redis", "GitHub"]
    assert clocks[-1]["doubt_seconds"] == 0.55


@pytest.mark.parametrize("make", [with_github, red_day])
def test_the_json_keeps_its_schema(make: Any) -> None:
    document = json.loads(report_json(make()))
    Draft202012Validator(SCHEMA).validate(document)
    assert document["ci"]["evidence"] == "E070"


def test_the_json_holds_what_a_machine_wants_to_know() -> None:
    document = json.loads(report_json(red_day()))
    assert document["ci"]["workflows"][0]["first_bad_commit"] == BAD
    assert document["ci"]["workflows"][0]["cause"] == "own code"
    assert document["ci"]["not_read"][0]["part"] == "required checks"
    assert document["issues"][0]["number"] == 792


def test_issues_that_could_not_be_read_are_null_and_never_an_empty_list() -> None:
    def told(facts: IssueFacts) -> tuple[object, object]:
        document = json.loads(report_json(with_github(issues=facts)))
        Draft202012Validator(SCHEMA).validate(document)
        return document["issues"], document["issues_incomplete"]

    assert told(open_issues()) == ([], [])
    assert told(open_issues(incomplete=("P0",))) == (None, ["P0"])
    issues, incomplete = told(open_issues(issue(1, "x", "P0"), incomplete=("P0",)))
    assert isinstance(issues, list)
    assert (len(issues), incomplete) == (1, ["P0"])


def test_hostile_words_keep_the_structure_and_do_not_act() -> None:
    hostile, harmless = (PARSER.parse(markdown(planted(red_day(), words))) for words in (HOSTILE, HARMLESS))
    shape = [(token.type, token.tag, token.level) for token in hostile]
    assert shape == [(token.type, token.tag, token.level) for token in harmless]
    kinds = {child.type for token in hostile for child in token.children or ()}
    assert kinds <= {"text", "text_special", "code_inline", "softbreak", "strong_open", "strong_close"}
    for text in (markdown(planted(red_day(), HOSTILE)), report_json(planted(red_day(), HOSTILE))):
        assert make_visible(text) == text


def test_long_lists_are_cut_and_say_so() -> None:
    many = ci(workflows=tuple(workflow(f"w{number}") for number in range(60)))
    issues = open_issues(*(issue(number, "x", "P0") for number in range(50)))
    text = markdown(with_github(many, issues))
    assert "… and 20 more workflows: see E070" in text
    assert "- … and 30 more" in text


def test_a_report_of_a_bad_day_without_github_is_as_it_was() -> None:
    assert json.loads(report_json(fail_report()))["ci"] is None
    assert json.loads(report_json(fail_report()))["issues"] == []
