"""The Markdown of the report. Foreign text enters it only through ``inline``, ``code`` and ``fence``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cdbctl.render.text import make_visible, one_line

_ACTIVE = re.compile(
    r"[`*~\[\]|$@]"  # code, emphasis, links and images, cells, formulas, mentions
    r"|<(?=[A-Za-z/!?])|&(?=[#\w])"  # HTML and entities
    r"|\\(?=[^\w\s]|$)"  # escapes
    r"|://|www\.|mailto:"  # links that need no brackets
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis; an underscore inside a name is text
    r"|^#+$"  # the end of a heading
)
_EVIDENCE_ID = re.compile(r"E[0-9]{1,6}")
_BLOCK_START = re.compile(r"[#>+=-]+|>.*|\d{1,9}[.)]")


def inline(text: str) -> str:
    """Foreign text as part of a line or a cell. A word that Markdown could take for more than text becomes code."""
    words = one_line(text).strip().split(" ")
    harmless = [code(word) if _ACTIVE.search(word) else word for word in words]
    if _BLOCK_START.fullmatch(words[0]):
        harmless[0] = code(words[0])
    return " ".join(harmless)


def code(text: str) -> str:
    """Foreign text as a code span, also inside a cell: there a bar would end the cell, so it stands outside."""
    return r"\|".join(_span(part) for part in one_line(text).split("|"))


def fence(text: str, language: str = "text") -> list[str]:
    """Foreign lines in a block that nothing in them can close."""
    body = make_visible(text).strip("\n")
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", *body.split("\n"), marks]


def refs(evidence: Iterable[str]) -> str:
    """Evidence ids; four or more in a row are written as a range: ``E100–E108``."""
    rows: list[list[str]] = []
    for identity in dict.fromkeys(evidence):
        if rows and _number(identity) == _number(rows[-1][-1]) + 1 > 0:
            rows[-1].append(identity)
        else:
            rows.append([identity])
    parts = (f"{row[0]}–{row[-1]}" if len(row) > 3 else ", ".join(map(inline, row)) for row in rows)
    return ", ".join(parts)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already; a header that starts with ``>`` aligns its column right."""
    names = [name.lstrip(">") for name in header]
    rule = ["---:" if name.startswith(">") else "---" for name in header]
    return [_row(names), _row(rule), *map(_row, rows)]


def paragraphs(*blocks: Sequence[str]) -> list[str]:
    """Blocks of lines with an empty line between them; empty blocks vanish."""
    lines: list[str] = []
    for block in blocks:
        if block:
            lines += ["", *block] if lines else block
    return lines


def _number(identity: str) -> int:
    return int(identity[1:]) if _EVIDENCE_ID.fullmatch(identity) else -2


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell or " " for cell in cells) + " |"


def _span(text: str) -> str:
    if not text:
        return ""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    marks = "`" * (longest + 1)
    # A renderer takes one space off both ends, and a backtick must not touch the marks.
    pad = " " if text[0] == "`" or text[-1] == "`" or (text.strip(" ") and text[0] == text[-1] == " ") else ""
    return f"{marks}{pad}{text}{pad}{marks}"
