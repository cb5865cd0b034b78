"""PromQL cut into words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DURATION = r"(?:[0-9]+(?:ms|[smhdwy]))+"
_NUMBER = r"0[xX][0-9a-fA-F]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_STRING = r'"(?:[^"\\\n]|\\[^\n])*"|' + r"'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`"
_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+|\#[^\n]*)"
    rf"|(?P<string>{_STRING})"
    rf"|(?P<duration>{_DURATION})(?![0-9A-Za-z_.])"
    rf"|(?P<number>{_NUMBER})(?![0-9A-Za-z_.])"
    r"|(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)"
    r"|(?P<sign>==|!=|<=|>=|=~|!~|[-+*/%^<>=(){}\[\],@])"
)
_IN_BRACKETS = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*|:")
_ESCAPE = re.compile(r"\\([abfnrtv\\'\"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_SHORT = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


class NotUnderstoodError(ValueError):
    """Text that cdbctl does not read as PromQL. That says nothing about whether Prometheus does."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression."""

    kind: str
    """``string``, ``duration``, ``number``, ``word``, ``sign``, or ``end``."""
    text: str
    """As written; of a string what it stands for."""
    at: int


def tokens(text: str) -> Iterator[Token]:
    """Every word in order, then one ``end``; raises NotUnderstoodError."""
    position = 0
    in_brackets = False
    while position < len(text):
        found = _TOKEN.match(text, position)
        # Inside of [5m:1m] a colon parts two durations; everywhere else it belongs to a name.
        if in_brackets and (found is None or found.lastgroup == "word"):
            word = _IN_BRACKETS.match(text, position)
            found = word or found
        if found is None:
            raise NotUnderstoodError(f"unexpected {text[position]!r} at character {position + 1}")
        kind = found.lastgroup or ("sign" if found[0] == ":" else "word")
        if kind != "blank":
            yield Token(kind, unquoted(found[0]) if kind == "string" else found[0], position)
        in_brackets = found[0] == "[" or (in_brackets and found[0] != "]")
        position = found.end()
    yield Token("end", "", len(text))


def unquoted(written: str) -> str:
    """What a string stands for; raises NotUnderstoodError for an escape that does not exist."""
    inside = written[1:-1]
    return inside if written[0] == "`" or "\\" not in inside else _unescaped(inside)


def _unescaped(inside: str) -> str:
    """Escapes of Go: ``\\x`` and octal ones are bytes, so that several of them make one character of UTF-8."""
    parts: list[bytes] = []
    end = 0
    for found in _ESCAPE.finditer(inside):
        parts += [_bytes(inside[end : found.start()]), _escaped(found[1])]
        end = found.end()
    return b"".join([*parts, _bytes(inside[end:])]).decode("utf-8", "backslashreplace")


def _escaped(code: str) -> bytes:
    if code in _SHORT:
        return _SHORT[code].encode()
    try:
        if code[0] == "x":
            return bytes([int(code[1:], 16)])
        if code[0] in "uU" and len(code) > 1:
            return _bytes(chr(int(code[1:], 16)))
        if len(code) == 3:
            return bytes([int(code, 8)])
    except (ValueError, OverflowError) as error:
        raise NotUnderstoodError(f"the escape \\{code} stands for no character") from error
    raise NotUnderstoodError(f"the escape \\{code} does not exist")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
