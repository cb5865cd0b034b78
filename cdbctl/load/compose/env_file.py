"""``.env`` files, as compose reads them. They hold secrets: no message repeats what stands in one."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping

from cdbctl.load.compose.variables import Unreplaceable, Variables

_BLANK = re.compile(r"\s*(?:#[^\n]*\s*)*")
_KEY = re.compile(r"(?:export[ \t]+)?([A-Za-z0-9_.\[\]-]+)[ \t]*(?:([=:])[ \t]*|(?=\r?\n|\Z))", re.ASCII)
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PLAIN = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?=\r?\n|\Z)")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "$": "$$"}


class BadLine(ValueError):
    """A line that compose cannot read either; ``line`` is counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_env(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a text sets; BadLine for the first line that cannot be read.

    A variable may use those above it; what the environment sets wins.
    """
    found: dict[str, str] = {}
    variables = Variables(ChainMap(dict(environment), found))
    for name, value, expands in _pairs(text):
        found[name] = _expanded(value, variables) if expands else value
    return found


def _expanded(value: str, variables: Variables) -> str:
    try:
        return variables.replace_in(value)[0]
    except Unreplaceable:
        return value  # a password may hold a $ of its own


def _pairs(text: str) -> Iterator[tuple[str, str, bool]]:
    """Name, value, and whether variables in the value are replaced."""
    position = _end(_BLANK, text, 0)
    while position < len(text):
        key = _KEY.match(text, position)
        if key is None:
            raise BadLine(_line(text, position), "is not of the form NAME=value")
        value, expands, position = _value(text, key.end())
        if key[2]:  # a name alone takes its value from the environment
            yield key[1], value, expands
        position = _end(_BLANK, text, position)


def _value(text: str, start: int) -> tuple[str, bool, int]:
    quote = text[start : start + 1]
    if quote not in ("'", '"') or not quote:
        raw = _PLAIN.match(text, start)
        words = raw[0] if raw else ""
        return _COMMENT.sub("", words, count=1).rstrip(), True, start + len(words)
    quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, start)
    if quoted is None:
        raise BadLine(_line(text, start), f"the quote {quote} is not closed")
    rest = _REST.match(text, quoted.end())
    if rest is None:
        raise BadLine(_line(text, quoted.end()), "something stands behind the closing quote")
    if quote == "'":
        return quoted[1], False, rest.end()
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), quoted[1]), True, rest.end()


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
