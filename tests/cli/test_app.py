"""The program as a shell sees it: words on the right stream, the right status, on every console."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdbctl import __version__
from cdbctl.cli import app as program
from cdbctl.cli.app import main
from cdbctl.errors import CdbctlError, DefinitionError, ExitStatus, Problem, UndecidedError


def cdbctl(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the real program; what it prints is read as UTF-8."""
    return subprocess.run(
        [sys.executable, "-m", "cdbctl", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def test_version(tmp_path: Path) -> None:
    answer = cdbctl("--version", cwd=tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"cdbctl {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--frobnicate"], ["daily-check", "--format", "pdf"], ["nonsense"]])
def test_a_flag_that_cannot_be_meant_is_status_2(arguments: list[str], tmp_path: Path) -> None:
    answer = cdbctl(*arguments, cwd=tmp_path)
    assert answer.returncode == ExitStatus.USAGE
    assert answer.stdout == ""
    assert "Error" in answer.stderr


@pytest.mark.parametrize("command", [["daily-check"], ["check", "list"], ["migrate", "status"]])
def test_outside_of_a_supervised_repository_the_error_says_what_to_do(command: list[str], tmp_path: Path) -> None:
    answer = cdbctl(*command, cwd=tmp_path)
    assert answer.returncode == ExitStatus.USAGE
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: ")
    assert "cdbctl.yaml" in answer.stderr
    assert "\n  next: " in answer.stderr


def test_a_root_named_before_the_command_is_not_forgotten(tmp_path: Path) -> None:
    answer = cdbctl("migrate", "--root", "elsewhere", "status", cwd=tmp_path)
    assert answer.returncode == ExitStatus.USAGE
    assert "there is no folder elsewhere" in answer.stderr


def test_a_window_for_a_stored_run_is_refused(tmp_path: Path) -> None:
    answer = cdbctl("daily-check", "--from-snapshot", "run", "--since", "1h", cwd=tmp_path)
    assert answer.returncode == ExitStatus.USAGE
    assert "--since means nothing beside --from-snapshot" in answer.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
class TestStdout:
    """Where the result goes may be closed, full or gone."""

    def run(self, redirection: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
        command = f'"{sys.executable}" -m cdbctl --version {redirection}'
        return subprocess.run(
            ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=60
        )

    def test_closed(self, tmp_path: Path) -> None:
        for redirection in (">&-", "2>&-", ">&- 2>&-"):
            answer = self.run(redirection, tmp_path)
            assert (answer.returncode, answer.stderr) == (0, "")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
    def test_full(self, tmp_path: Path) -> None:
        answer = self.run("> /dev/full", tmp_path)
        assert answer.returncode == ExitStatus.USAGE
        assert answer.stderr.startswith("error: the result could not be written to stdout")


class TestTheErrorBoundary:
    """Every error ends in words and in its own status."""

    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Failing:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        return Failing(monkeypatch)

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (CdbctlError("it broke"), 1),
            (DefinitionError([Problem("cdbctl.yaml", 3, "stack", "is missing")]), 2),
            (UndecidedError("nobody knows"), 3),
            (KeyboardInterrupt(), 130),
        ],
    )
    def test_gives_each_error_its_status(self, failing: Failing, error: BaseException, status: int) -> None:
        failing.raises(error)
        assert main(["doomed"]) == status

    def test_prints_what_why_and_next(self, failing: Failing, capsys: pytest.CaptureFixture[str]) -> None:
        failing.raises(CdbctlError("it broke", why="two\nreasons", next_step="mend it"))
        main(["doomed"])
        assert capsys.readouterr().err == "error: it broke\n  why:  two\n        reasons\n  next: mend it\n"

    def test_makes_foreign_text_in_an_error_harmless(
        self, failing: Failing, capsys: pytest.CaptureFixture[str]
    ) -> None:
        failing.raises(CdbctlError("file \x1b[2Jgone"))
        main(["doomed"])
        assert capsys.readouterr().err == "error: file \\x1b[2Jgone\n"

    def test_writes_a_bug_down_without_its_secrets(
        self, failing: Failing, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        failing.raises(ValueError("postgresql://owner:correct-horse-battery@db/cdb"))
        assert main(["doomed"]) == ExitStatus.BUG
        (log,) = tmp_path.glob("cdbctl-bug-*.md")
        text = log.read_text(encoding="utf-8")
        assert "Traceback" in text
        assert __version__ in text
        printed = capsys.readouterr().err
        assert str(log) in printed
        assert "correct-horse-battery" not in text + printed


class Failing:
    """A command of the program that raises what a test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def raises(self, error: BaseException) -> None:
        """Let ``cdbctl doomed`` raise this error."""

        def doomed() -> None:
            raise error

        commands = list(program.app.registered_commands)
        self._monkeypatch.setattr(program.app, "registered_commands", commands)
        program.app.command("doomed")(doomed)
