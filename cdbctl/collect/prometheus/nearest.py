"""The existing name that is most like one that does not exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection
from difflib import get_close_matches
from functools import cached_property

_LIKE_ENOUGH = 0.6
_MOST_COMPARED = 40
_COMMON = 500
"""A piece that so many names have in common tells nothing: ``_to``, ``tal``."""


class Neighbours:
    """Existing names. Letters are compared only with the few that share the most pieces of three: it is slow."""

    def __init__(self, names: Collection[str]) -> None:
        self._known = frozenset(names)
        self._names = sorted(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def nearest(self, name: str) -> str:
        """The most similar other name; empty when none is similar."""
        if len(self._names) <= _MOST_COMPARED:
            candidates = self._names
        else:
            shared = Counter(index for piece in _pieces(name) for index in self._rare.get(piece, ()))
            candidates = [self._names[index] for index, _ in shared.most_common(_MOST_COMPARED)]
        others = [other for other in candidates if other != name]
        return next(iter(get_close_matches(name, others, n=1, cutoff=_LIKE_ENOUGH)), "")

    @cached_property
    def _rare(self) -> dict[str, list[int]]:
        """The names that hold a piece, by piece."""
        holders: dict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(self._names):
            for piece in _pieces(name):
                holders[piece].append(index)
        return {piece: found for piece, found in holders.items() if len(found) <= _COMMON}


def _pieces(name: str) -> set[str]:
    return {name[start : start + 3] for start in range(max(1, len(name) - 2))}
