"""A run is stored whole or not at all, and what was stored gives the same report again."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from cdbctl import archive
from cdbctl.archive import ArchiveError, dump_snapshot, load_snapshot, store, writable
from cdbctl.errors import CdbctlError, ExitStatus, UsageError
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Snapshot
from cdbctl.render.json import report_json
from cdbctl.render.markdown import markdown
from cdbctl.render.text import make_visible
from tests.any_value import any_value
from tests.render.reports import SNAPSHOT, fail_report, observed, pass_report, silent_report
from tests.render.test_markdown import HOSTILE, planted


def texts(report: Report) -> dict[str, str]:
    return {"report.md": markdown(report), "report.json": report_json(report)}


def save(reports: Path, report: Report | None = None) -> Path:
    report = report or fail_report()
    return store(reports, report=report, texts=texts(report))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {item.relative_to(folder).as_posix(): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


def later(seconds: float) -> Report:
    return replace(fail_report(), snapshot=replace(SNAPSHOT, taken_at=SNAPSHOT.taken_at + timedelta(seconds=seconds)))


class TestStore:
    def test_a_run_has_a_folder_of_its_own(self, tmp_path: Path) -> None:
        folder = save(tmp_path)
        assert folder == tmp_path / "daily" / "2026-02-09" / "082603Z"
        files = tree(folder)
        assert {"report.md", "report.json", "snapshot.json", "evidence/E001.log", "evidence/E036.log"} <= files.keys()
        assert files["report.md"].decode() == markdown(fail_report())
        assert b"\r" not in b"".join(files.values())
        assert (tmp_path / "daily" / "latest.md").read_bytes() == files["report.md"]

    def test_nothing_unfinished_is_left(self, tmp_path: Path) -> None:
        save(tmp_path)
        assert not [path for path in tmp_path.rglob("*") if path.name.startswith(archive.UNFINISHED)]

    def test_every_evidence_file_has_the_digest_that_the_report_names(self, tmp_path: Path) -> None:
        from hashlib import sha256

        folder = save(tmp_path)
        for item in json.loads((folder / "report.json").read_text(encoding="utf-8"))["evidence"]:
            assert sha256((folder / item["file"]).read_bytes()).hexdigest() == item["sha256"]

    def test_runs_of_one_second_do_not_meet(self, tmp_path: Path) -> None:
        assert [save(tmp_path).name for _ in range(3)] == ["082603Z", "082603Z-2", "082603Z-3"]

    def test_runs_at_once_all_get_their_folder(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            folders = list(pool.map(lambda _: save(tmp_path), range(16)))
        assert len(set(folders)) == 16
        assert all(load_snapshot(folder) == SNAPSHOT for folder in folders)

    def test_latest_follows_the_newest_run_and_never_an_older_one(self, tmp_path: Path) -> None:
        for seconds in (0, 3600, 60):
            save(tmp_path, later(seconds))
        latest = (tmp_path / "daily" / "latest.md").read_text(encoding="utf-8")
        assert latest == markdown(later(3600))

    def test_a_run_that_a_wrong_clock_dated_years_ahead_does_not_hold_latest(self, tmp_path: Path) -> None:
        save(tmp_path, later(86_400 * 365 * 500))
        save(tmp_path)
        latest = (tmp_path / "daily" / "latest.md").read_text(encoding="utf-8")
        assert latest == markdown(fail_report())

    def test_a_file_that_looks_like_a_day_is_not_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "daily").mkdir()
        (tmp_path / "daily" / "2027-01-01").touch()
        save(tmp_path)
        assert (tmp_path / "daily" / "latest.md").exists()

    def test_evidence_is_harmless_to_look_at(self, tmp_path: Path) -> None:
        folder = save(tmp_path, _with_ids(planted(fail_report(), HOSTILE)))
        for name, content in tree(folder).items():
            text = content.decode()
            assert make_visible(text) == text, name

    def test_a_foreign_snapshot_cannot_choose_where_its_evidence_goes(self, tmp_path: Path) -> None:
        bad = replace(SNAPSHOT.host, evidence=replace(SNAPSHOT.host.evidence, id="../../../../escaped"))
        report = replace(fail_report(), snapshot=replace(SNAPSHOT, host=bad))
        with pytest.raises(CdbctlError, match="evidence could not be stored"):
            save(tmp_path / "reports", report)
        assert list(tmp_path.iterdir()) == []


class TestAFullDisk:
    """Whatever fails while a run is stored, the runs before it and latest.md are as they were."""

    @pytest.mark.parametrize("call", ["fsync", "mkdir", "replace", "rename"])
    def test_a_failing_call_costs_the_new_run_only(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        save(tmp_path)
        before = tree(tmp_path)
        failures = 0

        def fail(*args: Any, **more: Any) -> None:
            nonlocal failures
            failures += 1
            raise OSError(errno.ENOSPC, "No space left on device", str(args[0]))

        monkeypatch.setattr(os, call, fail)
        with pytest.raises(CdbctlError) as caught:
            save(tmp_path, later(60))
        monkeypatch.undo()
        assert failures
        assert "No space left on device" in caught.value.why
        assert caught.value.next_step
        after = tree(tmp_path)
        if call == "replace":  # by then the run is complete; only latest.md could not follow
            assert isinstance(caught.value, ArchiveError)
            assert caught.value.folder == tmp_path / "daily" / "2026-02-09" / "082703Z"
            assert "latest.md was not replaced: it is the report of an older run" in caught.value.what
            assert "could not be stored" not in caught.value.what
            assert before.items() <= after.items()
            assert load_snapshot(tmp_path / "daily" / "2026-02-09" / "082703Z") == later(60).snapshot
        else:
            assert after == before
        assert not list(tmp_path.rglob(f"{archive.UNFINISHED}*"))

    @pytest.mark.parametrize("nth", range(1, 25, 3))
    def test_at_whatever_file_the_space_ends(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        save(tmp_path)
        before = tree(tmp_path)
        written = 0
        real = os.fsync

        def fsync(descriptor: int) -> None:
            nonlocal written
            written += 1
            if written == nth:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(CdbctlError):
            save(tmp_path, later(60))
        assert tree(tmp_path) == before

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
    def test_a_real_limit_on_file_size_leaves_the_earlier_run_whole(self, tmp_path: Path) -> None:
        save(tmp_path)
        before = tree(tmp_path)
        program = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from tests.test_archive import later, save\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "from cdbctl.errors import CdbctlError\n"
            "try:\n"
            "    save(Path(sys.argv[1]), later(60))\n"
            "except CdbctlError as error:\n"
            "    print(error.why)\n"
        )
        root = Path(__file__).parents[1]
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, cwd=root, check=True
        )
        assert "File too large" in done.stdout
        assert tree(tmp_path) == before

    def test_a_run_that_is_interrupted_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path)
        assert tree(tmp_path) == {}


class TestLeftovers:
    def test_of_killed_runs_are_swept_after_a_day(self, tmp_path: Path) -> None:
        day = save(tmp_path).parent
        old, young = day / f"{archive.UNFINISHED}old", day / f"{archive.UNFINISHED}young"
        stale = day.parent / f"{archive.UNFINISHED}stale.md"
        for folder in (old, young):
            (folder / "evidence").mkdir(parents=True)
        stale.touch()
        two_days_ago = time.time() - 172_800
        for path in (old, stale):
            os.utime(path, (two_days_ago, two_days_ago))
        save(tmp_path)
        assert (old.exists(), stale.exists(), young.exists()) == (False, False, True)

    def test_a_link_is_removed_and_not_followed(self, tmp_path: Path) -> None:
        day = save(tmp_path / "reports").parent
        treasure = tmp_path / "treasure"
        treasure.mkdir()
        (treasure / "gold").touch()
        link = day / f"{archive.UNFINISHED}link"
        try:
            link.symlink_to(treasure, target_is_directory=True)
        except OSError:
            pytest.skip("no right to make links here")
        os.utime(link, (0, 0), follow_symlinks=False)
        save(tmp_path / "reports")
        assert not link.is_symlink()
        assert (treasure / "gold").exists()


class TestWritable:
    def test_a_folder_that_does_not_exist_yet_is_fine_and_is_not_made(self, tmp_path: Path) -> None:
        assert writable(tmp_path / "a" / "b") is None
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_with_runs_stays_as_it_is(self, tmp_path: Path) -> None:
        save(tmp_path)
        before = tree(tmp_path)
        assert writable(tmp_path) is None
        assert tree(tmp_path) == before

    def test_a_file_in_the_way_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "reports").touch()
        assert "is not a folder" in (writable(tmp_path / "reports") or "")
        (tmp_path / "daily").touch()
        assert "is not a folder" in (writable(tmp_path) or "")

    def test_a_full_disk_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert "No space left on device" in (writable(tmp_path) or "")

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
    def test_a_folder_without_permission_is_named(self) -> None:
        with TemporaryDirectory() as name:
            Path(name).chmod(0o555)
            with _as_ordinary_user():
                assert "Permission denied" in (writable(Path(name)) or "")


class TestSnapshots:
    @pytest.mark.parametrize("make", [fail_report, pass_report, silent_report])
    def test_the_report_of_a_stored_snapshot_is_the_same_byte_for_byte(self, tmp_path: Path, make: Any) -> None:
        report = make()
        folder = save(tmp_path, report)
        again = replace(report, snapshot=load_snapshot(folder / "snapshot.json"))
        assert again == report
        assert texts(again)["report.md"].encode() == (folder / "report.md").read_bytes()
        assert texts(again)["report.json"].encode() == (folder / "report.json").read_bytes()

    def test_hostile_text_comes_back_as_it_was(self, tmp_path: Path) -> None:
        report = _with_ids(planted(fail_report(), HOSTILE))
        assert load_snapshot(save(tmp_path, report)) == report.snapshot

    def test_a_bom_does_not_matter(self, tmp_path: Path) -> None:
        file = tmp_path / "snapshot.json"
        file.write_text(dump_snapshot(SNAPSHOT), encoding="utf-8-sig")
        assert load_snapshot(file) == SNAPSHOT

    def test_numbers_that_json_does_not_know_come_back(self, tmp_path: Path) -> None:
        pages = SNAPSHOT.metrics
        page = observed(
            20, "page", replace(_page(), series=(replace(_page().series[0], value=math.inf, earlier=-math.inf),))
        )
        snapshot = replace(SNAPSHOT, metrics={**pages, "cdb_ws": page})
        text = dump_snapshot(snapshot)
        json.loads(text, parse_constant=lambda name: pytest.fail(name))
        (tmp_path / "snapshot.json").write_text(text, encoding="utf-8")
        assert load_snapshot(tmp_path) == snapshot

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda text: text[: len(text) // 2], "cut off or not JSON"),
            (lambda _: "", "cut off or not JSON"),
            (lambda _: "[]", "has no key 'schema'"),
            (lambda _: "{}", "has no key 'schema'"),
            (lambda _: '{"schema": "cdbctl/report/1"}', "is cdbctl/report/1, not a snapshot"),
            (lambda _: '{"schema": 7}', "has no key 'schema'"),
            (lambda text: text.replace("cdbctl/snapshot/1", "cdbctl/snapshot/2"), "another version of cdbctl"),
            (lambda text: text.replace('"stack":"cdb"', '"stack":7'), "Snapshot.stack: expected str"),
            (lambda text: text.replace('"stack":"cdb",', ""), "Snapshot.stack: expected a value"),
            (lambda text: text.replace('"cpu_percent":0.5', '"cpu_percent":NaN'), "NaN is not a JSON number"),
            (lambda text: text.replace("2026-02-09T08:26:03.000000Z", "2026-02-09T08:26:03"), "offset from UTC"),
            (lambda text: text.replace("2026-02-09T08:26:03.000000Z", "0001-01-01T00:00:00+09:00"), "offset from UTC"),
            (lambda _: "[" * 200_000, "nested too deeply"),
        ],
    )
    def test_what_is_no_snapshot_is_refused_with_the_reason(self, tmp_path: Path, change: Any, reason: str) -> None:
        text = dump_snapshot(SNAPSHOT)
        assert change(text) != text
        (tmp_path / "snapshot.json").write_text(change(text), encoding="utf-8")
        with pytest.raises(UsageError) as caught:
            load_snapshot(tmp_path)
        assert reason in caught.value.why
        assert caught.value.status == ExitStatus.USAGE
        assert str(tmp_path) in caught.value.what
        assert caught.value.next_step

    def test_bytes_that_are_no_text_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "snapshot.json").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UsageError) as caught:
            load_snapshot(tmp_path)
        assert "not UTF-8" in caught.value.why

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "snapshot.json")
        with pytest.raises(UsageError) as caught:
            load_snapshot(tmp_path)
        assert caught.value.why == "it is not a file"

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"nothing\.json cannot be used"):
            load_snapshot(tmp_path / "nothing.json")

    def test_a_snapshot_is_not_much_larger_than_its_evidence(self) -> None:
        evidence = sum(len(item.text.encode()) for item in SNAPSHOT.evidence())
        log = observed(10, "log of cdb_ws", None, "2026-02-09 08:00:56 [DEBUG] ws_service: tick\n" * 4000)
        reading = replace(SNAPSHOT.logs["cdb_ws"], evidence=log.evidence)
        larger = replace(SNAPSHOT, logs={**SNAPSHOT.logs, "cdb_ws": reading})
        grown = len(dump_snapshot(larger)) - len(dump_snapshot(SNAPSHOT))
        assert evidence < 2000
        assert grown < len(log.evidence.text) * 1.05


@contextmanager
def _as_ordinary_user() -> Iterator[None]:
    """Root may write everywhere, so it becomes nobody for a moment."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def _page() -> Any:
    reading: Any = SNAPSHOT.metrics["cdb_ws"]
    return reading.value


def _with_ids(report: Report) -> Report:
    """Planted texts spoil the ids of evidence, too; these would be refused, so number them again."""
    numbers: Iterator[int] = iter(range(1, 1000))

    def renew(reading: Any) -> Any:
        return reading and replace(reading, evidence=replace(reading.evidence, id=f"E{next(numbers):03}"))

    s = report.snapshot
    single = ("runtime", "database", "redis", "repository", "host", "migrations", "previous")
    by_name = ("health", "logs", "metrics", "answers")
    changes: dict[str, Any] = {name: renew(getattr(s, name)) for name in single}
    changes |= {name: {key: renew(item) for key, item in getattr(s, name).items()} for name in by_name}
    return replace(report, snapshot=replace(s, **changes))


SNAPSHOTS = any_value(Snapshot)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=30, deadline=None)
@given(SNAPSHOTS)
def test_load_of_dump_is_the_snapshot(tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot) -> None:
    file = tmp_path_factory.mktemp("law") / "snapshot.json"
    file.write_text(dump_snapshot(snapshot), encoding="utf-8")
    assert load_snapshot(file) == snapshot
