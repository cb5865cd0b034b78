"""The repository, its branch, and what the branch demands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.client import Api, Listing
from cdbctl.collect.github.limits import Refused
from cdbctl.collect.github.notebook import Notebook
from cdbctl.collect.github.shapes import Record, commit, inner, record, records, words
from cdbctl.model.ci import Part
from cdbctl.settings import GithubSource

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
MAX_PAGES = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where the questions of a run are asked."""

    repository: str
    branch: str

    @property
    def path(self) -> str:
        """What the path of every question begins with."""
        return f"/repos/{self.repository}"

    @property
    def branch_path(self) -> str:
        """The branch as one step of a path: its name may hold slashes."""
        return quote(self.branch, safe="")


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch on GitHub."""

    head: str | None
    protected: bool
    classic: Mapping[str, object] | None
    """The required checks of its branch protection, where GitHub shows them here."""


@dataclass(frozen=True, slots=True)
class Protection:
    """What a commit has to pass on the branch."""

    protected: bool | None
    required: tuple[str, ...] | None


def find_place(api: Api, source: GithubSource) -> Place:
    """The repository under its present name and the branch to look at; raises NoAnswer."""
    about = record(api.get(f"/repos/{source.repository}").data, "repository")
    name, branch = about.get("full_name"), source.branch or about.get("default_branch")
    if not isinstance(name, str) or not _REPOSITORY.fullmatch(name) or not isinstance(branch, str) or not branch:
        raise NoAnswer("GitHub answered for the repository in an unexpected form: no name or no default branch")
    if name.lower() != source.repository.lower():
        api.tally.notes.append(f"cdbctl.yaml says {source.repository}; on GitHub it is called {name}")
    if about.get("archived") is True:
        api.tally.notes.append(f"{name} is archived: nothing runs there any more")
    return Place(name, branch)


def read_branch(api: Api, place: Place) -> Branch:
    """The head of the branch and its protection; raises NoAnswer."""
    answer = record(api.get(f"{place.path}/branches/{place.branch_path}").data, "branch")
    head = commit(inner(answer, "commit"), "sha")
    if head is None or not isinstance(answer.get("protected"), bool):
        raise NoAnswer("GitHub answered for the branch in an unexpected form: no commit or no word of protection")
    checks = inner(answer, "protection").get("required_status_checks")
    return Branch(head, answer["protected"], checks if isinstance(checks, Mapping) else None)


def read_protection(api: Api, place: Place, branch: Branch | None, notebook: Notebook) -> Protection:
    """The required checks of the branch protection and of the newer rulesets together."""
    classic = _classic(api, place, branch, notebook)
    rules = notebook.listed(Part.REQUIRED, lambda: _rules(api, place))
    ruled = tuple(_ruled(rules)) if rules else None
    known = [part for part in (classic, ruled) if part is not None]
    required = tuple(dict.fromkeys(name for part in known for name in part)) if known else None
    if (branch and branch.protected) or (rules and rules.items):
        return Protection(True, required)
    return Protection(False if branch and rules else None, required)


def _rules(api: Api, place: Place) -> Listing:
    return api.listing(f"{place.path}/rules/branches/{place.branch_path}", None, max_pages=MAX_PAGES)


def _ruled(rules: Listing) -> Iterator[str]:
    for rule in rules.items:
        if rule.get("type") == "required_status_checks":
            for check in records(inner(rule, "parameters").get("required_status_checks")):
                if name := words(check, "context"):
                    yield name


def _classic(api: Api, place: Place, branch: Branch | None, notebook: Notebook) -> tuple[str, ...] | None:
    """Those of the branch protection; GitHub shows them with the branch, or only to administrators."""
    if branch is None:
        return None
    if branch.classic is not None:
        return _contexts(branch.classic)
    if not branch.protected:
        return ()
    path = f"{place.path}/branches/{place.branch_path}/protection/required_status_checks"
    try:
        return _contexts(record(api.get(path).data, "required checks"))
    except Refused as refusal:
        # These two are answers; any other 404 may as well mean that the token may not see it.
        if refusal.message in ("Branch not protected", "Required status checks not enabled"):
            return ()
        notebook.miss(Part.REQUIRED, refusal)
    except NoAnswer as problem:
        notebook.miss(Part.REQUIRED, problem)
    return None


def _contexts(answer: Record) -> tuple[str, ...]:
    listed = answer.get("contexts")
    plain = [{"context": item} for item in listed] if isinstance(listed, list) else []
    names = (words(item, "context") for item in (*plain, *records(answer.get("checks"))))
    return tuple(dict.fromkeys(name for name in names if name))
