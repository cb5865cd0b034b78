"""Secrets by reference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdbctl.load.secret import Secret, SecretMissing


def test_a_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "password").write_bytes(b"hunter2\r\n\n")
    assert Secret("file:run/password").read(tmp_path) == "hunter2"


def test_blanks_belong_to_the_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b" hunter2 \n")
    assert Secret("file:password").read(tmp_path) == " hunter2 "


def test_a_variable_is_read_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret("env:CDBCTL_TEST_PASSWORD")
    monkeypatch.setenv("CDBCTL_TEST_PASSWORD", "hunter2")
    assert secret.read(tmp_path) == "hunter2"
    monkeypatch.setenv("CDBCTL_TEST_PASSWORD", "other")
    assert secret.read(tmp_path) == "other"


def test_a_missing_variable_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDBCTL_TEST_PASSWORD", raising=False)
    with pytest.raises(SecretMissing) as missing:
        Secret("env:CDBCTL_TEST_PASSWORD").read(tmp_path)
    assert missing.value.reason == "the secret env:CDBCTL_TEST_PASSWORD is not set"
    assert "CDBCTL_TEST_PASSWORD" in missing.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match=r"the secret file:nowhere/x cannot be read: it does not exist"):
        Secret("file:nowhere/x").read(tmp_path)


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\n")
    with pytest.raises(SecretMissing, match="is empty"):
        Secret("file:password").read(tmp_path)


def test_an_unreadable_secret_does_not_show_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"hunter2\xff")
    with pytest.raises(SecretMissing) as missing:
        Secret("file:password").read(tmp_path)
    assert "hunter2" not in f"{missing.value.reason}{missing.value.remedy}"
    assert missing.value.__cause__ is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes exist on POSIX only")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "password")
    with pytest.raises(SecretMissing, match="it is not a file"):
        Secret("file:password").read(tmp_path)
