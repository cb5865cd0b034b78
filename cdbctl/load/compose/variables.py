"""``${VARIABLE}`` in compose files and ``.env`` files, as compose replaces them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cdbctl.load.wording import shorten

MAX_DEPTH = 20
"""Of defaults inside of defaults."""
MAX_LENGTH = 64 * 1024
"""Characters of one text after its variables are replaced."""
MAX_TOTAL = 8 * 1024 * 1024
"""Characters of all texts together."""

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)
_OPERATOR = re.compile(r":?[-?+]")


class Unreplaceable(ValueError):
    """A text whose variables cannot be replaced. The message holds no value of a variable."""


@dataclass(slots=True, eq=False)
class Variables:
    """What the variables of one project are worth."""

    values: Mapping[str, str]
    room: int = MAX_TOTAL

    def replace_in(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Return the text with its variables replaced, and which of them have no value; Unreplaceable."""
        if "$" not in text:
            return text, ()
        replacing = _Replacing(self.values.get)
        replaced = replacing.run(text, 0)
        self.room -= len(replaced)
        if self.room < 0:
            raise Unreplaceable("variables make the text of this project too long")
        return replaced, tuple(dict.fromkeys(replacing.unset))


@dataclass(slots=True)
class _Replacing:
    """One text."""

    lookup: Callable[[str], str | None]
    unset: list[str] = field(default_factory=list)

    def run(self, text: str, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Unreplaceable(f"variables are nested deeper than {MAX_DEPTH} levels")
        parts: list[str] = []
        length = position = 0
        while position < len(text):
            dollar = text.find("$", position)
            end = len(text) if dollar < 0 else dollar
            parts.append(text[position:end])
            position = end
            if dollar >= 0:
                value, position = self._variable(text, dollar + 1, depth)
                parts.append(value)
                length += len(value)
                if length > MAX_LENGTH:
                    raise Unreplaceable(f"is longer than {MAX_LENGTH // 1024} KiB when its variables are replaced")
        return "".join(parts)

    def _variable(self, text: str, start: int, depth: int) -> tuple[str, int]:
        """The value of what begins behind a dollar sign, and where the text goes on."""
        if text.startswith("$", start):
            return "$", start + 1
        if text.startswith("{", start):
            end = _closing(text, start)
            return self._braced(text[start + 1 : end], depth), end + 1
        if name := _NAME.match(text, start):
            return self._plain(name[0]), name.end()
        raise Unreplaceable("a $ is followed by no name: write $$ for a dollar sign")

    def _plain(self, name: str) -> str:
        value = self.lookup(name)
        if value is None:
            self.unset.append(name)
        return value or ""

    def _braced(self, inside: str, depth: int) -> str:
        name = _NAME.match(inside)
        if name is None:
            raise Unreplaceable("${ is followed by no name: write $$ for a dollar sign")
        rest = inside[name.end() :]
        operator = _OPERATOR.match(rest)
        if not rest:
            return self._plain(name[0])
        if operator is None:
            raise Unreplaceable(f"${{{name[0]}…}} has none of the forms :- - :? ? :+ + behind its name")
        return self._operate(name[0], operator[0], rest[operator.end() :], depth)

    def _operate(self, name: str, operator: str, argument: str, depth: int) -> str:
        value = self.lookup(name)
        counts = bool(value) if operator.startswith(":") else value is not None
        match operator[-1]:
            case "+":
                return self.run(argument, depth + 1) if counts else ""
            case "-":
                return (value or "") if counts else self.run(argument, depth + 1)
            case _:
                if counts:
                    return value or ""
                what = "must have a value" if operator.startswith(":") else "must be set"
                raise Unreplaceable(f"the variable {name} {what}" + (f": {shorten(argument)}" if argument else ""))


def _closing(text: str, opening: int) -> int:
    """Where the brace is closed that is opened at a place."""
    depth = 0
    for position in range(opening, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    raise Unreplaceable("a ${ is not closed: write $$ for a dollar sign")
