"""The schema validator of definition files, held to the answers of the ``jsonschema`` library."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdbctl.assess import RULES
from cdbctl.load.json_schema import ANNOTATIONS, KEYWORDS, Schema, violations
from cdbctl.load.schema import packaged_schema

PACKAGED = ("cdbctl", "check", "waivers")


def messages(schema: Schema, data: object) -> list[str]:
    return [violation.message for violation in violations(schema, data)]


class TestMessages:
    @pytest.mark.parametrize(
        ("schema", "data", "message"),
        [
            ({"enum": ["P0", "P1", "P2", "P3"]}, "P9", '"P9" is not one of P0, P1, P2, P3'),
            (
                {"enum": ["http", "application", "dependency"]},
                "aplication",
                '"aplication" is not one of http, application, dependency: did you mean `application`?',
            ),
            ({"type": "boolean"}, "yes", '"yes" is text, not true or false: write true'),
            ({"type": "string"}, 8080, "8080 is a number, not text: put it in quotes"),
            ({"type": "string"}, True, "true is a truth value, not text: put it in quotes"),
            ({"type": "string"}, None, "has no value: expected text"),
            ({"type": "object"}, [1], "is a list, not a mapping"),
            ({"type": ["string", "array"]}, {}, "is a mapping, not text or a list"),
            ({"type": "integer"}, 1.5, "1.5 is a number, not a whole number"),
            ({"type": "string", "writeOnly": True}, 123456, "is a number, not text"),
            ({"const": 1}, 2, "2 is not 1, the only value that is known here"),
            ({"minLength": 1}, "", "must not be empty"),
            ({"minItems": 2}, [1], "has fewer than 2 items"),
            ({"minimum": 0}, -1, "-1 is less than 0"),
            ({"uniqueItems": True}, ["a", "a"], '"a" is in the list twice'),
            (
                {"pattern": "^[a-z]+$", "examples": ["abc", "def"]},
                "1",
                '"1" is not of the right form: write it like abc or def',
            ),
            (
                {"pattern": "^[a-z]+$", "writeOnly": True},
                "S3CRET",
                "the value is not of the right form: it has to match ^[a-z]+$",
            ),
        ],
    )
    def test_a_person_learns_what_to_write(self, schema: Schema, data: object, message: str) -> None:
        assert messages(schema, data) == [message]

    def test_an_unknown_key_comes_with_the_one_that_was_meant(self) -> None:
        schema = {"properties": {"required": {}, "rule": {}}, "additionalProperties": False}
        (violation,) = violations(schema, {"requierd": True})
        assert violation.message == "unknown key `requierd`: did you mean `required`?"
        assert violation.path == ("requierd",)
        assert messages(schema, {"xyz": 1}) == ["unknown key `xyz`; known here: required and rule"]

    def test_a_missing_key_is_named_in_the_path(self) -> None:
        (violation,) = violations({"required": ["owner"]}, {})
        assert (violation.path, violation.message) == (("owner",), "is missing")

    def test_exactly_one_of_two_keys(self) -> None:
        schema = {"oneOf": [{"required": ["fingerprint"]}, {"required": ["check"]}]}
        assert messages(schema, {}) == ["needs exactly one of fingerprint and check"]
        assert messages(schema, {"fingerprint": "a", "check": "b"}) == ["needs exactly one of fingerprint and check"]

    def test_keys_that_belong_together_are_named_together(self) -> None:
        schema = {"oneOf": [{"required": ["metric"]}, {"required": ["table", "column"]}]}
        assert messages(schema, {"table": "a"}) == ["needs exactly one of metric and table with column"]

    def test_of_several_forms_the_one_that_was_meant_is_explained(self) -> None:
        schema = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}]}
        (violation,) = violations(schema, ["a", 5])
        assert violation.path == (1,)
        assert messages(schema, {}) == ["is a mapping, not text or a list"]

    def test_everything_is_told_at_once(self) -> None:
        schema = {
            "type": "object",
            "required": ["a", "b"],
            "properties": {"c": {"type": "string"}},
            "additionalProperties": False,
        }
        assert len(messages(schema, {"c": 1, "d": 2})) == 4

    def test_a_pattern_ends_at_the_end_of_the_text(self) -> None:
        assert messages({"pattern": "^a$"}, "a\n") != []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, -2.0])
    | st.sampled_from(["", "a", "ab", "P0", "x.y", "2026-02-30", "env:A", "name"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c-d"]), inner, max_size=3),
    max_leaves=8,
)

LEAVES: st.SearchStrategy[Schema] = st.one_of(
    st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"]).map(lambda t: {"type": t}),
    st.just({"type": ["string", "null"]}),
    st.lists(VALUES, min_size=1, max_size=3).map(lambda choices: {"enum": choices}),
    VALUES.map(lambda value: {"const": value}),
    st.builds(
        lambda word, limit: {word: limit},
        st.sampled_from(
            ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
             "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
        ),
        st.integers(0, 3),
    ),
    st.sampled_from([{"pattern": "^[a-z.]+$"}, {"uniqueItems": True}, {"required": ["a", "b"]}, {"required": ["a"]}]),
    st.just({"propertyNames": {"pattern": "^[a-z]$"}}),
    st.just({"$ref": "#/$defs/short"}),
    st.booleans(),
)  # fmt: skip


def wider(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2).flatmap(
            lambda properties: st.sampled_from([{}, {"additionalProperties": False}]).map(
                lambda rest: {"properties": properties, **rest}
            )
        ),
        inner.map(lambda schema: {"additionalProperties": schema, "patternProperties": {"^a$": True}}),
        inner.map(lambda schema: {"items": schema}),
        st.builds(
            lambda word, schemas: {word: schemas},
            st.sampled_from(["anyOf", "oneOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda one, other: {"type": "object", "properties": {"a": one}, "items": other}, inner, inner),
    )


SCHEMAS = st.recursive(LEAVES, wider, max_leaves=6).map(
    lambda schema: (
        (schema if isinstance(schema, dict) else {"allOf": [schema]})
        | {"$defs": {"short": {"type": "string", "maxLength": 1}}}
    )
)


@settings(max_examples=300)
@given(SCHEMAS, VALUES)
@example({"type": "integer"}, 1.0)
@example({"type": "integer"}, True)
@example({"type": "number"}, False)
@example({"enum": [1, 0]}, True)
@example({"const": False}, 0)
@example({"const": [1, {"a": True}]}, [1.0, {"a": 1}])
@example({"uniqueItems": True}, [1, True])
@example({"uniqueItems": True}, [{"a": 1, "b": [0]}, {"b": [0.0], "a": 1}])
@example({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1)
def test_the_answer_is_that_of_the_library(schema: Schema, data: object) -> None:
    expected = jsonschema.Draft202012Validator(schema).is_valid(data)
    assert (messages(schema, data) == []) is expected


@pytest.mark.parametrize("name", PACKAGED)
def test_a_packaged_schema_is_a_valid_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(packaged_schema(name))


@pytest.mark.parametrize(
    "schema", [*(packaged_schema(name) for name in PACKAGED), *(rule.params for rule in RULES.values())]
)
def test_no_schema_uses_a_keyword_that_nobody_checks(schema: Schema) -> None:
    assert set(_keywords(schema)) <= KEYWORDS.keys() | ANNOTATIONS
    jsonschema.Draft202012Validator.check_schema(schema)


def _keywords(schema: Any) -> list[str]:
    if not isinstance(schema, dict):
        return []
    inside: list[Any] = []
    for word in ("properties", "patternProperties", "$defs"):
        inside += schema.get(word, {}).values()
    for word in ("anyOf", "oneOf", "allOf"):
        inside += schema.get(word, [])
    inside += [schema[word] for word in ("items", "additionalProperties", "propertyNames") if word in schema]
    return [*schema, *(keyword for each in inside for keyword in _keywords(each))]


def test_an_unknown_keyword_is_never_ignored() -> None:
    with pytest.raises(KeyError):
        messages({"maxContains": 1}, [])
