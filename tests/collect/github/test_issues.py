"""Open issues by label; a pull request is none."""

from __future__ import annotations

from pathlib import Path

from cdbctl.collect.github import issues
from cdbctl.model.ci import Issue
from tests.collect.github.hub import Hub, Reply, issue, open_issues, read

ISSUES = "/repos/jannek/stack/issues"


def test_the_open_issues_of_the_reference_day(here: Hub, tmp_path: Path) -> None:
    listed = [
        issue(792, "LR-050 – P5 Canary Execution Checklist", "prio:must"),
        issue(785, "LR-031 – Shadow Metrics Comparison", "prio:must", "LR"),
    ]
    here.paged("/issues", None, listed)
    seen = read(here, tmp_path, labels=("prio:must",))
    found = seen.value[1]
    assert found is not None
    assert [item.number for item in found.issues] == [792, 785]
    assert found.issues[1].labels == ("prio:must", "LR")
    assert (found.incomplete, found.not_read) == ((), ())
    assert "#792 LR-050 – P5 Canary Execution Checklist [prio:must] since 2026-01-20" in seen.text


def test_pull_requests_are_left_out(here: Hub, tmp_path: Path) -> None:
    pull = issue(809, "Merge me", "P0", pull_request={"url": "https://api.github.com/…"})
    here.paged("/issues", None, [pull, issue(762, "Decision Contract", "P0")])
    assert [item.number for item in open_issues(here, tmp_path, "P0").issues] == [762]


def test_each_label_is_asked_for_alone_because_a_list_would_mean_all_of_them(here: Hub, tmp_path: Path) -> None:
    both = {"P0": [issue(1, "one", "P0")], "P1": [issue(2, "two", "P1"), issue(1, "one", "P0", "P1")]}
    here.routes[ISSUES] = lambda query: Reply(both[query["labels"]])
    assert [item.number for item in open_issues(here, tmp_path, "P0", "P1").issues] == [2, 1]


def test_labels_are_whole(here: Hub, tmp_path: Path) -> None:
    here.paged("/issues", None, [issue(1, "a", "P0-later"), issue(2, "b", "xP0"), issue(3, "c", "p0")])
    assert [item.number for item in open_issues(here, tmp_path, "P0").issues] == [3]


def test_every_page_is_read(here: Hub, tmp_path: Path) -> None:
    here.paged("/issues", None, [issue(number, "x", "P0") for number in range(1, 231)])
    found = open_issues(here, tmp_path, "P0")
    assert (len(found.issues), found.incomplete) == (230, ())


def test_more_pages_than_are_read_are_said(here: Hub, tmp_path: Path) -> None:
    here.paged("/issues", None, [issue(number, "x", "P0") for number in range(1, 701)])
    found = open_issues(here, tmp_path, "P0")
    assert (len(found.issues), found.incomplete) == (issues.MAX_PAGES * 100, ("P0",))
    assert found.not_read[0].reason == "not all of them: there are more than 500 of them"


def test_one_label_that_fails_leaves_the_others(here: Hub, tmp_path: Path) -> None:
    good = Reply([issue(1, "one", "P0")])
    here.routes[ISSUES] = lambda query: good if query["labels"] == "P0" else Reply({"message": "Oops"}, 500)
    found = open_issues(here, tmp_path, "P0", "P1")
    assert ([item.number for item in found.issues], found.incomplete) == ([1], ("P1",))
    assert found.not_read[0].reason == "GitHub answers 500: Oops"


def test_a_label_with_a_comma_cannot_be_asked_for(here: Hub, tmp_path: Path) -> None:
    found = open_issues(here, tmp_path, "a,b")
    assert found.incomplete == ("a,b",)
    assert "a comma divides two labels" in found.not_read[0].reason
    assert "/issues" not in here.paths()


def test_the_number_of_labels_is_bounded(here: Hub, tmp_path: Path) -> None:
    labels = [f"l{number}" for number in range(issues.MAX_LABELS + 2)]
    found = open_issues(here, tmp_path, *labels)
    assert found.incomplete == ("l20", "l21")
    assert here.paths().count("/issues") == issues.MAX_LABELS


def test_strange_issues_are_left_out_and_strange_labels_are_read(here: Hub, tmp_path: Path) -> None:
    plain = issue(4, "plain labels") | {"labels": ["P0", 7, None, {"name": None}]}
    odd = [issue(1, "closed", "P0", state="closed"), issue(2, "no date", "P0", created_at="soon"), {"title": "x"}, 5]
    here.paged("/issues", None, [*odd, plain])
    (found,) = open_issues(here, tmp_path, "P0").issues
    assert isinstance(found, Issue)
    assert (found.number, found.labels) == (4, ("P0",))


def test_without_labels_nobody_asks(here: Hub, tmp_path: Path) -> None:
    assert read(here, tmp_path).value[1] is None
    assert "/issues" not in here.paths()


def test_a_title_that_acts_is_shown_as_what_it_is(here: Hub, tmp_path: Path) -> None:
    here.paged("/issues", None, [issue(1, "\x1b[31m\u202e\n#2 forged [P0]" + "x" * 5000, "P0")])
    seen = read(here, tmp_path, labels=("P0",))
    assert seen.text.count("\n#") == 1
    found = seen.value[1]
    assert found is not None
    assert found.issues[0].title.startswith("\\x1b[31m\\u202e\\n#2 forged [P0]")
    assert len(found.issues[0].title) < 400
