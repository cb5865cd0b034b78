"""``.env`` files: quotes, comments, export, and no word of what stands in them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.load.compose.env_file import BadLine, read_env
from tests.load.compose.project import Project


def test_every_way_to_write_a_variable() -> None:
    text = """\
# a comment
   # another one

PLAIN=value
export EXPORTED=value
SPACED = value with blanks   # a comment
HASH=a#b
EMPTY=
QUOTED="a # b"   # a comment
SINGLE='$PLAIN "x" # y'
ESCAPED="line\\nnext \\"quoted\\" \\\\ \\$PLAIN"
YAML: value
USES=${PLAIN}-$EXPORTED-${NOBODY:-default}
LITERAL=a$$b
LINES="one
two"
WITH.DOT=1
LAST=value"""
    assert read_env(text, {}) == {
        "PLAIN": "value",
        "EXPORTED": "value",
        "SPACED": "value with blanks",
        "HASH": "a#b",
        "EMPTY": "",
        "QUOTED": "a # b",
        "SINGLE": '$PLAIN "x" # y',
        "ESCAPED": 'line\nnext "quoted" \\ $PLAIN',
        "YAML": "value",
        "USES": "value-value-default",
        "LITERAL": "a$b",
        "LINES": "one\ntwo",
        "WITH.DOT": "1",
        "LAST": "value",
    }


def test_windows_line_ends_are_no_part_of_a_value() -> None:
    assert read_env("A=1\r\nB='2'\r\n\r\nC\r\nD=4", {}) == {"A": "1", "B": "2", "D": "4"}


def test_the_environment_wins_inside_of_values() -> None:
    assert read_env("A=file\nB=$A\n", {"A": "shell"})["B"] == "shell"


def test_a_name_alone_takes_its_value_from_the_environment() -> None:
    assert read_env("A\nB=1\n", {"A": "shell"}) == {"B": "1"}


def test_the_last_of_two_counts() -> None:
    assert read_env("A=1\nA=2\n", {}) == {"A": "2"}


def test_a_password_with_a_dollar_of_its_own_stays() -> None:
    assert read_env("PW=pa$ss$\n", {})["PW"] == "pa$ss$"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A=1\n=hunter2\n", 2, "is not of the form NAME=value"),
        ("A=1\nhunter2 x\n", 2, "is not of the form NAME=value"),
        ("\n\nA='hunter2\n\n", 3, "the quote ' is not closed"),
        ('A="hunter2" hunter3\n', 1, "something stands behind the closing quote"),
    ],
)
def test_a_bad_line_is_named_and_never_repeated(text: str, line: int, message: str) -> None:
    with pytest.raises(BadLine) as caught:
        read_env(text, {})
    assert (caught.value.line, str(caught.value)) == (line, message)


@given(st.text(alphabet="AB= '\"#\n\\$:x", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadLine):
        assert all(isinstance(value, str) for value in read_env(text, {}).values())


@given(st.text().filter(lambda text: "'" not in text and "\\" not in text))
def test_what_stands_in_single_quotes_stays_as_it_is(value: str) -> None:
    assert read_env(f"A='{value}'\n", {}) == {"A": value}


def test_values_that_multiply_stay_bounded() -> None:
    lines = ["A0=" + "x" * 1000, *(f"A{i}=$A{i - 1}$A{i - 1}" for i in range(1, 2000))]
    assert sum(map(len, read_env("\n".join(lines), {}).values())) < 20_000_000


def test_a_bad_file_is_a_problem_of_the_project(project: Project) -> None:
    project.write(".env", "OK=1\nhunter2 hunter3\n")
    assert project.wrong("services: {a: {image: x}}") == [".env:2: is not of the form NAME=value"]
