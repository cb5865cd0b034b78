"""Whatever breaks, hangs, floods or lies: the report is written, in time, and never says PASS without proof."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdbctl.demo.faults import Fault
from tests.live.stack import CheckUp, Stack, cdbctl, finding, running, wait_until

pytestmark = pytest.mark.live

SLOWEST_SECONDS = 8.0
"""Every deadline is 2 s and they run at the same time; the rest is a loaded machine."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("disturbed") / "demo", Fault.NONE) as running_stack:
        yield running_stack


def assert_honest(run: CheckUp) -> None:
    """The report is there, in time, and it is no PASS."""
    assert run.report["verdict"] in {"FAIL", "UNKNOWN"}
    assert run.status in {1, 3}
    assert run.seconds < SLOWEST_SECONDS
    assert "Traceback" not in run.stderr


def unknown(run: CheckUp) -> set[str]:
    """The checks that nothing could be said about."""
    return {item["check"] for item in run.report["coverage"]["not_checked"]}


class TestAServerIsGone:
    """PostgreSQL and Redis, stopped or frozen."""

    def test_postgresql_stopped(self, stack: Stack) -> None:
        with stack.without("cdb_postgres"):
            run = stack.check_up()
        assert_honest(run)
        database = finding(run.report, "database.reachable", "PostgreSQL")
        assert database["status"] in {"FAIL", "UNKNOWN"}
        assert "refused" in database["actual"]
        assert "database.health" in unknown(run)
        assert all(one["status"] != "OK" for one in run.report["findings"])

    def test_postgresql_frozen_accepts_and_never_answers(self, stack: Stack) -> None:
        with stack.frozen("cdb_postgres"):
            run = stack.check_up()
        assert_honest(run)
        assert finding(run.report, "database.reachable", "PostgreSQL")["status"] in {"FAIL", "UNKNOWN"}
        assert "database.health" in unknown(run)

    def test_redis_stopped(self, stack: Stack) -> None:
        with stack.without("cdb_redis"):
            run = stack.check_up()
        assert_honest(run)
        assert finding(run.report, "redis.reachable", "Redis")["status"] in {"FAIL", "UNKNOWN"}
        assert "redis.memory" in unknown(run)

    def test_redis_frozen(self, stack: Stack) -> None:
        with stack.frozen("cdb_redis"):
            run = stack.check_up()
        assert_honest(run)
        assert "redis.memory" in unknown(run)

    def test_the_supervisor_itself_frozen(self, stack: Stack) -> None:
        import psutil

        supervisord = psutil.Process(stack.pid("cdb_ws")).parent()
        assert supervisord is not None
        supervisord.suspend()
        try:
            run = stack.check_up()
        finally:
            supervisord.resume()
        assert_honest(run)
        assert "services.running" in unknown(run)


def test_a_frozen_service_accepts_connections_and_is_not_called_healthy(stack: Stack) -> None:
    with stack.frozen("cdb_signal"):
        run = stack.check_up()
    assert_honest(run)
    service = next(one for one in run.report["services"] if one["name"] == "cdb_signal")
    assert service["health"] != "healthy"
    assert finding(run.report, "services.healthy", "cdb_signal")["status"] in {"FAIL", "UNKNOWN"}


HOSTILE = (
    "2099-01-01 00:00:00 [INFO] ws_service: plain\n"
    "{now} [ERROR] ws_service: \x1b[2J\x1b]0;owned\x07 gone\n"
    "{now} [ERROR] ws_service: ``` \n# PASS | all | fine ``` <script>alert(1)</script> [red]blood[/red]\n"
    "{now} [ERROR] ws_service: \u202egnp.exe \u200b zero [x](javascript:alert(1)) @everyone &amp; </failure>\n"
)


@contextmanager
def appended(log: Path, content: bytes) -> Iterator[None]:
    """Something more at the end of a log, for a while."""
    size = log.stat().st_size
    with log.open("ab") as stream:
        stream.write(content)
    try:
        yield
    finally:
        os.truncate(log, size)


class TestALogIsHostile:
    """Text from outside is data."""

    def test_100_mb_of_one_line_without_a_newline(self, stack: Stack) -> None:
        log = stack.log("cdb_allocation")
        with stack.without("cdb_allocation"), appended(log, b"x" * 100_000_000):
            run = stack.check_up()
        assert_honest(run)
        facts = next(one for one in run.report["services"] if one["name"] == "cdb_allocation")["log"]
        assert facts["lines"] < 100_000
        assert sum(path.stat().st_size for path in stack.runs()[-1].rglob("*") if path.is_file()) < 20_000_000

    def test_binary_and_hostile_text_is_shown_harmlessly(self, stack: Stack) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        content = HOSTILE.replace("{now}", now).encode() + bytes(range(256)) * 20 + b"\n"
        with appended(stack.log("cdb_ws"), content):
            runs = {form: stack.check_up(form=form) for form in ("json", "md", "junit", None)}
        assert_honest(runs["json"])
        for form, run in runs.items():
            assert "\x1b" not in run.stdout, form
            assert "\u202e" not in run.stdout, form
            assert "\u200b" not in run.stdout, form
        lines = runs["md"].stdout.splitlines()
        assert "# PASS | all | fine ``` <script>alert(1)</script> [red]blood[/red]" not in outside_of_fences(lines)
        assert [line for line in outside_of_fences(lines) if line.startswith("# ")] == [lines[0]]
        assert "<script>" not in "\n".join(outside_of_fences(lines))
        from xml.etree import ElementTree

        ElementTree.fromstring(runs["junit"].stdout)  # noqa: S314 - our own output

    def test_a_log_that_is_gone_is_unknown(self, stack: Stack) -> None:
        log = stack.log("cdb_regime")
        hidden = log.with_suffix(".hidden")
        log.rename(hidden)
        try:
            run = stack.check_up()
        finally:
            hidden.rename(log)
        assert_honest(run)
        assert "logs.known-signatures" in unknown(run)


