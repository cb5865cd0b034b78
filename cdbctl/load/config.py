"""``cdbctl.yaml``: finding it, and its content held to the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cdbctl.errors import DefinitionError, Problem, UsageError
from cdbctl.load import values
from cdbctl.load.document import Document, DocumentPath, read_document
from cdbctl.load.schema import add_problems, conforms, packaged_schema

CONFIG_NAME = "cdbctl.yaml"

MEANINGS: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("timezone", values.zone),
    ("window", values.duration),
    ("runtime.supervisord.url", values.supervisor_address),
    ("runtime.supervisord.log", values.outer_path),
    ("runtime.docker.host", values.engine_address),
    ("runtime.docker.tls", values.outer_path),
    ("runtime.docker.projects.*.compose", values.outer_path),
    ("runtime.docker.projects.*.compose.*", values.outer_path),
    ("runtime.docker.projects.*.env_file", values.outer_path),
    ("database.dsn", values.database_dsn),
    ("database.password", values.secret_reference),
    ("redis.url", values.redis_address),
    ("redis.password", values.secret_reference),
    ("prometheus.url", values.web_address),
    ("github.token", values.secret_reference),
    ("github.api", values.web_address),
    ("paths.*", values.inner_path),
    ("deadlines.*", values.deadline),
    ("services.*.source", values.inner_path),
    ("services.*.health.url", values.web_address),
    ("services.*.metrics", values.web_address),
    ("services.*.log.path", values.outer_path),
    ("services.*.log.path.*", values.outer_path),
    ("services.*.log.timezone", values.zone),
)
"""What the texts of the file have to mean, beyond the types that its schema asks for."""


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards that holds a ``cdbctl.yaml``; UsageError when there is none."""
    here = start.absolute()
    for folder in (here, *here.parents):
        if _is_there(folder / CONFIG_NAME):
            return folder
    raise UsageError(
        f"no {CONFIG_NAME} was found",
        why=f"neither {here} nor a folder above it holds one",
        next_step="go to the supervised repository, name it with --root DIR, or start the demo: cdbctl demo up",
    )


def read_config(root: Path) -> Document:
    """Read and check the ``cdbctl.yaml`` of a root; DefinitionError with every problem at once.

    UsageError when the root is no folder.
    """
    if not _is_folder(root):
        raise UsageError(
            f"there is no folder {root}",
            why="the supervised repository is looked for there",
            next_step="name the folder that holds cdbctl.yaml with --root DIR",
        )
    problems: list[Problem] = []
    document = read_document(root / CONFIG_NAME, file=CONFIG_NAME, problems=problems)
    if document is not None:
        conforms(document, packaged_schema("cdbctl"), problems=problems, data=document.data)
        add_problems(document, _meaningless(document), problems=problems)
        add_problems(document, _nothing_expected(document), problems=problems)
    if document is None or problems:
        raise DefinitionError(problems)
    return document


def _meaningless(document: Document) -> Iterator[Problem]:
    for pattern, meaning in MEANINGS:
        for path, text in _texts(document.data, pattern.split("."), ()):
            try:
                meaning(text)
            except values.Unmeant as error:
                yield document.problem(path, str(error))


def _nothing_expected(document: Document) -> Iterator[Problem]:
    """Services may be left out only where compose files name them."""
    data = document.data
    if not isinstance(data, dict) or "services" in data or not isinstance(data.get("runtime"), dict):
        return
    docker = data["runtime"].get("docker")
    projects = docker.get("projects") if isinstance(docker, dict) else None
    declared = projects.values() if isinstance(projects, dict) else ()
    if not any(isinstance(project, dict) and project.get("compose") for project in declared):
        yield document.problem((), "`services` is missing, and no compose file names any")


def _texts(data: Any, pattern: list[str], path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    """Find the texts at a pattern of steps; ``*`` is every step. Data of another shape is left to the schema."""
    if not pattern:
        if isinstance(data, str):
            yield path, data
        return
    steps: dict[str, Any] | dict[int, Any] = {}
    if isinstance(data, dict):
        steps = data if pattern[0] == "*" else {key: data[key] for key in pattern[:1] if key in data}
    elif isinstance(data, list) and pattern[0] == "*":
        steps = dict(enumerate(data))
    for step, inner in steps.items():
        yield from _texts(inner, pattern[1:], (*path, step))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered holds nothing for us
        return False
