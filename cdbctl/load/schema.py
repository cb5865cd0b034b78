"""The packaged schemas, and documents held to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice

from cdbctl.errors import Problem
from cdbctl.load.document import Document
from cdbctl.load.json_schema import Schema, violations

MAX_PROBLEMS = 100
"""That are told about one file."""


@cache
def packaged_schema(name: str) -> Schema:
    """Load a schema of this package by its name, e.g. ``check``."""
    import json
    from importlib.resources import files

    text = files("cdbctl").joinpath("schemas", f"{name}.schema.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


def part(schema: Schema, name: str) -> Schema:
    """One of the definitions inside a schema, as a schema of its own."""
    return {"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}


def conforms(
    document: Document,
    schema: Schema,
    *,
    problems: list[Problem],
    data: object,
    at: Sequence[str | int] = (),
) -> bool:
    """Whether the data at a place of a document keeps its schema; the differences are added to ``problems``."""
    found = list(islice(violations(schema, data), MAX_PROBLEMS + 1))
    add_problems(document, (document.problem((*at, *each.path), each.message) for each in found), problems=problems)
    return not found


def add_problems(document: Document, found: Iterable[Problem], *, problems: list[Problem]) -> None:
    """Add what is wrong with a document, but nothing about a place that is told already, and not without end."""
    told = {(problem.line, problem.field) for problem in problems if problem.file == document.file}
    room = MAX_PROBLEMS - count_problems(document, problems)
    if room < 0:
        return
    new = list(islice((each for each in found if (each.line, each.field) not in told), room + 1))
    problems += new[:room]
    if len(new) > room:
        problems.append(document.problem((), f"has more problems than the {MAX_PROBLEMS} that are listed"))


def count_problems(document: Document, problems: Iterable[Problem]) -> int:
    """How many problems are about a document; more than MAX_PROBLEMS when no more are added."""
    return sum(problem.file == document.file for problem in problems)
