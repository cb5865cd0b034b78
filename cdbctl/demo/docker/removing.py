"""Takes a demo off its engine: everything that carries its label, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cdbctl.demo.docker.building import remove_images
from cdbctl.demo.docker.engine import LABEL, Engine
from cdbctl.demo.places import Places

if TYPE_CHECKING:
    from docker import APIClient

AT_ONCE = 4


def remove_all(engine: Engine, places: Places) -> bool:
    """Remove the containers, networks, volumes and images of a demo, however it was left.

    True when there was something. The image that they were built on stays on the engine for the next demo.
    """
    mine = {"label": f"{LABEL}={places.token}"}
    with engine.client() as client:
        containers = [str(one["Id"]) for one in client.containers(all=True, filters=mine)]
        _each(lambda one: client.remove_container(one, v=True, force=True), containers)
        networks = [str(one["Id"]) for one in client.networks(filters=mine)]
        _each(client.remove_network, networks)
        volumes = [str(one["Name"]) for one in client.volumes(filters=mine)["Volumes"] or ()]
        _each(lambda one: client.remove_volume(one, force=True), volumes)
        images = _remove_images(client, places)
    return bool(containers or networks or volumes or images)


def _remove_images(client: APIClient, places: Places) -> bool:
    removed = remove_images(client, places)
    # A tag that was moved leaves its image without a name.
    nameless = {"label": f"{LABEL}={places.token}", "dangling": True}
    found = [str(one["Id"]) for one in client.images(filters=nameless)]
    _each(lambda one: client.remove_image(one, force=True), found)
    return removed or bool(found)


def _each(remove: Callable[[str], object], things: list[str]) -> None:
    """Remove each, some at once; one that is gone by now is no error."""

    def remove_one(thing: str) -> None:
        from docker.errors import NotFound

        try:
            remove(thing)
        except NotFound:
            return

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(remove_one, things))
