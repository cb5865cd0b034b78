"""``cdbctl check list`` and ``cdbctl check explain``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer

from cdbctl.assess import RULES
from cdbctl.cli.checks import register
from cdbctl.errors import DefinitionError, ExitStatus, UsageError
from cdbctl.load.schema import packaged_schema

CONFIG = """\
version: 1
stack: cdb
timezone: UTC
runtime: {supervisord: {url: "unix:///run/supervisor.sock"}}
database: {dsn: "postgresql://cdb_reader@127.0.0.1:5432/cdb"}
redis: {url: "redis://127.0.0.1:6379/0"}
services:
  cdb_ws: {metrics: "http://127.0.0.1:1/metrics", log: {path: run/ws.log}}
  cdb_risk: {health: {url: "http://127.0.0.1:2/health"}, log: {path: run/risk.log}}
  cdb_execution: {}
  cdb_db_writer: {}
"""
TEXTS = """\
    short: Services write no known signature.
    motivation: A table was missing and everything said healthy.
    impact: Decisions are not audited.
    policy: INV-030
    remedy: Apply the pending migration.
"""
CHECKS = f"""\
checks:
  - id: logs.known-signatures
    rule: logs.signature
    subject: services:*
    severity: P0
{TEXTS}
  - id: metrics.ticks
    rule: metric.increase
    subject: cdb_ws/decoded_messages_total
    params: {{min: 5}}
    severity: P2
    required: false
{TEXTS}
"""
WAIVERS = """\
waivers:
  - {check: metrics.ticks, owner: Jannek, reason: the exchange is closed, until: 2020-01-01}
  - {check: metrics.ticks, owner: Jannek, reason: a rebuild, until: 2999-01-01}
