"""Somebody tries to make the check-up say what is not true: wrong clocks, odd settings, foreign files, early ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from cdbctl.demo.faults import Fault
from tests.collect.servers import page, web_server
from tests.live.stack import CheckUp, Report, Stack, cdbctl, finding, running, wait_until
from tests.live.test_disturbances import copy_of_definitions

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("attacked") / "demo", Fault.NONE) as running_stack:
        yield running_stack


def seen_from(root: Path) -> CheckUp:
    return cdbctl("daily-check", "--root", str(root), "--format", "json")


def edited(root: Path, old: str, new: str) -> Path:
    """The same root with other words in its ``cdbctl.yaml``; ``old`` is a pattern."""
    config = root / "cdbctl.yaml"
    text, count = re.subn(old, new.replace("\\", r"\\"), config.read_text(encoding="utf-8"))
    assert count
    config.write_text(text, encoding="utf-8")
    return root


def statuses(report: Report, check: str) -> dict[str, str]:
    """What is said about every subject of a check that is not OK."""
    return {one["subject"]: one["status"] for one in report["findings"] if one["check"] == check}


def secret(stack: Stack, name: str) -> str:
    return (stack.root / "run" / "secrets" / name).read_text(encoding="utf-8").strip()


def port(stack: Stack, pattern: str) -> int:
    found = re.search(pattern, (stack.root / "cdbctl.yaml").read_text(encoding="utf-8"))
    assert found
    return int(found[1])


@contextmanager
def reader_with(stack: Stack, setting: str, value: str) -> Iterator[None]:
    """The role of the check-up with another default of its sessions."""
    with psycopg.connect(
        host="127.0.0.1",
        port=port(stack, r"127\.0\.0\.1:(\d+)/cdb"),
        user="postgres",
        password=secret(stack, "postgres_password"),
        dbname="cdb",
        autocommit=True,
    ) as admin:
        admin.execute(f"ALTER ROLE cdb_reader SET {setting} = '{value}'".encode())
        try:
            yield
        finally:
            admin.execute(f"ALTER ROLE cdb_reader RESET {setting}".encode())


class TestPostgresqlIsSetUpInAnotherWay:
    """The settings of a role are the owner's; they change nothing about what is true."""

    def test_german_dates_are_read(self, stack: Stack) -> None:
        with reader_with(stack, "datestyle", "German, DMY"):
            report = stack.check_up().report
        assert "PostgreSQL" not in statuses(report, "database.reachable")
        assert not {one["check"] for one in report["coverage"]["not_checked"]} & {"database.audit-trail"}

    def test_a_table_outside_of_the_search_path_is_not_called_missing(self, stack: Stack) -> None:
        with reader_with(stack, "search_path", "nowhere"):
            run = stack.check_up()
        assert run.report["verdict"] == "UNKNOWN"
        said = finding(run.report, "database.audit-trail", "risk_events")
        assert said["status"] == "UNKNOWN"
        assert "search_path" in said["fix"]["summary"]


