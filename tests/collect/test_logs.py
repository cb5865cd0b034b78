"""The log of a service is read from where the window begins, and what could not be read is said."""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cdbctl.collect import logs
from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.logs.files import LogFile, open_log
from cdbctl.collect.logs.scanner import Scanner
from cdbctl.model.snapshot import Window
from tests.collect.log_samples import SINCE, UNTIL, WINDOW, line, lines, read, service

DAY = timedelta(days=1)


def write(path: Path, text: str, *, at: datetime = UNTIL) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def test_only_the_window_is_counted_and_proven(tmp_path: Path) -> None:
    text = lines(SINCE - DAY, 3000) + lines(SINCE, 50, text="inside {}") + lines(UNTIL + timedelta(seconds=1), 5)
    facts = read(write(tmp_path / "risk.log", text)).value
    assert facts.levels == {"INFO": 50}
    assert facts.window.first_at == SINCE
    assert facts.window.last_at == SINCE + timedelta(seconds=49)
    assert facts.newest_at == UNTIL + timedelta(seconds=5)
    assert (facts.window.complete, facts.window.reaches_back, facts.window.note) == (True, True, "")


def test_a_log_in_utf_16_is_not_read_as_something_else(tmp_path: Path) -> None:
    (tmp_path / "risk.log").write_text(lines(SINCE, 5), encoding="utf-16")
    with pytest.raises(NoAnswer, match="is UTF-16 text"):
        read(tmp_path / "risk.log")


def test_a_log_with_lines_from_the_future_is_not_complete(tmp_path: Path) -> None:
    facts = read(write(tmp_path / "risk.log", lines(SINCE, 5) + lines(UNTIL + timedelta(hours=2), 5))).value
    assert facts.window.lines == 5
    assert not facts.window.complete
    assert "in the future" in facts.window.note


def test_the_beginning_of_the_window_is_found_without_reading_what_is_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = lines(SINCE - 2 * DAY, 150_000, text="something that is not interesting any more {}")
    log = write(tmp_path / "risk.log", old + lines(SINCE, 100))
    taken = 0
    feed = Scanner.feed

    def counting(scanner: Scanner, data: bytes) -> None:
        nonlocal taken
        taken += len(data)
        feed(scanner, data)

    monkeypatch.setattr(Scanner, "feed", counting)
    assert read(log).value.levels == {"INFO": 100}
    assert log.stat().st_size > 10_000_000
    assert taken < 1_000_000


