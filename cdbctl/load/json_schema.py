"""JSON Schema (2020-12) with messages for people: the keywords that definitions use, one function each.

The schemas are ordinary ones, and tests hold this module to the answers of the ``jsonschema`` library. That library
is not used here because importing it takes longer than reading every definition of a stack, and because its
messages speak of schemas, not of files. A keyword that is not in the table is an error of the schema, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from cdbctl.load.wording import did_you_mean, listed, near, shown, wrong_type

Schema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """One place at which data differs from its schema."""

    path: tuple[str | int, ...]
    message: str


class Spot(NamedTuple):
    """A value beside the schema that it is held to; a tuple, because thousands of them are made."""

    data: Any
    schema: Schema
    root: Schema
    """The whole schema, for references."""
    path: tuple[str | int, ...] = ()

    def inside(self, schema: Any, step: str | int) -> Iterator[Violation]:
        """Hold the value at one step inside to a schema of its own."""
        return differences(Spot(self.data[step], schema, self.root, (*self.path, step)), schema)

    def says(self, message: str, *step: str | int) -> Violation:
        """Say that something is wrong here, or at one step inside."""
        return Violation((*self.path, *step), message)

    @property
    def words(self) -> str:
        """The value for a message; the schema keyword ``writeOnly`` marks what must not be repeated."""
        return "the value" if self.schema.get("writeOnly") else shown(self.data)


Keyword: TypeAlias = Callable[[Any, Spot], Iterator[Violation]]
"""The value of the keyword, and where the data is held to it."""


def violations(schema: Schema, data: object) -> Iterator[Violation]:
    """Everything in which data differs from a schema, with the place of each."""
    return differences(Spot(data, schema, schema), schema)


def differences(spot: Spot, schema: Any) -> Iterator[Violation]:
    """Hold the data of a spot to a schema."""
    if isinstance(schema, bool):
        if not schema:
            yield spot.says("is not allowed here")
        return
    spot = Spot(spot.data, schema, spot.root, spot.path)
    wrong = list(_type(schema["type"], spot)) if "type" in schema else []
    yield from wrong
    if not wrong:  # else whatever more the schema says is about data of another type
        for keyword, value in schema.items():
            if keyword not in ANNOTATIONS:
                yield from KEYWORDS[keyword](value, spot)


def is_type(name: str, data: object) -> bool:
    """Whether data is of a type of JSON; 1.0 is an integer, true is not."""
    if name in ("integer", "number"):
        if isinstance(data, bool) or not isinstance(data, int | float):
            return False
        return name == "number" or isinstance(data, int) or data.is_integer()
    kind: type = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}[name]
    return isinstance(data, kind)


def identical(one: object, other: object) -> bool:
    """Whether two values are the same in JSON: 1 is 1.0, but it is not true."""
    return bool(_hashable(one) == _hashable(other))


def _hashable(value: Any) -> Any:
    match value:
        case bool():
            return ("boolean", value)
        case dict():
            return ("object", frozenset((key, _hashable(item)) for key, item in value.items()))
        case list():
            return ("array", tuple(_hashable(item) for item in value))
        case _:
            return value


def _fits(pattern: str, text: str) -> bool:
    # In JSON Schema `$` is the end of the text; in Python it would also be the place before a last line feed.
    return bool(re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), text))


def _types(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _type(value: Any, spot: Spot) -> Iterator[Violation]:
    if not any(is_type(name, spot.data) for name in _types(value)):
        yield spot.says(wrong_type(_types(value), spot.data, secret=bool(spot.schema.get("writeOnly"))))


def _enum(value: Any, spot: Spot) -> Iterator[Violation]:
    if any(identical(spot.data, choice) for choice in value):
        return
    choices = [choice if isinstance(choice, str) else shown(choice) for choice in value]
    guess = near(spot.data, choices) if isinstance(spot.data, str) and len(spot.data) > 2 else ""
    hint = f": did you mean `{guess}`?" if guess else ""
    yield spot.says(f"{spot.words} is not one of {', '.join(choices)}{hint}")


def _const(value: Any, spot: Spot) -> Iterator[Violation]:
    if not identical(spot.data, value):
        yield spot.says(f"{spot.words} is not {shown(value)}, the only value that is known here")


def _required(value: Any, spot: Spot) -> Iterator[Violation]:
    if isinstance(spot.data, dict):
        yield from (spot.says("is missing", key) for key in value if key not in spot.data)


def _properties(value: Any, spot: Spot) -> Iterator[Violation]:
    if isinstance(spot.data, dict):
        for key, schema in value.items():
            if key in spot.data:
                yield from spot.inside(schema, key)


def _pattern_properties(value: Any, spot: Spot) -> Iterator[Violation]:
    if isinstance(spot.data, dict):
        for pattern, schema in value.items():
            for key in spot.data:
                if _fits(pattern, key):
                    yield from spot.inside(schema, key)


def _additional_properties(value: Any, spot: Spot) -> Iterator[Violation]:
    if not isinstance(spot.data, dict):
        return
    known = spot.schema.get("properties", {})
    patterns = spot.schema.get("patternProperties", {})
    for key in spot.data:
        if key in known or any(_fits(pattern, key) for pattern in patterns):
            continue
        if value is False:
            yield spot.says(did_you_mean(key, list(known), what="key"), key)
        else:
            yield from spot.inside(value, key)


def _property_names(value: Any, spot: Spot) -> Iterator[Violation]:
    if isinstance(spot.data, dict):
        for key in spot.data:
            yield from differences(Spot(key, value, spot.root, (*spot.path, key)), value)


def _items(value: Any, spot: Spot) -> Iterator[Violation]:
    if isinstance(spot.data, list):
        for index in range(len(spot.data)):
            yield from spot.inside(value, index)


def _unique_items(value: Any, spot: Spot) -> Iterator[Violation]:
    if value and isinstance(spot.data, list):
        first: dict[object, int] = {}
        for index, item in enumerate(spot.data):
            earlier = first.setdefault(_hashable(item), index)
            if earlier != index:
                yield spot.says(f"{shown(item)} is in the list twice", index)


def _pattern(value: Any, spot: Spot) -> Iterator[Violation]:
    if not isinstance(spot.data, str) or _fits(value, spot.data):
        return
    examples = spot.schema.get("examples")
    form = f"write it like {listed(map(str, examples))}" if examples else f"it has to match {value}"
    yield spot.says(f"{spot.words} is not of the right form: {form}" if spot.data.strip() else "must not be empty")


def _ref(value: Any, spot: Spot) -> Iterator[Violation]:
    schema: Any = spot.root
    for step in value.removeprefix("#/").split("/"):
        schema = schema[step]
    yield from differences(spot, schema)


def _all_of(value: Any, spot: Spot) -> Iterator[Violation]:
    for schema in value:
        yield from differences(spot, schema)


def _any_of(value: Any, spot: Spot) -> Iterator[Violation]:
    answers = [list(differences(spot, schema)) for schema in value]
    if all(answers):
        yield from _of_the_form_that_was_meant(answers, value, spot)


def _one_of(value: Any, spot: Spot) -> Iterator[Violation]:
    answers = [list(differences(spot, schema)) for schema in value]
    if answers.count([]) == 1:
        return
    if all(isinstance(schema, dict) and schema.keys() == {"required"} for schema in value):
        forms = (" with ".join(schema["required"]) for schema in value)
        yield spot.says(f"needs exactly one of {listed(forms, last='and')}")
    elif all(answers):
        yield from _of_the_form_that_was_meant(answers, value, spot)
    else:
        yield spot.says(f"{spot.words} has more than one of the forms that are known here")


def _of_the_form_that_was_meant(answers: Sequence[list[Violation]], forms: Any, spot: Spot) -> Iterator[Violation]:
    """Of several forms, the one that was meant is the one for this type of data."""
    types = [_types(form.get("type", ())) if isinstance(form, dict) else () for form in forms]
    meant = [
        answer for answer, names in zip(answers, types, strict=True) if any(is_type(name, spot.data) for name in names)
    ]
    if len(meant) == 1:
        yield from meant[0]
    elif all(types) and not meant:
        wanted = list(dict.fromkeys(name for names in types for name in names))
        yield spot.says(wrong_type(wanted, spot.data, secret=bool(spot.schema.get("writeOnly"))))
    else:
        yield spot.says(f"{spot.words} has none of the forms that are known here")


def _size(kind: type[str | list[Any] | dict[str, Any]], fits: Callable[[int, int], bool], message: str) -> Keyword:
    def check(value: Any, spot: Spot) -> Iterator[Violation]:
        if isinstance(spot.data, kind) and not fits(len(spot.data), value):
            yield spot.says(message.format(value) if spot.data else "must not be empty")

    return check


def _bound(fits: Callable[[Any, Any], bool], message: str) -> Keyword:
    def check(value: Any, spot: Spot) -> Iterator[Violation]:
        if is_type("number", spot.data) and not fits(spot.data, value):
            yield spot.says(f"{spot.words} {message.format(value)}")

    return check


KEYWORDS: dict[str, Keyword] = {
    "enum": _enum,
    "const": _const,
    "required": _required,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    "items": _items,
    "uniqueItems": _unique_items,
    "pattern": _pattern,
    "$ref": _ref,
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "minLength": _size(str, int.__ge__, "is shorter than {} characters"),
    "maxLength": _size(str, int.__le__, "is longer than {} characters"),
    "minItems": _size(list, int.__ge__, "has fewer than {} items"),
    "maxItems": _size(list, int.__le__, "has more than {} items"),
    "minProperties": _size(dict, int.__ge__, "has fewer than {} keys"),
    "maxProperties": _size(dict, int.__le__, "has more than {} keys"),
    "minimum": _bound(lambda number, limit: number >= limit, "is less than {}"),
    "maximum": _bound(lambda number, limit: number <= limit, "is more than {}"),
    "exclusiveMinimum": _bound(lambda number, limit: number > limit, "is not more than {}"),
    "exclusiveMaximum": _bound(lambda number, limit: number < limit, "is not less than {}"),
}
ANNOTATIONS = frozenset(
    ("type", "$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples", "writeOnly")
)
"""Keywords that say nothing more about the data; ``type`` is looked at before all others."""
