"""What is read of one service, in the short and the long forms, and every way to write it wrong."""

from __future__ import annotations

import pytest

from tests.load.compose.project import Project


@pytest.mark.parametrize(
    ("written", "address", "host", "container", "protocol"),
    [
        ("8000", "", "", "8000", "tcp"),
        ("'8000'", "", "", "8000", "tcp"),
        ("'3000-3005'", "", "", "3000-3005", "tcp"),
        ("'8000:8000'", "", "8000", "8000", "tcp"),
        ("'9090-9091:8080-8081'", "", "9090-9091", "8080-8081", "tcp"),
        ("'127.0.0.1:8001:8001'", "127.0.0.1", "8001", "8001", "tcp"),
        ("'127.0.0.1::5000'", "127.0.0.1", "", "5000", "tcp"),
        ("'[::1]:8080:80'", "::1", "8080", "80", "tcp"),
        ("'::1:8080:80'", "::1", "8080", "80", "tcp"),
        ("'6060:6060/udp'", "", "6060", "6060", "udp"),
        ("{target: 80}", "", "", "80", "tcp"),
        ("{target: 80, published: '8080', protocol: udp}", "", "8080", "80", "udp"),
        ("{target: 80, published: 8080, host_ip: 127.0.0.1, mode: host}", "127.0.0.1", "8080", "80", "tcp"),
    ],
)
def test_every_form_of_a_port(
    project: Project, written: str, address: str, host: str, container: str, protocol: str
) -> None:
    (port,) = project.service(f"services: {{a: {{image: x, ports: [{written}]}}}}").ports
    assert (port.host_address, port.host_port, port.container_port, port.protocol) == (
        address,
        host,
        container,
        protocol,
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("x", '"x" is no port'),
        ("'70000:80'", '"70000:80" is no port'),
        ("'9-8:9-8'", '"9-8:9-8" is no port'),
        ("true", "is no port"),
        ("[1]", "is no port"),
        ("'db:80:80'", '"db" is no address'),
        ("'80/xyz'", '"xyz" is no protocol of a port'),
        ("{published: 80}", "is missing: which port of the container is meant?"),
        ("{target: [80]}", "is neither text nor a number"),
        ("{target: 80, published: x}", "target or published is no port"),
    ],
)
def test_what_is_no_port_is_said(project: Project, written: str, message: str) -> None:
    (problem,) = project.wrong(f"services:\n  a:\n    image: x\n    ports:\n      - {written}\n")
    assert problem.startswith("compose.yaml:5: services.a.ports[0]")
    assert message in problem


@pytest.mark.parametrize(
    ("written", "source", "target", "read_only"),
    [
        ("./sql:/sql", "sql", "/sql", False),
        (".:/app:ro", ".", "/app", True),
        ("./a/../b:/b:ro,z", "b", "/b", True),
        ("/abs:/abs/", "/abs", "/abs", False),
        ("~/x:/x", "/home/me/x", "/x", False),
        ('"C:\\\\data:/data:ro"', "C:\\data", "/data", True),
        ("{type: bind, source: ./l, target: /l, read_only: true}", "l", "/l", True),
    ],
)
def test_every_form_of_a_bind_mount(project: Project, written: str, source: str, target: str, read_only: bool) -> None:
    project.write("compose.yaml", f"services: {{a: {{image: x, volumes: [{written}]}}}}")
    (mount,) = project.load(environment={"HOME": "/home/me"})["a"].mounts
    assert (mount.source, mount.target, mount.read_only) == (source, target, read_only)


@pytest.mark.parametrize(
    "written", ["data:/data", "/data", "{type: volume, source: x, target: /x}", "{type: tmpfs, target: /x}"]
)
def test_a_volume_that_the_engine_keeps_is_no_bind_mount(project: Project, written: str) -> None:
    assert project.service(f"services: {{a: {{image: x, volumes: [{written}]}}}}").mounts == ()


def test_a_config_from_a_file_is_a_mount(project: Project) -> None:
    service = project.service(
        """\
        configs:
          schema: {file: ./sql/0001.sql}
          other: {external: true}
        services:
          a:
            image: x
            configs:
              - other
              - {source: schema, target: /docker-entrypoint-initdb.d/0001.sql}
        """
    )
    assert [(mount.source, mount.target, mount.read_only) for mount in service.mounts] == [
        ("sql/0001.sql", "/docker-entrypoint-initdb.d/0001.sql", True)
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("7", "is no mount"),
        ("'a:b:c:d'", '"a:b:c:d" is no mount'),
        ("'./a:'", '"./a:" is no mount'),
        ("{type: bind, source: ./a}", "is missing: where in the container does it appear?"),
        ("{type: bind, target: /a}", "is missing: what of the host is mounted?"),
    ],
)
def test_what_is_no_mount_is_said(project: Project, written: str, message: str) -> None:
    (problem,) = project.wrong(f"services:\n  a:\n    image: x\n    volumes:\n      - {written}\n")
    assert problem.startswith("compose.yaml:5: services.a.volumes[0]")
    assert message in problem


