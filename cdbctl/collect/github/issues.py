"""The open issues that carry a declared label; GitHub lists pull requests among them."""

from __future__ import annotations

from collections.abc import Sequence

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.client import Api, Listing
from cdbctl.collect.github.notebook import Notebook
from cdbctl.collect.github.place import Place
from cdbctl.collect.github.shapes import Record, address, moment, whole, words
from cdbctl.model.ci import Issue, IssueFacts, Part

MAX_PAGES = 5
MAX_LABELS = 20


def read_issues(api: Api, place: Place, labels: Sequence[str]) -> IssueFacts:
    """One question for each label: a list of labels would mean issues that carry them all."""
    notebook, found = Notebook(), dict[int, Issue]()
    incomplete = []
    for index, label in enumerate(labels):
        listing = _listing(api, place, label, index, notebook)
        if listing is None or not listing.complete:
            incomplete.append(label)
        for item in listing.items if listing else ():
            issue = _issue(item)
            if issue and carries(issue.labels, label):
                found[issue.number] = issue
    newest_first = tuple(sorted(found.values(), key=lambda issue: issue.number, reverse=True))
    return IssueFacts(place.repository, tuple(labels), newest_first, tuple(incomplete), tuple(notebook.unread))


def carries(labels: Sequence[str], label: str) -> bool:
    """Whether a label is among them: whole, in upper or lower case, as on GitHub."""
    return label.casefold() in (item.casefold() for item in labels)


def _listing(api: Api, place: Place, label: str, index: int, notebook: Notebook) -> Listing | None:
    problem = None
    if "," in label:
        problem = f"GitHub cannot be asked for the label {label!r}: to it a comma divides two labels"
    elif index >= MAX_LABELS:
        problem = f"{label!r} was not asked for: {MAX_LABELS} labels are enough for one run"
    if problem:
        notebook.miss(Part.ISSUES, NoAnswer(problem, remedy="change github.labels in cdbctl.yaml"))
        return None
    path = f"{place.path}/issues"
    return notebook.listed(
        Part.ISSUES, lambda: api.listing(path, None, max_pages=MAX_PAGES, state="open", labels=label)
    )


def _issue(item: Record) -> Issue | None:
    """An open issue; None for a pull request and for what has no number or no date."""
    number, created_at = whole(item, "number"), moment(item, "created_at")
    if "pull_request" in item or number is None or created_at is None or item.get("state") not in ("open", None):
        return None
    return Issue(
        number=number,
        title=words(item, "title"),
        labels=_labels(item.get("labels")),
        created_at=created_at,
        updated_at=moment(item, "updated_at") or created_at,
        url=address(item, "html_url"),
    )


def _labels(value: object) -> tuple[str, ...]:
    """Their names; the API knows labels as objects and as plain text."""
    items = value if isinstance(value, list) else []
    names = (words(item if isinstance(item, dict) else {"name": item}, "name") for item in items)
    return tuple(name for name in names if name)
