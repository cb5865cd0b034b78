"""Compose files and ``.env`` files from the disk: bounded, strict, with their variables replaced."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cdbctl.errors import Problem
from cdbctl.load.compose.env_file import BadLine, read_env
from cdbctl.load.compose.nodes import Node, Origin, Problems, Steps
from cdbctl.load.compose.paths import shown_path
from cdbctl.load.compose.shape import keeps_shape
from cdbctl.load.compose.variables import Unreplaceable, Variables
from cdbctl.load.document import read_text, syntax_problem, yaml_events

MAX_FILES = 50
"""Of one project, included and extended ones counted; a person writes a handful."""


class TooManyFiles(Exception):
    """A project of more files than anybody writes."""


class Reader:
    """Reads the files of one project."""

    def __init__(self, root: Path, problems: Problems) -> None:
        self._root = root
        self._problems = problems
        self._read = 0

    def variables(self, path: Path, environment: Mapping[str, str], *, declared: bool) -> Mapping[str, str]:
        """What a ``.env`` file sets; one that nobody declared need not be there."""
        if not declared and not os.path.lexists(path):
            return {}
        file = shown_path(path, self._root)
        try:
            return read_env(self._text(path, file) or "", environment)
        except BadLine as error:
            self._problems.add(Problem(file, error.line, "", str(error)))
            return {}

    def documents(self, path: Path, folder: Path, variables: Variables) -> Sequence[Node]:
        """The documents of one compose file that keep the shape of one; relative paths in it start at ``folder``."""
        self._read += 1
        if self._read > MAX_FILES:
            raise TooManyFiles
        origin = Origin(shown_path(path, self._root), folder)
        text = self._text(path, origin.file)
        if text is None:
            return ()
        replacer = _Replacer(variables, self._problems)
        documents = [replacer.replaced(document, ()) for document in self._parsed(text, origin)]
        return [document for document in documents if keeps_shape(document, self._problems)]

    def _text(self, path: Path, file: str) -> str | None:
        found: list[Problem] = []
        text = read_text(path, file=file, problems=found)
        self._problems.extend(found)
        return text

    def _parsed(self, text: str, origin: Origin) -> Sequence[Node]:
        import yaml

        from cdbctl.load.compose.yaml_nodes import NodeBuilder, TooMuch

        builder = NodeBuilder(origin, self._problems)
        try:
            for event in yaml_events(text):
                builder.take(event)
        except TooMuch:
            return ()
        except yaml.YAMLError as error:
            self._problems.add(syntax_problem(error, origin.file))
            return ()
        documents = [document for document in builder.documents if document.value is not None]
        if not documents:
            self._problems.add(Problem(origin.file, 0, "", "is empty"))
        return documents


class _Replacer:
    """Replaces the variables in one file; values that aliases share are replaced once."""

    def __init__(self, variables: Variables, problems: Problems) -> None:
        self._variables = variables
        self._problems = problems
        self._done: dict[int, Node] = {}

    def replaced(self, node: Node, steps: Steps) -> Node:
        if id(node) not in self._done:
            self._done[id(node)] = self._replace(node, steps)
        return self._done[id(node)]

    def _replace(self, node: Node, steps: Steps) -> Node:
        if isinstance(node.value, dict):
            return replace(node, value={key: self.replaced(each, (*steps, key)) for key, each in node.value.items()})
        if isinstance(node.value, list):
            items = [self.replaced(item, (*steps, index)) for index, item in enumerate(node.value)]
            return replace(node, value=items)
        if isinstance(node.value, str) and "$" in node.value and not _ignored(steps):
            with suppress(_Refused):
                return self._text(node, node.value, steps)
        return node

    def _text(self, node: Node, text: str, steps: Steps) -> Node:
        try:
            value, unset = self._variables.replace_in(text)
        except Unreplaceable as error:
            self._problems.note(node, steps, str(error))
            raise _Refused from None
        return replace(node, value=value, unset=unset)


class _Refused(Exception):
    """A text whose variables cannot be replaced; it has been said."""


def _ignored(steps: Steps) -> bool:
    """Extensions mean nothing by themselves; what is taken from them stands where it is taken to."""
    return bool(steps) and str(steps[0]).startswith("x-")
