"""Which services are expected to run: profiles, and what a service needs."""

from __future__ import annotations

from tests.load.compose.project import Project

TEXT = """\
services:
  a: {image: x}
  tools: {image: x, profiles: [tools, debug]}
  job: {image: x, profiles: [jobs]}
"""


def names(project: Project, *profiles: str, **environment: str) -> list[str]:
    project.write("compose.yaml", TEXT)
    return list(project.load(profiles=profiles, environment=environment))


def test_a_service_with_profiles_runs_only_when_one_of_them_is_active(project: Project) -> None:
    assert names(project) == ["a"]
    assert names(project, "debug") == ["a", "tools"]
    assert names(project, "jobs", "tools") == ["a", "tools", "job"]
    assert names(project, "*") == ["a", "tools", "job"]


def test_profiles_of_the_environment_count_where_none_are_declared(project: Project) -> None:
    assert names(project, COMPOSE_PROFILES="jobs, tools") == ["a", "tools", "job"]
    assert names(project, "jobs", COMPOSE_PROFILES="tools") == ["a", "job"]


def test_a_profile_that_no_service_has_is_said(project: Project) -> None:
    project.write("compose.yaml", TEXT)
    assert project.wrong(None, profiles=["tool"]) == [
        "compose.yaml:1: services: unknown profile `tool`: did you mean `tools`?"
    ]


def test_what_a_service_needs_has_to_run_with_it(project: Project) -> None:
    text = """\
    services:
      db: {image: x, profiles: [db]}
      a:
        image: x
        depends_on: [db]
      b:
        image: x
        depends_on:
          db: {condition: service_started}
      c: {image: x, network_mode: "service:db", links: ["db:database"]}
    """
    message = "`db` runs only with the profile db, and is needed without it"
    assert sorted(project.wrong(text)) == [
        f"compose.yaml:10: services.c.links: {message}",
        f"compose.yaml:10: services.c.network_mode: {message}",
        f"compose.yaml:5: services.a.depends_on: {message}",
        f"compose.yaml:9: services.b.depends_on.db: {message}",
    ]
    assert "db" in project.load(profiles=["db"])


def test_a_service_can_do_without_what_it_does_not_require(project: Project) -> None:
    project.write(
        "compose.yaml",
        """\
        services:
          db: {image: x, profiles: [db]}
          a: {image: x, depends_on: {db: {condition: service_started, required: false}}}
        """,
    )
    assert list(project.load()) == ["a"]


def test_a_service_that_nobody_names_cannot_be_needed(project: Project) -> None:
    assert project.wrong("services:\n  redis: {image: x}\n  a: {image: x, depends_on: [redsi]}\n") == [
        "compose.yaml:3: services.a.depends_on: unknown service `redsi`: did you mean `redis`?"
    ]


def test_a_service_whose_end_is_awaited_is_a_job(project: Project) -> None:
    project.write(
        "compose.yaml",
        """\
        services:
          migrate: {image: x}
          a: {image: x, depends_on: {migrate: {condition: service_completed_successfully}}}
        """,
    )
    assert {name: service.completes for name, service in project.load().items()} == {"migrate": True, "a": False}


class TestAnEmptyProject:
    def test_no_service_at_all_is_an_error(self, project: Project) -> None:
        message = "no service is named, so nothing is expected to run"
        assert project.wrong("volumes: {}\n") == [f"compose.yaml:1: services: {message}"]
        assert project.wrong("services: {}\n") == [f"compose.yaml:1: services: {message}"]

    def test_no_active_service_is_an_error(self, project: Project) -> None:
        (problem,) = project.wrong("services:\n  a: {image: x, profiles: [p]}\n")
        assert problem.startswith("compose.yaml:1: services: every service has a profile and none of them is active")

    def test_an_empty_file_is_an_error(self, project: Project) -> None:
        assert project.wrong("# nothing\n") == ["compose.yaml: is empty"]

    def test_a_missing_file_is_an_error(self, project: Project) -> None:
        assert project.wrong(None, "none.yaml", "other.yaml") == [
            "none.yaml: does not exist",
            "other.yaml: does not exist",
        ]

    def test_a_folder_is_no_file(self, project: Project) -> None:
        (project.root / "compose.yaml").mkdir()
        assert project.wrong() == ["compose.yaml: is not a file"]


class TestTheNameOfTheProject:
    def test_another_name_than_in_cdbctl_yaml_is_an_error(self, project: Project) -> None:
        (problem,) = project.wrong("name: other\nservices: {a: {image: x}}\n")
        assert problem.startswith('compose.yaml:1: name: the project is called "other" here and cdb in cdbctl.yaml')
        assert problem.endswith("or write ${COMPOSE_PROJECT_NAME:-other} here")

    def test_the_same_name_and_the_advised_form_are_fine(self, project: Project) -> None:
        assert project.service("name: cdb\nservices: {a: {image: x}}").project == "cdb"
        assert project.service("name: ${COMPOSE_PROJECT_NAME:-other}\nservices: {a: {image: x}}").project == "cdb"
