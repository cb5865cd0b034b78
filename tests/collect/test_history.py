"""The newest complete run is remembered; broken ones are named and skipped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cdbctl import archive
from cdbctl.collect import history, stored_run
from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.history import read_earlier_run
from cdbctl.model.reading import Observed
from cdbctl.model.snapshot import EarlierCounters, EarlierRun
from cdbctl.render.json import report_json
from cdbctl.render.markdown import markdown
from tests.render.reports import FINDINGS, NOW, SNAPSHOT, fail_report, observed, silent_report

TODAY = NOW + timedelta(days=2000)
"""Later than every run that is stored here."""


def save(reports: Path, *, hours: float = 0, report: Any = None) -> Path:
    report = report or fail_report()
    moved = replace(report, snapshot=replace(report.snapshot, taken_at=NOW + timedelta(hours=hours)))
    texts = {"report.md": markdown(moved), "report.json": report_json(moved)}
    return archive.store(reports, report=moved, texts=texts)


def earlier(reports: Path) -> EarlierRun:
    run = read_earlier_run(reports, now=TODAY).value
    assert run is not None
    return run


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def test_before_the_first_run_there_is_nothing(tmp_path: Path) -> None:
    for reports in (tmp_path, tmp_path / "missing"):
        seen = read_earlier_run(reports, now=TODAY)
        assert seen.value is None
        assert "no run is stored" in seen.text


def test_the_newest_run_is_read(tmp_path: Path) -> None:
    for hours in (0, 30, 2):
        save(tmp_path, hours=hours)
    run = earlier(tmp_path)
    assert run.taken_at == NOW + timedelta(hours=30)
    assert run.path == f"{tmp_path.name}/daily/2026-02-10/142603Z"
    assert run.verdict == "FAIL"


def test_of_one_second_the_last_run_is_the_newest(tmp_path: Path) -> None:
    for _ in range(11):
        save(tmp_path)
    assert earlier(tmp_path).path.endswith("/082603Z-11")


def test_findings_come_back_with_what_became_of_them(tmp_path: Path) -> None:
    save(tmp_path)
    found = {item.fingerprint: item for item in earlier(tmp_path).findings}
    p0 = found[FINDINGS[0].fingerprint]
    assert (p0.check, p0.subject, p0.status, p0.lifecycle) == ("logs.known-signatures", "cdb_risk", "FAIL", "NEW")
    assert p0.first_seen == NOW
    assert found[FINDINGS[2].fingerprint].lifecycle == "ACCEPTED"
    assert found["ba9876543210"].lifecycle == "UNVERIFIED"
    assert found["0123456789ab"].lifecycle == "RESOLVED"


def test_what_is_over_is_remembered_beyond_the_next_run(tmp_path: Path) -> None:
    save(tmp_path)
    again = replace(fail_report(), resolved=(), unverified=())
    previous = observed(36, "stored runs", earlier(tmp_path))
    save(tmp_path, hours=1, report=replace(again, snapshot=replace(SNAPSHOT, previous=previous)))
    found = {item.fingerprint: item for item in earlier(tmp_path).findings}
    assert found["0123456789ab"].lifecycle == "RESOLVED"


def test_the_identity_of_every_service_comes_back(tmp_path: Path) -> None:
    save(tmp_path)
    services = {item.name: item for item in earlier(tmp_path).services}
    assert services["cdb_ws"].identity == "python services/cdb_ws.py"
    assert (services["cdb_ws"].restarts, services["cdb_postgres"].restarts) == (1, None)
    assert services["cdb_ws"].started_at == NOW - timedelta(minutes=9)


def test_the_counters_of_the_servers_come_back(tmp_path: Path) -> None:
    save(tmp_path)
    run = earlier(tmp_path)
    assert isinstance(SNAPSHOT.database, Observed)
    assert isinstance(SNAPSHOT.redis, Observed)
    assert run.database == EarlierCounters.of_database(SNAPSHOT.database.value)
    assert run.redis == EarlierCounters.of_redis(SNAPSHOT.redis.value)
    assert "counters of database (cdb since the beginning): " in read_earlier_run(tmp_path, now=TODAY).text


def test_a_server_that_did_not_answer_then_has_no_counters(tmp_path: Path) -> None:
    save(tmp_path, report=silent_report())
    assert (earlier(tmp_path).database, earlier(tmp_path).redis) == (None, None)


def test_counters_that_were_stored_in_another_way_are_not_used(tmp_path: Path) -> None:
    folder = save(tmp_path)
    edit(folder / "snapshot.json", lambda document: document["redis"]["value"].pop("evicted_keys"))
    assert earlier(tmp_path).redis is None
    assert earlier(tmp_path).database is not None


def test_a_run_without_a_runtime_has_no_services(tmp_path: Path) -> None:
    save(tmp_path, report=silent_report())
    assert earlier(tmp_path).services == ()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda run: (run / "report.json").unlink(), "report.json: No such file"),
        (lambda run: (run / "snapshot.json").unlink(), "snapshot.json: No such file"),
        (lambda run: (run / "report.json").write_text('{"schema"'), "report.json is cut off or not JSON"),
        (lambda run: (run / "report.json").write_bytes(b"\xff\xfe"), "report.json is cut off or not JSON"),
        (lambda run: (run / "report.json").write_text("[" * 100_000), "report.json is cut off or not JSON"),
        (lambda run: (run / "report.json").write_text("[]"), "report.json is not cdbctl/report/1"),
        (lambda run: edit(run / "report.json", lambda d: d.update(schema="x")), "report.json is not cdbctl/report/1"),
        (lambda run: edit(run / "report.json", lambda d: d.pop("verdict")), "does not hold what a run holds"),
        (lambda run: edit(run / "report.json", lambda d: d.update(taken_at="today")), "EarlierRun.taken_at"),
        (lambda run: edit(run / "report.json", lambda d: d.update(findings=7)), "does not hold what a run holds"),
        (lambda run: edit(run / "report.json", lambda d: d.update(findings=[7])), "does not hold what a run holds"),
        (lambda run: edit(run / "report.json", lambda d: d["findings"][0].pop("title")), "EarlierFinding.title"),
        (lambda run: edit(run / "snapshot.json", lambda d: d.update(runtime=[])), "does not hold what a run holds"),
        (
            lambda run: edit(run / "snapshot.json", lambda d: d["runtime"]["value"]["services"][0].update(pid="x")),
            "ServiceFacts.pid",
        ),
    ],
)
def test_a_broken_run_is_named_and_the_next_older_one_is_used(
    tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    save(tmp_path)
    damage(save(tmp_path, hours=30))
    seen = read_earlier_run(tmp_path, now=TODAY)
    assert seen.value is not None
    assert seen.value.taken_at == NOW
    assert f"skipped {tmp_path.name}/daily/2026-02-10/142603Z: " in seen.text
    assert reason in seen.text


def test_a_run_from_the_future_was_stored_under_a_wrong_clock(tmp_path: Path) -> None:
    save(tmp_path)
    save(tmp_path, hours=30)
    seen = read_earlier_run(tmp_path, now=NOW + timedelta(hours=1))
    assert seen.value is not None
    assert seen.value.taken_at == NOW
    assert "2026-02-10/142603Z: it is dated 2026-02-10T14:26:03" in seen.text


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    run = save(tmp_path)
    (run / "report.json").unlink()
    make_pipe(run / "report.json")
    with pytest.raises(NoAnswer, match=r"report\.json is not a file"):
        read_earlier_run(tmp_path, now=TODAY)


def test_when_every_run_is_broken_the_source_gives_no_answer(tmp_path: Path) -> None:
    (save(tmp_path) / "report.json").unlink()
    with pytest.raises(NoAnswer) as caught:
        read_earlier_run(tmp_path, now=TODAY)
    assert "082603Z: report.json: No such file" in caught.value.reason
    assert caught.value.remedy


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path)
    monkeypatch.setattr(stored_run, "LARGEST_FILE_BYTES", 1000)
    with pytest.raises(NoAnswer, match=r"report\.json is larger than"):
        read_earlier_run(tmp_path, now=TODAY)


def test_many_broken_runs_are_not_all_tried(tmp_path: Path) -> None:
    for second in range(60):
        (tmp_path / "daily" / "2026-02-09" / f"0826{second:02}Z").mkdir(parents=True)
    with pytest.raises(NoAnswer) as caught:
        read_earlier_run(tmp_path, now=TODAY)
    assert caught.value.reason.count("skipped") == history.TRIED


def test_files_and_foreign_folders_are_passed_over(tmp_path: Path) -> None:
    run = save(tmp_path)
    (run.parent / "notes.txt").touch()
    (run.parent / f"{archive.UNFINISHED}0123").mkdir()
    (run.parent.parent / "archive").mkdir()
    (run.parent.parent / "2027-01-01").mkdir()
    (run.parent.parent / "2027-01-02").touch()
    assert earlier(tmp_path).taken_at == NOW


def test_reports_that_are_a_file_give_no_answer(tmp_path: Path) -> None:
    (tmp_path / "daily").touch()
    with pytest.raises(NoAnswer):
        read_earlier_run(tmp_path, now=TODAY)


def test_of_hundreds_of_days_only_the_newest_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, hours=24 * 1000)
    for number in range(700):
        (tmp_path / "daily" / f"{2024 + number // 350}-{number % 350 // 28 + 1:02}-{number % 28 + 1:02}").mkdir(
            exist_ok=True
        )
    listed: list[Path] = []
    real = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        listed.append(folder)
        return iter(list(real(folder)))

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert earlier(tmp_path).verdict == "FAIL"
    assert len(listed) == 2
