"""A project of compose files in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from cdbctl.errors import DefinitionError
from cdbctl.load.compose import load_compose
from cdbctl.model.compose import ComposeService

NAME = "cdb"


class Project:
    """Writes files below a root, and loads them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str | bytes) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(dedent(text).encode() if isinstance(text, str) else text)
        return path

    def load(
        self,
        *files: str,
        profiles: Sequence[str] = (),
        env_file: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> dict[str, ComposeService]:
        services = load_compose(
            self.root,
            project=NAME,
            files=files or ("compose.yaml",),
            profiles=profiles,
            env_file=env_file,
            environment=environment or {},
        )
        return {service.name: service for service in services}

    def service(self, text: str) -> ComposeService:
        """The service ``a`` of one file."""
        self.write("compose.yaml", text)
        return self.load()["a"]

    def wrong(self, text: str | bytes | None = None, *files: str, profiles: Sequence[str] = ()) -> list[str]:
        """Everything that is wrong with a project, as people read it."""
        if text is not None:
            self.write("compose.yaml", text)
        with pytest.raises(DefinitionError) as caught:
            self.load(*files, profiles=profiles)
        assert caught.value.status == 2
        return list(map(str, caught.value.problems))
