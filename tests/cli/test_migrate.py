"""``cdbctl migrate status``, where no database answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdbctl.cli.app import main
from cdbctl.errors import ExitStatus

CONFIG = """\
version: 1
stack: cdb
timezone: UTC
runtime: {supervisord: {url: "unix:///nowhere/supervisor.sock"}}
services: {cdb_risk: {}}
"""
DATABASE = 'database: {dsn: "postgresql://reader@127.0.0.1:1/cdb"}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "governance" / "migrations").mkdir(parents=True)
    (tmp_path / "cdbctl.yaml").write_text(CONFIG + DATABASE, encoding="utf-8")
    return tmp_path


def test_without_an_answer_nothing_is_decided(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "status", "--root", str(root)]) == ExitStatus.UNDECIDED
    said = capsys.readouterr()
    assert said.out == ""
    assert "it could not be decided which migrations are in effect" in said.err


def test_a_machine_gets_its_document_all_the_same(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "status", "--root", str(root), "--format", "json"]) == ExitStatus.UNDECIDED
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["status"]) == ("cdbctl/migrate-status/1", 3)
    assert (document["reason_code"], document["files"]) == ("UNDECIDED", [])
    assert "refused" in document["why"]


def test_without_a_declared_database_the_definition_is_at_fault(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "cdbctl.yaml").write_text(CONFIG, encoding="utf-8")
    assert main(["migrate", "status", "--root", str(root)]) == ExitStatus.USAGE
    assert "no database is declared" in capsys.readouterr().err
