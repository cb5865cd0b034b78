"""Builds the image of the services, and tags it for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdbctl.demo.docker.containers import project_of, service_image
from cdbctl.demo.docker.engine import LABEL, Engine
from cdbctl.demo.places import Places
from cdbctl.demo.programs import SERVICES
from cdbctl.errors import CdbctlError

if TYPE_CHECKING:
    from docker import APIClient

BUILD_SECONDS = 600
BUILD_LABEL = "cdb.build"


def build_images(engine: Engine, places: Places, base: str) -> None:
    """Build once; each service has a tag of its own, so that each can be deployed alone."""
    with engine.client(BUILD_SECONDS) as client:
        first, *others = (service_image(places, name) for name in SERVICES)
        _build(client, places, base, first, number=1)
        for image in others:
            repository, _, tag = image.rpartition(":")
            client.tag(first, repository, tag)


def build_newer(engine: Engine, places: Places, base: str, name: str) -> None:
    """Build the image of one service anew: its container goes on with the older one."""
    with engine.client(BUILD_SECONDS) as client:
        _build(client, places, base, service_image(places, name), number=2)


def remove_images(client: APIClient, places: Places) -> bool:
    """Remove the tags of this demo; the layers below them stay where something else uses them."""
    found = client.images(filters={"reference": f"{project_of(places)}/*"})
    tags = [tag for image in found for tag in image.get("RepoTags") or () if tag.startswith(f"{project_of(places)}/")]
    for tag in tags:
        client.remove_image(tag, force=True)
    return bool(tags)


def _build(client: APIClient, places: Places, base: str, tag: str, *, number: int) -> None:
    labels = {LABEL: places.token, BUILD_LABEL: str(number)}
    said = client.build(
        path=str(places.root / "services"), tag=tag, buildargs={"BASE": base}, labels=labels, rm=True, forcerm=True,
        decode=True,
    )  # fmt: skip
    for step in said:
        if "error" in step:
            raise CdbctlError("the image of the services could not be built", why=str(step["error"])[:1000])
