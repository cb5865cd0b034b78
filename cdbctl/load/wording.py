"""How problems with definition files are worded for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "no value",
}
"""What people call the types of JSON Schema."""

MAX_SHOWN = 60


def kind_of(value: object) -> str:
    """Name the kind of a value, e.g. ``a list``."""
    match value:
        case bool():
            return KINDS["boolean"]
        case None:
            return KINDS["null"]
        case str():
            return KINDS["string"]
        case int() | float():
            return KINDS["number"]
        case dict():
            return KINDS["object"]
        case _:
            return KINDS["array"]


def shown(value: object) -> str:
    """Show a value as the file would write it, shortened; a mapping or a list by its kind."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "no value"
        case str():
            return f'"{shorten(value)}"'
        case int() | float():
            return shorten(str(value))
        case _:
            return kind_of(value)


def shorten(text: str, *, limit: int = MAX_SHOWN) -> str:
    """Cut a text to a length that fits into one line of an error; what cannot be printed is escaped."""
    if len(text) > limit:
        text = f"{text[: limit - 3]}..."
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def listed(words: Iterable[str], *, last: str = "or", limit: int = 15) -> str:
    """Join words for a sentence: ``a, b or c``."""
    items = list(words)
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {len(items) - limit} more"
    return f" {last} ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def near(word: str, known: Sequence[str]) -> str:
    """Return the known word that was probably meant, or an empty text."""
    from difflib import get_close_matches

    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(word[:MAX_SHOWN].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else ""


def did_you_mean(word: str, known: Sequence[str], *, what: str) -> str:
    """Name an unknown word with the one that was probably meant, else with what is known."""
    if guess := near(word, known):
        return f"unknown {what} `{shorten(word)}`: did you mean `{guess}`?"
    known_words = f"known here: {listed(known, last='and')}" if known else "none is known here"
    return f"unknown {what} `{shorten(word)}`; {known_words}"


def field(path: Iterable[str | int]) -> str:
    """Write a place inside a document: ``checks[2].severity``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shorten(step)}"
    return text.removeprefix(".")


_OLD_BOOLEANS = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}


def wrong_type(wanted: Sequence[str], data: object, *, secret: bool) -> str:
    """Say that a value is of another type than the schema wants, and how to write it."""
    expected = listed(KINDS[name] for name in wanted)
    if data is None:
        return f"has no value: expected {expected}"
    if isinstance(data, dict | list) or secret:
        return f"is {kind_of(data)}, not {expected}"
    if isinstance(data, str):
        hint = _OLD_BOOLEANS.get(data.lower(), "") if "boolean" in wanted else ""
        return f"{shown(data)} is text, not {expected}{f': write {hint}' if hint else ''}"
    kind = "a truth value" if isinstance(data, bool) else "a number"
    return f"{shown(data)} is {kind}, not {expected}{': put it in quotes' if 'string' in wanted else ''}"
