"""Compose files: merged as compose merges them, held to what they have to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from cdbctl.errors import DefinitionError, Problem
from cdbctl.load.compose.assembling import Assembler
from cdbctl.load.compose.merging import TooManyMerges
from cdbctl.load.compose.mounts import Places
from cdbctl.load.compose.nodes import Node, Problems
from cdbctl.load.compose.reading import MAX_FILES, Reader, TooManyFiles
from cdbctl.load.compose.selecting import active_services, awaited, unknown_profiles
from cdbctl.load.compose.services import ServiceReader
from cdbctl.load.compose.variables import Variables
from cdbctl.model.compose import ComposeService

MAX_SERVICES = 500
"""Of one project."""


def load_compose(
    root: Path,
    *,
    project: str,
    files: Sequence[str],
    profiles: Sequence[str],
    env_file: str | None,
    environment: Mapping[str, str],
) -> tuple[ComposeService, ...]:
    """Read and merge the files of one project; DefinitionError with every problem at once.

    Relative paths in them start at the folder of the first file, where ``.env`` is looked for, too. Variables are
    taken from the environment first. Nothing of ``environment:`` leaves this package.
    """
    problems = Problems()
    reader = Reader(root, problems)
    paths = [root / file for file in files]
    folder = paths[0].parent.absolute()
    known = {**environment, "COMPOSE_PROJECT_NAME": project}
    env_path = root / env_file if env_file else folder / ".env"
    known = {**reader.variables(env_path, known, declared=env_file is not None), **known}
    services: tuple[ComposeService, ...] = ()
    try:
        model = Assembler(reader, problems, environment).model(paths, folder, Variables(known))
        if model is not None:
            active = _active(model, project, profiles, known, problems)
            places = Places(root, environment)
            one = ServiceReader(project, places, model.at("configs"), problems)
            jobs = awaited(active.values())
            services = tuple(one.read(name, service, completes=name in jobs) for name, service in active.items())
    except TooManyFiles:
        problems.add(Problem(files[0], 0, "", f"this project has more than {MAX_FILES} files"))
    except TooManyMerges:
        problems.add(Problem(files[0], 0, "", "what its files and services take over from each other is too much"))
    if problems.found:
        raise DefinitionError(problems.found)
    return services


def _active(
    model: Node, project: str, profiles: Sequence[str], known: Mapping[str, str], problems: Problems
) -> Mapping[str, Node]:
    """The services that are expected to run; there is at least one."""
    name, services = model.at("name"), model.at("services")
    if name is not None and name.value != project:
        message = (
            f'the project is called "{name.value}" here and {project} in cdbctl.yaml: use one name, '
            f"or write ${{COMPOSE_PROJECT_NAME:-{name.value}}} here"
        )
        problems.note(name, ("name",), message)
    if services is None or not services.entries:
        problems.note(services or model, ("services",), "no service is named, so nothing is expected to run")
        return {}
    if len(services.entries) > MAX_SERVICES:
        problems.note(services, ("services",), f"has more than {MAX_SERVICES} services")
        return {}
    for message in unknown_profiles(services, profiles):
        problems.note(services, ("services",), message)
    wanted = profiles or [word.strip() for word in known.get("COMPOSE_PROFILES", "").split(",")]
    active = active_services(services, wanted, problems)
    if not active and not problems.found:
        message = "every service has a profile and none of them is active: name one under `profiles` in cdbctl.yaml"
        problems.note(services, ("services",), message)
    return active
