"""``cdbctl daily-check --soak`` on stored runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cdbctl import archive
from cdbctl.cli.app import main
from cdbctl.errors import ExitStatus
from cdbctl.model.snapshot import SoakHistory, Window
from tests.assess import looks, snapshots
from tests.assess.snapshots import NOW
from tests.assess.test_soak import hourly, with_runs


def stored(folder: Path, *, hours: int = 12) -> Path:
    """A stored run that asked for a soak of twelve hours."""
    file = folder / "snapshot.json"
    file.write_text(archive.dump_snapshot(with_runs(snapshots.healthy(), hourly(hours=hours))), encoding="utf-8")
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["daily-check", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_stored_soak_is_judged_again_byte_for_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(stored(tmp_path, hours=3))
    first = run(capsys, "--from-snapshot", file, "--format", "json")
    assert first == run(capsys, "--from-snapshot", file, "--format", "json")
    document = json.loads(first[1])
    assert first[0] == document["status"] == ExitStatus.UNDECIDED
    assert document["reason_code"] == "SOAK_INCONCLUSIVE"
    assert document["verdict"] == "PASS"


def test_a_shorter_soak_is_judged_over_what_the_snapshot_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(stored(tmp_path, hours=3))
    status, text, _ = run(capsys, "--from-snapshot", file, "--soak", "1h", "--format", "json")
    assert json.loads(text)["soak"]["stretch"]["since"] == "2026-02-09T08:00:00.000000Z"
    assert json.loads(text)["soak"]["covered_seconds"] == 3600
    assert status in (ExitStatus.PASS, ExitStatus.UNDECIDED)


@pytest.mark.parametrize(("asked", "why"), [("72h", "holds the runs of the soak"), ("soon", "soon")])
def test_what_the_snapshot_does_not_hold_cannot_be_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: str, why: str
) -> None:
    status, out, err = run(capsys, "--from-snapshot", str(stored(tmp_path)), "--soak", asked)
    assert (status, out) == (ExitStatus.USAGE, "")
    assert why in err


def test_a_snapshot_without_a_soak_cannot_get_one_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "snapshot.json"
    file.write_text(archive.dump_snapshot(snapshots.healthy()), encoding="utf-8")
    status, _, err = run(capsys, "--from-snapshot", str(file), "--soak", "1h")
    assert status == ExitStatus.USAGE
    assert "it was taken without --soak" in err


@pytest.mark.parametrize("year", ["0001", "9999"])
@pytest.mark.parametrize("place", ["taken_at", "finished_at", "window", "soak_stretch"])
def test_a_snapshot_of_an_impossible_year_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, year: str
) -> None:
    file = stored(tmp_path)
    data = json.loads(file.read_text(encoding="utf-8"))
    at = f"{year}-12-31T23:59:59Z" if year == "9999" else f"{year}-01-01T00:00:00Z"
    data[place] = {"since": at, "until": at} if place in ("window", "soak_stretch") else at
    file.write_text(json.dumps(data), encoding="utf-8")
    status, _, err = run(capsys, "--from-snapshot", str(file))
    assert status == ExitStatus.USAGE
    assert "no run was made then" in err


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_what_a_source_says_may_be_dated_at_the_ends_of_the_calendar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], zone: str
) -> None:
    file = stored(tmp_path)
    data = json.loads(file.read_text(encoding="utf-8"))
    data["timezone"] = zone
    for at in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        data["repository"]["value"]["committed_at"] = at
        data["runtime"]["value"]["started_at"] = at
        file.write_text(json.dumps(data), encoding="utf-8")
        assert run(capsys, "--from-snapshot", str(file), "--format", "md")[0] != ExitStatus.BUG


def test_a_soak_that_passed_ends_with_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = with_runs(looks.in_docker(), hourly())
    healthy = with_runs(snapshots.healthy(), ())
    soak = snapshots.observed("E008", "stored runs of the soak", SoakHistory((), (), ()), text="runs")
    whole = replace(
        healthy, window=Window(NOW - timedelta(hours=12), NOW), soak=soak, soak_stretch=snapshot.soak_stretch
    )
    file = tmp_path / "snapshot.json"
    file.write_text(archive.dump_snapshot(whole), encoding="utf-8")
    status, text, _ = run(capsys, "--from-snapshot", str(file), "--format", "json")
    document = json.loads(text)
    assert (status, document["soak"]["verdict"]) == (ExitStatus.PASS, "PASS")
