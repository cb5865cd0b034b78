"""The checks of HEAD, and of nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cdbctl.model.ci import Part
from tests.collect.github.hub import (
    FIRST_BAD,
    HEAD,
    OLDER,
    Hub,
    Reply,
    check_run,
    dependabot,
    facts,
    missing,
    read,
    run,
)

UNKNOWN = {"message": f"No commit found for SHA: {OLDER}", "status": "422"}


def with_checks(here: Hub, *runs: dict[str, Any], commit: str = HEAD) -> None:
    here.paged(f"/commits/{commit}/check-runs", "check_runs", list(runs))


def with_statuses(here: Hub, *statuses: tuple[str, str]) -> None:
    listed = [{"context": name, "state": state, "target_url": "https://ci.example.com/1"} for name, state in statuses]
    here.set(f"/commits/{HEAD}/status", {"state": "failure", "statuses": listed, "total_count": len(listed)})


def test_the_local_head_is_asked_for_not_the_last_five_runs(here: Hub, tmp_path: Path) -> None:
    with_checks(here, check_run("old", "failure"), commit=OLDER)
    here.set(f"/commits/{OLDER}/status", {"state": "pending", "statuses": []})
    found = facts(here, tmp_path, commit=OLDER)
    assert (found.head, found.head_is_pushed) == (OLDER, True)
    assert [(item.name, item.conclusion) for item in found.check_runs] == [("old", "failure")]


def test_a_head_that_nobody_pushed_shows_the_branch_there_and_says_so(here: Hub, tmp_path: Path) -> None:
    here.set(f"/commits/{OLDER}/check-runs", UNKNOWN, status=422)
    seen = read(here, tmp_path, commit=OLDER)
    found = seen.value[0]
    assert (found.head, found.head_is_pushed) == (HEAD, False)
    assert len(found.check_runs) == 2
    assert found.not_read == ()
    assert f"commit {HEAD}: the head of the branch on GitHub, which does not know the local HEAD" in seen.text


def test_an_unknown_local_head_is_not_claimed_to_be_pushed(here: Hub, tmp_path: Path) -> None:
    found = facts(here, tmp_path, commit=None)
    assert (found.head, found.head_is_pushed) == (HEAD, None)


def test_a_hidden_commit_is_not_an_unpushed_one(here: Hub, tmp_path: Path) -> None:
    found = facts(here, tmp_path, commit=OLDER)
    assert (found.head, found.head_is_pushed, found.check_runs) == (OLDER, None, ())
    assert missing(found)[Part.CHECK_RUNS].startswith("GitHub answers 404: Not Found; it does not exist, or")


def test_the_head_of_the_branch_is_known_to_be_pushed_even_if_its_checks_are_hidden(here: Hub, tmp_path: Path) -> None:
    here.set(f"/commits/{HEAD}/check-runs", {"message": "Resource not accessible"}, status=403)
    assert facts(here, tmp_path).head_is_pushed is True


def test_without_a_branch_and_a_pushed_head_there_is_no_commit(here: Hub, tmp_path: Path) -> None:
    here.set(f"/commits/{OLDER}/check-runs", UNKNOWN, status=422)
    here.set("/branches/main", {"message": "Branch not found"}, status=404)
    found = facts(here, tmp_path, commit=OLDER)
    assert (found.head, found.head_is_pushed, found.check_runs) == (None, False, ())
    assert Part.BRANCH in missing(found)


def test_an_empty_repository(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", {"message": "Branch not found"}, status=404)
    here.set(f"/commits/{HEAD}/check-runs", {"message": "Git Repository is empty."}, status=409)
    found = facts(here, tmp_path)
    assert missing(found)[Part.CHECK_RUNS] == "GitHub answers 409: Git Repository is empty"


def test_a_check_that_has_not_ended_has_no_conclusion(here: Hub, tmp_path: Path) -> None:
    with_checks(here, check_run("build", None), check_run("lint", "skipped", id=2))
    checks = facts(here, tmp_path).check_runs
    assert [(item.status, item.conclusion) for item in checks] == [("in_progress", None), ("completed", "skipped")]


def test_commit_statuses_of_older_tools_count_too(here: Hub, tmp_path: Path) -> None:
    with_checks(here)
    with_statuses(here, ("travis", "success"), ("jenkins", "error"), ("coverage", "pending"), ("odd", "?"))
    checks = facts(here, tmp_path).check_runs
    assert [(item.name, item.app, item.status, item.conclusion) for item in checks] == [
        ("travis", "commit status", "completed", "success"),
        ("jenkins", "commit status", "completed", "failure"),
        ("coverage", "commit status", "pending", None),
        ("odd", "commit status", "not known", None),
    ]


def test_a_combined_status_without_statuses_is_none_not_a_pending_one(here: Hub, tmp_path: Path) -> None:
    with_checks(here)
    assert facts(here, tmp_path).check_runs == ()


def test_a_nightly_run_of_the_same_workflow_replaces_the_older_result(here: Hub, tmp_path: Path) -> None:
    with_checks(here, check_run("build", "failure", id=1, suite=501), check_run("build", id=2, suite=502))
    here.paged("/actions/runs", "workflow_runs", [run(902, event="schedule"), run(901, "failure")])
    assert [item.conclusion for item in facts(here, tmp_path).check_runs] == ["success"]


def test_jobs_of_one_name_in_two_workflows_are_two(here: Hub, tmp_path: Path) -> None:
    with_checks(here, check_run("build", "failure", id=1, suite=501), check_run("build", id=2, suite=502))
    here.paged("/actions/runs", "workflow_runs", [run(902, workflow_id=2), run(901, "failure")])
    assert sorted(item.conclusion or "" for item in facts(here, tmp_path).check_runs) == ["failure", "success"]


def test_checks_of_dependabot_on_the_same_commit_are_kept_apart(here: Hub, tmp_path: Path) -> None:
    """As on the reference day: HEAD was fine, four updates of Dependabot failed on it."""
    with_checks(here, check_run("build"), *(check_run("Dependabot", "failure", id=n, suite=n + 500) for n in (2, 3)))
    here.paged("/actions/runs", "workflow_runs", [run(901), dependabot(902, "pip in /."), dependabot(903, "npm in /.")])
    checks = facts(here, tmp_path).check_runs
    assert [(item.name, item.dynamic) for item in checks] == [
        ("build", False),
        ("Dependabot", True),
        ("Dependabot", True),
    ]


def test_a_failure_of_a_run_that_the_common_list_does_not_hold_is_looked_up(here: Hub, tmp_path: Path) -> None:
    with_checks(here, check_run("Dependabot", "failure", suite=999))
    common = here.routes["/repos/jannek/stack/actions/runs"]

    def runs(query: Any) -> Reply:
        if query.get("head_sha") == HEAD:
            return Reply({"workflow_runs": [dependabot(950, "pip in /.") | {"check_suite_id": 999}]})
        assert callable(common)
        return common(query)

    here.routes["/repos/jannek/stack/actions/runs"] = runs
    assert [item.dynamic for item in facts(here, tmp_path).check_runs] == [True]


def test_a_failure_that_belongs_to_no_known_run_is_ours(here: Hub, tmp_path: Path) -> None:
    with_checks(here, check_run("build", "failure", suite=999))
    assert [item.dynamic for item in facts(here, tmp_path).check_runs] == [False]


def test_the_branch_may_move_during_the_run(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", {"commit": {"sha": FIRST_BAD}, "protected": False, "protection": {}})
    found = facts(here, tmp_path)
    assert (found.head, found.head_is_pushed) == (HEAD, True)