def test_the_number_of_containers_is_read_from_either_key(project: Project) -> None:
    assert project.service("services: {a: {image: x, scale: 0}}").replicas == 0
    assert project.service("services: {a: {image: x, deploy: {replicas: 3}}}").replicas == 3
    assert project.service("services: {a: {image: x, scale: 2, deploy: {replicas: 2}}}").replicas == 2


def test_an_image_that_is_built_elsewhere_has_no_folder_here(project: Project) -> None:
    service = project.service("services: {a: {build: 'https://example.org/x.git'}}")
    assert (service.built, service.build_folder) == (True, None)
    assert project.service("services: {a: {build: ../other}}").build_folder is None
    assert project.service("services: {a: {build: {dockerfile_inline: FROM x}}}").build_folder == "."


def test_the_rest_of_a_service(project: Project) -> None:
    service = project.service(
        """\
        services:
          a:
            image: x
            container_name: cdb_a
            network_mode: host
            healthcheck: {test: [CMD-SHELL, "kill -0 1"], interval: 5s}
            logging: {driver: json-file, options: {max-size: 10m, max-file: 3, compress: true}}
            x-mine: {anything: goes}
            a_key_of_tomorrow: [1, {2: 3}]
        """
    )
    assert (service.container, service.network_mode) == ("cdb_a", "host")
    assert service.healthcheck == ("CMD-SHELL", "kill -0 1")
    assert dict(service.log_options) == {"max-size": "10m", "max-file": "3", "compress": "true"}


def test_every_wrong_kind_is_said_at_once_with_its_line(project: Project) -> None:
    text = """\
    services:
      a:
        image: 7
        ports: "8000:8000"
        volumes: {x: y}
        logging: none
        healthcheck: curl
        depends_on: b
        restart: false
        profiles: p
      b: [image]
      "c d": {image: x}
    """
    assert sorted(project.wrong(text), key=lambda each: int(each.split(":")[1])) == [
        "compose.yaml:3: services.a.image: is a number, not text",
        "compose.yaml:4: services.a.ports: is text, not a list",
        "compose.yaml:5: services.a.volumes: is a mapping, not a list",
        "compose.yaml:6: services.a.logging: is text, not a mapping",
        "compose.yaml:7: services.a.healthcheck: is text, not a mapping",
        "compose.yaml:8: services.a.depends_on: is text, not a list or a mapping",
        "compose.yaml:9: services.a.restart: is true or false, not text",
        "compose.yaml:10: services.a.profiles: is text, not a list",
        "compose.yaml:11: services.b: is a list, not a mapping",
        "compose.yaml:12: services.c d: a service is named by letters, digits, and the characters . _ -",
    ]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{restart: always}", "3: services.a: has neither an image nor a build folder"),
        ("{image: x, scale: many}", '3: services.a.scale: "many" is not a number of containers'),
        ("{image: x, scale: -1}", "3: services.a.scale: -1 is not a number of containers"),
        ("{image: x, deploy: {replicas: true}}", "3: services.a.deploy.replicas: true is not a number of containers"),
        ("{image: x, scale: 1, deploy: {replicas: 2}}", "3: services.a.scale: is another number than deploy.replicas"),
        ("{image: x, logging: {driver: [x]}}", "3: services.a.logging.driver: is not text"),
        ("{image: x, logging: {options: [x]}}", "3: services.a.logging.options: is not a mapping"),
        ("{image: x, container_name: n, scale: 2}", "3: services.a.container_name: 2 containers cannot have"),
        ("{image: x, healthcheck: {test: [curl, x]}}", "3: services.a.healthcheck.test: is neither text nor a list"),
        ("{image: x, healthcheck: {test: 7}}", "3: services.a.healthcheck.test: is neither text nor a list"),
    ],
)
def test_what_a_service_cannot_be_is_said(project: Project, written: str, problem: str) -> None:
    (found,) = project.wrong(f"services:\n  ok: {{image: x}}\n  a: {written}\n")
    assert found.startswith(f"compose.yaml:{problem}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[services]\n", "compose.yaml:1: is a list, not a mapping"),
        ("just text\n", "compose.yaml:1: is text, not a mapping"),
        ("services: [a]\n", "compose.yaml:1: services: is a list, not a mapping"),
        ("services: {a: {image: x}}\ninclude: other\n", "compose.yaml:2: include: is text, not a list"),
        ("? [a]\n: b\n", "compose.yaml:1: a key must be text, not a mapping or a list"),
    ],
)
def test_what_is_no_compose_file_is_said(project: Project, text: str, problem: str) -> None:
    assert project.wrong(text)[0] == problem