"""


ENGINE_CONFIG = """\
version: 1
stack: cdb
timezone: UTC
runtime: {docker: {host: "unix:///run/docker.sock", projects: {cdb: {}}}}
database: {dsn: "docker://cdb_reader@cdb_postgres/cdb"}
redis: {url: "docker://cdb_redis"}
services:
  cdb_risk: {health: {url: "docker://cdb_risk:8000/health"}, metrics: "docker://cdb_risk:8000/metrics"}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "checks").mkdir()
    (tmp_path / "governance").mkdir()
    (tmp_path / "cdbctl.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "checks" / "all.yaml").write_text(CHECKS, encoding="utf-8")
    (tmp_path / "governance" / "waivers.yaml").write_text(WAIVERS, encoding="utf-8")
    return tmp_path


def run(*words: str) -> None:
    app = typer.Typer(rich_markup_mode=None)
    register(app)
    typer.main.get_command(app).main(args=["check", *words], standalone_mode=False)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    run(*words, "--format", "json")
    return json.loads(capsys.readouterr().out)


class TestList:
    def test_the_table_shows_what_is_expected_of_whom(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run("list", "--root", str(root))
        assert capsys.readouterr().out == (
            "CHECK                  RULE             SEVERITY  REQUIRED  SUBJECTS\n"
            "logs.known-signatures  logs.signature   P0        yes       cdb_ws, cdb_risk, cdb_execution and 1 more\n"
            "metrics.ticks          metric.increase  P2        no        cdb_ws/decoded_messages_total\n"
        )

    def test_machines_get_every_subject(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        listed = answer(capsys, "list", "--root", str(root))
        jsonschema.validate(listed, packaged_schema("check-list"))
        assert list(listed)[:3] == ["schema", "status", "reason_code"]
        assert listed["checks"][0]["subjects"] == ["cdb_ws", "cdb_risk", "cdb_execution", "cdb_db_writer"]
        assert (listed["checks"][1]["file"], listed["checks"][1]["line"]) == ("checks/all.yaml", 12)

    def test_the_root_is_the_nearest_one_upwards(
        self, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(root / "governance")
        assert len(answer(capsys, "list")["checks"]) == 2

    def test_wrong_definitions_are_told(self, root: Path) -> None:
        (root / "checks" / "all.yaml").write_text("checks: []\n", encoding="utf-8")
        with pytest.raises(DefinitionError, match="1 definition error"):
            run("list", "--root", str(root))


class TestExplain:
    def test_a_person_learns_everything_about_a_check(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run("explain", "metrics.ticks", "--root", str(root))
        shown = capsys.readouterr().out
        words = " ".join(shown.split())
        for expected in (
            "check metrics.ticks",
            "expectation Services write no known signature.",
            "severity P2, optional",
            "subjects cdb_ws/decoded_messages_total",
            f"rule metric.increase: {RULES['metric.increase'].law}",
            "parameter min: 5;",
            "motivation A table was missing and everything said healthy.",
            "impact Decisions are not audited.",
            "policy INV-030",
            "remedy Apply the pending migration.",
            "declared in checks/all.yaml:12",
            "waiver expired, until 2020-01-01 by Jannek: the exchange is closed (governance/waivers.yaml:2)",
            "waiver accepted, until 2999-01-01 by Jannek: a rebuild (governance/waivers.yaml:3)",
            "look closer curl -sS http://127.0.0.1:1/metrics | grep decoded_messages_total",
        ):
            assert expected in words
        assert all(len(line) <= 100 for line in shown.splitlines())

    def test_a_list_of_mappings_is_shown_one_by_one(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        text = f"""\
checks:
  - id: a.b
    rule: pipeline.continuity
    subject: [ticks, fills]
    severity: P1
    params:
      stages:
        - {{name: ticks, service: cdb_ws, streams: [a], max_age_seconds: 5}}
        - {{name: fills, service: cdb_risk, streams: [b], max_age_seconds: 9}}
{TEXTS}
"""
        (root / "checks" / "all.yaml").write_text(text, encoding="utf-8")
        (root / "governance" / "waivers.yaml").unlink()  # they are for checks that are no more
        run("explain", "a.b", "--root", str(root))
        shown = capsys.readouterr().out
        assert "\nparameter     stages: 2 entries; " in shown
        assert '\n              {"name": "ticks", "service": "cdb_ws", ' in shown
        assert '\n              {"name": "fills", ' in shown

    def test_machines_get_the_same(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        explained = answer(capsys, "explain", "metrics.ticks", "--root", str(root))
        jsonschema.validate(explained, packaged_schema("check-explain"))
        assert list(explained)[:3] == ["schema", "status", "reason_code"]
        check = explained["check"]
        assert check["params"]["min"]["value"] == 5
        assert [name for name, param in check["params"].items() if param["given"]] == ["min"]
        assert [waiver["expired"] for waiver in check["waivers"]] == [True, False]

    def test_a_check_without_waivers_says_so(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run("explain", "logs.known-signatures", "--root", str(root))
        shown = capsys.readouterr().out
        assert "waiver        none\n" in shown
        assert f"look closer   tail -n 100 {root / 'run' / 'ws.log'}\n" in shown

    def test_an_unknown_check_comes_with_the_one_that_was_meant(self, root: Path) -> None:
        with pytest.raises(UsageError) as error:
            run("explain", "logs.known-signature", "--root", str(root))
        assert error.value.what == "unknown check `logs.known-signature`: did you mean `logs.known-signatures`?"
        assert error.value.status is ExitStatus.USAGE
        assert error.value.next_step == "list the checks: cdbctl check list"


@pytest.mark.parametrize(
    ("rule", "subject", "params", "command"),
    [
        ("service.state", "cdb_risk", {}, "supervisorctl -s unix:///run/supervisor.sock status cdb_risk"),
        ("service.health", "cdb_risk", {}, "curl -sS -i http://127.0.0.1:2/health"),
        ("logs.freshness", "[cdb_execution, cdb_risk]", {"max_age_seconds": 60}, "tail -n 100 ROOT/run/risk.log"),
        (
            "database.value",
            "rows",
            {"sql": "'SELECT 1'", "min": 1},
            "psql postgresql://cdb_reader@127.0.0.1:5432/cdb -c 'SELECT 1'",
        ),
        ("redis.eviction", "Redis", {}, "redis-cli -u redis://127.0.0.1:6379/0 INFO"),
        ("repository.state", "repository", {}, "git -C ROOT status"),
        ("migrations.pending", "migrations", {}, "cdbctl migrate status --root ROOT"),
        ("host.disk", "disk", {}, "cdbctl daily-check --root ROOT"),
    ],
)
def test_the_command_to_look_closer_is_of_the_source(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    rule: str,
    subject: str,
    params: dict[str, object],
    command: str,
) -> None:
    given = ", ".join(f"{name}: {value}" for name, value in params.items())
    declared = f"rule: {rule}\n    subject: {subject}\n    severity: P1\n    params: {{{given}}}"
    text = f"checks:\n  - id: a.b\n    {declared}\n{TEXTS}"
    (root / "checks" / "all.yaml").write_text(text, encoding="utf-8")
    (root / "governance" / "waivers.yaml").unlink()  # they are for checks that are no more
    explained = answer(capsys, "explain", "a.b", "--root", str(root))
    assert explained["check"]["look_closer"] == command.replace("ROOT", str(root))


@pytest.mark.parametrize(
    ("rule", "subject", "params", "command"),
    [
        ("service.state", "cdb_risk", {}, "inspect cdb_risk"),
        ("service.health", "cdb_risk", {}, "inspect cdb_risk"),
        ("logs.freshness", "cdb_risk", {"max_age_seconds": 60}, "logs --tail 100 cdb_risk"),
        ("database.value", "rows", {"sql": "SELECT 1"}, "exec cdb_postgres psql -U cdb_reader -d cdb -c 'SELECT 1'"),
        ("redis.eviction", "Redis", {}, "exec cdb_redis redis-cli INFO"),
    ],
)
def test_what_runs_in_a_container_is_looked_at_through_its_engine(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    rule: str,
    subject: str,
    params: dict[str, object],
    command: str,
) -> None:
    (root / "cdbctl.yaml").write_text(ENGINE_CONFIG, encoding="utf-8")
    given = ", ".join(f"{name}: {value}" for name, value in params.items())
    declared = f"rule: {rule}\n    subject: {subject}\n    severity: P1\n    params: {{{given}}}"
    (root / "checks" / "all.yaml").write_text(f"checks:\n  - id: a.b\n    {declared}\n{TEXTS}", encoding="utf-8")
    (root / "governance" / "waivers.yaml").unlink()
    explained = answer(capsys, "explain", "a.b", "--root", str(root))
    assert explained["check"]["look_closer"] == f"docker -H unix:///run/docker.sock {command}"
