"""Values of any content for the types of the model, for laws that hold for all of them."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar, Union, get_args, get_origin

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: ANY_TEXT,
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    date: st.dates(),
    datetime: st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    type(None): st.none(),
    object: st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | ANY_TEXT,
}


def any_value(kind: Any, variables: Mapping[Any, Any] | None = None) -> st.SearchStrategy[Any]:
    """Values of a type, by its annotations all the way down."""
    variables = variables or {}
    kind = variables.get(kind, kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in SCALARS:
        return SCALARS[kind]
    if origin in (Union, types.UnionType):
        return st.one_of([any_value(option, variables) for option in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(any_value(arguments[0], variables), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(any_value(item, variables) for item in arguments))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(ANY_TEXT, any_value(arguments[1], variables), max_size=2)
    if is_dataclass(origin or kind):
        return _any_dataclass(origin or kind, [variables.get(item, item) for item in arguments])
    if issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    raise TypeError(kind)


def _any_dataclass(kind: Any, arguments: list[Any]) -> st.SearchStrategy[Any]:
    scope: dict[TypeVar, Any] = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{item.name: any_value(hints[item.name], scope) for item in fields(kind)})