@pytest.mark.parametrize("seed", range(12))
def test_the_found_beginning_is_the_right_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    text, inside = [], 0
    at = SINCE - timedelta(hours=chance.choice([0, 1, 30]))
    for _ in range(20_000):
        at += timedelta(milliseconds=chance.choice([1, 100, 1500, 9000]))
        written = at - timedelta(milliseconds=chance.choice([0, 0, 0, 900]))
        written = written.replace(microsecond=written.microsecond // 1000 * 1000)
        inside += SINCE <= written <= UNTIL
        text.append(line(written, "x" * chance.choice([1, 80, 300])))
    facts = read(write(tmp_path / "risk.log", "".join(text))).value
    assert facts.window.lines == inside


def test_rotations_are_read_as_far_as_the_window_reaches(tmp_path: Path) -> None:
    log = tmp_path / "risk.log"
    write(tmp_path / "risk.log.3", lines(SINCE - 3 * DAY, 5))
    write(tmp_path / "risk.log.2", lines(SINCE - DAY, 5) + lines(SINCE, 10))
    write(tmp_path / "risk.log.1", lines(SINCE + timedelta(minutes=1), 10))
    write(log, lines(SINCE + timedelta(minutes=2), 10))
    facts = read(log).value
    assert facts.levels == {"INFO": 30}
    assert facts.window.first_at == SINCE
    assert facts.window.reaches_back


def test_a_log_that_begins_inside_the_window_says_since_when(tmp_path: Path) -> None:
    facts = read(write(tmp_path / "risk.log", lines(SINCE + timedelta(minutes=5), 3))).value
    assert not facts.window.reaches_back
    assert facts.window.complete
    assert facts.window.note == "the log begins at 2026-02-09 08:05:00 UTC"


def test_a_compressed_rotation_is_a_gap(tmp_path: Path) -> None:
    write(tmp_path / "risk.log.1.gz", "not read")
    facts = read(write(tmp_path / "risk.log", lines(SINCE + timedelta(minutes=5), 3))).value
    assert not facts.window.complete
    assert "risk.log.1.gz" in facts.window.note


def test_a_clock_that_was_set_back_does_not_hide_lines(tmp_path: Path) -> None:
    apart = timedelta(milliseconds=10)
    before = lines(SINCE + timedelta(minutes=1), 60_000, apart=apart, text="first pass of this time {}")
    again = lines(SINCE - timedelta(minutes=20), 180_000, apart=apart, text="second pass of the time {}")
    facts = read(write(tmp_path / "risk.log", lines(SINCE - DAY, 20_000) + before + again)).value
    assert facts.levels == {"INFO": 60_000 + 60_000}
    assert "go backwards" in facts.window.note


def test_one_wrong_time_stamp_does_not_hide_lines(tmp_path: Path) -> None:
    body = [line(SINCE + timedelta(milliseconds=100 * number), f"number {number}") for number in range(30_000)]
    for number in range(0, 30_000, 700):
        body[number] = line(datetime(1970, 1, 1, tzinfo=UTC), "before the clock was set")
    facts = read(write(tmp_path / "risk.log", lines(SINCE - DAY, 9000) + "".join(body))).value
    assert facts.window.lines == 30_000 - len(range(0, 30_000, 700))


def test_the_hour_that_autumn_repeats_is_read_as_the_later_one_that_is_not_in_the_future(tmp_path: Path) -> None:
    log = write(tmp_path / "risk.log", "2026-10-25 02:30:00 [INFO] x: twice\n")
    summer, winter = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    for until, expected in ((summer + timedelta(minutes=5), summer), (winter + timedelta(minutes=5), winter)):
        window = Window(until - timedelta(hours=3), until)
        assert read(log, window=window, zone="Europe/Berlin").value.newest_at == expected


class TestNoAnswer:
    def test_a_missing_file_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(NoAnswer, match="there is no log file") as caught:
            read(tmp_path / "risk.log")
        assert "cdbctl.yaml" in caught.value.remedy

    def test_a_folder_is_no_log(self, tmp_path: Path) -> None:
        (tmp_path / "risk.log").mkdir()
        with pytest.raises(NoAnswer, match="is a directory"):
            read(tmp_path / "risk.log")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs on this system")
    def test_a_fifo_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "risk.log")
        with pytest.raises(NoAnswer, match="is a FIFO"):
            read(tmp_path / "risk.log")

    def test_a_zone_that_does_not_exist_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(NoAnswer, match="time zone 'Mars/Olympus'"):
            read(write(tmp_path / "risk.log", ""), zone="Mars/Olympus")

    def test_a_service_without_a_log_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(NoAnswer, match="no log of cdb_risk is declared"):
            logs.read_log(service(), root=tmp_path, window=WINDOW, timeout_seconds=5)

    def test_a_path_that_cannot_be_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(NoAnswer):
            read(tmp_path / ("x" * 300))


class TestIncomplete:
    def test_one_of_two_logs_that_is_missing_is_a_gap(self, tmp_path: Path) -> None:
        write(tmp_path / "out.log", lines(SINCE, 3))
        seen = logs.read_log(service("out.log", "err.log"), root=tmp_path, window=WINDOW, timeout_seconds=5)
        assert seen.value.levels == {"INFO": 3}
        assert not seen.value.window.complete
        assert "err.log" in seen.value.window.note

    def test_time_that_is_used_up_stops_the_reading(self, tmp_path: Path) -> None:
        log = write(tmp_path / "risk.log", lines(SINCE, 200_000, apart=timedelta(milliseconds=10)))
        facts = read(log, timeout_seconds=0.02).value
        assert not facts.window.complete
        assert "the time of 0.02 s was used up after" in facts.window.note
        assert facts.window.lines < 200_000

    def test_a_file_that_gets_shorter_while_it_is_read_is_told(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def open_and_shorten(path: Path, stack: ExitStack) -> list[LogFile]:
            files = open_log(path, stack)
            return [replace(file, size=file.size + 1000) for file in files]

        monkeypatch.setattr(logs, "open_log", open_and_shorten)
        facts = read(write(tmp_path / "risk.log", lines(SINCE, 3))).value
        assert (facts.window.lines, facts.window.complete) == (3, False)
        assert "became shorter" in facts.window.note


def test_what_is_written_while_it_is_read_does_not_keep_the_reader(tmp_path: Path) -> None:
    log = write(tmp_path / "risk.log", lines(SINCE, 10))
    with log.open("a", encoding="utf-8") as writer:
        facts = read(log).value
        writer.write(lines(SINCE, 10))
    assert facts.window.lines == 10


def test_a_hundred_megabytes_without_a_line_end_cost_little(tmp_path: Path) -> None:
    log = tmp_path / "risk.log"
    with log.open("wb") as file:
        file.write(lines(SINCE, 10).encode())
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + line(SINCE + timedelta(minutes=1), "after it", "ERROR").encode())
    started = time.process_time()
    seen = read(log)
    assert time.process_time() - started < 5
    assert seen.value.levels == {"INFO": 10, "ERROR": 1, "NONE": 1}
    assert seen.value.window.long_lines == 1
    assert len(seen.text) < 200_000


