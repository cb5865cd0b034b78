"""Where a registry answers, the demo is made of official images, each known by its digest."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from cdbctl.demo.docker.engine import Engine
from cdbctl.demo.docker.images import OFFICIAL, REGISTRY, find_images
from cdbctl.demo.places import places_of
from cdbctl.errors import CdbctlError
from tests.live.engine import DockerEngine, root_file_system
from tests.live.registry import registry

pytestmark = pytest.mark.live


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the images of the test are for this kind of machine")
def test_the_official_images_are_pulled_by_digest(
    docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with registry(list(OFFICIAL.values()), root_file_system()) as address:
        monkeypatch.setenv(REGISTRY, address)
        images = find_images(Engine(docker_engine.address), places_of(tmp_path), said.append)
    found = (images.python, images.postgres, images.redis, images.prometheus)
    try:
        for reference, official in zip(found, OFFICIAL.values(), strict=True):
            name = official.partition(":")[0]
            assert reference.startswith(f"{address}/{name}@sha256:")
            assert docker_engine.docker("inspect", "--type", "image", "--format", "{{.Id}}", reference)
        docker_engine.docker("run", "--rm", images.redis, "true")
    finally:
        docker_engine.docker("image", "rm", "--force", *found)
    assert said == ["pulling the official images"]


def test_a_registry_that_lacks_them_is_no_registry(
    docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdbctl.demo.docker.debian.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("cdbctl.demo.docker.debian.SUITE", "none-that-is-there")
    with registry([], b"") as address:
        monkeypatch.setenv(REGISTRY, address)
        with pytest.raises(CdbctlError, match="there are no images for the demo") as refused:
            find_images(Engine(docker_engine.address), places_of(tmp_path), lambda _: None)
    assert "no registry answered" in refused.value.why
    assert "apt-get install debootstrap" in refused.value.next_step
