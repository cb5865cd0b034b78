"""Whatever the files hold, the loader answers with services or with problems, soon."""

from __future__ import annotations

import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.errors import DefinitionError
from tests.load.compose.project import Project

WORDS = """
services include configs name a b image build ports volumes logging driver options healthcheck test disable extends
service file depends_on deploy replicas scale profiles network_mode links volumes_from restart container_name target
published source type path env_file condition required
"""
KEYS = st.sampled_from(WORDS.split())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(alphabet="ab.:/${}-?$~*[]1 \n", max_size=12),
    st.sampled_from(["a", "b", "compose.yaml", "service:a", "./x:/y", "1:1", "${A:-b}", "CMD"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
SERVICE = st.dictionaries(KEYS, VALUES, max_size=5)
MODEL = st.fixed_dictionaries({"services": st.dictionaries(st.sampled_from("ab"), SERVICE, max_size=2)})


def attempt(*texts: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        names = ("compose.yaml", "over.yaml")[: len(texts)]
        for name, text in zip(names, texts, strict=True):
            project.write(name, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
        with suppress(DefinitionError):
            project.load(*names)


@given(st.one_of(VALUES, MODEL), MODEL)
def test_any_two_files_have_services_or_problems(base: Any, over: Any) -> None:
    attempt(yaml.safe_dump(base), yaml.safe_dump(over))


@given(st.text(alphabet="services:ab{}[]&*<>!reset \n-'\"#|x1", max_size=80))
def test_any_text_has_services_or_problems(text: str) -> None:
    attempt(text)


@given(st.binary(max_size=60))
def test_any_bytes_have_services_or_problems(raw: bytes) -> None:
    attempt(raw)


def test_services_that_take_over_too_much_are_refused_quickly(project: Project) -> None:
    keys = ", ".join(f"k{i}: 1" for i in range(20_000))
    services = "\n".join(f"  s{i}: {{extends: base}}" for i in range(5_000))
    started = time.monotonic()
    problems = project.wrong(f"services:\n  base: {{image: x, {keys}}}\n{services}\n")
    assert time.monotonic() - started < 10
    assert problems == ["compose.yaml: what its files and services take over from each other is too much"]


def test_more_services_than_anybody_has_are_refused(project: Project) -> None:
    services = "\n".join(f"  s{i}: {{image: x}}" for i in range(501))
    assert project.wrong(f"services:\n{services}\n") == ["compose.yaml:1: services: has more than 500 services"]


def test_a_list_that_many_services_share_is_read_within_bounds(project: Project) -> None:
    ports = ", ".join(f"'{i}'" for i in range(1, 20_000))
    services = "\n".join(f"  s{i}: {{extends: base}}" for i in range(400))
    started = time.monotonic()
    problems = project.wrong(f"services:\n  base: {{image: x, ports: [{ports}]}}\n{services}\n")
    assert time.monotonic() - started < 10
    assert "compose.yaml:2: services.base.ports: has more than 500 items" in problems


def test_problems_are_told_but_not_without_end(project: Project) -> None:
    services = "\n".join(f"  s{i}: {{image: 7}}" for i in range(400))
    problems = project.wrong(f"services:\n{services}\n")
    assert len(problems) == 101
    assert any("more problems than the 100" in problem for problem in problems)
