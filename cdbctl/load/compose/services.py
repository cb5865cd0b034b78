"""One merged service to what the model knows of it; what cannot be meant is said with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

from cdbctl.load.compose.mounts import Places, read_mounts
from cdbctl.load.compose.nodes import Node, Problems, Steps
from cdbctl.load.compose.ports import read_ports
from cdbctl.load.wording import listed, shown
from cdbctl.model.compose import ComposeNote, ComposeService

MAX_ITEMS = 500
"""Ports or mounts of one service."""
MAX_REPLICAS = 10_000


class ServiceReader:
    """Reads the services of one project."""

    def __init__(self, project: str, places: Places, configs: Node | None, problems: Problems) -> None:
        self._project = project
        self._places = places
        self._configs = configs
        self._problems = problems

    def read(self, name: str, service: Node, *, completes: bool) -> ComposeService:
        """One service; only to be used when no problem was noted."""
        steps: Steps = ("services", name)
        service = self._held(service, steps)
        driver, options = self._logging(service, steps)
        return ComposeService(
            name=name,
            project=self._project,
            container=_text(service, "container_name"),
            image=_text(service, "image"),
            built=service.at("build") is not None,
            build_folder=self._build_folder(service),
            ports=read_ports(service, steps, self._problems),
            mounts=read_mounts(service, self._configs, steps, self._places, self._problems),
            log_driver=driver,
            log_options=options,
            healthcheck=self._healthcheck(service, steps),
            restart=_text(service, "restart"),
            replicas=self._replicas(service, steps),
            file=service.origin.file,
            line=service.line,
            network_mode=_text(service, "network_mode"),
            completes=completes,
            notes=tuple(_notes(service)),
        )

    def _held(self, service: Node, steps: Steps) -> Node:
        """Say what it lacks, and leave out lists that nobody writes: they would be read once for each service."""
        if not any(service.at(key) for key in ("image", "build", "provider")):
            self._problems.note(service, steps, "has neither an image nor a build folder")
        kept = dict(service.entries)
        for key in ("ports", "volumes", "configs"):
            declared = service.at(key)
            if declared is not None and isinstance(declared.value, list) and len(declared.value) > MAX_ITEMS:
                self._problems.note(declared, (*steps, key), f"has more than {MAX_ITEMS} items")
                del kept[key]
        return replace(service, value=kept)

    def _build_folder(self, service: Node) -> str | None:
        build = service.at("build")
        context = build if build is None or isinstance(build.value, str) else build.at("context")
        if build is None or (context is not None and not isinstance(context.value, str)):
            return None
        text = "." if context is None else str(context.value)
        if "://" in text or text.startswith("git@"):
            return None
        folder = self._places.named(text, (context or build).origin.folder)
        inside = not (PurePosixPath(folder).is_absolute() or PureWindowsPath(folder).is_absolute())
        return folder if inside else None

    def _logging(self, service: Node, steps: Steps) -> tuple[str | None, tuple[tuple[str, str], ...]]:
        driver, options = service.at("logging", "driver"), service.at("logging", "options")
        if driver is not None and not isinstance(driver.value, str):
            self._problems.note(driver, (*steps, "logging", "driver"), "is not text")
        if options is not None and not isinstance(options.value, dict):
            self._problems.note(options, (*steps, "logging", "options"), "is not a mapping")
        pairs = options.entries.items() if options else ()
        return (
            str(driver.value) if driver else None,
            tuple((key, _written(inner)) for key, inner in pairs if inner.value is not None),
        )

    def _healthcheck(self, service: Node, steps: Steps) -> tuple[str, ...]:
        disable, test = service.at("healthcheck", "disable"), service.at("healthcheck", "test")
        if disable is not None and str(disable.value).lower() == "true":
            return ()
        if test is None:
            return ()
        if isinstance(test.value, str):
            return ("CMD-SHELL", test.value)
        words = tuple(_written(item) for item in test.items)
        if not isinstance(test.value, list) or (words and words[0] not in ("NONE", "CMD", "CMD-SHELL")):
            message = "is neither text nor a list that begins with NONE, CMD or CMD-SHELL"
            self._problems.note(test, (*steps, "healthcheck", "test"), message)
        return () if words[:1] == ("NONE",) else words

    def _replicas(self, service: Node, steps: Steps) -> int:
        scale, replicas = service.at("scale"), service.at("deploy", "replicas")
        found = [
            (node, self._whole(node, where))
            for node, where in ((scale, (*steps, "scale")), (replicas, (*steps, "deploy", "replicas")))
            if node is not None
        ]
        if len({number for _, number in found}) > 1:
            self._problems.note(found[0][0], (*steps, "scale"), "is another number than deploy.replicas")
        count = found[-1][1] if found else 1
        named = service.at("container_name")
        if count > 1 and named is not None:
            message = f"{count} containers cannot have the same name: leave container_name out"
            self._problems.note(named, (*steps, "container_name"), message)
        return count

    def _whole(self, node: Node, steps: Steps) -> int:
        text = str(node.value)
        if not isinstance(node.value, bool) and text.isascii() and text.isdigit() and int(text[:9]) <= MAX_REPLICAS:
            return int(text)
        self._problems.note(node, steps, f"{shown(node.value)} is not a number of containers")
        return 1


def _text(service: Node, key: str) -> str | None:
    node = service.at(key)
    return str(node.value) if node is not None and node.value != "" else None


def _written(node: Node) -> str:
    """A scalar as a file would write it."""
    return ("true" if node.value else "false") if isinstance(node.value, bool) else str(node.value)


def _notes(service: Node) -> Iterator[ComposeNote]:
    """Variables without a value that leave a gap in the image or in a port."""
    image, ports = service.at("image"), service.at("ports")
    places = [("image", image)] if image else []
    for item in ports.items if ports else ():
        places += [("ports", item), *(("ports", inner) for inner in item.entries.values())]
    for key, node in places:
        if node.unset:
            words = f"{listed(node.unset, last='and')} {'is' if len(node.unset) == 1 else 'are'} not set"
            yield ComposeNote(key, f"{words}, so compose reads nothing there ({node.origin.file}:{node.line})")
