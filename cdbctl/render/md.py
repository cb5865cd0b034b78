"""The Markdown of the report. Foreign text enters it only through ``inline``, ``code`` and ``fence``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

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
_ORDER = re.compile(
    r"(?<!`)`[^`| ][^`|]*`(?!`)"
    r"|\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH) [^;`|]+;"
    r"|(?<=: )cdbctl [^`|]+$"
)
_BLOCK_START = re.compile(r"[#>+=-]+|>.*|\d{1,9}[.)]")


def inline(text: str) -> str:
    """Foreign text as part of a line or a cell. A word that Markdown could take for more than text becomes code."""
    words = one_line(text).strip().split(" ")
    active = [bool(_ACTIVE.search(word)) for word in words]
    active[0] = active[0] or bool(_BLOCK_START.fullmatch(words[0]))
    runs = groupby(zip(active, words, strict=True), key=itemgetter(0))
    return " ".join(_run(" ".join(word for _, word in run), is_active) for is_active, run in runs)


def prose(text: str) -> str:
    """A sentence with an order in it: SQL up to its semicolon, a command at the end, and words in backticks stay whole.

    Everything else is treated as ``inline`` does.
    """
    line = one_line(text).strip()
    pieces: list[str] = []
    at = 0
    for match in _ORDER.finditer(line):
        pieces += [_between(line[at : match.start()]), code(match.group().strip("`"))]
        at = match.end()
    pieces.append(_between(line[at:]))
    return _joined(pieces).strip(" ")


def code(text: str) -> str:
    """Foreign text as a code span, also inside a cell: there a bar would end the cell, so it stands outside."""
    return r"\|".join(_span(part) for part in one_line(text).split("|"))


def fence(text: str, language: str = "text") -> list[str]:
    """Foreign lines in a block that nothing in them can close."""
    body = make_visible(text).strip("\n")
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", *body.split("\n"), marks]


def refs(evidence: Iterable[str], *, limit: int | None = None) -> str:
    """Evidence ids; four or more in a row are written as a range: ``E100–E108``; those beyond a limit are counted."""
    identities = list(dict.fromkeys(evidence))
    rest = len(identities) - len(identities[:limit])
    rows: list[list[str]] = []
    for identity in identities[:limit]:
        if rows and _number(identity) == _number(rows[-1][-1]) + 1 > 0:
            rows[-1].append(identity)
        else:
            rows.append([identity])
    parts = (f"{row[0]}–{row[-1]}" if len(row) > 3 else ", ".join(map(inline, row)) for row in rows)
    return ", ".join(parts) + (f" +{rest}" if rest else "")


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


def _run(words: str, is_active: bool) -> str:
    if not is_active:
        return words
    # The end of a sentence is no part of an address.
    core = words.rstrip(",:.")
    return f"{code(core)}{words[len(core) :]}" if core and _ACTIVE.search(core) else code(words)


def _between(text: str) -> str:
    """What stands before or behind an order, with the blanks that part them."""
    if not text.strip():
        return text[:1]
    before, behind = text[: len(text) - len(text.lstrip(" "))][:1], text[len(text.rstrip(" ")) :][:1]
    return f"{before}{inline(text)}{behind}"


def _joined(pieces: Iterable[str]) -> str:
    line = ""
    for piece in pieces:
        # Two code spans that touch would be one.
        line += f" {piece}" if line.endswith("`") and piece.startswith("`") else piece
    return line


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
