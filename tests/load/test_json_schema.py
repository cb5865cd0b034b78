"""Data held to JSON Schema, and what people are told about it."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import islice
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cdbctl.assess import RULES
from cdbctl.load.json_schema import Schema, violations
from cdbctl.load.schema import packaged_schema
from cdbctl.load.violations import WORDED

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

    def test_of_forms_for_the_same_kind_of_value_none_is_guessed(self) -> None:
        forms = [{"type": "string", "maxLength": 1}, {"type": "string", "minLength": 3}]
        assert messages({"anyOf": forms}, "ab") == ['"ab" has none of the forms that are known here']
        assert messages({"oneOf": [{"type": "string"}, {"minLength": 1}]}, "ab") == [
            '"ab" has more than one of the forms that are known here'
        ]

    def test_a_wrong_key_is_told_at_the_key(self) -> None:
        schema = {"properties": {"a": {"propertyNames": {"pattern": "^[a-z]+$", "examples": ["word"]}}}}
        (violation,) = violations(schema, {"a": {"x": 1, "A1": 1}})
        assert violation.path == ("a", "A1")
        assert violation.message == '"A1" is not of the right form: write it like word'

    def test_a_pattern_ends_at_the_end_of_the_text(self) -> None:
        assert messages({"pattern": "^a$"}, "a\n") != []

    def test_one_is_not_true_in_a_list_without_doubles(self) -> None:
        (violation,) = violations(
            {"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1, "b": 2}, {"b": 2, "a": 1.0}]
        )
        assert (violation.path, violation.message) == ((6,), "a mapping is in the list twice")


class TestOneMistake:
    @pytest.mark.parametrize(
        ("schema", "data", "message"),
        [
            (
                {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
                "x",
                '"x" is text, not a mapping',
            ),
            ({"enum": ["a", "b"], "type": "string"}, 5, "5 is a number, not text: put it in quotes"),
            ({"$ref": "#/$defs/a", "type": "string", "$defs": {"a": {"type": "string"}}}, [], "is a list, not text"),
            ({"type": "string", "minLength": 1, "pattern": "\\S"}, "", "must not be empty"),
            ({"allOf": [{"required": ["a"]}, {"required": ["a"]}]}, {}, "is missing"),
        ],
    )
    def test_is_told_once(self, schema: Schema, data: object, message: str) -> None:
        assert messages(schema, data) == [message]

    def test_of_a_keyword_without_words_of_ours_is_told_in_those_of_the_library(self) -> None:
        assert messages({"multipleOf": 2}, 5) == ["5 is not a multiple of 2"]
        assert messages({"properties": {"a": False}}, {"a": "\x1b[2J" * 99}) == ["is not allowed here"]
        (message,) = messages({"not": {"type": "string"}}, "\x1b[2J" * 99)
        assert message.isprintable()
        assert len(message) <= 200

    @pytest.mark.parametrize("schema", [{"not": {"type": "string"}}, {"pattern": "x"}, {"enum": ["a"]}, {"const": 1}])
    def test_of_a_secret_does_not_repeat_it(self, schema: Schema) -> None:
        (message,) = messages({**schema, "writeOnly": True}, "hunter2")
        assert message.startswith("the value ")
        assert "hunter2" not in message
        assert messages({"uniqueItems": True, "writeOnly": True}, ["a", "a"]) == ["the value is in the list twice"]


class TestLargeData:
    MANY = 100_000

    @pytest.mark.parametrize(
        ("schema", "data"),
        [
            ({"items": {"type": "string"}}, [1] * MANY),
            ({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"enum": ["a"]}}}, ["b"] * MANY),
            ({"uniqueItems": True}, ["a"] * MANY),
            ({"additionalProperties": False, "properties": {"a": {}}}, dict.fromkeys(map(str, range(MANY)), 1)),
            ({"additionalProperties": {"type": "string"}}, dict.fromkeys(map(str, range(MANY)), 1)),
            ({"propertyNames": {"pattern": "^[a-z]+$"}}, dict.fromkeys(map(str, range(MANY)), 1)),
        ],
    )
    def test_is_looked_at_only_as_far_as_it_is_told(self, schema: Schema, data: object) -> None:
        started = time.monotonic()
        assert len(list(islice(violations(schema, data), 101))) == 101
        assert time.monotonic() - started < 2

    def test_of_mixed_kinds_is_searched_for_doubles_in_one_pass(self) -> None:
        started = time.monotonic()
        assert messages({"uniqueItems": True}, [*map(str, range(self.MANY)), 1, 2.5, None, [1], {"a": 1}]) == []
        assert time.monotonic() - started < 2


def test_keys_are_told_in_the_order_of_the_file() -> None:
    data = {f"k{number}": number for number in range(100)}
    for extra in (False, {"type": "string"}):
        assert [each.path for each in violations({"additionalProperties": extra}, data)] == [(key,) for key in data]


def test_the_library_is_imported_only_to_look_at_data() -> None:
    code = "import sys, cdbctl.settings; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
@example({"enum": [1, 0]}, True)
@example({"uniqueItems": True}, [1, True])
@example({"uniqueItems": True}, [{"a": 1, "b": [0]}, {"b": [0.0], "a": 1}])
@example({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1)
@example({"anyOf": [False]}, 1)
@example({"anyOf": [False, {"type": "string"}]}, 1)
def test_whatever_is_wrong_is_told_and_nothing_else(schema: Schema, data: object) -> None:
    told = messages(schema, data)
    assert (told == []) is Draft202012Validator(schema).is_valid(data)
    assert all(message and message.isprintable() for message in told)


SCHEMAS_IN_USE = [*(packaged_schema(name) for name in PACKAGED), *(rule.params for rule in RULES.values())]
LEADING_INSIDE = {"$ref", "allOf", "properties", "patternProperties", "propertyNames", "items"}
"""Keywords whose errors are those of the schemas inside."""
ANNOTATIONS = {"$schema", "$defs", "title", "description", "default", "examples", "writeOnly"}


@pytest.mark.parametrize("schema", SCHEMAS_IN_USE)
def test_a_schema_is_valid_and_every_keyword_has_its_words(schema: Schema) -> None:
    Draft202012Validator.check_schema(schema)
    assert set(_keywords(schema)) <= WORDED.keys() | LEADING_INSIDE | ANNOTATIONS


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
