"""PostgreSQL's own grammar: the one thin adapter around libpg_query."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

Node = Mapping[str, Any]
"""The fields of one node of libpg_query's parse tree."""

MAX_SQL_BYTES = 1_000_000
"""The parser answers while nothing else in the process can run: about 0.4 s for this much."""

_STACK_BYTES_PER_SQL_BYTE = 256
"""``a+a+a…`` recurses once per two bytes; measured need: about 80 bytes of stack for each byte of SQL."""

_SMALL_SQL_BYTES = 4_000
"""Cannot overflow the stack of any ordinary thread; a thread for each of 300 small files would cost 0.1 s."""

_STACK = threading.Lock()
_BLANK = re.compile(rb"[\s\v]+|--[^\n]*")
_COMMENT_EDGE = re.compile(rb"/\*|\*/")


class GrammarError(Exception):
    """Text that PostgreSQL would not understand, with the place; lines and columns count from 1."""

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(message if line is None else f"line {line}, column {column}: {message}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text."""

    kind: str
    """Name of its node in the parse tree, e.g. ``CreateStmt``."""
    node: Node
    sql: str
    """From its first word to its last character, without the semicolon and without comments before it."""
    line: int
    """Of its first word, from 1."""


def parse(sql: str) -> tuple[Statement, ...]:
    """Split a text into its statements as PostgreSQL would; raises GrammarError for the first mistake."""
    data = _checked_bytes(sql)
    raw = _on_a_deep_stack(lambda: _raw_statements(sql), len(data))
    return tuple(_statements(data, raw))


def _checked_bytes(sql: str) -> bytes:
    if sql.startswith("\ufeff"):
        raise GrammarError("begins with a byte order mark", line=1, column=1)
    if (at := sql.find("\0")) >= 0:
        raise _error_at(sql, at, "contains a NUL character")
    try:
        data = sql.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _error_at(sql, error.start, "contains half of a surrogate pair") from error
    if len(data) > MAX_SQL_BYTES:
        raise GrammarError(f"longer than {MAX_SQL_BYTES:,} bytes")
    return data


def _raw_statements(sql: str) -> list[Node]:
    import pgparse

    try:
        answer: list[Node] = pgparse.parse(sql)
    except pgparse.PGQueryError as error:
        at = max(0, error.position - 1)  # in characters, unlike the positions inside the tree
        raise _error_at(sql, at, _words_for(sql, at, error.message)) from error
    except RecursionError as error:
        raise GrammarError("nested too deeply to be understood") from error
    return answer


def _words_for(sql: str, at: int, message: str) -> str:
    if not sql.startswith("\\", at):
        return message
    command = sql[at:].split(maxsplit=1)[0]
    return f"{command:.40} is a command of psql, not SQL"


def _statements(data: bytes, raw: list[Node]) -> Iterator[Statement]:
    line, counted = 1, 0
    for item in raw:
        begin = item.get("stmt_location", 0)
        end = begin + (item.get("stmt_len") or len(data) - begin)
        first = _skip_blank(data, begin)
        line += data.count(b"\n", counted, first)
        counted = first
        kind, node = next(iter(item["stmt"].items()))
        yield Statement(kind, node, data[first:end].decode("utf-8").rstrip(), line)


def _skip_blank(data: bytes, at: int) -> int:
    """The place of the first byte that is neither white space nor comment."""
    while True:
        if blank := _BLANK.match(data, at):
            at = blank.end()
        elif data.startswith(b"/*", at):
            at = _end_of_comment(data, at)
        else:
            return at


def _end_of_comment(data: bytes, at: int) -> int:
    """The place behind a ``/* … */`` comment; comments of PostgreSQL may contain comments."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(data, at):
        depth += 1 if edge.group() == b"/*" else -1
        if depth == 0:
            return edge.end()
    return len(data)


def _error_at(sql: str, at: int, message: str) -> GrammarError:
    line = sql.count("\n", 0, at) + 1
    return GrammarError(message, line=line, column=at - (sql.rfind("\n", 0, at) + 1) + 1)


def _on_a_deep_stack(work: Callable[[], T], sql_bytes: int) -> T:
    """Run the parser where hostile nesting cannot overflow the stack and take the process with it."""
    if sql_bytes <= _SMALL_SQL_BYTES:
        return work()
    answers: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as failure:  # noqa: BLE001 - carried to the caller and raised again there
            failures.append(failure)

    with _STACK:
        before = threading.stack_size(_stack_size(sql_bytes))
        try:
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if failures:
        raise failures[0]
    return answers[0]


def _stack_size(sql_bytes: int) -> int:
    pages = 16 + sql_bytes * _STACK_BYTES_PER_SQL_BYTE // 65536
    return pages * 65536