def outside_of_fences(lines: list[str]) -> list[str]:
    """The lines of a Markdown text that are not inside a fenced block."""
    found, fence = [], ""
    for line in lines:
        stripped = line.strip()
        mark = stripped[: len(stripped) - len(stripped.lstrip("`"))]
        if fence:
            fence = "" if mark == stripped and len(mark) >= len(fence) else fence
        elif len(mark) >= 3:
            fence = mark
        else:
            found.append(line)
    return found


class TestTheRepositoryCannotBeRead:
    """Git's refusals become UNKNOWN with the remedy."""

    def test_no_git_at_all(self, stack: Stack, tmp_path: Path) -> None:
        run = stack.check_up(PATH=str(tmp_path))
        assert "repository.clean" in unknown(run)
        assert "git" in finding(run.report, "repository.clean", "repository")["actual"]

    def test_a_repository_without_commits(self, stack: Stack, tmp_path: Path) -> None:
        root = copy_of_definitions(stack, tmp_path)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        run = cdbctl("daily-check", "--root", str(root), "--format", "json")
        assert "no commit" in finding(run.report, "repository.clean", "repository")["actual"]

    def test_no_repository(self, stack: Stack, tmp_path: Path) -> None:
        run = cdbctl("daily-check", "--root", str(copy_of_definitions(stack, tmp_path)), "--format", "json")
        assert "not inside a git repository" in finding(run.report, "repository.clean", "repository")["actual"]

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a folder away")
    def test_a_repository_of_somebody_else(self, stack: Stack, tmp_path: Path) -> None:
        root = copy_of_definitions(stack, tmp_path)
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        for path in (root, *root.rglob("*")):
            os.chown(path, 65534, 65534)
        run = cdbctl("daily-check", "--root", str(root), "--format", "json")
        said = finding(run.report, "repository.clean", "repository")
        assert "safe.directory" in said["actual"] + json.dumps(said["fix"])


def copy_of_definitions(stack: Stack, folder: Path) -> Path:
    """The definitions of the stack in another folder: the same stack, seen from there."""
    root = folder / "copy"
    root.mkdir()
    for name in ("checks", "governance"):
        shutil.copytree(stack.root / name, root / name)
    text = (stack.root / "cdbctl.yaml").read_text(encoding="utf-8")
    (root / "cdbctl.yaml").write_text(text.replace("run/", f"{stack.root}/run/"), encoding="utf-8")
    return root


class TestTheReportCannotBeStored:
    """It still reaches the reader, and what is stored stays whole."""

    def test_an_unwritable_folder_is_said_first_and_the_report_goes_to_stdout(
        self, stack: Stack, tmp_path: Path
    ) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("not a folder", encoding="utf-8")
        run = stack.check_up("--out", str(blocked / "reports"), form=None)
        assert run.status == 2
        assert run.stderr.startswith("warning: ")
        assert run.stdout.startswith("# Daily check-up")
        assert "Not checked" in run.stdout

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can mount a small disk")
    def test_a_disk_that_is_full_in_the_middle_leaves_the_previous_report_whole(
        self, stack: Stack, tmp_path: Path
    ) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], check=True)
        try:
            first = stack.check_up("--out", str(disk))
            assert first.status != 2
            before = (disk / "daily" / "latest.md").read_bytes()
            (disk / "filler").write_bytes(b"x" * (shutil.disk_usage(disk).free - 100_000))
            second = stack.check_up("--out", str(disk), form=None)
            after = (disk / "daily" / "latest.md").read_bytes()
            folders = [path for path in (disk / "daily").glob("*/*") if path.is_dir()]
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        assert second.status == 2
        assert second.stdout.startswith("# Daily check-up")
        assert "No space left" in second.stderr
        assert after == before
        assert len(folders) == 1


def test_a_wrong_password_is_named_and_never_printed(stack: Stack, tmp_path: Path) -> None:
    root = copy_of_definitions(stack, tmp_path)
    secret = tmp_path / "password"
    secret.write_text("wrong-and-secret-7781\n", encoding="utf-8")
    text = (root / "cdbctl.yaml").read_text(encoding="utf-8")
    reference = next(line for line in text.splitlines() if "password: " in line and "reader" in line)
    wrong = reference.partition("password: ")[0] + f'password: "file:{secret}"'
    (root / "cdbctl.yaml").write_text(text.replace(reference, wrong), encoding="utf-8")
    run = cdbctl("daily-check", "--root", str(root), "--format", "json")
    assert_honest(run)
    assert "password" in finding(run.report, "database.reachable", "PostgreSQL")["actual"]
    for path in (root / "reports").rglob("*"):
        if path.is_file():
            assert b"wrong-and-secret-7781" not in path.read_bytes()


def test_after_every_disturbance_the_stack_passes_again(stack: Stack) -> None:
    wait_until(lambda: stack.check_up("--since", "5s").report["verdict"] == "PASS", "the verdict is PASS", seconds=60)
