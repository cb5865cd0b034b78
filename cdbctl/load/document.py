"""One strict reader for every YAML file that a person writes.

It is stricter than YAML, because these files decide things: what a person sees on the screen is what the
program reads. No duplicate keys, anchors, aliases, tags, merge keys, directives or hidden characters; only
``true`` and ``false`` are booleans; dates stay text.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cdbctl.errors import Problem
from cdbctl.load.wording import field

if TYPE_CHECKING:
    from yaml.events import Event

    from cdbctl.load.yaml_tree import Place

DocumentPath: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 1024 * 1024

# Text needs tab, line feed, and carriage return before a line feed; nothing else below the blank. NEL, U+2028 and a
# lone carriage return hide a line behind a comment on some screens, bidirectional and zero-width characters show
# another text than is read.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]|\r(?!\n)"
)


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one definition file, as plain data that remembers its lines."""

    file: str
    """As shown to people: relative to the root, with forward slashes."""
    data: Any
    """Dicts with text keys, lists, text, numbers, booleans, None."""
    place: Place

    def line(self, path: Sequence[str | int]) -> int:
        """Line of a value (of its key, if it has one), counted from 1; of the nearest one around it if it is absent."""
        place = self.place
        for step in path:
            inner = place.at(step)
            if inner is None:
                break
            place = inner
        return place.line

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        """Say that something is wrong at a place of this document."""
        return Problem(self.file, self.line(path), field(path), message)


def read_document(path: Path, *, file: str, problems: list[Problem], max_bytes: int = MAX_BYTES) -> Document | None:
    """Read one YAML file; what is wrong with it is appended to ``problems``, None means that nothing can be read."""
    raw = _bytes(path, file=file, problems=problems, max_bytes=max_bytes)
    return None if raw is None else parse_document(raw, file=file, problems=problems, max_bytes=max_bytes)


def parse_document(raw: bytes, *, file: str, problems: list[Problem], max_bytes: int = MAX_BYTES) -> Document | None:
    """Turn the bytes of one YAML file into a document; see ``read_document``."""
    text = _decoded(raw, file, problems, max_bytes)
    return None if text is None else _parse(text, file, problems)


def read_text(path: Path, *, file: str, problems: list[Problem], max_bytes: int = MAX_BYTES) -> str | None:
    """Read a text file as strictly as a definition: a small UTF-8 file without hidden characters."""
    raw = _bytes(path, file=file, problems=problems, max_bytes=max_bytes)
    return None if raw is None else _decoded(raw, file, problems, max_bytes)


def _bytes(path: Path, *, file: str, problems: list[Problem], max_bytes: int) -> bytes | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            problems.append(Problem(file, 0, "", "is not a file"))
            return None
        with path.open("rb") as stream:
            return stream.read(max_bytes + 1)
    except FileNotFoundError:
        problems.append(Problem(file, 0, "", "does not exist"))
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problems.append(Problem(file, 0, "", f"cannot be read: {reason}"))
        return None


def _decoded(raw: bytes, file: str, problems: list[Problem], max_bytes: int) -> str | None:
    if len(raw) > max_bytes:
        problems.append(Problem(file, 0, "", f"is larger than {max_bytes // 1024} KiB"))
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.append(Problem(file, line, "", "is not UTF-8 text: save it as UTF-8"))
        return None
    hidden = list(_hidden_characters(text, file))
    problems += hidden
    return None if hidden else text


def _hidden_characters(text: str, file: str) -> Iterator[Problem]:
    for _, match in zip(range(10), _HIDDEN.finditer(text), strict=False):
        line = text.count("\n", 0, match.start()) + 1
        yield Problem(file, line, "", f"holds the hidden character U+{ord(match[0]):04X}: remove it")


def _parse(text: str, file: str, problems: list[Problem]) -> Document | None:
    import yaml

    from cdbctl.load.yaml_tree import TreeBuilder

    builder = TreeBuilder(file, problems, holds_hidden=lambda value: bool(_HIDDEN.search(value)))
    try:
        for event in yaml_events(text):
            if not builder.take(event):
                return None
    except yaml.YAMLError as error:
        problems.append(syntax_problem(error, file))
        return None
    if builder.root is None:
        problems.append(Problem(file, 0, "", "is empty"))
        return None
    return Document(file=file, data=builder.root, place=builder.root_place)


def yaml_events(text: str) -> Iterator[Event]:
    """What a YAML text consists of, one by one; ``yaml.YAMLError`` where it is none."""
    import yaml

    # The parser written in C is ten times as fast; not every installation of PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def syntax_problem(error: Exception, file: str) -> Problem:
    """Say where a text stops being YAML, and why."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
    context = getattr(error, "context", None)
    message = f"is not valid YAML: {what}{f' ({context})' if context else ''}"
    return Problem(file, mark.line + 1 if mark else 0, "", message)
