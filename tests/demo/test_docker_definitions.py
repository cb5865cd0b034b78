"""The compose file of the demo, as the program itself reads compose files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cdbctl.demo.docker.compose_file import compose_file
from cdbctl.demo.docker.containers import PROMETHEUS, PUBLISHED, Container, containers_of, project_of, service_image
from cdbctl.demo.docker.images import WGET, Images
from cdbctl.demo.docker.settings_file import settings_file
from cdbctl.demo.faults import Fault
from cdbctl.demo.places import Places, places_of
from cdbctl.demo.programs import SERVERS, SERVICES
from cdbctl.demo.workspace import claim, describe, prepare
from cdbctl.load.compose import load_compose
from cdbctl.model.compose import ComposeService
from cdbctl.settings import load_settings

IMAGES = Images("demo:1", "demo:1", "demo:1", "demo:1", WGET, "a test")
PORTS = {name: 20001 + number for number, name in enumerate(PUBLISHED)}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = places_of(tmp_path / "demo")
    claim(found)
    prepare(found, docker=True)
    return found


def written(places: Places, fault: Fault = Fault.NONE) -> tuple[Container, ...]:
    """Write the definitions of a demo and return its containers."""
    containers = containers_of(places, IMAGES, fault, PORTS)
    texts = {
        "compose.yaml": compose_file(places, project_of(places), containers, IMAGES.python),
        "cdbctl.yaml": settings_file(places, "unix:///var/run/docker.sock"),
    }
    describe(places, fault, texts)
    return containers


def read(places: Places) -> dict[str, ComposeService]:
    services = load_compose(
        places.root, project=project_of(places), files=("compose.yaml",), profiles=(), env_file=None,
        environment=os.environ,
    )  # fmt: skip
    return {service.name: service for service in services}


def test_the_compose_file_says_what_is_created(places: Places) -> None:
    containers = written(places)
    services = read(places)
    assert list(services) == [container.name for container in containers]
    for container in containers:
        service = services[container.name]
        assert service.container == container.name
        assert service.image == container.image
        assert service.healthcheck == container.healthcheck
        assert service.restart == "unless-stopped"
        assert dict(service.log_options) == {"max-size": "10m", "max-file": "3"}
        assert [port.host_address for port in service.ports] == ["127.0.0.1"] * (container.host_port is not None)
        mounts = {(mount.source, mount.target) for mount in service.mounts}
        assert mounts >= set(container.files)


def test_the_settings_name_every_container(places: Places) -> None:
    written(places)
    names = {service.name for service in load_settings(places.root).services}
    assert names == {*SERVERS, *SERVICES, PROMETHEUS}


def test_no_password_stands_in_a_file_under_version_control(places: Places) -> None:
    written(places)
    passwords = [path.read_text(encoding="utf-8").strip() for path in places.secrets.iterdir()]
    assert passwords
    for name in ("compose.yaml", "cdbctl.yaml", "postgres/0000_roles.sh"):
        text = (places.root / name).read_text(encoding="utf-8")
        assert not [one for one in passwords if one in text]


def test_the_migration_that_was_never_applied_is_the_one_that_nobody_mounted(places: Places) -> None:
    written(places, Fault.MISSING_TABLE)
    mounted = {mount.source for mount in read(places)["cdb_postgres"].mounts}
    files = {places.relative(path) for path in (places.root / "governance" / "migrations").glob("*.sql")}
    assert files - mounted == {"governance/migrations/0004_risk_events.sql"}


def test_a_dollar_sign_survives_the_substitution_of_compose(places: Places) -> None:
    containers = written(places)
    odd = replace(containers[0], environment={"ODD": 'a $HOME and a "quote" # and: a colon'})
    text = compose_file(places, project_of(places), [odd], IMAGES.python)
    assert 'ODD: "a $$HOME and a \\"quote\\" # and: a colon"' in text


def test_the_embedded_demo_has_none_of_it(places: Places) -> None:
    written(places)
    prepare(places)
    left = {path.name for path in places.root.iterdir()}
    assert not left & {"compose.yaml", "prometheus", "postgres"}
    assert not (places.root / "checks" / "containers.yaml").exists()
    assert not (places.root / "checks" / "docker").exists()


def test_every_service_has_a_tag_of_its_own(places: Places) -> None:
    tags = [service_image(places, name) for name in SERVICES]
    assert len(set(tags)) == len(tags)
