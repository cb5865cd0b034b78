"""The stored runs of a stretch are read back; what cannot be used is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cdbctl import archive
from cdbctl.collect import soak as module
from cdbctl.collect import stored_run
from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.history import read_earlier_run
from cdbctl.collect.soak import read_soak
from cdbctl.model.finding import Verdict
from cdbctl.model.snapshot import SoakHistory, Window
from cdbctl.render.json import report_json
from tests.render.reports import NOW, fail_report, observed, pass_report

LATER = NOW + timedelta(hours=72)


def store(reports: Path, hours: float, report: Any = None, **changes: Any) -> Path:
    """A run, so many hours after the reference day; its window is the hour before."""
    report = report or fail_report()
    at = NOW + timedelta(hours=hours)
    snapshot = replace(report.snapshot, taken_at=at, window=Window(at - timedelta(hours=1), at), **changes)
    moved = replace(report, snapshot=snapshot)
    return archive.store(reports, report=moved, texts={"report.json": report_json(moved)})


def read(reports: Path, *, hours: float = 72, until: datetime = LATER, seconds: float = 20) -> Seen[SoakHistory]:
    stretch = Window(until - timedelta(hours=hours), until)
    return read_soak(reports, stretch=stretch, stack="cdb", timeout_seconds=seconds)


def times(history: SoakHistory) -> list[float]:
    return [(run.taken_at - NOW).total_seconds() / 3600 for run in history.runs]


def test_the_runs_of_the_stretch_come_back_in_order_with_the_newest_one_before(tmp_path: Path) -> None:
    for hours in (-30, -2, 40, 1, 72, 20):
        store(tmp_path, hours)
    history = read(tmp_path).value
    assert times(history) == [-2, 1, 20, 40, 72]
    assert history == SoakHistory(history.runs, (), ())


def test_over_midnight_a_stretch_is_one(tmp_path: Path) -> None:
    for hours in (15, 15.4, 15.7, 16):  # 23:26 to 00:26
        store(tmp_path, hours)
    assert times(read(tmp_path, hours=2, until=NOW + timedelta(hours=16.5)).value) == [15, 15.4, 15.7, 16]


def test_nothing_is_stored_yet(tmp_path: Path) -> None:
    assert read(tmp_path).value == SoakHistory((), (), ())


def test_a_run_brings_what_a_soak_is_judged_by(tmp_path: Path) -> None:
    folder = store(tmp_path, 10)
    run = read(tmp_path).value.runs[0]
    assert run.path == f"{tmp_path.name}/daily/2026-02-09/{folder.name}"
    assert (run.verdict, run.stack, run.tool_version) == ("FAIL", "cdb", fail_report().snapshot.tool_version)
    assert run.window == Window(NOW + timedelta(hours=9), NOW + timedelta(hours=10))
    assert [(item.status, item.subject) for item in run.findings] == [
        ("FAIL", "cdb_risk"),
        ("UNKNOWN", "cdb_execution"),
    ]
    services = {item.name: item for item in run.services}
    assert services["cdb_ws"].identity == "python services/cdb_ws.py"
    assert services["cdb_ws"].state == "running"
    assert run.host_booted_at is not None


def test_a_run_of_an_older_version_is_read_from_its_snapshot(tmp_path: Path) -> None:
    folder = store(tmp_path, 10)
    edit(folder / "report.json", lambda data: [item.pop("identity") for item in data["services"]])
    edit(folder / "snapshot.json", strip_what_is_new)
    services = {item.name: item for item in read(tmp_path).value.runs[0].services}
    assert services["cdb_ws"].identity == "python services/cdb_ws.py"


def strip_what_is_new(data: dict[str, Any]) -> None:
    """A snapshot as the version before this one stored it."""
    for name in ("compose", "prometheus", "ci", "issues", "soak", "soak_stretch"):
        data.pop(name, None)
    for service in data["runtime"]["value"]["services"]:
        service.pop("health")
        service.pop("container")
        for restart in service["recent_restarts"]:
            restart.pop("out_of_memory")


def test_a_snapshot_of_the_version_before_still_loads(tmp_path: Path) -> None:
    folder = store(tmp_path, 10)
    edit(folder / "snapshot.json", strip_what_is_new)
    assert archive.load_snapshot(folder).soak is None
    assert read_earlier_run(tmp_path, now=LATER).value is not None


def edit(file: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(file.read_text(encoding="utf-8"))
    change(data)
    file.write_text(json.dumps(data), encoding="utf-8")


def test_accepted_findings_and_effects_do_not_come_along(tmp_path: Path) -> None:
    folder = store(tmp_path, 10)
    stored = json.loads((folder / "report.json").read_text(encoding="utf-8"))["findings"]
    kept = {item.fingerprint for item in read(tmp_path).value.runs[0].findings}
    assert any(item["caused_by"] or item["lifecycle"] == "ACCEPTED" for item in stored)
    assert not any(item["fingerprint"] in kept for item in stored if item["caused_by"])
    assert not any(item["fingerprint"] in kept for item in stored if item["lifecycle"] == "ACCEPTED")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda run: (run / "report.json").unlink(), "report.json: No such file"),
        (lambda run: (run / "report.json").write_text("{"), "cut off or not JSON"),
        (lambda run: edit(run / "report.json", lambda data: data.update(services=7)), "does not hold what a run holds"),
        (lambda run: edit(run / "report.json", lambda data: data.update(window=7)), "EarlierRun.window"),
        (
            lambda run: edit(run / "report.json", lambda data: data.update(taken_at="2026-02-08T00:00:00Z")),
            "which its folder does not say: it was moved",
        ),
    ],
)
def test_a_broken_run_is_named(tmp_path: Path, damage: Callable[[Path], object], reason: str) -> None:
    store(tmp_path, 9)
    run = store(tmp_path, 10)
    damage(run)
    seen = read(tmp_path)
    assert times(seen.value) == [9]
    (broken,) = seen.value.broken
    assert broken.path.endswith(run.name)
    assert reason in broken.reason
    assert f"broken {broken.path}: " in seen.text


def test_a_run_from_the_future_was_stored_under_a_wrong_clock(tmp_path: Path) -> None:
    store(tmp_path, 80)
    (broken,) = read(tmp_path).value.broken
    assert "a clock was wrong" in broken.reason


def test_runs_of_another_stack_are_passed_over_and_named(tmp_path: Path) -> None:
    store(tmp_path, 9)
    store(tmp_path, 10, stack="other")
    seen = read(tmp_path)
    assert times(seen.value) == [9]
    assert "it is of the stack other, not of cdb" in seen.value.foreign[0].reason
    assert "passed over" in seen.text


def test_the_earlier_run_is_never_one_of_another_stack(tmp_path: Path) -> None:
    store(tmp_path, 10, stack="other")
    nothing = read_earlier_run(tmp_path, now=LATER, stack="cdb")
    assert nothing.value is None
    assert "it is of the stack other" in nothing.text
    store(tmp_path, 9)
    found = read_earlier_run(tmp_path, now=LATER, stack="cdb").value
    assert found is not None
    assert found.stack == "cdb"


def test_two_runs_of_one_second_are_both_read(tmp_path: Path) -> None:
    first, second = store(tmp_path, 9), store(tmp_path, 9)
    assert [run.path.rpartition("/")[2] for run in read(tmp_path).value.runs] == [first.name, second.name]


def test_when_the_time_is_over_the_older_runs_are_named(tmp_path: Path) -> None:
    for hours in (8, 9):
        store(tmp_path, hours)
    history = read(tmp_path, seconds=0).value
    assert history.runs == ()
    assert "what is older were not read: the time of 0 s was over" in history.not_read


def test_there_is_a_largest_number_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 2)
    for hours in (7, 8, 9):
        store(tmp_path, hours)
    history = read(tmp_path).value
    assert times(history) == [8, 9]
    assert "2 runs are read at most" in history.not_read


def test_of_a_long_history_only_the_stretch_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours in range(-40, 6):
        store(tmp_path, hours, pass_report())
    opened: list[Path] = []
    real = stored_run.read_run_of_stretch

    def counted(folder: Path, *arguments: Any, **named: Any) -> Any:
        opened.append(folder)
        return real(folder, *arguments, **named)

    monkeypatch.setattr(module, "read_run_of_stretch", counted)
    read(tmp_path, hours=4, until=NOW + timedelta(hours=5))
    assert len(opened) == 6


def test_a_folder_that_cannot_be_listed_gives_no_answer(tmp_path: Path) -> None:
    (tmp_path / "daily").touch()
    with pytest.raises(NoAnswer, match="daily"):
        read(tmp_path)


def test_the_evidence_names_every_run_and_every_change(tmp_path: Path) -> None:
    store(tmp_path, 8)
    store(tmp_path, 9)
    text = read(tmp_path).text
    assert text.count("run reports") + text.count(f"run {tmp_path.name}/") == 2
    assert text.count("service cdb_ws ") == 1
    assert text.count('relation "risk_events"') + text.count("FAIL") >= 2


def test_a_run_names_the_one_that_it_compared_itself_with(tmp_path: Path) -> None:
    store(tmp_path, 8)
    earlier = read_earlier_run(tmp_path, now=LATER).value
    store(tmp_path, 9, previous=observed(36, "stored runs", earlier))
    first, second = read(tmp_path).value.runs
    assert second.follows == first.path
    assert second.verdict == Verdict.FAIL