class TestWithoutTimeStamps:
    def test_a_fresh_log_is_read_and_says_so(self, tmp_path: Path) -> None:
        facts = read(write(tmp_path / "risk.log", "hello\nTraceback (most recent call last):\nKeyError: 'x'\n")).value
        assert facts.levels == {"ERROR": 1, "NONE": 2}
        assert facts.groups[0].first_at is None
        assert "no time stamps" in facts.window.note

    def test_a_log_that_was_not_touched_in_the_window_is_outside(self, tmp_path: Path) -> None:
        facts = read(write(tmp_path / "risk.log", "ERROR:root:long ago\n", at=SINCE - DAY)).value
        assert facts.levels == {}

    def test_a_missing_beginning_of_the_first_message_stays_outside(self, tmp_path: Path) -> None:
        text = "the end of an old message\n" + lines(SINCE - DAY, 2) + lines(SINCE, 2)
        assert read(write(tmp_path / "risk.log", text)).value.levels == {"INFO": 2}


class TestTheEvidence:
    def test_holds_every_quoted_line_verbatim(self, tmp_path: Path) -> None:
        broken = "".join(
            line(
                SINCE + timedelta(seconds=number),
                f'❌ Failed: relation "t{number % 3}" does not exist\nLINE 1: x',
                "ERROR",
            )
            for number in range(40)
        )
        seen = read(write(tmp_path / "risk.log", broken + lines(SINCE + timedelta(minutes=2), 9)))
        quoted = [sample for group in seen.value.groups for sample in group.samples] + list(seen.value.tail)
        assert len(quoted) == 9 + 5
        assert all(item.text in seen.text for item in quoted)

    def test_proves_the_window(self, tmp_path: Path) -> None:
        seen = read(write(tmp_path / "risk.log", line(SINCE, "no", "ERROR") + lines(SINCE + timedelta(seconds=1), 24)))
        assert seen.text.startswith(
            "log of cdb_risk: risk.log (and rotations)\n"
            "time zone of its time stamps: UTC\n"
            "window: 2026-02-09T08:00:00.000Z to 2026-02-09T09:00:00.000Z\n"
            "first line: 2026-02-09T08:00:00.000Z; last line: 2026-02-09T08:00:24.000Z; "
            "newest: 2026-02-09T08:00:24.000Z\n"
            f"read: 25 lines, {seen.value.window.bytes} bytes; complete: yes\n"
            "the log holds something older than the window: no\n"
            "lines cut at 64 KiB: 0; lines that are not UTF-8: 0\n"
            "lines by level: DEBUG 0, INFO 24, WARNING 0, ERROR 1, CRITICAL 0, NONE 0\n"
            "note: the log begins at 2026-02-09 08:00:00 UTC\n"
            "\n"
            "== groups of WARNING or worse: 1, left out: 0 ==\n"
            "\n"
            "1. ERROR once, first 2026-02-09T08:00:00.000Z, last 2026-02-09T08:00:00.000Z\n"
            "   masked: risk_manager: no\n"
            "   line 1:\n"
            "2026-02-09 08:00:00,000 [ERROR] risk_manager: no\n"
            "\n"
            "== the last lines inside the window, from line 6 to 25 ==\n"
        )
        assert seen.text.endswith(line(SINCE + timedelta(seconds=24), "ok 23"))

    def test_stays_readable_however_much_went_wrong(self, tmp_path: Path) -> None:
        words = random.Random(0)
        text = "".join(
            line(SINCE, "".join(words.choices("abcdef", k=9)) + " long text" * 400 + "\nmore" * 50, "ERROR")
            for _ in range(400)
        )
        assert len(read(write(tmp_path / "risk.log", text)).text) < 250_000
