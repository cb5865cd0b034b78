"""Facts about the continuous integration and the issues of a repository on GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Part(StrEnum):
    """What is asked of GitHub, part by part; each can fail by itself."""

    BRANCH = "branch"
    CHECK_RUNS = "check-runs"
    STATUSES = "commit statuses"
    REQUIRED = "required checks"
    WORKFLOWS = "workflows"
    RUNS = "workflow runs"
    CAUSE = "causes"
    ISSUES = "issues"


class Cause(StrEnum):
    """Why a workflow is red, as far as GitHub's own words prove it."""

    OWN_CODE = "own code"
    DEPENDABOT = "dependabot"
    DYNAMIC = "a job that GitHub itself made"
    BILLING = "billing or account"
    RUNNER = "runner offline"
    NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Unread:
    """A part that could not be read. It is unknown, not fine."""

    part: Part
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One check of a commit: a check-run, or a commit status of the older kind."""

    name: str
    app: str
    """Who reported it; ``commit status`` for the older kind."""
    status: str
    """``queued``, ``in_progress``, ``completed`` …"""
    conclusion: str | None
    """``success``, ``failure`` …; None while it is not completed."""
    url: str
    dynamic: bool = False
    """Whether it belongs to a run that GitHub itself made (Dependabot and the like), not the repository."""


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    """One workflow and its newest runs on the branch. Each update job of Dependabot counts as a workflow."""

    name: str
    path: str
    state: str
    """``active``, ``disabled_manually``, ``disabled_inactivity`` …; ``not known`` when only runs could be read."""
    dynamic: bool
    """Whether GitHub itself made it (Dependabot and the like), not the repository."""
    status: str | None
    """Of the newest run; None when it never ran there."""
    conclusion: str | None
    run_at: datetime | None
    url: str
    decided: bool
    """Whether any finished run was green or red; cancelled and skipped ones say nothing."""
    red_streak: int
    """Red runs in a row, newest first; cancelled and skipped ones neither count nor end it."""
    red_streak_complete: bool
    """Whether the run before them was seen or does not exist; otherwise the streak may be longer."""
    red_since: datetime | None
    """When the oldest run of the streak was made."""
    first_bad_commit: str | None
    """Commit of the oldest run of the streak."""
    queued_since: datetime | None
    """Since when the newest run waits for a runner; None when it does not."""
    cause: Cause | None
    """None while nothing is wrong."""
    cause_detail: str
    """The words that the cause was read from."""


@dataclass(frozen=True, slots=True)
class CiFacts:
    """The CI of one repository."""

    repository: str
    """As GitHub calls it now: a renamed one has another name than the one that was asked for."""
    branch: str
    head: str | None
    """Commit that the check-runs belong to; None when no commit could be found."""
    head_is_pushed: bool | None
    """Whether GitHub knows the local HEAD; if not, the head of the branch there is shown. None: not known."""
    check_runs: tuple[CheckRun, ...]
    """The newest of each name."""
    workflows: tuple[WorkflowFacts, ...]
    protected: bool | None
    """Whether any rule protects the branch; None when the token may not see it."""
    required_checks: tuple[str, ...] | None
    """As far as they could be read; None when nothing of it could. ``not_read`` says what is missing."""
    server_at: datetime | None
    """From the ``Date`` header, the middle of the second that it names: an independent clock."""
    host_at: datetime
    """The clock of this machine at that moment."""
    clock_doubt_seconds: float
    """Half a second for the rounding of the header, and half of the round trip."""
    requests: int
    not_modified: int
    """Requests that the cache answered (304)."""
    rate_limit_left: int | None
    not_read: tuple[Unread, ...]

    def unread(self, *parts: Part) -> tuple[Unread, ...]:
        """What could not be read of these parts."""
        return tuple(item for item in self.not_read if item.part in parts)


@dataclass(frozen=True, slots=True)
class Issue:
    """One open issue; pull requests are none."""

    number: int
    title: str
    labels: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class IssueFacts:
    """The open issues that carry a declared label."""

    repository: str
    labels: tuple[str, ...]
    """Those that were asked for."""
    issues: tuple[Issue, ...]
    """Newest first."""
    incomplete: tuple[str, ...]
    """Labels of which not every issue was read."""
    not_read: tuple[Unread, ...]
    """Why."""
