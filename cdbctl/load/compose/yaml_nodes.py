"""The YAML of compose files to nodes: anchors, aliases and merge keys are everyday there, and bounded here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from yaml import events

from cdbctl.load.compose.nodes import OVERRIDE, RESET, Node, Origin, Problems, Steps
from cdbctl.load.wording import shorten
from cdbctl.load.yaml_tree import MAX_DEPTH, MAX_VALUES, Unusable, scalar

MERGE = "<<"
YAML = "tag:yaml.org,2002:"
KNOWN_TAGS = ("!", RESET, OVERRIDE, *(YAML + name for name in ("bool", "float", "int", "map", "null", "seq", "str")))


class TooMuch(Exception):
    """Reading on makes no sense; what is wrong has been said."""


@dataclass(slots=True)
class _Open:
    """A mapping or a list whose end has not come yet."""

    node: Node
    anchor: str | None
    key: str | None = None
    key_line: int = 0
    merges: bool = False
    """Whether the last key is a merge key."""
    merged: list[Node] | None = None
    """What a merge key brings in; the first of them wins."""
    weight: int = 1
    """Values inside, those of aliases included."""
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    weight: int
    height: int


class NodeBuilder:
    """Takes the events of one file; ``documents`` are its documents, in order."""

    def __init__(self, origin: Origin, problems: Problems) -> None:
        self.documents: list[Node] = []
        self._origin = origin
        self._problems = problems
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._values = 0

    def take(self, event: events.Event) -> None:
        """Take the next event; TooMuch when reading on makes no sense."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case events.DocumentStartEvent():
                self._anchors.clear()
            case events.AliasEvent():
                self._alias(event.anchor or "", line)
            case events.ScalarEvent():
                self._scalar(event, line)
            case events.MappingStartEvent():
                self._begin(Node({}, self._origin, line, self._tag(event, line)), event.anchor)
            case events.SequenceStartEvent():
                self._begin(Node([], self._origin, line, self._tag(event, line)), event.anchor)
            case events.CollectionEndEvent():
                self._end()
            case _:
                pass

    def _alias(self, name: str, line: int) -> None:
        anchored = self._anchors.get(name)
        if anchored is None:
            inside = any(opened.anchor == name for opened in self._open)
            self._refuse(line, f"the alias *{shorten(name)} " + ("holds itself" if inside else "has no anchor"))
        elif self._wants_key():
            self._put_alias_key(anchored.node, line)
        else:
            self._put(anchored.node, line, anchored.weight, anchored.height)

    def _put_alias_key(self, node: Node, line: int) -> None:
        if isinstance(node.value, str):
            self._key(node.value, plain=False, line=line)
        else:
            self._refuse(line, "a key must be text")

    def _scalar(self, event: Any, line: int) -> None:
        plain = not event.style and event.tag in (None, RESET, OVERRIDE)
        if self._wants_key():
            self._key(event.value, plain=plain, line=line)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchored(Node(event.value, self._origin, line), 1, 0)
            return
        node = Node(self._value(event.value, plain, line), self._origin, line, self._tag(event, line))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._put(node, line, 1, 0)

    def _value(self, text: str, plain: bool, line: int) -> str | int | float | bool | None:
        try:
            return scalar(text, plain=plain)
        except Unusable as error:
            self._note(line, str(error))
            return None

    def _tag(self, event: Any, line: int) -> str:
        tag: str | None = event.tag
        if tag is not None and tag not in KNOWN_TAGS:
            name = shorten(tag.replace(YAML, "!!"))
            self._note(line, f"the tag {name} is not known to compose: it knows !reset and !override")
        return tag if tag in (RESET, OVERRIDE) else ""

    def _key(self, text: str, *, plain: bool, line: int) -> None:
        top = self._open[-1]
        top.key, top.key_line, top.merges = text, line, plain and text == MERGE
        if top.merges:
            if top.merged is not None:
                self._note(line, "duplicate key: write `<<: [*one, *other]`")
        elif text in top.node.written:
            self._note(line, f"duplicate key: it is already on line {top.node.written[text].line}")

    def _begin(self, node: Node, anchor: str | None) -> None:
        if self._wants_key():
            self._refuse(node.line, "a key must be text, not a mapping or a list")
        self._deep_enough(node.line, 1)
        self._open.append(_Open(node, anchor))

    def _end(self) -> None:
        closed = self._open.pop()
        _merge_in(closed)
        if closed.anchor is not None:
            self._anchors[closed.anchor] = _Anchored(closed.node, closed.weight, closed.height)
        self._put(closed.node, closed.node.line, closed.weight, closed.height, counted=True)

    def _put(self, node: Node, line: int, weight: int, height: int, *, counted: bool = False) -> None:
        self._count(line, 1 if counted else weight)
        self._deep_enough(line, height)
        if not self._open:
            self.documents.append(node)
            return
        top = self._open[-1]
        top.weight, top.height = top.weight + weight, max(top.height, height + 1)
        if isinstance(top.node.value, list):
            top.node.value.append(replace(node, line=line) if line != node.line else node)
        elif isinstance(top.node.value, dict) and top.key is not None:
            if top.merges:
                top.merged = [*(top.merged or ()), *self._merged(node, top.key_line)]
            else:
                top.node.value.setdefault(top.key, replace(node, line=top.key_line))
            top.key = None

    def _merged(self, node: Node, line: int) -> Iterator[Node]:
        for each in node.items if isinstance(node.value, list) else [node]:
            if isinstance(each.value, dict):
                yield each
            else:
                self._note(line, "a merge key (<<) takes a mapping or a list of mappings")

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _count(self, line: int, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._refuse(line, f"holds more than {MAX_VALUES} values, those of aliases included")

    def _deep_enough(self, line: int, height: int) -> None:
        if len(self._open) + height > MAX_DEPTH:
            self._refuse(line, f"is nested deeper than {MAX_DEPTH} levels")

    def _steps(self) -> Steps:
        steps: list[str | int] = []
        for opened in self._open:
            if isinstance(opened.node.value, list):
                steps.append(len(opened.node.value))
            elif opened.key is not None:
                steps.append(opened.key)
        return tuple(steps)

    def _note(self, line: int, message: str) -> None:
        self._problems.note(Node(None, self._origin, line), self._steps(), message)

    def _refuse(self, line: int, message: str) -> None:
        self._note(line, message)
        raise TooMuch(message)


def _merge_in(closed: _Open) -> None:
    """Bring in what merge keys name; the own keys of the mapping win."""
    if isinstance(closed.node.value, dict):
        for source in closed.merged or ():
            for key, inner in source.written.items():
                closed.node.value.setdefault(key, inner)
