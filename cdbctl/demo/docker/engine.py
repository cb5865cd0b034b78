"""The engine that a demo is made on, found as the check-up finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.address import find_address, read_address
from cdbctl.collect.docker.failures import connecting
from cdbctl.collect.docker.transport import connect
from cdbctl.collect.wire import Deadline
from cdbctl.demo.places import Places
from cdbctl.errors import CdbctlError
from cdbctl.settings import DockerSource

if TYPE_CHECKING:
    from docker import APIClient

LABEL = "cdbctl.demo"
"""On everything that belongs to a demo; its value is the token of the workspace."""
ROOT_LABEL = "cdbctl.demo.root"
"""Where that workspace is."""
TIMEOUT_SECONDS = 60
"""Of one answer: removing a container may wait until its program has ended."""
TRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Engine:
    """Where the containers of a demo are."""

    host: str
    """As docker-py and ``cdbctl.yaml`` take it, e.g. ``unix:///var/run/docker.sock``."""

    @contextmanager
    def client(self, timeout_seconds: int = TIMEOUT_SECONDS) -> Iterator[APIClient]:
        """A conversation with the engine; what it refuses, or that it is away, becomes a CdbctlError."""
        from docker import APIClient
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException

        self._knock()
        try:
            client = APIClient(base_url=self.host, version="auto", timeout=timeout_seconds)
        except (DockerException, RequestException) as error:
            raise self._away(error) from error
        try:
            yield client
        except APIError as error:
            raise CdbctlError("the Docker engine refused a step of the demo", why=explanation(error)) from error
        except (DockerException, RequestException) as error:
            raise self._away(error) from error
        finally:
            client.close()

    def _knock(self) -> None:
        """Connect and hang up: the library says little about why it cannot, and leaves its socket open."""
        try:
            address = read_address(self.host, "the engine of the demo")
            deadline = Deadline(TRY_SECONDS)
            with connecting(address, deadline):
                connect(address, deadline).close()
        except NoAnswer as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> CdbctlError:
        return CdbctlError(
            f"the Docker engine {self.host} does not answer", why=str(error)[:500],
            next_step="start Docker, or name another engine with DOCKER_HOST",
        )  # fmt: skip


def explanation(error: Exception) -> str:
    """What the engine itself says about an error."""
    return str(getattr(error, "explanation", None) or error)[:1000]


def find_engine(root: Path) -> Engine:
    """The engine of DOCKER_HOST, of the docker CLI's context, or at the usual place; it answers.

    Raises CdbctlError where there is none, or where it runs on another machine: its ports and our files are needed.
    """
    try:
        address = find_address(DockerSource((), None, None, None), root=root, environment=os.environ)
    except NoAnswer as error:
        raise CdbctlError("no Docker engine was found", why=error.reason, next_step=error.remedy) from error
    if address.kind == "ssh" or address.published_host not in ("127.0.0.1", "localhost"):
        raise CdbctlError(
            f"the demo cannot run on {address.shown}",
            why="it mounts files of this machine into its containers, so the engine has to be here",
            next_step="name an engine of this machine with DOCKER_HOST",
        )
    engine = Engine(address.shown)
    with engine.client(TRY_SECONDS) as client:
        client.ping()
    return engine


def remember(places: Places, engine: Engine) -> None:
    """Write down in the workspace which engine holds this demo, before anything is made on it."""
    text = json.dumps({"host": engine.host})
    memory_of(places).write_text(text + "\n", encoding="utf-8")


def remembered(places: Places) -> Engine | None:
    """The engine that holds the demo of this workspace; None when it was not made of containers."""
    try:
        return Engine(str(json.loads(memory_of(places).read_text(encoding="utf-8"))["host"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def forget(places: Places) -> None:
    """Nothing of this demo is on an engine any more."""
    memory_of(places).unlink(missing_ok=True)


def memory_of(places: Places) -> Path:
    """The file that says which engine holds a demo."""
    return places.run / "docker.json"
