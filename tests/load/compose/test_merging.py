"""Several files laid over each other, as compose lays them."""

from __future__ import annotations

from pathlib import Path

from cdbctl.model.compose import ComposeMount, ComposePort, ComposeService
from tests.load.compose.project import Project

BASE = """\
services:
  a:
    image: postgres:15
    restart: unless-stopped
    ports: ["5432:5432", "127.0.0.1:5433:5433/udp"]
    volumes:
      - ./sql:/docker-entrypoint-initdb.d:ro
      - data:/var/lib/postgresql/data
      - ../elsewhere:/else
    logging: {driver: json-file, options: {max-size: 10m}}
    healthcheck: {test: pg_isready -U cdb, interval: 5s}
    environment: {POSTGRES_PASSWORD: hunter2}
  b: {build: ./b}
volumes: {data: {}}
"""


def laid(project: Project, over: str) -> ComposeService:
    project.write("compose.yaml", BASE)
    project.write("deploy/over.yaml", over)
    return project.load("compose.yaml", "deploy/over.yaml")["a"]


def test_one_file_is_read_as_it_stands(project: Project) -> None:
    project.write("compose.yaml", BASE)
    elsewhere = (project.root.parent / "elsewhere").as_posix()
    assert project.load() == {
        "a": ComposeService(
            name="a",
            project="cdb",
            container=None,
            image="postgres:15",
            built=False,
            build_folder=None,
            ports=(
                ComposePort("", "5432", "5432", "tcp", "compose.yaml", 5),
                ComposePort("127.0.0.1", "5433", "5433", "udp", "compose.yaml", 5),
            ),
            mounts=(
                ComposeMount("sql", "/docker-entrypoint-initdb.d", True, "compose.yaml", 7),
                ComposeMount(elsewhere, "/else", False, "compose.yaml", 9),
            ),
            log_driver="json-file",
            log_options=(("max-size", "10m"),),
            healthcheck=("CMD-SHELL", "pg_isready -U cdb"),
            restart="unless-stopped",
            replicas=1,
            file="compose.yaml",
            line=2,
        ),
        "b": ComposeService(
            name="b",
            project="cdb",
            container=None,
            image=None,
            built=True,
            build_folder="b",
            ports=(),
            mounts=(),
            log_driver=None,
            log_options=(),
            healthcheck=(),
            restart=None,
            replicas=1,
            file="compose.yaml",
            line=13,
        ),
    }


def test_nothing_of_the_environment_leaves_the_loader(project: Project) -> None:
    project.write("compose.yaml", BASE)
    assert "hunter2" not in repr(project.load())


def test_a_text_replaces_and_what_is_not_named_stays(project: Project) -> None:
    service = laid(project, "services: {a: {image: 'postgres:16'}}")
    assert (service.image, service.restart) == ("postgres:16", "unless-stopped")
    assert (service.file, service.line) == ("compose.yaml", 2)


def test_ports_are_appended_and_the_same_one_counts_once(project: Project) -> None:
    service = laid(project, "services: {a: {ports: ['5432:5432', '5999:5432']}}")
    assert [(port.host_port, port.container_port, port.file) for port in service.ports] == [
        ("5432", "5432", "deploy/over.yaml"),
        ("5433", "5433", "compose.yaml"),
        ("5999", "5432", "deploy/over.yaml"),
    ]


def test_volumes_are_merged_by_their_target_and_start_at_the_folder_of_the_first_file(project: Project) -> None:
    service = laid(project, "services: {a: {volumes: ['./sql2:/docker-entrypoint-initdb.d', 'named:/else']}}")
    assert [(mount.source, mount.target, mount.read_only) for mount in service.mounts] == [
        ("sql2", "/docker-entrypoint-initdb.d", False)
    ]


def test_the_first_file_names_the_folder_of_the_project(project: Project) -> None:
    project.write("deploy/compose.yaml", "services: {a: {image: x, build: ., volumes: ['./sql:/sql', '../up:/up']}}")
    service = project.load("deploy/compose.yaml")["a"]
    assert (service.build_folder, [mount.source for mount in service.mounts]) == ("deploy", ["deploy/sql", "up"])


