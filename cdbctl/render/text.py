"""Foreign text made harmless: what a source says can be read, and can do nothing."""

from __future__ import annotations

import re

# Spelled out by code point, not by ``unicodedata``: the same report must come out of every Python version.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PLAIN = {
    "—": "-",
    "–": "-",
    "…": "...",
    "→": "->",
    "←": "<-",
    "·": "-",
    "•": "*",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "\xa0": " ",
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "Ä": "Ae",
    "Ö": "Oe",
    "Ü": "Ue",
    "ß": "ss",
}


def make_visible(text: str) -> str:
    """Spell out every character that acts instead of being seen; newlines and tabs stay.

    Control characters become ``\\x1b``, bidirectional, zero-width and other invisible ones ``<U+202E>``. Each
    character is looked at alone, so a quote still occurs verbatim in the evidence that it was taken from.
    """
    return _UNSEEN.sub(_spelled, text)


def one_line(text: str) -> str:
    """The same on one line: newlines and tabs are spelled out too."""
    return make_visible(text).replace("\n", r"\n").replace("\t", r"\t")


def escape_unseen(json_text: str) -> str:
    """Spell the same characters as JSON escapes: a JSON text of the same value that does no harm when it is shown."""
    return _UNSEEN.sub(_json_escape, json_text)


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters; an ellipsis stands for what was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def ascii_only(text: str) -> str:
    """For consoles that know no Unicode: a near relative where there is one, else the code point."""
    return "".join(_PLAIN.get(char, char) for char in text).encode("ascii", "backslashreplace").decode("ascii")


def _spelled(match: re.Match[str]) -> str:
    point = ord(match.group())
    return f"\\x{point:02x}" if point < 0xA0 else f"<U+{point:04X}>"


def _json_escape(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point < 0x10000:
        return f"\\u{point:04x}"
    high, low = divmod(point - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
