from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdbctl.cli.app import main


def test_an_option_in_front_of_a_sub_command_is_refused_not_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--fault", "none", "down", "--root", str(tmp_path / "demo")]) == 2

    assert "cdbctl demo down --fault" in capsys.readouterr().err


def test_an_unknown_fault_names_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "up", "--fault", "gremlins"]) == 2

    assert "stalled-feed" in capsys.readouterr().err


def test_down_without_a_demo_is_no_error_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "demo"

    assert main(["demo", "down", "--root", str(root)]) == 0

    assert "no demo is running" in capsys.readouterr().out
    assert not root.exists()


def test_status_without_a_demo_is_a_whole_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "status", "--root", str(tmp_path), "--format", "json"]) == 0

    assert json.loads(capsys.readouterr().out) == {
        "schema": "cdbctl/demo-status/1",
        "status": 0,
        "reason_code": "stopped",
        "running": False,
        "root": str(tmp_path.resolve()),
        "fault": None,
        "expected": None,
        "services": [],
        "ports": {},
    }


def test_a_foreign_folder_is_refused_with_a_way_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")

    assert main(["demo", "up", "--root", str(tmp_path)]) == 1

    assert "next: name an empty or a new folder with --root" in capsys.readouterr().err
