"""Values of the model to plain JSON data and back, by their type annotations."""

from __future__ import annotations

import math
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin

T = TypeVar("T")

LARGEST = sys.float_info.max
"""A larger whole number of a file could not be divided."""


class CodecError(ValueError):
    """Data that is not of the expected type; the message starts with the path to the place."""


def encode(value: object) -> Any:
    """Turn a value of the model into dicts, lists, text, numbers, bools and None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return _name_of(value)
    return value


def decode(kind: type[T], data: object) -> T:
    """Rebuild a value of ``kind``. Unknown keys are ignored, missing or wrong ones raise CodecError.

    A missing field that has a default takes it: an older version, which did not know the field, wrote the data.
    """
    return cast(T, _decode(kind, data, kind.__name__, {}))


def _name_of(value: float) -> str:
    # JSON has no such numbers, and a scraped metric may well be one.
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decode(kind: Any, data: Any, path: str, variables: Mapping[Any, Any]) -> Any:
    if isinstance(kind, TypeVar):
        kind = variables.get(kind, object)
    origin = get_origin(kind)
    if kind is object or kind is Any:
        return tuple(data) if isinstance(data, list) else data
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(kind), data, path, variables)
    if origin is tuple:
        _expect(isinstance(data, list), path, "a list", data)
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_decode(inner[0], item, f"{path}[{i}]", variables) for i, item in enumerate(data))
        _expect(len(data) == len(inner), path, f"{len(inner)} items", data)
        return tuple(_decode(k, v, path, variables) for k, v in zip(inner, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        _expect(isinstance(data, dict), path, "an object", data)
        item_kind = get_args(kind)[1]
        return {key: _decode(item_kind, item, f"{path}.{key}", variables) for key, item in data.items()}
    if is_dataclass(origin or kind):
        return _decode_dataclass(origin or kind, get_args(kind), data, path, variables)
    return _decode_scalar(kind, data, path)


def _decode_union(options: tuple[Any, ...], data: Any, path: str, variables: Mapping[Any, Any]) -> Any:
    if data is None and type(None) in options:
        return None
    candidates = [option for option in options if option is not type(None)]
    if isinstance(data, dict) and len(candidates) > 1:
        # A reading is told by its fields: only an answer has a value, only a failure has a reason.
        candidates = [
            option
            for option in candidates
            if {field.name for field in fields(get_origin(option) or option) if not _has_default(field)} <= data.keys()
        ]
    failure = CodecError(f"{path}: no variant fits")
    for option in candidates:
        try:
            return _decode(option, data, path, variables)
        except CodecError as error:
            failure = error
    raise failure


def _decode_dataclass(kind: Any, arguments: tuple[Any, ...], data: Any, path: str, variables: Mapping[Any, Any]) -> Any:
    _expect(isinstance(data, dict), path, "an object", data)
    resolved = [variables.get(argument, argument) for argument in arguments]
    scope = dict(zip(getattr(kind, "__parameters__", ()), resolved, strict=False))
    hints = _hints(kind)
    values = {}
    for field in fields(kind):
        if field.name not in data and _has_default(field):
            continue
        _expect(field.name in data, f"{path}.{field.name}", "a value", None)
        values[field.name] = _decode(hints[field.name], data[field.name], f"{path}.{field.name}", scope)
    return kind(**values)


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _decode_scalar(kind: Any, data: Any, path: str) -> Any:
    if kind is datetime:
        return _parse(_aware, data, path, "a time with its offset from UTC")
    if kind is date:
        return _parse(date.fromisoformat, data, path, "a date")
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _parse(kind, data, path, kind.__name__)
    if kind is float:
        if data in ("NaN", "Infinity", "-Infinity"):
            return float(data)
        _expect(isinstance(data, int | float) and not isinstance(data, bool), path, "a number", data)
        _expect(abs(data) <= LARGEST, path, "a number of a size that can be", data)
        return float(data)
    if kind is int:
        _expect(isinstance(data, int) and not isinstance(data, bool), path, "a whole number", data)
        _expect(abs(data) <= LARGEST, path, "a whole number that can be divided", data)
        return data
    _expect(isinstance(data, kind), path, kind.__name__, data)
    return data


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without an offset means nothing elsewhere")
    return at.astimezone(UTC)


def _parse(parser: Any, data: Any, path: str, wanted: str) -> Any:
    _expect(isinstance(data, str), path, wanted, data)
    try:
        return parser(data)
    except (ValueError, OverflowError) as error:
        raise CodecError(f"{path}: expected {wanted}, found {data!r:.60}") from error


def _expect(condition: bool, path: str, wanted: str, data: object) -> None:
    if not condition:
        raise CodecError(f"{path}: expected {wanted}, found {data!r:.60}")
