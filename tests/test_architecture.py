"""The floors of the house hold, and a broken one is noticed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LINT = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_logo=True, cache_dir=None))"
PLATFORM_ONLY = ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "curses", "readline", "syslog", "crypt")

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys

class OnlyElsewhere:
    def find_spec(self, name, path=None, target=None):
        if name in {forbidden!r}:
            caller = sys._getframe(1)
            while caller and not caller.f_globals.get("__name__", "").startswith("cdbctl"):
                if caller.f_globals.get("__name__", "").split(".")[0] in {tolerated!r}:
                    return None
                caller = caller.f_back
            raise ImportError(f"{{name}} does not exist on Windows")
        return None

for name in {forbidden!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, OnlyElsewhere())
import cdbctl
for module in pkgutil.walk_packages(cdbctl.__path__, "cdbctl."):
    if ".stack." not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its floors, to be broken."""
    shutil.copytree(REPOSITORY / "cdbctl", tmp_path / "cdbctl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_stands_keeps_its_floors(copy: Path) -> None:
    answer = lint(copy)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("model/check.py", "import cdbctl.settings", "Every floor imports only lower floors"),
        ("render/text.py", "import cdbctl.daily", "Every floor imports only lower floors"),
        ("collect/host.py", "import cdbctl.cli.app", "Every floor imports only lower floors"),
        ("assess/judging.py", "import psycopg", "The core touches nothing outside"),
        ("assess/judging.py", "import subprocess", "The core touches nothing outside"),
        ("render/text.py", "import httpx", "The core touches nothing outside"),
        ("model/check.py", "import rich", "The model is the standard library only"),
        ("cli/app.py", "import click", "Nobody imports click"),
        ("new_floor.py", "", "Every floor imports only lower floors"),
    ],
)
def test_a_broken_floor_is_named(copy: Path, module: str, line: str, contract: str) -> None:
    path = copy / "cdbctl" / module
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    answer = lint(copy)
    assert answer.returncode == 1
    broken = [row for row in answer.stdout.splitlines() if "BROKEN" in row or "does not" in row or "not listed" in row]
    assert any(contract in row for row in broken) or "new_floor" in answer.stdout, answer.stdout


def test_a_circle_is_named(copy: Path) -> None:
    for module, other in (("text", "junit"), ("junit", "text")):
        path = copy / "cdbctl" / "render" / f"{module}.py"
        path.write_text(path.read_text(encoding="utf-8") + f"\nimport cdbctl.render.{other}\n", encoding="utf-8")
    answer = lint(copy)
    assert answer.returncode == 1
    assert "No import circles BROKEN" in answer.stdout


def test_no_module_of_cdbctl_needs_a_posix_only_module_when_it_loads() -> None:
    script = IMPORT_EVERYTHING.format(
        forbidden=PLATFORM_ONLY, tolerated=("psutil", "subprocess", "rich", "getpass", "importlib", "multiprocessing")
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
