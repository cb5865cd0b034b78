"""``extends`` and ``include``: services and files that take over from others."""

from __future__ import annotations

from tests.load.compose.project import Project


class TestExtends:
    def test_a_service_takes_over_from_one_of_the_same_file(self, project: Project) -> None:
        service = project.service(
            """\
            services:
              base:
                image: base
                restart: always
                ports: ["1:1"]
              a:
                extends: base
                image: own
                ports: ["2:2"]
            """
        )
        assert (service.image, service.restart) == ("own", "always")
        assert [port.host_port for port in service.ports] == ["1", "2"]
        assert (service.file, service.line) == ("compose.yaml", 6)

    def test_paths_of_another_file_start_at_its_folder(self, project: Project) -> None:
        project.write("lib/common.yaml", "services: {base: {build: ./b, volumes: ['./sql:/sql']}}")
        service = project.service(
            "services: {a: {extends: {service: base, file: lib/common.yaml}, volumes: ['./own:/own']}}"
        )
        assert service.build_folder == "lib/b"
        assert [(mount.source, mount.file) for mount in service.mounts] == [
            ("lib/sql", "lib/common.yaml"),
            ("own", "compose.yaml"),
        ]

    def test_a_chain_over_files_is_followed(self, project: Project) -> None:
        project.write("lib/deep/c.yaml", "services: {c: {image: deep, restart: always}}")
        project.write("lib/b.yaml", "services: {b: {extends: {service: c, file: deep/c.yaml}, image: middle}}")
        service = project.service("services: {a: {extends: {service: b, file: lib/b.yaml}}}")
        assert (service.image, service.restart) == ("middle", "always")

    def test_reset_takes_away_what_would_be_taken_over(self, project: Project) -> None:
        service = project.service(
            """\
            services:
              base: {image: x, ports: ["1:1"], restart: always}
              a: {extends: {service: base}, ports: !reset [], restart: !reset null}
            """
        )
        assert (service.ports, service.restart) == ((), None)

    def test_reset_still_counts_for_the_files_below(self, project: Project) -> None:
        project.write("compose.yaml", "services: {a: {image: x, ports: ['9:9']}}")
        project.write("over.yaml", "services: {base: {image: y}, a: {extends: base, ports: !reset []}}")
        assert project.load("compose.yaml", "over.yaml")["a"].ports == ()

    def test_a_circle_is_said(self, project: Project) -> None:
        problems = project.wrong("services:\n  a: {image: x, extends: b}\n  b: {image: x, extends: a}\n")
        message = "services extend each other in a circle"
        assert problems == [
            f"compose.yaml:2: services.a.extends: {message}: a -> b -> a",
            f"compose.yaml:3: services.b.extends: {message}: b -> a -> b",
        ]

    def test_a_chain_without_end_is_refused(self, project: Project) -> None:
        services = "\n".join(f"  s{i}: {{image: x, extends: s{i + 1}}}" for i in range(200))
        problems = project.wrong(f"services:\n{services}\n  s200: {{image: x}}\n")
        assert any("services extend each other over more than 30 steps" in problem for problem in problems)

    def test_a_service_that_is_not_there_is_said_with_a_guess(self, project: Project) -> None:
        assert project.wrong("services:\n  redis: {image: x}\n  a:\n    extends: redsi\n    image: x\n") == [
            "compose.yaml:4: services.a.extends: unknown service of compose.yaml `redsi`: did you mean `redis`?"
        ]

    def test_a_file_that_is_not_there_is_said(self, project: Project) -> None:
        text = "services: {a: {image: x, extends: {service: b, file: lib/none.yaml}}}"
        assert project.wrong(text) == ["lib/none.yaml: does not exist"]

    def test_what_names_no_service_is_said(self, project: Project) -> None:
        assert project.wrong("services: {a: {image: x, extends: {file: compose.yaml}}}") == [
            "compose.yaml:1: services.a.extends.service: names no service"
        ]


class TestInclude:
    def test_services_of_an_included_file_are_services_of_the_project(self, project: Project) -> None:
        project.write("db/compose.yaml", "services: {db: {image: 'pg:${V}', volumes: ['./sql:/sql']}}")
        project.write("db/.env", "V=1\n")
        project.write("compose.yaml", "include: [db/compose.yaml]\nservices: {a: {image: x, depends_on: [db]}}")
        services = project.load()
        assert services["db"].image == "pg:1"
        assert (services["db"].mounts[0].source, services["db"].file) == ("db/sql", "db/compose.yaml")

    def test_the_long_form_names_files_folder_and_variables(self, project: Project) -> None:
        project.write("db/one.yaml", "services: {db: {image: 'pg:${V}', volumes: ['./sql:/sql']}}")
        project.write("db/two.yaml", "services: {db: {restart: always}}")
        project.write("vars.env", "V=2\n")
        project.write(
            "compose.yaml",
            """\
            include:
              - path: [db/one.yaml, db/two.yaml]
                project_directory: ./other
                env_file: vars.env
            """,
        )
        db = project.load()["db"]
        assert (db.image, db.restart, db.mounts[0].source) == ("pg:2", "always", "other/sql")

    def test_the_variables_of_the_project_come_first(self, project: Project) -> None:
        project.write("db/compose.yaml", "services: {db: {image: 'pg:${V}'}}")
        project.write("db/.env", "V=inner\n")
        project.write(".env", "V=outer\n")
        project.write("compose.yaml", "include: [db/compose.yaml]")
        assert project.load()["db"].image == "pg:outer"

    def test_a_later_file_may_lay_over_an_included_service(self, project: Project) -> None:
        project.write("db/compose.yaml", "services: {db: {image: pg}}")
        project.write("compose.yaml", "include: [db/compose.yaml]")
        project.write("over.yaml", "services: {db: {image: other}}")
        assert project.load("compose.yaml", "over.yaml")["db"].image == "other"

    def test_what_is_defined_twice_is_said(self, project: Project) -> None:
        project.write("db/compose.yaml", "services:\n  db: {image: pg}\n")
        assert project.wrong("include: [db/compose.yaml]\nservices:\n  db: {image: own}\n") == [
            "compose.yaml:3: services.db: is already defined in db/compose.yaml:2, which is included"
        ]

    def test_the_same_file_may_be_included_twice(self, project: Project) -> None:
        project.write("db/compose.yaml", "services: {db: {image: pg}}")
        project.write("b.yaml", "include: [db/compose.yaml]")
        project.write("compose.yaml", "include: [db/compose.yaml, b.yaml]")
        assert list(project.load()) == ["db"]

    def test_a_circle_is_said(self, project: Project) -> None:
        project.write("b.yaml", "include: [compose.yaml]\nservices: {b: {image: x}}")
        problems = project.wrong("include: [b.yaml]\nservices: {a: {image: x}}")
        assert "b.yaml:1: include[0]: files include each other in a circle" in problems

    def test_a_missing_file_and_a_missing_name_are_said(self, project: Project) -> None:
        problems = project.wrong("include:\n  - none.yaml\n  - {env_file: x}\nservices: {a: {image: x}}")
        assert problems == ["compose.yaml:3: include[1]: names no file", "none.yaml: does not exist"]

    def test_more_files_than_anybody_writes_are_refused(self, project: Project) -> None:
        for number in range(60):
            project.write(f"f{number}.yaml", f"include: [f{number + 1}.yaml]\nservices: {{s{number}: {{image: x}}}}")
        assert project.wrong(None, "f0.yaml") == ["f0.yaml: this project has more than 50 files"]
