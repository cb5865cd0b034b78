"""How compose files are laid over each other: what merges, what is appended, what is replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from cdbctl.load.compose.nodes import RESET, Node

Path: TypeAlias = tuple[str, ...]
Merge: TypeAlias = Callable[[Node, Node, Path], Node]

MAX_MERGED = 300_000
"""Keys and items that the merging of one project may touch; a person writes a few thousand."""


class TooManyMerges(Exception):
    """A project that would take forever."""


class Merger:
    """Lays values over each other; TooManyMerges when somebody wrote a bomb."""

    def __init__(self) -> None:
        self._room = MAX_MERGED
        self._special: dict[Path, Merge] = {
            ("command",): _replaced,
            ("entrypoint",): _replaced,
            ("healthcheck", "test"): _replaced,
            ("build",): self._build,
            ("depends_on",): self._depends_on,
            ("logging",): self._logging,
        }

    def models(self, base: Node, over: Node) -> Node:
        """Lay a whole file over another one: its services by their own rules."""
        return self._mappings(base, over, (), lambda key: self._resources if key == "services" else self._values)

    def _resources(self, base: Node, over: Node, path: Path) -> Node:
        if over.tag or not (isinstance(base.value, dict) and isinstance(over.value, dict)):
            return self._values(base, over, path)
        return self._mappings(base, over, path, lambda key: lambda one, other, _: self.services(one, other))

    def services(self, base: Node, over: Node) -> Node:
        """Lay a service over another one."""
        return self._values(base, over, ())

    def _values(self, base: Node, over: Node, path: Path) -> Node:
        if over.tag or base.tag == RESET:
            return over
        if over.value is None:
            return base
        if special := self._special.get(path):
            return special(base, over, path)
        if isinstance(base.value, dict) and isinstance(over.value, dict):
            return self._mappings(base, over, path, lambda _: self._values)
        if isinstance(base.value, list) and isinstance(over.value, list):
            self._spend(len(base.value) + len(over.value))
            return replace(base, value=[*base.value, *over.value])
        return over

    def _mappings(self, base: Node, over: Node, path: Path, how: Callable[[str], Merge]) -> Node:
        merged = dict(base.written)
        self._spend(len(merged) + len(over.written))
        for key, inner in over.written.items():
            merged[key] = how(key)(merged[key], inner, (*path, key)) if key in merged else inner
        return replace(base, value=merged)

    def _build(self, base: Node, over: Node, path: Path) -> Node:
        return self._mappings(_keyed(base, "context"), _keyed(over, "context"), path, lambda _: self._values)

    def _depends_on(self, base: Node, over: Node, path: Path) -> Node:
        return self._mappings(_by_name(base), _by_name(over), path, lambda _: self._values)

    def _logging(self, base: Node, over: Node, path: Path) -> Node:
        """Options of one driver mean nothing to another one."""
        drivers = [node.value for node in (base.at("driver"), over.at("driver")) if node]
        if len(set(map(str, drivers))) > 1:
            return over
        return self._mappings(base, over, path, lambda _: self._values)

    def _spend(self, amount: int) -> None:
        self._room -= amount
        if self._room < 0:
            raise TooManyMerges


def _replaced(base: Node, over: Node, path: Path) -> Node:
    return over


def _keyed(node: Node, key: str) -> Node:
    """The short form, one text, as a mapping of one key."""
    return node if isinstance(node.value, dict) else replace(node, value={key: node})


def _by_name(node: Node) -> Node:
    """The short form, a list of names, as a mapping."""
    if not isinstance(node.value, list):
        return node
    names = {item.value: replace(item, value=None) for item in node.value if isinstance(item.value, str)}
    return replace(node, value=names)
