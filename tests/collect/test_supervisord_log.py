"""The end of a log is read backwards, and no further than needed."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdbctl.collect.supervisord.log import LogUnreadableError, read_tail

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


def line(number: int, day: str = "2026-02-09") -> bytes:
    return f"{day} 08:00:00,000 INFO spawned: 'cdb_x' with pid {number:06}\n".encode()


def test_a_small_log_is_read_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    path.write_bytes(line(1) + line(2))
    tail = read_tail(path, since=datetime(2027, 1, 1, tzinfo=UTC))
    assert tail.text == (line(1) + line(2)).decode()
    assert tail.whole


def test_rotated_files_come_before_the_newest_one(tmp_path: Path) -> None:
    for number, suffix in enumerate([".2", ".1", ""]):
        (tmp_path / f"s.log{suffix}").write_bytes(line(number))
    assert read_tail(tmp_path / "s.log", since=LONG_AGO).text == (line(0) + line(1) + line(2)).decode()


def test_a_file_that_was_rotated_meanwhile_is_not_read_twice(tmp_path: Path) -> None:
    (tmp_path / "s.log").write_bytes(line(1))
    os.link(tmp_path / "s.log", tmp_path / "s.log.1")
    assert read_tail(tmp_path / "s.log", since=LONG_AGO).text == line(1).decode()


def test_reading_ends_where_the_window_begins(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    path.write_bytes(line(1, "2025-01-01") * 100_000 + line(2) * 10)
    tail = read_tail(path, since=datetime(2026, 2, 9, tzinfo=UTC))
    assert not tail.whole
    assert 1_000_000 <= len(tail.text) < 1_600_000
    assert tail.text.endswith(line(2).decode() * 10)


def test_a_huge_log_is_not_read_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "s.log"
    with path.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    tail = read_tail(path, since=LONG_AGO)
    assert not tail.whole
    assert len(tail.text) <= 17 * 1024 * 1024


def test_bytes_that_are_not_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "s.log").write_bytes(b"\xff\x00\n" + line(1))
    assert read_tail(tmp_path / "s.log", since=LONG_AGO).text.endswith(line(1).decode())


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(LogUnreadableError, match="does not exist"):
        read_tail(tmp_path / "none.log", since=LONG_AGO)
    with pytest.raises(LogUnreadableError, match="is not an ordinary file"):
        read_tail(tmp_path, since=LONG_AGO)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogUnreadableError, match="is not an ordinary file"):
        read_tail(tmp_path / "pipe", since=LONG_AGO)
