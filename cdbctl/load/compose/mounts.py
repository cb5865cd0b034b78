"""The folders and files of the host that a service sees inside of its container."""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cdbctl.load.compose.nodes import Node, Problems, Steps
from cdbctl.load.compose.paths import placed, shown_path
from cdbctl.load.wording import shown
from cdbctl.model.compose import ComposeMount

_DRIVE = re.compile(r"[a-zA-Z]:[\\/]")
_FORM = "write it like ./folder:/folder/in/the/container:ro"


@dataclass(frozen=True, slots=True)
class Places:
    """What paths are told by."""

    root: Path
    environment: Mapping[str, str]

    def named(self, text: str, folder: Path) -> str:
        """A path as the report names it; one that only means something elsewhere stays as it is."""
        path = placed(text, folder, self.environment)
        return text if not path.is_absolute() else shown_path(Path(os.path.normpath(path)), self.root)


@dataclass(frozen=True, slots=True)
class _Mount:
    source: str | None
    """None for a volume that the engine keeps."""
    target: str
    read_only: bool


def read_mounts(
    service: Node, configs: Node | None, steps: Steps, places: Places, problems: Problems
) -> tuple[ComposeMount, ...]:
    """Every bind mount; of those with one target the last one counts, a config from a file is one of them."""
    found: dict[str, ComposeMount | None] = {}
    declared = service.at("volumes")
    for index, item in enumerate(declared.items if declared else ()):
        mount = _mount(item, (*steps, "volumes", index), problems)
        if mount is not None:
            bound = None
            if mount.source is not None:
                source = places.named(mount.source, item.origin.folder)
                bound = ComposeMount(source, mount.target, mount.read_only, item.origin.file, item.line)
            found.pop(mount.target, None)
            found[mount.target] = bound
    for bound in _configs(service, configs, places):
        found[bound.target] = bound
    return tuple(mount for mount in found.values() if mount is not None)


def _mount(item: Node, steps: Steps, problems: Problems) -> _Mount | None:
    if isinstance(item.value, dict):
        return _long(item, steps, problems)
    if not isinstance(item.value, str) or not item.value:
        problems.note(item, steps, f"is no mount: {_FORM}")
        return None
    parts = _split(item.value)
    if len(parts) > 3 or not all(parts[:2]):
        problems.note(item, steps, f"{shown(item.value)} is no mount: {_FORM}")
        return None
    if len(parts) == 1:
        return _Mount(None, _target(parts[0]), read_only=False)
    options = parts[2].split(",") if len(parts) == 3 else []
    return _Mount(parts[0] if _is_path(parts[0]) else None, _target(parts[1]), "ro" in options)


def _long(item: Node, steps: Steps, problems: Problems) -> _Mount | None:
    kind, target, source = item.at("type"), item.at("target"), item.at("source")
    if target is None or not isinstance(target.value, str):
        problems.note(target or item, (*steps, "target"), "is missing: where in the container does it appear?")
        return None
    read_only = item.at("read_only")
    only = read_only is not None and str(read_only.value).lower() == "true"
    if kind is None or kind.value != "bind":
        return _Mount(None, _target(target.value), only)
    if source is None or not isinstance(source.value, str):
        problems.note(source or item, (*steps, "source"), "is missing: what of the host is mounted?")
        return None
    return _Mount(source.value, _target(target.value), only)


def _configs(service: Node, configs: Node | None, places: Places) -> Iterator[ComposeMount]:
    """Compose mounts a config that comes from a file like any other file, read-only."""
    granted = service.at("configs")
    for item in granted.items if granted else ():
        name = item if isinstance(item.value, str) else item.at("source")
        if name is None or configs is None or not isinstance(name.value, str):
            continue
        file, target = configs.at(name.value, "file"), item.at("target")
        if file is not None and isinstance(file.value, str):
            inside = str(target.value) if target else f"/{name.value}"
            source = places.named(file.value, file.origin.folder)
            yield ComposeMount(source, _target(inside), read_only=True, file=item.origin.file, line=item.line)


def _split(text: str) -> list[str]:
    """Cut at the colons; the one behind the letter of a drive is none of them."""
    drive = text[:2] if _DRIVE.match(text) else ""
    first, *rest = text[len(drive) :].split(":")
    return [drive + first, *rest]


def _is_path(source: str) -> bool:
    return source.startswith((".", "/", "~", "\\\\")) or bool(_DRIVE.match(source))


def _target(text: str) -> str:
    """The path in the container, written in one way."""
    return posixpath.normpath(text) if text.startswith("/") else text
