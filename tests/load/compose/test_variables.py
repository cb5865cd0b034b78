"""Variables: every form of the specification, where their values come from, and what is said when they have none."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.load.compose.variables import Unreplaceable, Variables
from tests.load.compose.project import Project

VALUES = {"SET": "value", "EMPTY": "", "_x1": "u"}


def replaced(text: str) -> str:
    return Variables(VALUES).replace_in(text)[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${SET}", "value"),
        ("$SET", "value"),
        ("a$SET/b", "avalue/b"),
        ("$SET$SET", "valuevalue"),
        ("$_x1", "u"),
        ("$$SET", "$SET"),
        ("$$$SET", "$value"),
        ("$${SET}", "${SET}"),
        ("${SET:-d}", "value"),
        ("${EMPTY:-d}", "d"),
        ("${NONE:-d}", "d"),
        ("${SET-d}", "value"),
        ("${EMPTY-d}", ""),
        ("${NONE-d}", "d"),
        ("${NONE:-}", ""),
        ("${SET:?m}", "value"),
        ("${EMPTY?m}", ""),
        ("${SET:+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${EMPTY+x}", "x"),
        ("${NONE+x}", ""),
        ("${NONE:-${EMPTY:-${SET}}}", "value"),
        ("${NONE:-$SET-$$}", "value-$"),
        ("${NONE:-a:b/c}", "a:b/c"),
        ('${NONE:-{"a": 1}}', '{"a": 1}'),
        ("${SET:+${NONE:-inner}}", "inner"),
        ("x${NONE}y", "xy"),
    ],
)
def test_every_form_of_the_specification(text: str, value: str) -> None:
    assert replaced(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$", "a $ is followed by no name"),
        ("a$ b", "a $ is followed by no name"),
        ("$1", "a $ is followed by no name"),
        ("${SET", "a ${ is not closed"),
        ("${}", "${ is followed by no name"),
        ("${1}", "${ is followed by no name"),
        ("${SET!x}", "${SET…} has none of the forms"),
        ("${SET:x}", "${SET…} has none of the forms"),
        ("${NONE:?name it}", "the variable NONE must have a value: name it"),
        ("${EMPTY:?}", "the variable EMPTY must have a value"),
        ("${NONE?}", "the variable NONE must be set"),
    ],
)
def test_what_cannot_be_meant_is_said(text: str, message: str) -> None:
    with pytest.raises(Unreplaceable, match=r".*") as caught:
        replaced(text)
    assert str(caught.value).startswith(message)


@given(st.text())
def test_a_text_without_a_dollar_stays_and_a_doubled_one_is_a_dollar(text: str) -> None:
    assert replaced(text.replace("$", "$$")) == text


@given(st.text(alphabet="${}:-?+SETNOE a", max_size=30))
def test_any_text_has_a_value_or_a_reason(text: str) -> None:
    with suppress(Unreplaceable):
        assert isinstance(replaced(text), str)


def test_a_text_cannot_grow_without_end() -> None:
    with pytest.raises(Unreplaceable, match="longer than 64 KiB"):
        Variables({"BIG": "x" * 1000}).replace_in("$BIG" * 1000)
    with pytest.raises(Unreplaceable, match="nested deeper than 20"):
        replaced("${N:-" * 50 + "x" + "}" * 50)
    bounded = Variables({"BIG": "x" * 60_000})
    for _ in range(139):
        bounded.replace_in("$BIG")
    with pytest.raises(Unreplaceable, match="too long"):
        bounded.replace_in("$BIG")


class TestWhereValuesComeFrom:
    IMAGE = "services: {a: {image: 'x:${TAG}'}}"

    def test_the_environment_comes_first(self, project: Project) -> None:
        project.write(".env", "TAG=file\n")
        project.write("compose.yaml", self.IMAGE)
        assert project.load(environment={"TAG": "shell"})["a"].image == "x:shell"
        assert project.load()["a"].image == "x:file"

    def test_the_file_stands_beside_the_first_compose_file(self, project: Project) -> None:
        project.write(".env", "TAG=root\n")
        project.write("deploy/.env", "TAG=deploy\n")
        project.write("deploy/compose.yaml", self.IMAGE)
        assert project.load("deploy/compose.yaml")["a"].image == "x:deploy"

    def test_a_declared_file_is_read_instead(self, project: Project) -> None:
        project.write(".env", "TAG=dot\n")
        project.write("prod.env", "TAG=prod\n")
        project.write("compose.yaml", self.IMAGE)
        assert project.load(env_file="prod.env")["a"].image == "x:prod"

    def test_a_declared_file_has_to_be_there(self, project: Project) -> None:
        project.write("compose.yaml", self.IMAGE)
        with pytest.raises(Exception, match="1 definition error") as caught:
            project.load(env_file="prod.env")
        assert "prod.env: does not exist" in str(getattr(caught.value, "why", ""))

    def test_the_name_of_the_project_is_a_variable(self, project: Project) -> None:
        assert project.service("services: {a: {image: '${COMPOSE_PROJECT_NAME}'}}").image == "cdb"


class TestAVariableThatIsNotSet:
    def test_is_empty_and_said_where_it_changes_the_image_or_a_port(self, project: Project) -> None:
        service = project.service(
            """\
            services:
              a:
                image: redis:${TAG}
                restart: ${RESTART}
                ports:
                  - ${HOST}8000:8000
                  - {target: 1, published: "${P1}${P2}"}
            """
        )
        assert (service.image, service.restart) == ("redis:", None)
        assert [(note.key, note.text) for note in service.notes] == [
            ("image", "TAG is not set, so compose reads nothing there (compose.yaml:3)"),
            ("ports", "HOST is not set, so compose reads nothing there (compose.yaml:6)"),
            ("ports", "P1 and P2 are not set, so compose reads nothing there (compose.yaml:7)"),
        ]

    def test_with_a_default_is_not(self, project: Project) -> None:
        assert project.service("services: {a: {image: 'redis:${TAG:-7}${X-}'}}").notes == ()

    def test_that_must_be_set_is_an_error_with_the_words_of_its_author(self, project: Project) -> None:
        assert project.wrong("services:\n  a:\n    image: ${REG:?name the registry}/a\n") == [
            "compose.yaml:3: services.a.image: the variable REG must have a value: name the registry"
        ]

    def test_in_the_environment_of_a_service_is_an_error_that_repeats_nothing(self, project: Project) -> None:
        text = "services:\n  a:\n    image: x\n    environment:\n      PASSWORD: hunter2$ $(id)\n"
        (problem,) = project.wrong(text)
        assert problem.startswith("compose.yaml:5: services.a.environment.PASSWORD: a $ is followed by no name")
        assert "hunter2" not in problem

    def test_in_an_extension_means_nothing_until_it_is_taken_over(self, project: Project) -> None:
        assert project.service("x-a: {b: '$ nothing'}\nservices: {a: {image: x}}").image == "x"


def test_numbers_and_truth_values_may_come_from_variables(project: Project) -> None:
    project.write(
        "compose.yaml",
        """\
        services:
          a:
            image: x
            deploy: {replicas: "${N}"}
            healthcheck: {test: x, disable: "${OFF}"}
            ports: [{target: "${P}", published: "${P}"}]
        """,
    )
    service = project.load(environment={"N": "3", "OFF": "true", "P": "80"})["a"]
    assert (service.replicas, service.healthcheck, service.ports[0].host_port) == (3, (), "80")


def test_values_that_aliases_share_are_replaced_once(project: Project) -> None:
    lines = ["x0: &x0 ['$V', '$V', '$V', '$V']"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 4)}]" for i in range(1, 7)]
    project.write("compose.yaml", "\n".join([*lines, "services: {a: {image: x}}"]))
    started = time.monotonic()
    assert project.load(environment={"V": "v" * 1000})["a"].image == "x"
    assert time.monotonic() - started < 2
