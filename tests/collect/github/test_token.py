"""Where the token comes from, and where it never goes."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github import find_token, token
from cdbctl.settings import GithubSource, Secret

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="a program that is a shell script")


def declared(reference: str | None = None, api: str = "https://api.github.com") -> GithubSource:
    return GithubSource("jannek/stack", Secret(reference) if reference else None, None, (), api)


def no_token(source: GithubSource, root: Path, environment: dict[str, str]) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        find_token(source, root, environment)
    return caught.value


def gh(folder: Path, script: str) -> dict[str, str]:
    program = folder / "gh"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return {"PATH": f"{folder}{os.pathsep}{os.defpath}"}


def test_the_declared_one_comes_first_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ghp_declared\n", encoding="utf-8")
    found = find_token(declared("file:token"), tmp_path, {"GH_TOKEN": "ghp_other"})
    assert found == "ghp_declared"


def test_a_declared_one_that_is_missing_is_not_replaced_by_another(tmp_path: Path) -> None:
    failure = no_token(declared("file:none"), tmp_path, {"GH_TOKEN": "ghp_other"})
    assert "file:none cannot be read" in failure.reason


def test_then_the_environment(tmp_path: Path) -> None:
    assert find_token(declared(), tmp_path, {"GH_TOKEN": " a ", "GITHUB_TOKEN": "b"}) == "a"
    assert find_token(declared(), tmp_path, {"GH_TOKEN": "", "GITHUB_TOKEN": "b\n"}) == "b"


@posix_only
def test_then_the_program_gh(tmp_path: Path) -> None:
    environment = gh(tmp_path, 'test "$*" = "auth token --hostname github.com" && echo gho_fromgh')
    assert find_token(declared(), tmp_path, environment) == "gho_fromgh"


@posix_only
@pytest.mark.parametrize("script", ["echo no token >&2; exit 1", "exit 0", "kill -9 $$"])
def test_a_gh_that_has_none(tmp_path: Path, script: str) -> None:
    failure = no_token(declared(), tmp_path, gh(tmp_path, script))
    assert failure.reason == (
        "there is no token for github.com: cdbctl.yaml names none, GH_TOKEN, GITHUB_TOKEN, `gh auth token` give none"
    )
    assert "GH_TOKEN" in failure.remedy


@posix_only
def test_a_gh_that_hangs_costs_its_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token, "GH_SECONDS", 0.3)
    started = time.monotonic()
    no_token(declared(), tmp_path, gh(tmp_path, "exec sleep 30"))
    assert time.monotonic() - started < 5


@posix_only
def test_a_gh_in_the_current_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gh(tmp_path, "echo gho_evil")
    monkeypatch.chdir(tmp_path)
    no_token(declared(), tmp_path, {"PATH": "."})


def test_the_token_of_github_com_is_not_drawn_to_another_server(tmp_path: Path) -> None:
    other = declared(api="https://github.example.com/api/v3")
    failure = no_token(other, tmp_path, {"GH_TOKEN": "ghp_mine", "GITHUB_TOKEN": "ghp_mine"})
    assert "there is no token for github.example.com" in failure.reason
    assert "GH_ENTERPRISE_TOKEN" in failure.remedy
    assert find_token(other, tmp_path, {"GH_ENTERPRISE_TOKEN": "ghp_theirs"}) == "ghp_theirs"
    assert find_token(declared(api="https://api.octo.ghe.com"), tmp_path, {"GH_TOKEN": "ghp_mine"}) == "ghp_mine"


@pytest.mark.parametrize(
    "api", ["https://api.github.com.evil.example", "https://evil.example/api.github.com", "https://["]
)
def test_no_address_that_only_looks_like_github(tmp_path: Path, api: str) -> None:
    no_token(declared(api=api), tmp_path, {"GH_TOKEN": "ghp_mine", "PATH": ""})


@pytest.mark.parametrize("value", ["two words", "a\nb", "ü", "x" * 5000])
def test_what_cannot_be_a_token_is_not_sent(tmp_path: Path, value: str) -> None:
    failure = no_token(declared(), tmp_path, {"GH_TOKEN": value})
    assert failure.reason == "GH_TOKEN is not a token: it holds characters that no token has"
