"""What the ``jsonschema`` library finds, worded for people who write files and know no schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from cdbctl.load.wording import did_you_mean, listed, near, shorten, shown, wrong_type

MAX_FOREIGN = 200
"""Characters of a message that is not ours."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One place at which data differs from its schema."""

    path: tuple[str | int, ...]
    message: str


class Refusal(Protocol):
    """What is read of a ``ValidationError``."""

    validator: str | None
    """The keyword; None for the schema ``false``."""
    validator_value: Any
    instance: Any
    schema: Any
    """The innermost one, which holds the keyword."""
    message: str
    path: Sequence[str | int]
    absolute_path: Sequence[str | int]
    schema_path: Sequence[str | int]
    absolute_schema_path: Sequence[str | int]
    context: Sequence[Refusal]
    """Of ``anyOf`` and ``oneOf``: what each form refuses."""


Wording: TypeAlias = Callable[[Refusal], Iterator[Violation]]


def worded(error: Refusal) -> Iterator[Violation]:
    """Say what one error of the library means; an error that only follows from a wrong type says nothing."""
    if error.validator == "type" or _has_the_type(error):
        yield from WORDED.get(str(error.validator), _other)(error)


def _has_the_type(error: Refusal) -> bool:
    from jsonschema.validators import Draft202012Validator

    is_type = Draft202012Validator.TYPE_CHECKER.is_type
    names = _types(_schema(error).get("type", ()))
    return not names or any(is_type(error.instance, name) for name in names)


def _types(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _schema(error: Refusal) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _is_secret(error: Refusal) -> bool:
    """Whether the schema marks the value as one that must not be repeated."""
    return bool(_schema(error).get("writeOnly"))


def _words(error: Refusal) -> str:
    return "the value" if _is_secret(error) else shown(error.instance)


def _at(error: Refusal, message: str, *step: str) -> Violation:
    path = (*error.absolute_path, *step)
    # What is wrong with a key is said where the key stands.
    return Violation((*path, error.instance) if "propertyNames" in error.absolute_schema_path else path, message)


def _type(error: Refusal) -> Iterator[Violation]:
    yield _at(error, wrong_type(_types(error.validator_value), error.instance, secret=_is_secret(error)))


def _enum(error: Refusal) -> Iterator[Violation]:
    data = error.instance
    choices = [choice if isinstance(choice, str) else shown(choice) for choice in error.validator_value]
    guess = near(data, choices) if isinstance(data, str) and len(data) > 2 else ""
    hint = f": did you mean `{guess}`?" if guess else ""
    yield _at(error, f"{_words(error)} is not one of {', '.join(choices)}{hint}")


def _const(error: Refusal) -> Iterator[Violation]:
    yield _at(error, f"{_words(error)} is not {shown(error.validator_value)}, the only value that is known here")


def _required(error: Refusal) -> Iterator[Violation]:
    # The library reports each missing key, but names it in its message only.
    yield from (_at(error, "is missing", key) for key in error.validator_value if key not in error.instance)


def _additional_properties(error: Refusal) -> Iterator[Violation]:
    known = list(_schema(error).get("properties", ()))
    yield _at(error, did_you_mean(str(error.path[-1]), known, what="key"))


def _unique_items(error: Refusal) -> Iterator[Violation]:
    item = "the value" if _is_secret(error) else shown(error.instance[error.path[-1]])
    yield _at(error, f"{item} is in the list twice")


def _pattern(error: Refusal) -> Iterator[Violation]:
    examples = _schema(error).get("examples")
    form = f"write it like {listed(map(str, examples))}" if examples else f"it has to match {error.validator_value}"
    empty = not error.instance.strip()
    yield _at(error, "must not be empty" if empty else f"{_words(error)} is not of the right form: {form}")


def _one_of(error: Refusal) -> Iterator[Violation]:
    forms = error.validator_value
    if all(isinstance(form, dict) and form.keys() == {"required"} for form in forms):
        choices = (" with ".join(form["required"]) for form in forms)
        yield _at(error, f"needs exactly one of {listed(choices, last='and')}")
    elif error.context:
        yield from _any_of(error)
    else:
        yield _at(error, f"{_words(error)} has more than one of the forms that are known here")


def _any_of(error: Refusal) -> Iterator[Violation]:
    """Of several forms explain the one that was meant: the only one that is for such a value."""
    refusals = [inner for inner in error.context if inner.validator in ("type", "enum", "const") and not inner.path]
    refused = {_form(inner) for inner in refusals}
    meant = [index for index, form in enumerate(error.validator_value) if form is not False and index not in refused]
    if len(meant) == 1:
        for inner in error.context:
            if _form(inner) == meant[0]:
                yield from worded(inner)
    elif refusals and not meant and all(inner.validator == "type" for inner in refusals):
        wanted = list(dict.fromkeys(name for inner in refusals for name in _types(inner.validator_value)))
        yield _at(error, wrong_type(wanted, error.instance, secret=_is_secret(error)))
    else:
        yield _at(error, f"{_words(error)} has none of the forms that are known here")


def _form(inner: Refusal) -> str | int | None:
    """Which form of several refuses the value; nothing names the form ``false``, which refuses each."""
    return inner.schema_path[0] if inner.schema_path else None


def _size(message: str) -> Wording:
    def word(error: Refusal) -> Iterator[Violation]:
        yield _at(error, message.format(error.validator_value) if error.instance else "must not be empty")

    return word


def _bound(message: str) -> Wording:
    def word(error: Refusal) -> Iterator[Violation]:
        yield _at(error, f"{_words(error)} {message.format(error.validator_value)}")

    return word


def _other(error: Refusal) -> Iterator[Violation]:
    """Any other keyword: what the library says, without a secret, shortened and printable."""
    if error.validator is None:  # the schema is `false`
        yield _at(error, "is not allowed here")
    elif _is_secret(error):
        yield _at(error, f"the value does not keep to `{error.validator}` of its schema")
    else:
        message = error.message.replace(repr(error.instance), shown(error.instance), 1)
        yield _at(error, shorten(message, limit=MAX_FOREIGN))


WORDED: dict[str, Wording] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "pattern": _pattern,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "minLength": _size("is shorter than {} characters"),
    "maxLength": _size("is longer than {} characters"),
    "minItems": _size("has fewer than {} items"),
    "maxItems": _size("has more than {} items"),
    "minProperties": _size("has fewer than {} keys"),
    "maxProperties": _size("has more than {} keys"),
    "minimum": _bound("is less than {}"),
    "maximum": _bound("is more than {}"),
    "exclusiveMinimum": _bound("is not more than {}"),
    "exclusiveMaximum": _bound("is not less than {}"),
}
"""By keyword. ``$ref``, ``properties``, ``items`` and the like have no errors of their own."""
