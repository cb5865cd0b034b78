"""YAML events to plain data and the lines it stands on, without recursion."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from yaml import events

from cdbctl.errors import Problem
from cdbctl.load.wording import field as field_name
from cdbctl.load.wording import shorten

MAX_DEPTH = 40
MAX_VALUES = 100_000
MAX_PROBLEMS = 100

_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


@dataclass(slots=True)
class Place:
    """Where a value stands, and where the values inside it stand."""

    line: int
    inside: dict[str, Place] | list[Place] | None = None

    def at(self, step: str | int) -> Place | None:
        """The place of one value inside, or None."""
        if isinstance(self.inside, dict) and isinstance(step, str):
            return self.inside.get(step)
        if isinstance(self.inside, list) and isinstance(step, int) and 0 <= step < len(self.inside):
            return self.inside[step]
        return None


@dataclass(slots=True)
class _Open:
    """A mapping or a list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    place: Place
    key: str = ""
    """The last key of a mapping."""
    key_line: int = 0
    wants_key: bool = True
    """Whether a mapping waits for a key, not for a value."""


class Unusable(ValueError):
    """A scalar that no definition file may hold; the message is for a person."""


@dataclass(slots=True)
class TreeBuilder:
    """Takes events one by one; afterwards ``root`` and ``root_place`` hold the document."""

    file: str
    problems: list[Problem]
    holds_hidden: Callable[[str], bool]
    root: Any = None
    root_place: Place = field(default_factory=lambda: Place(1))
    _open: list[_Open] = field(default_factory=list)
    _values: int = 0
    _documents: int = 0
    _found: int = 0

    def take(self, event: events.Event) -> bool:
        """Take the next event; False means that reading on makes no sense."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, events.AliasEvent):
            return self._refuse(line, "aliases (*name) are not used here: write the value out")
        if isinstance(event, events.DocumentStartEvent):
            return self._start_document(event, line)
        if isinstance(event, events.MappingEndEvent | events.SequenceEndEvent):
            self._open.pop()
            return True
        if isinstance(event, events.ScalarEvent | events.CollectionStartEvent):
            return self._take_node(event, line)
        return True

    def _start_document(self, event: Any, line: int) -> bool:
        self._documents += 1
        if self._documents > 1:
            return self._refuse(line, "a second document begins here: only one is read")
        if event.version or event.tags:
            return self._refuse(line, "directives (%YAML, %TAG) are not used here")
        return True

    def _take_node(self, event: Any, line: int) -> bool:
        self._values += 1
        if self._values > MAX_VALUES:
            return self._refuse(line, f"holds more than {MAX_VALUES} values")
        if event.anchor is not None:
            self._note(line, "anchors (&name) are not used here: write the value out")
        if event.tag is not None:
            self._note(line, f"tags ({shorten(event.tag)}) are not used here")
        if isinstance(event, events.ScalarEvent):
            return self._take_scalar(event, line)
        if len(self._open) >= MAX_DEPTH:
            return self._refuse(line, f"is nested deeper than {MAX_DEPTH} levels")
        return self._open_container(event, line)

    def _open_container(self, event: Any, line: int) -> bool:
        opened: _Open
        if isinstance(event, events.MappingStartEvent):
            opened = _Open({}, Place(line, {}))
        else:
            opened = _Open([], Place(line, []))
        if self._expects_key():
            return self._refuse(line, "a key must be text, not a mapping or a list")
        self._put(opened.value, opened.place)
        self._open.append(opened)
        return True

    def _take_scalar(self, event: Any, line: int) -> bool:
        if self._expects_key():
            return self._take_key(event.value, plain=event.implicit[0], line=line)
        try:
            value = scalar(event.value, plain=event.implicit[0])
        except Unusable as error:
            self._note(line, str(error))
            value = None
        if isinstance(value, str) and self.holds_hidden(value):
            self._note(line, "holds a hidden character, written as an escape: remove it")
        self._put(value, Place(line))
        return True

    def _take_key(self, text: str, *, plain: bool, line: int) -> bool:
        top = self._open[-1]
        top.key, top.key_line, top.wants_key = text, line, False
        if text == "<<":
            self._note(line, "merge keys (<<) are not used here: write the values out")
        elif plain and not isinstance(_scalar_or_none(text), str):
            self._note(line, "a key must be text: put it in quotes")
        elif self.holds_hidden(text):
            self._note(line, "the key holds a hidden character: remove it")
        elif text in top.value:
            first = top.place.at(text)
            self._note(line, f"duplicate key: it is already on line {first.line if first else 0}")
        return True

    def _expects_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].wants_key

    def _put(self, value: Any, place: Place) -> None:
        if not self._open:
            self.root, self.root_place = value, place
            return
        top = self._open[-1]
        if isinstance(top.value, list) and isinstance(top.place.inside, list):
            top.value.append(value)
            top.place.inside.append(place)
        elif isinstance(top.value, dict) and isinstance(top.place.inside, dict):
            place.line = top.key_line
            top.value.setdefault(top.key, value)
            top.place.inside.setdefault(top.key, place)
            top.wants_key = True

    def _path(self) -> list[str | int]:
        """The steps to the value that is being taken."""
        inner = self._open[-1] if self._open else None
        return [
            top.key if isinstance(top.value, dict) else len(top.value) - (top is not inner)
            for top in self._open
            if not (top is inner and top.wants_key and isinstance(top.value, dict))
        ]

    def _note(self, line: int, message: str) -> None:
        self._found += 1
        if self._found <= MAX_PROBLEMS:
            self.problems.append(Problem(self.file, line, field_name(self._path()), message))

    def _refuse(self, line: int, message: str) -> bool:
        self.problems.append(Problem(self.file, line, field_name(self._path()), message))
        return False


def scalar(text: str, *, plain: bool) -> str | int | float | bool | None:
    """Read a scalar by the core schema of YAML 1.2; quoted ones, dates, ``yes`` and ``on`` are text."""
    if not plain:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= 40 and _WHOLE.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _NOT_FINITE.fullmatch(text):
        raise Unusable(f"{text} is not a number that can be used")
    if _NUMBER.fullmatch(text):
        number = float(text)
        if len(text) > 40 or not math.isfinite(number):
            raise Unusable(f"{shorten(text)} is too large a number: if it is text, put it in quotes")
        return number
    return text


def _scalar_or_none(text: str) -> object:
    try:
        return scalar(text, plain=True)
    except Unusable:
        return None
