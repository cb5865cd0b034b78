"""What the README shows is what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cdbctl.assess import RULES
from cdbctl.errors import ExitStatus
from cdbctl.load.checks import load_checks
from cdbctl.settings import load_settings

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
HELP_TEXTS = re.findall(r"```\n\$ cdbctl ([^\n]*)\n(.*?)\n```", README, flags=re.DOTALL)
COMPOSE = "services: {cdb_risk: {image: cdb/risk}, cdb_paper_runner: {image: cdb/paper, profiles: [paper]}}\n"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize(("arguments", "shown"), HELP_TEXTS)
def test_the_help_text_is_what_the_program_prints(arguments: str, shown: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "cdbctl", *arguments.split()],
        env={"COLUMNS": "80", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert answer.stdout.rstrip() == shown


def test_two_help_texts_are_shown() -> None:
    assert [arguments for arguments, _ in HELP_TEXTS] == ["--help", "daily-check --help"]


def test_every_exit_status_is_explained() -> None:
    rows = {int(status) for status in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    assert rows == {status.value for status in ExitStatus}


def test_the_examples_of_definitions_are_valid(tmp_path: Path) -> None:
    containers, programs, check = EXAMPLES
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "example.yaml").write_text(check, encoding="utf-8")
    (tmp_path / "infra").mkdir()
    for file in ("compose.yaml", "compose.paper.yaml", "infra/watch.yaml"):
        (tmp_path / file).write_text(COMPOSE, encoding="utf-8")
    (tmp_path / "cdbctl.yaml").write_text(programs, encoding="utf-8")
    assert [service.title for service in load_settings(tmp_path).services] == ["risk manager"]
    (tmp_path / "cdbctl.yaml").write_text(containers, encoding="utf-8")
    settings = load_settings(tmp_path)
    params = {name: rule.params for name, rule in RULES.items()}
    (loaded,) = load_checks(tmp_path / "checks", services=None, params=params)
    assert settings.timezone == "Europe/Berlin"
    assert loaded.id == yaml.safe_load(check)["checks"][0]["id"]


def test_the_commands_of_the_first_section_exist() -> None:
    named = set(re.findall(r"python3 dev\.py (?:cdbctl )?([a-z-]+)", README))
    assert named == {"demo", "daily-check", "check", "migrate", "test", "bench"}
