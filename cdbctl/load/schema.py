"""The packaged schemas, and documents held to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice

from cdbctl.errors import Problem
from cdbctl.load.document import Document
from cdbctl.load.json_schema import Schema, violations

MAX_PROBLEMS = 100


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
    """Whether the data at a place of a document keeps its schema; every difference is appended to ``problems``."""
    found = list(islice(violations(schema, data), MAX_PROBLEMS + 1))
    problems += [document.problem((*at, *each.path), each.message) for each in found[:MAX_PROBLEMS]]
    if len(found) > MAX_PROBLEMS:
        problems.append(document.problem(at, f"has more problems than the {MAX_PROBLEMS} that are listed"))
    return not found
