"""The files of one project become one: ``extends`` and ``include`` carried out, the later laid over the earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cdbctl.load.compose.merging import Merger
from cdbctl.load.compose.nodes import Node, Problems, Steps
from cdbctl.load.compose.paths import placed
from cdbctl.load.compose.reading import Reader
from cdbctl.load.compose.variables import Variables
from cdbctl.load.wording import did_you_mean

MAX_CHAIN = 30
"""Services that extend each other; a person writes two or three."""
RESOURCES = ("services", "configs")
"""Of what an included file brings, those that are read here."""


class Assembler:
    """Makes one model of the files of one project."""

    def __init__(self, reader: Reader, problems: Problems, environment: Mapping[str, str]) -> None:
        self._reader = reader
        self._problems = problems
        self._environment = environment
        self._merger = Merger()
        self._extended_files: dict[tuple[Path, Variables], Node | None] = {}

    def model(
        self, paths: Sequence[Path], folder: Path, variables: Variables, trail: tuple[Path, ...] = ()
    ) -> Node | None:
        """Lay files over each other; None when none of them can be read."""
        merged: Node | None = None
        for path in paths:
            for document in self._reader.documents(path, folder, variables):
                whole = self._included(self._extended(document, variables), variables, (*trail, path))
                merged = self._merger.models(merged, whole) if merged else whole
        return merged

    def _extended(self, document: Node, variables: Variables) -> Node:
        """Carry out the ``extends`` of every service of a file."""
        services = document.at("services")
        if services is None:
            return document
        done = {name: self._service(name, services, variables, ()) for name in services.written}
        return _with(document, "services", replace(services, value=done))

    def _service(self, name: str, services: Node, variables: Variables, trail: tuple[tuple[str, str], ...]) -> Node:
        node = services.written[name]
        extends = node.at("extends")
        if extends is None:
            return node
        steps: Steps = ("services", name, "extends")
        here = (services.origin.file, name)
        if here in trail or len(trail) > MAX_CHAIN:
            chain = " -> ".join(each for _, each in (*trail[-4:], here))
            what = "in a circle" if here in trail else f"over more than {MAX_CHAIN} steps"
            self._problems.note(extends, steps, f"services extend each other {what}: {chain}")
            return node
        found = self._base(extends, services, variables, steps)
        if found is None:
            return node
        base = self._service(found[0], found[1], variables, (*trail, here))
        kept = {key: inner for key, inner in base.entries.items() if key != "extends"}
        own = {key: inner for key, inner in node.written.items() if key != "extends"}
        merged = self._merger.services(replace(base, value=kept), replace(node, value=own, tag=""))
        return replace(node, value=merged.value)

    def _base(self, extends: Node, services: Node, variables: Variables, steps: Steps) -> tuple[str, Node] | None:
        """The name of the extended service, and the services of its file."""
        name = extends if isinstance(extends.value, str) else extends.at("service")
        file = extends.at("file")
        if name is None or not isinstance(name.value, str):
            self._problems.note(extends, (*steps, "service"), "names no service")
            return None
        if file is not None:
            if not isinstance(file.value, str):
                self._problems.note(file, (*steps, "file"), "is not text")
                return None
            elsewhere = self._services_of(placed(file.value, extends.origin.folder, self._environment), file, variables)
            if elsewhere is None:
                return None
            services = elsewhere
        if services.at(name.value) is None:
            what = f"service of {services.origin.file}"
            self._problems.note(name, steps, did_you_mean(name.value, list(services.entries), what=what))
            return None
        return name.value, services

    def _services_of(self, path: Path, at: Node, variables: Variables) -> Node | None:
        key = (path, variables)
        if key not in self._extended_files:
            merged: Node | None = None
            for document in self._reader.documents(path, path.parent, variables):
                merged = self._merger.models(merged, document) if merged else document
            services = merged.at("services") if merged else None
            if merged and services is None:
                self._problems.note(at, (), f"{merged.origin.file} holds no services")
            self._extended_files[key] = services
        return self._extended_files[key]

    def _included(self, document: Node, variables: Variables, trail: tuple[Path, ...]) -> Node:
        """Bring in what a file includes; nothing may be defined twice."""
        include = document.at("include")
        for index, item in enumerate(include.items if include else ()):
            steps: Steps = ("include", index)
            part = self._include(item, steps, variables, trail)
            for section in RESOURCES if part else ():
                document = self._imported(document, part, section) if part else document
        return document

    def _include(self, item: Node, steps: Steps, variables: Variables, trail: tuple[Path, ...]) -> Node | None:
        paths = self._paths(item if isinstance(item.value, str) else item.at("path"), item, steps)
        if not paths:
            return None
        if set(paths) & set(trail):
            self._problems.note(item, steps, "files include each other in a circle")
            return None
        folder_at = item.at("project_directory")
        named = self._paths(folder_at, item, steps) if folder_at else []
        folder = named[0] if named else paths[0].parent
        env_at = item.at("env_file")
        declared = self._paths(env_at, item, steps) if env_at else [folder / ".env"]
        known = dict(variables.values)
        for path in declared:
            known = {**self._reader.variables(path, known, declared=env_at is not None), **known}
        return self.model(paths, folder, Variables(known), trail)

    def _paths(self, node: Node | None, at: Node, steps: Steps) -> list[Path]:
        """One path or a list of them."""
        texts = [] if node is None else [node] if isinstance(node.value, str) else list(node.items)
        if not texts or not all(isinstance(text.value, str) for text in texts):
            self._problems.note(node or at, steps, "names no file")
            return []
        return [placed(str(text.value), text.origin.folder, self._environment) for text in texts]

    def _imported(self, document: Node, part: Node, section: str) -> Node:
        theirs, ours = part.at(section), document.at(section)
        if theirs is None:
            return document
        entries = dict(ours.written) if ours else {}
        for name, node in theirs.entries.items():
            other = entries.setdefault(name, node)
            if (other.origin, other.line) != (node.origin, node.line):
                message = f"is already defined in {node.origin.file}:{node.line}, which is included"
                self._problems.note(other, (section, name), message)
        return _with(document, section, replace(ours or theirs, value=entries))


def _with(node: Node, key: str, inner: Node) -> Node:
    return replace(node, value={**node.written, key: inner})
