"""``cdbctl doctor``."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cdbctl.cli.app import main
from cdbctl.errors import ExitStatus
from cdbctl.load.schema import packaged_schema
from cdbctl.model.ci import Part, Unread
from cdbctl.render.doctor import doctor_document, doctor_table
from tests.assess.snapshots import healthy, open_issues, with_ci, with_issues
from tests.collect.servers import page, web_server

CONFIG = """\
version: 1
stack: cdb
timezone: UTC
runtime: {{supervisord: {{url: "http://127.0.0.1:{closed}"}}}}
database: {{dsn: "postgresql://reader@127.0.0.1:{closed}/cdb", password: "env:CDBCTL_TEST_NO_SUCH_VARIABLE"}}
deadlines: {{source: 1s}}
services:
  cdb_risk: {{health: {{url: "{web}/health"}}, log: {{path: risk.log}}}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A stack of which the health page and a log answer, and the rest does not."""
    with socket.socket() as closed, web_server(page('{"status": "ok"}')) as web:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        port = closed.getsockname()[1]
        (tmp_path / "cdbctl.yaml").write_text(CONFIG.format(closed=port, web=web), encoding="utf-8")
        (tmp_path / "risk.log").write_text("2026-02-09 08:00:00 [INFO] risk: up\n", encoding="utf-8")
        yield tmp_path


def examined(root: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["doctor", "--root", str(root), "--format", "json"]) == ExitStatus.UNDECIDED
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_json_fits_its_schema(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema.validate(examined(root, capsys), packaged_schema("doctor"))


def test_each_source_is_reached_or_says_why_not(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = {one["name"]: one for one in examined(root, capsys)["sources"]}
    assert sources["health of cdb_risk"]["reached"]
    assert sources["health of cdb_risk"]["reason"] is None
    assert sources["log of cdb_risk"]["reached"]
    assert sources["this machine"]["reached"]
    assert not sources["runtime"]["reached"]
    assert "refused" in sources["runtime"]["reason"]
    assert sources["PostgreSQL"]["reason"] == "the secret env:CDBCTL_TEST_NO_SUCH_VARIABLE is not set"
    assert "CDBCTL_TEST_NO_SUCH_VARIABLE" in sources["PostgreSQL"]["next"]


def test_a_source_that_nobody_declared_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = {one["source"]: one["reason"] for one in examined(root, capsys)["not_configured"]}
    assert named["Redis"] == "cdbctl.yaml has no section 'redis'"
    assert named["Prometheus server"] == "cdbctl.yaml has no section 'prometheus'"


def test_the_table_says_the_same_to_a_person(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--root", str(root)]) == ExitStatus.UNDECIDED
    table = capsys.readouterr().out
    assert "[OK]     health of cdb_risk" in table
    assert "[SILENT] PostgreSQL" in table
    assert "why:  the secret env:CDBCTL_TEST_NO_SUCH_VARIABLE is not set" in table
    assert table.rstrip().splitlines()[-1].endswith("declared sources answered")


def test_a_part_that_an_answer_lacks_stands_below_its_source() -> None:
    gap = Unread(Part.WORKFLOWS, "403 Forbidden", "let the token read actions")
    issues = Unread(Part.ISSUES, "410 Gone")
    snapshot = with_ci(with_issues(healthy(()), open_issues(not_read=(issues,))), not_read=(gap,))
    table = doctor_table(snapshot)
    assert f"\n{'':9}gap:  workflows: 403 Forbidden; next: let the token read actions\n" in table
    assert f"\n{'':9}gap:  issues: 410 Gone\n" in table
    assert table.endswith("declared sources answered; 2 parts not read\n")
    sources = {one["name"]: one for one in doctor_document(snapshot)["sources"]}
    assert (sources["GitHub issues"]["reached"], sources["GitHub issues"]["not_read"]) == (True, ["issues: 410 Gone"])


def test_it_needs_no_checks(root: Path) -> None:
    assert not (root / "checks").exists()
    assert main(["doctor", "--root", str(root)]) == ExitStatus.UNDECIDED


def test_a_wrong_configuration_is_a_definition_error(tmp_path: Path) -> None:
    (tmp_path / "cdbctl.yaml").write_text("version: 2\n", encoding="utf-8")
    assert main(["doctor", "--root", str(tmp_path)]) == ExitStatus.USAGE