class TestATimeLiesInTheFuture:
    """It would hide a standstill, so it proves nothing."""

    def test_a_gauge_in_milliseconds(self, stack: Stack, tmp_path: Path) -> None:
        now = datetime.now(UTC).timestamp()
        body = f"decoded_messages_total 5\nmarket_data_last_timestamp_seconds {now * 1000:.0f}\n"
        with web_server(page(body, kind="text/plain")) as url:
            root = edited(copy_of_definitions(stack, tmp_path), r"(?<=metrics: )\S+(?=\n.*cdb_ws\.log)", f'"{url}/m"')
            report = seen_from(root).report
        assert statuses(report, "pipeline.continuity")["market_data"] == "UNKNOWN"
        assert report["verdict"] != "PASS"

    def test_an_entry_of_tomorrow(self, stack: Stack) -> None:
        redis = Redis(port=port(stack, r"redis://127\.0\.0\.1:(\d+)"), password=secret(stack, "redis_password"))
        redis.rename("stream.fills", "stream.kept")
        try:
            tomorrow = datetime.now(UTC) + timedelta(days=1)
            redis.delete("stream.fills")
            redis.xadd("stream.fills", {"x": "1"}, id=f"{tomorrow.timestamp() * 1000:.0f}-0")
            report = stack.check_up().report
        finally:
            redis.rename("stream.kept", "stream.fills")
            redis.close()
        assert statuses(report, "pipeline.continuity") == {"fills": "UNKNOWN"}
        assert report["verdict"] == "UNKNOWN"

    def test_a_log_that_is_hours_ahead_is_not_free_of_errors(self, stack: Stack, tmp_path: Path) -> None:
        root = edited(copy_of_definitions(stack, tmp_path), r"(?<=path: )\S+/cdb_risk\.log", "risk.log")
        at = datetime.now(UTC) + timedelta(hours=2)
        line = f'{at:%Y-%m-%d %H:%M:%S},000 [ERROR] risk_manager: relation "risk_events" does not exist\n'
        (root / "risk.log").write_text(line * 60, encoding="utf-8")
        report = seen_from(root).report
        for check in ("logs.known-signatures", "logs.error-rate", "logs.pipeline-speaks"):
            assert statuses(report, check) == {"cdb_risk": "UNKNOWN"}, check
        assert finding(report, "clocks.skew", "logs")["status"] == "FAIL"


def test_errors_without_a_time_are_errors(stack: Stack, tmp_path: Path) -> None:
    root = edited(copy_of_definitions(stack, tmp_path), r"(?<=path: )\S+/cdb_risk\.log", "risk.log")
    (root / "risk.log").write_text('ERROR relation "risk_events" does not exist\n' * 60, encoding="utf-8")
    report = seen_from(root).report
    assert statuses(report, "logs.known-signatures") == {"cdb_risk": "FAIL"}


def test_a_check_whose_source_was_taken_away_is_unknown_and_points_to_it(stack: Stack, tmp_path: Path) -> None:
    root = edited(copy_of_definitions(stack, tmp_path), r"database:\n  dsn.*\n  password.*\n", "")
    report = seen_from(root).report
    assert report["verdict"] == "UNKNOWN"
    assert report["coverage"]["declared"] == stack.check_up().report["coverage"]["declared"]
    cause = finding(report, "database.reachable", "PostgreSQL")
    rows = [one for one in report["findings"] if one["subject"] in {"signal rows", "order rows"}]
    assert [one["caused_by"] for one in rows] == [cause["fingerprint"]] * 2


def test_a_health_page_that_says_down_with_status_200_is_not_healthy(stack: Stack, tmp_path: Path) -> None:
    with web_server(page("DOWN", kind="text/plain")) as url:
        root = edited(copy_of_definitions(stack, tmp_path), r'(?<=health: \{url: ")[^"]+(?="[^\n]*\n.*\n.*cdb_ws)', url)
        report = seen_from(root).report
    assert finding(report, "services.healthy", "cdb_ws")["status"] == "FAIL"


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupted_check_up_leaves_nothing_half_written(stack: Stack, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cdbctl", "daily-check", "--root", str(stack.root), "--out", str(tmp_path / "out")]
    for seconds in (0.4, 0.8, 1.2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(seconds)  # any moment is as good as another
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
        assert b"Traceback" not in stderr
        assert process.returncode == 130 or stdout, "interrupted, or done before"
        assert not list(tmp_path.rglob(".writing-*"))
        for folder in tmp_path.glob("out/daily/*/*Z"):
            assert (folder / "report.json").exists()


def test_after_every_attack_the_stack_passes_again(stack: Stack) -> None:
    wait_until(lambda: stack.check_up("--since", "5s").report["verdict"] == "PASS", "the verdict is PASS", seconds=60)
