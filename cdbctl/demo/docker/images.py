"""The images of the demo: official ones where a registry answers, else one made from Debian packages."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdbctl.demo.docker.debian import debian_image
from cdbctl.demo.docker.engine import Engine, explanation
from cdbctl.demo.places import Places
from cdbctl.demo.progress import Progress

if TYPE_CHECKING:
    from docker import APIClient

REGISTRY = "CDBCTL_DEMO_REGISTRY"
"""A registry to ask instead of Docker Hub, e.g. ``mirror.example:5000/library``; ``none`` asks nobody."""
OFFICIAL = {
    "python": "python:3.11-slim",
    "postgres": "postgres:16",
    "redis": "redis:7",
    "prometheus": "prom/prometheus",
}
WGET = ("wget", "-q", "-T", "2", "-O", "/dev/null")
PYTHON_FETCH = ("python3", "-c", "import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=2)")
"""The official image of Python has neither wget nor curl."""
TRY_SECONDS = 6
PULL_SECONDS = 300


class NoRegistryError(Exception):
    """The official images cannot be had."""


@dataclass(frozen=True, slots=True)
class Images:
    """What the containers are made from; each reference means the same image tomorrow."""

    python: str
    """Our own services are built on it."""
    postgres: str
    redis: str
    prometheus: str
    fetch: tuple[str, ...]
    """The command that asks for a page inside the container of a service; its address comes behind."""
    origin: str
    """In words."""


def find_images(engine: Engine, places: Places, progress: Progress) -> Images:
    """Images that the engine has: pulled by digest, or made here. Raises CdbctlError when neither works."""
    try:
        digests = _digests(engine)
        progress("pulling the official images")
        _pull(engine, digests.values())
        return Images(**digests, fetch=PYTHON_FETCH, origin="the official images, by digest")
    except NoRegistryError as error:
        image = debian_image(engine, places, progress, reason=str(error))
        return Images(image, image, image, image, WGET, origin="the image of Debian packages")


def _digests(engine: Engine) -> dict[str, str]:
    """The official images as ``name@sha256:…``; raises NoRegistryError."""
    from docker.errors import APIError
    from requests.exceptions import RequestException

    registry = os.environ.get(REGISTRY, "")
    if registry == "none":
        raise NoRegistryError(f"{REGISTRY}=none")
    found = {}
    with engine.client(TRY_SECONDS) as client:
        asking: Any = client  # the published types leave this method out
        for name, official in OFFICIAL.items():
            reference = f"{registry}/{official}" if registry else official
            try:
                digest = asking.inspect_distribution(reference)["Descriptor"]["digest"]
            except (APIError, RequestException) as error:
                raise NoRegistryError(f"no registry answered: {explanation(error)}") from error
            _, colon, tag = official.partition(":")
            found[name] = f"{reference.removesuffix(colon + tag)}@{digest}"
    return found


def _pull(engine: Engine, references: Iterable[str]) -> None:
    """Pull what is not there yet; raises NoRegistryError when one does not arrive."""
    with engine.client(PULL_SECONDS) as client:
        for reference in references:
            if not _has(client, reference):
                said = client.pull(reference)
                if not _has(client, reference):
                    raise NoRegistryError(f"{reference} could not be pulled: {str(said)[-200:]}")


def _has(client: APIClient, reference: str) -> bool:
    name = reference.partition("@")[0]
    return any(reference in (image.get("RepoDigests") or ()) for image in client.images(name=name))
