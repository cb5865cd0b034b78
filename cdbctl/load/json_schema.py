"""Data held to JSON Schema (2020-12) by the ``jsonschema`` library, which is imported when it is first needed.

Three keywords are answered here, because definition files are written by people, and sometimes by nobody's friends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from cdbctl.load.violations import Violation, worded

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Schema: TypeAlias = Mapping[str, Any]


def violations(schema: Schema, data: object) -> Iterator[Violation]:
    """Everything in which data differs from a schema, one by one, always in the same order, nothing twice."""
    told: set[Violation] = set()
    for error in _validator_class()(schema).iter_errors(data):
        for violation in worded(error):
            if violation not in told:
                told.add(violation)
                yield violation


@cache
def _validator_class() -> Any:
    from jsonschema.validators import Draft202012Validator, extend

    own = {"additionalProperties": _additional_properties, "pattern": _pattern, "uniqueItems": _unique_items}
    return extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]  # its stub has no types


def _additional_properties(validator: Any, value: Any, data: Any, schema: Schema) -> Iterator[ValidationError]:
    # The library goes through a set of keys: in another order each time, and with one message for all of them.
    from jsonschema.exceptions import ValidationError

    if not validator.is_type(data, "object"):
        return
    for key in data:
        if key in schema.get("properties", ()) or any(_fits(each, key) for each in schema.get("patternProperties", ())):
            continue
        if value is False:
            yield ValidationError("is not allowed here", path=[key])
        else:
            yield from validator.descend(data[key], value, path=key)


def _pattern(validator: Any, value: str, data: Any, schema: Schema) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(data, "string") and not _fits(value, data):
        yield ValidationError("is not of the right form")


def _fits(pattern: str, text: str) -> bool:
    # In JSON Schema `$` is the end of the text; in Python it would also be the place before a last line feed.
    return bool(re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), text))


def _unique_items(validator: Any, value: bool, data: Any, schema: Schema) -> Iterator[ValidationError]:
    # The library compares each item of a mixed list with each other: a large file would keep it busy for hours.
    from jsonschema.exceptions import ValidationError

    if not (value and validator.is_type(data, "array")):
        return
    first: dict[object, int] = {}
    for index, item in enumerate(data):
        if first.setdefault(_hashable(item), index) != index:
            yield ValidationError("is in the list twice", path=[index])


def _hashable(value: Any) -> Any:
    match value:
        case bool():  # in JSON 1 is 1.0, but it is not true
            return ("boolean", value)
        case dict():
            return ("object", frozenset((key, _hashable(item)) for key, item in value.items()))
        case list():
            return ("array", tuple(_hashable(item) for item in value))
        case _:
            return value
