"""Values of compose files that remember where they were written, also after files were laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cdbctl.errors import Problem
from cdbctl.load.wording import field as field_name

Steps: TypeAlias = tuple[str | int, ...]
RESET = "!reset"
"""The value is taken away from what lies below."""
OVERRIDE = "!override"
"""The value replaces what lies below, where it would be merged otherwise."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that a value was written in."""

    file: str
    """As shown to people: relative to the root, with forward slashes."""
    folder: Path
    """What relative paths in it are relative to."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value. Aliases share their nodes, so nothing is ever changed in place."""

    value: str | int | float | bool | dict[str, Node] | list[Node] | None
    origin: Origin
    line: int
    """Of its key, if it has one."""
    tag: str = ""
    """Empty, RESET or OVERRIDE."""
    unset: tuple[str, ...] = ()
    """Variables in this text that have no value."""

    @property
    def written(self) -> Mapping[str, Node]:
        """What was written inside of a mapping, what takes something away included; for those who merge."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def entries(self) -> Mapping[str, Node]:
        """What is inside of a mapping; nothing for any other value."""
        return {key: inner for key, inner in self.written.items() if inner.tag != RESET}

    @property
    def items(self) -> Sequence[Node]:
        """What is inside of a list; nothing for any other value."""
        return [item for item in self.value if item.tag != RESET] if isinstance(self.value, list) else ()

    def at(self, *keys: str) -> Node | None:
        """The value inside of mappings, or None; no value is none, and so is one that was taken away."""
        node: Node = self
        for key in keys:
            inner = node.written.get(key)
            if inner is None or inner.value is None or inner.tag == RESET:
                return None
            node = inner
        return node


@dataclass(slots=True)
class Problems:
    """Collects what is wrong with the files of one project: nothing twice, and not without end."""

    limit: int = 100
    found: list[Problem] = field(default_factory=list)

    def note(self, node: Node, steps: Steps, message: str) -> None:
        """Say that something is wrong with a value."""
        self.add(Problem(node.origin.file, node.line, field_name(steps), message))

    def add(self, problem: Problem) -> None:
        """Say that something is wrong."""
        if problem not in self.found and len(self.found) <= self.limit:
            too_many = len(self.found) == self.limit
            last = Problem(problem.file, 0, "", f"there are more problems than the {self.limit} that are listed")
            self.found.append(last if too_many else problem)

    def extend(self, problems: Sequence[Problem]) -> None:
        """Add what a reader of one file found."""
        for problem in problems:
            self.add(problem)