def test_the_test_of_a_healthcheck_is_replaced_and_its_other_keys_are_merged(project: Project) -> None:
    assert laid(project, "services: {a: {healthcheck: {test: [CMD, 'true']}}}").healthcheck == ("CMD", "true")
    assert laid(project, "services: {a: {healthcheck: {retries: 3}}}").healthcheck[0] == "CMD-SHELL"


def test_a_healthcheck_is_switched_off_in_two_ways(project: Project) -> None:
    assert laid(project, "services: {a: {healthcheck: {test: [NONE]}}}").healthcheck == ()
    assert laid(project, "services: {a: {healthcheck: {disable: true}}}").healthcheck == ()


def test_options_of_the_same_log_driver_are_merged(project: Project) -> None:
    service = laid(project, "services: {a: {logging: {driver: json-file, options: {max-file: 3}}}}")
    assert service.log_options == (("max-size", "10m"), ("max-file", "3"))
    assert laid(project, "services: {a: {logging: {options: {max-size: 1m}}}}").log_options == (("max-size", "1m"),)


def test_options_of_another_log_driver_are_not(project: Project) -> None:
    service = laid(project, "services: {a: {logging: {driver: journald}}}")
    assert (service.log_driver, service.log_options) == ("journald", ())


def test_the_short_form_of_build_is_merged_with_the_long_one(project: Project) -> None:
    project.write("compose.yaml", BASE)
    project.write("over.yaml", "services: {b: {build: {dockerfile: Other}}}")
    assert project.load("compose.yaml", "over.yaml")["b"].build_folder == "b"
    project.write("over.yaml", "services: {b: {build: {context: ./c}}}")
    assert project.load("compose.yaml", "over.yaml")["b"].build_folder == "c"


def test_no_value_changes_nothing(project: Project) -> None:
    service = laid(project, "services: {a: {ports: , image: null}}")
    assert (len(service.ports), service.image) == (2, "postgres:15")


class TestTags:
    def test_reset_takes_a_value_away(self, project: Project) -> None:
        service = laid(project, "services: {a: {ports: !reset [], restart: !reset null, healthcheck: !reset {}}}")
        assert (service.ports, service.restart, service.healthcheck) == ((), None, ())
        assert service.image == "postgres:15"

    def test_reset_takes_a_value_inside_away(self, project: Project) -> None:
        service = laid(project, "services: {a: {logging: {options: {max-size: !reset null}}}}")
        assert (service.log_driver, service.log_options) == ("json-file", ())

    def test_override_replaces_what_would_be_merged(self, project: Project) -> None:
        service = laid(project, "services: {a: {ports: !override ['1:1'], volumes: !override []}}")
        assert [port.host_port for port in service.ports] == ["1"]
        assert service.mounts == ()

    def test_reset_takes_a_whole_service_away(self, project: Project) -> None:
        project.write("compose.yaml", BASE)
        project.write("over.yaml", "services: {b: !reset null}")
        assert list(project.load("compose.yaml", "over.yaml")) == ["a"]

    def test_override_replaces_a_whole_service(self, project: Project) -> None:
        service = laid(project, "services: {a: !override {image: other}}")
        assert (service.image, service.ports) == ("other", ())

    def test_in_one_file_reset_is_nothing_and_override_is_the_value(self, project: Project) -> None:
        service = project.service("services: {a: {image: x, restart: !reset always, ports: !override ['1:1']}}")
        assert (service.restart, len(service.ports)) == (None, 1)


def test_several_documents_of_one_file_are_laid_over_each_other(project: Project) -> None:
    service = project.service("services: {a: {image: x}}\n---\nservices: {a: {restart: always}}\n")
    assert (service.image, service.restart) == ("x", "always")


def test_the_order_of_many_files_is_the_order_of_the_command_line(project: Project) -> None:
    files = [project.write(f"{number}.yaml", f"services: {{a: {{image: 'x:{number}'}}}}") for number in range(5)]
    assert project.load(*files)["a"].image == "x:4"
    assert project.load(*reversed(files))["a"].image == "x:0"


def test_an_absolute_file_is_named_relative_to_the_root_where_it_lies_below(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("services: {a: {image: x}}\n", encoding="utf-8")
    assert project.load(str(outside))["a"].file == outside.as_posix()
    project.write("sub/in.yaml", "services: {a: {image: x}}")
    assert project.load(str(project.root / "sub" / "in.yaml"))["a"].file == "sub/in.yaml"
