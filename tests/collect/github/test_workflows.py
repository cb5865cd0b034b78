"""The latest run of each workflow, its red streak and first bad commit, and why it is red."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cdbctl.collect.github import workflows
from cdbctl.model.ci import Cause, Part
from tests.collect.github.hub import (
    FIRST_BAD,
    Hub,
    Reply,
    dependabot,
    facts,
    job,
    missing,
    only_workflow,
    read,
    run,
    workflow,
)

BILLING = (
    "The job was not started because recent account payments have failed or your spending limit needs to be "
    "increased. Please check the 'Billing & plans' section in your settings"
)
LOST = (
    "The self-hosted runner: box-1 lost communication with the server. Verify the machine is running and has a "
    "healthy network connection."
)
HISTORY = "/actions/workflows/1/runs"


def with_runs(here: Hub, *runs: dict[str, Any]) -> None:
    here.paged("/actions/runs", "workflow_runs", list(runs))


def with_jobs(here: Hub, *jobs: dict[str, Any], id: int = 905) -> None:
    here.paged(f"/actions/runs/{id}/jobs", "jobs", list(jobs))


def with_annotations(here: Hub, *messages: str, id: int = 3001) -> None:
    listed = [
        {"path": ".github", "start_line": 1, "annotation_level": "failure", "title": "", "message": message}
        for message in messages
    ]
    here.set(f"/check-runs/{id}/annotations", listed)


def red(here: Hub, conclusion: str = "failure") -> None:
    """Red once, after a green run."""
    with_runs(here, run(905, conclusion, head_sha=FIRST_BAD), run(904))


class TestStreaks:
    def test_a_green_workflow(self, here: Hub, tmp_path: Path) -> None:
        found = only_workflow(here, tmp_path)
        assert (found.name, found.conclusion, found.red_streak, found.decided) == ("tests", "success", 0, True)
        assert (found.cause, found.first_bad_commit, found.red_since) == (None, None, None)

    def test_the_streak_its_first_bad_commit_and_since_when(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, run(905, "failure"), run(904, "timed_out"), run(903, "failure", head_sha=FIRST_BAD), run(902))
        found = only_workflow(here, tmp_path)
        assert (found.red_streak, found.red_streak_complete, found.first_bad_commit) == (3, True, FIRST_BAD)
        assert found.red_since == datetime(2026, 2, 903 % 28 + 1, 3, 38, tzinfo=UTC)

    def test_cancelled_and_skipped_runs_neither_count_nor_end_it(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, run(905, "cancelled"), run(904, "failure"), run(903, "skipped"), run(902, "failure"), run(901))
        found = only_workflow(here, tmp_path)
        assert (found.conclusion, found.red_streak, found.red_streak_complete) == ("cancelled", 2, True)

    def test_a_run_that_is_still_going_leaves_it_red(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, run(905, None), run(904, "failure"), run(903))
        found = only_workflow(here, tmp_path)
        assert (found.status, found.conclusion, found.red_streak) == ("in_progress", None, 1)

    def test_the_newest_run_counts_in_whatever_order_they_come(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, run(901, "failure"), run(905), run(903, "failure"))
        assert only_workflow(here, tmp_path).red_streak == 0

    def test_only_cancelled_runs_decide_nothing(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, run(901, "cancelled"))
        assert only_workflow(here, tmp_path).decided is False

    def test_a_workflow_that_never_ran_there(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here)
        found = only_workflow(here, tmp_path)
        assert (found.status, found.run_at, found.decided, found.red_streak) == (None, None, False, 0)
        assert HISTORY not in here.paths()

    def test_pull_requests_and_forks_with_a_branch_of_that_name_are_not_ours(self, here: Hub, tmp_path: Path) -> None:
        fork: dict[str, Any] = {"head_repository": {"full_name": "stranger/stack"}}
        with_runs(here, run(905, "failure", event="pull_request"), run(904, "failure", **fork), run(903))
        assert only_workflow(here, tmp_path).red_streak == 0

    def test_a_deleted_workflow_is_none(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, run(902, "failure", workflow_id=9), run(901))
        assert [item.name for item in facts(here, tmp_path).workflows] == ["tests"]

    def test_disabled_workflows_are_told_with_their_state(self, here: Hub, tmp_path: Path) -> None:
        states = ["active", "disabled_manually", "disabled_inactivity", "disabled_fork"]
        listed = [workflow(number, f"w{number}", state=state) for number, state in enumerate(states, 1)]
        here.paged("/actions/workflows", "workflows", listed)
        assert [item.state for item in facts(here, tmp_path).workflows] == states


class TestLongHistories:
    def test_a_streak_beyond_the_common_list_is_followed(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, *(run(id, "failure") for id in range(1100, 900, -1)))
        here.paged(HISTORY, "workflow_runs", [run(1100, "failure"), run(1099, "failure", head_sha=FIRST_BAD), run(800)])
        with_jobs(here, job("build", "failure", ("pytest", "failure")), id=1100)
        found = only_workflow(here, tmp_path)
        assert (found.red_streak, found.red_streak_complete, found.first_bad_commit) == (2, True, FIRST_BAD)

    def test_a_streak_without_an_end_in_sight_is_at_least_as_long(self, here: Hub, tmp_path: Path) -> None:
        many = [run(id, "failure") for id in range(1200, 900, -1)]
        with_runs(here, *many)
        here.paged(HISTORY, "workflow_runs", many)
        with_jobs(here, job("build", "failure", ("pytest", "failure")), id=1200)
        seen = read(here, tmp_path)
        (found,) = seen.value[0].workflows
        assert (found.red_streak, found.red_streak_complete) == (100, False)
        assert "at least 100 red runs in a row" in seen.text

    def test_a_workflow_that_the_common_list_crowds_out_is_looked_up(self, here: Hub, tmp_path: Path) -> None:
        here.paged("/actions/workflows", "workflows", [workflow(1, "tests"), workflow(2, "nightly")])
        with_runs(here, *(run(id) for id in range(1200, 1000, -1)))
        here.paged("/actions/workflows/2/runs", "workflow_runs", [run(700, "failure", workflow_id=2)])
        with_jobs(here, job("build", "failure", ("pytest", "failure")), id=700)
        tests, nightly = facts(here, tmp_path).workflows
        assert (tests.red_streak, nightly.red_streak, nightly.red_streak_complete) == (0, 1, True)
        assert HISTORY not in here.paths()

    def test_the_number_of_further_questions_is_bounded_and_said(self, here: Hub, tmp_path: Path) -> None:
        listed = [workflow(number, f"w{number}") for number in range(1, 41)]
        here.paged("/actions/workflows", "workflows", listed)
        with_runs(here, *(run(id, workflow_id=99) for id in range(1200, 1000, -1)))
        for number in range(1, 41):
            here.paged(f"/actions/workflows/{number}/runs", "workflow_runs", [])
        found = facts(here, tmp_path)
        assert sum(path.endswith("/runs") and "workflows" in path for path in here.paths()) == workflows.MAX_HISTORIES
        assert len(found.unread(Part.RUNS)) == 40 - workflows.MAX_HISTORIES
        assert found.unread(Part.RUNS)[0].reason.startswith("older runs of w11: they were not asked for")

    def test_a_history_that_fails_leaves_what_is_known(self, here: Hub, tmp_path: Path) -> None:
        with_runs(here, *(run(id, "failure") for id in range(1100, 900, -1)))
        here.set(HISTORY, {"message": "Server Error"}, status=500)
        with_jobs(here, job("build", "failure", ("pytest", "failure")), id=1100)
        found = facts(here, tmp_path)
        assert found.workflows[0].red_streak == 100
        assert missing(found) == {Part.RUNS: "older runs of tests: GitHub answers 500: Server Error"}


class TestDynamic:
    def test_the_reference_day(self, here: Hub, tmp_path: Path) -> None:
        """Four of the last five runs were red, and not one of them was of the repository."""
        here.paged(
            "/actions/workflows",
            "workflows",
            [
                workflow(1, "tests"),
                workflow(77, "Dependabot Updates", path="dynamic/dependabot/dependabot-updates"),
                workflow(78, "Automatic Dependency Submission", path="dynamic/dependency-graph/auto-submission"),
            ],
        )
        submission = {"path": "dynamic/dependency-graph/auto-submission", "event": "dynamic"}
        with_runs(
            here,
            dependabot(906, "docker in /infrastructure - Update"),
            dependabot(905, "docker in /. - Update"),
            dependabot(904, "github_actions in /. - Update"),
            dependabot(903, "pip in /.worktrees_backup - Update"),
            run(902, workflow_id=78, name="Automatic Dependency Submission", **submission),
            run(901),
        )
        found = facts(here, tmp_path).workflows
        assert [(item.name, item.dynamic, item.red_streak, item.cause) for item in found] == [
            ("tests", False, 0, None),
            ("docker in /infrastructure - Update", True, 1, Cause.DEPENDABOT),
            ("docker in /. - Update", True, 1, Cause.DEPENDABOT),
            ("github_actions in /. - Update", True, 1, Cause.DEPENDABOT),
            ("pip in /.worktrees_backup - Update", True, 1, Cause.DEPENDABOT),
            ("Automatic Dependency Submission", True, 0, None),
        ]
        assert not any("/jobs" in path for path in here.paths())

    def test_a_later_run_of_the_same_update_job_replaces_the_earlier_one(self, here: Hub, tmp_path: Path) -> None:
        listed = [workflow(77, "Dependabot Updates", path="dynamic/dependabot/dependabot-updates")]
        here.paged("/actions/workflows", "workflows", listed)
        with_runs(
            here, dependabot(906, "pip in /.", "success"), dependabot(905, "npm in /."), dependabot(904, "pip in /.")
        )
        found = facts(here, tmp_path).workflows
        assert [(item.name, item.red_streak) for item in found] == [("pip in /.", 0), ("npm in /.", 1)]

    def test_other_jobs_of_github_have_a_cause_of_their_own(self, here: Hub, tmp_path: Path) -> None:
        path = "dynamic/pages/pages-build-deployment"
        here.paged("/actions/workflows", "workflows", [workflow(5, "pages-build-deployment", path=path)])
        with_runs(here, run(901, "failure", workflow_id=5, path=path, event="dynamic"))
        assert only_workflow(here, tmp_path).cause is Cause.DYNAMIC


class TestCauses:
    def test_a_step_of_our_own_failed(self, here: Hub, tmp_path: Path) -> None:
        red(here)
        with_jobs(
            here,
            job("lint", "success", ("ruff", "success"), id=3000),
            job("build", "failure", ("Set up job", "success"), ("pytest", "failure"), ("Complete job", "success")),
        )
        found = only_workflow(here, tmp_path)
        assert (found.cause, found.cause_detail) == (Cause.OWN_CODE, 'step "pytest" of job "build" failed')
        assert found.first_bad_commit == FIRST_BAD

    @pytest.mark.parametrize(
        ("message", "cause"),
        [
            (BILLING, Cause.BILLING),
            ("The job was not started because your account is locked due to a billing issue.", Cause.BILLING),
            (LOST, Cause.RUNNER),
            ("The job was not acquired by Runner of type hosted even after multiple attempts", Cause.RUNNER),
            ("The operation was canceled.", Cause.NOT_KNOWN),
        ],
    )
    def test_a_job_that_never_reached_a_step_tells_it_in_an_annotation(
        self, here: Hub, tmp_path: Path, message: str, cause: Cause
    ) -> None:
        red(here)
        with_jobs(here, job("build"))
        with_annotations(here, "Process completed with exit code 1.", message)
        seen = read(here, tmp_path)
        (found,) = seen.value[0].workflows
        assert found.cause is cause
        if cause is not Cause.NOT_KNOWN:
            assert found.cause_detail == message
        assert found.cause_detail in seen.text

    def test_a_failed_preparation_proves_nothing(self, here: Hub, tmp_path: Path) -> None:
        red(here)
        with_jobs(here, job("build", "failure", ("Set up job", "failure")))
        with_annotations(here)
        found = only_workflow(here, tmp_path)
        assert (found.cause, found.cause_detail) == (
            Cause.NOT_KNOWN,
            'job "build" failed without a failed step of its own',
        )

    def test_a_startup_failure_has_two_possible_causes(self, here: Hub, tmp_path: Path) -> None:
        red(here, "startup_failure")
        with_jobs(here)
        found = only_workflow(here, tmp_path)
        assert found.cause is Cause.NOT_KNOWN
        assert found.cause_detail.startswith("startup_failure: ")

    def test_jobs_that_cannot_be_read_leave_the_cause_open(self, here: Hub, tmp_path: Path) -> None:
        red(here)
        here.set("/actions/runs/905/jobs", {"message": "Server Error"}, status=500)
        found = facts(here, tmp_path)
        assert (found.workflows[0].cause, found.workflows[0].red_streak) == (Cause.NOT_KNOWN, 1)
        assert Part.CAUSE in missing(found)

    def test_annotations_that_cannot_be_read_leave_it_open_too(self, here: Hub, tmp_path: Path) -> None:
        red(here)
        with_jobs(here, job("build"))
        found = facts(here, tmp_path)
        assert found.workflows[0].cause is Cause.NOT_KNOWN
        assert Part.CAUSE in missing(found)

    def test_only_a_few_red_workflows_are_looked_into(self, here: Hub, tmp_path: Path) -> None:
        numbers = range(1, 21)
        here.paged("/actions/workflows", "workflows", [workflow(number, f"w{number}") for number in numbers])
        with_runs(here, *(run(900 + number, "failure", workflow_id=number) for number in numbers))
        for number in numbers:
            with_jobs(here, job("build", "failure", ("pytest", "failure")), id=900 + number)
        causes = [item.cause for item in facts(here, tmp_path).workflows]
        assert causes == [Cause.OWN_CODE] * workflows.MAX_CAUSES + [Cause.NOT_KNOWN] * (20 - workflows.MAX_CAUSES)


class TestQueues:
    def queued(self, here: Hub, minutes: int, **changes: Any) -> datetime:
        since = (datetime.now(UTC) - timedelta(minutes=minutes)).replace(microsecond=0)
        times = {"created_at": since.isoformat(), "run_started_at": since.isoformat()}
        with_runs(here, run(905, None, **{"status": "queued", **times, **changes}), run(904))
        return since

    def test_a_run_that_no_runner_takes(self, here: Hub, tmp_path: Path) -> None:
        since = self.queued(here, 90)
        with_jobs(here, job("build", None, labels=["self-hosted", "gpu"]))
        found = only_workflow(here, tmp_path)
        assert (found.queued_since, found.cause, found.red_streak) == (since, Cause.RUNNER, 0)
        assert found.cause_detail == 'job "build" waits, and no runner has taken it; it wants: self-hosted, gpu'

    def test_one_that_has_just_been_queued_is_not_looked_at(self, here: Hub, tmp_path: Path) -> None:
        self.queued(here, 2)
        found = only_workflow(here, tmp_path)
        assert (found.status, found.queued_since, found.cause) == ("queued", None, None)

    def test_a_job_that_a_runner_has_taken_proves_nothing(self, here: Hub, tmp_path: Path) -> None:
        self.queued(here, 90)
        with_jobs(here, job("build", None), job("lint", None, status="in_progress", runner_id=3))
        assert only_workflow(here, tmp_path).cause is Cause.NOT_KNOWN

    def test_a_run_that_waits_for_an_approval_waits_for_no_runner(self, here: Hub, tmp_path: Path) -> None:
        self.queued(here, 90, status="waiting")
        assert only_workflow(here, tmp_path).queued_since is None


def test_without_the_list_of_workflows_the_runs_still_tell(here: Hub, tmp_path: Path) -> None:
    here.set("/actions/workflows", {"message": "Server Error"}, status=500)
    with_runs(here, run(905, "failure", path=".github/workflows/tests.yml@main"), run(904))
    with_jobs(here, job("build", "failure", ("pytest", "failure")))
    found = facts(here, tmp_path)
    assert [(item.name, item.path, item.state, item.red_streak) for item in found.workflows] == [
        ("tests", ".github/workflows/tests.yml", "not known", 1)
    ]
    assert Part.WORKFLOWS in missing(found)


def test_without_the_runs_no_workflow_is_called_green(here: Hub, tmp_path: Path) -> None:
    here.set("/actions/runs", {"message": "Server Error"}, status=500)
    found = facts(here, tmp_path)
    assert found.workflows[0].decided is False
    assert missing(found) == {Part.RUNS: "GitHub answers 500: Server Error"}


def test_the_same_workflow_twice_is_one(here: Hub, tmp_path: Path) -> None:
    here.routes["/repos/jannek/stack/actions/workflows"] = Reply({"workflows": [workflow(1, "tests")] * 2})
    assert len(facts(here, tmp_path).workflows) == 1
