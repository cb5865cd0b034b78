"""``governance/waivers.yaml``: what is knowingly accepted for a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from cdbctl.errors import DefinitionError, Problem
from cdbctl.load.document import Document, read_document
from cdbctl.load.schema import add_problems, conforms, packaged_schema
from cdbctl.load.wording import did_you_mean, shown
from cdbctl.model.check import Waiver

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def load_waivers(
    path: Path, *, shown_path: str | None = None, checks: Sequence[str] | None = None
) -> tuple[Waiver, ...]:
    """Read the waivers; a file that does not exist waives nothing. DefinitionError with every problem at once.

    ``checks`` are the ids of the declared checks: a waiver for another one would accept nothing and say nothing.
    None while nobody can tell them.
    """
    if _is_missing(path):
        return ()
    problems: list[Problem] = []
    file = shown_path if shown_path is not None else f"{path.parent.name}/{path.name}"
    document = read_document(path, file=file, problems=problems)
    if document is not None:
        conforms(document, packaged_schema("waivers"), problems=problems, data=document.data)
        add_problems(document, _impossible_days(document), problems=problems)
        if checks is not None:
            add_problems(document, _unknown_checks(document, checks), problems=problems)
    if document is None or problems:
        raise DefinitionError(problems)
    return tuple(_waiver(document, index, data) for index, data in enumerate(document.data["waivers"]))


def _is_missing(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _unknown_checks(document: Document, checks: Sequence[str]) -> Iterator[Problem]:
    for index, data in _entries(document):
        check = data.get("check")
        if isinstance(check, str) and check not in checks:
            yield document.problem(("waivers", index, "check"), did_you_mean(check, checks, what="check"))


def _entries(document: Document) -> Iterator[tuple[int, dict[str, Any]]]:
    waivers = document.data.get("waivers") if isinstance(document.data, dict) else None
    for index, data in enumerate(waivers if isinstance(waivers, list) else ()):
        if isinstance(data, dict):
            yield index, data


def _impossible_days(document: Document) -> Iterator[Problem]:
    for index, data in _entries(document):
        until = data.get("until")
        if isinstance(until, str) and _DAY.fullmatch(until) and _day(until) is None:
            yield document.problem(("waivers", index, "until"), f"{shown(until)} is not a day of the calendar")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _waiver(document: Document, index: int, data: dict[str, Any]) -> Waiver:
    return Waiver(
        fingerprint=data.get("fingerprint"),
        check=data.get("check"),
        owner=data["owner"].strip(),
        reason=data["reason"].strip(),
        until=date.fromisoformat(data["until"]),
        file=document.file,
        line=document.line(("waivers", index)),
    )
