"""What the branch requires: branch protection and rulesets; what the token may not see is unknown, not free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cdbctl.model.ci import Part
from tests.collect.github.hub import HEAD, Hub, branch, facts, missing

PROTECTION = "/branches/main/protection/required_status_checks"


def rule(*contexts: str) -> dict[str, Any]:
    return {
        "type": "required_status_checks",
        "ruleset_source_type": "Repository",
        "ruleset_source": "jannek/stack",
        "ruleset_id": 42,
        "parameters": {
            "strict_required_status_checks_policy": True,
            "required_status_checks": [{"context": name, "integration_id": 15368} for name in contexts],
        },
    }


def without_summary(here: Hub) -> None:
    """As for a token that may not see the protection with the branch."""
    here.set("/branches/main", {"name": "main", "commit": {"sha": HEAD}, "protected": True})


def test_both_ways_to_require_a_check_count_once(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", branch("build", "lint"))
    here.set("/rules/branches/main", [{"type": "deletion"}, rule("lint", "e2e")])
    found = facts(here, tmp_path)
    assert (found.required_checks, found.protected) == (("build", "lint", "e2e"), True)


def test_a_branch_without_any_rule_is_not_protected(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", branch(protected=False))
    found = facts(here, tmp_path)
    assert (found.required_checks, found.protected, found.not_read) == ((), False, ())


def test_a_ruleset_protects_too(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", branch(protected=False))
    here.set("/rules/branches/main", [{"type": "non_fast_forward"}])
    found = facts(here, tmp_path)
    assert (found.required_checks, found.protected) == ((), True)


def test_where_the_branch_does_not_tell_the_protection_is_asked(here: Hub, tmp_path: Path) -> None:
    without_summary(here)
    here.set(PROTECTION, {"strict": True, "contexts": ["build"], "checks": [{"context": "build", "app_id": 1}]})
    assert facts(here, tmp_path).required_checks == ("build",)


@pytest.mark.parametrize("message", ["Branch not protected", "Required status checks not enabled"])
def test_these_404_are_answers(here: Hub, tmp_path: Path, message: str) -> None:
    without_summary(here)
    here.set(PROTECTION, {"message": message}, status=404)
    found = facts(here, tmp_path)
    assert (found.required_checks, found.not_read) == ((), ())


def test_any_other_404_may_mean_no_permission(here: Hub, tmp_path: Path) -> None:
    without_summary(here)
    found = facts(here, tmp_path)
    assert "or the token may not see it" in missing(found)[Part.REQUIRED]
    assert found.required_checks == ()  # those of the rulesets, which were read
    assert found.protected is True


def test_what_was_read_of_them_is_kept(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", branch("build"))
    message = "Upgrade to GitHub Pro or make this repository public to enable this feature."
    here.set("/rules/branches/main", {"message": message}, status=403)
    found = facts(here, tmp_path)
    assert found.required_checks == ("build",)
    assert missing(found) == {Part.REQUIRED: f"GitHub answers 403: {message[:-1]}"}


def test_when_nothing_of_it_can_be_read_nothing_is_claimed(here: Hub, tmp_path: Path) -> None:
    here.set("/branches/main", {"message": "Server Error"}, status=500)
    here.set("/rules/branches/main", {"message": "Server Error"}, status=500)
    found = facts(here, tmp_path)
    assert (found.required_checks, found.protected) == (None, None)
    assert {Part.BRANCH, Part.REQUIRED} <= set(missing(found))


def test_a_protected_branch_is_protected_even_if_its_rules_are_hidden(here: Hub, tmp_path: Path) -> None:
    here.set("/rules/branches/main", {"message": "Not Found"}, status=404)
    assert facts(here, tmp_path).protected is True
