"""Names from outside, such that reading them is safe."""

from __future__ import annotations


def visible(name: str) -> str:
    """Replace what a terminal would obey or hide by its escape: ``\\n``, ``\\x1b``, ``\\u202e``."""
    if name.isprintable():
        return name
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in name)
