"""The engine's own log files say what the engine says, and where they do not suffice it is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.attempt import Seen
from cdbctl.collect.docker.log_files import JsonEntries, open_files
from cdbctl.collect.docker.logs import read_container_log
from cdbctl.model.logs import LogFacts
from cdbctl.model.snapshot import Window
from tests.collect.docker.worlds import declared, engine_at
from tests.live.engine import DockerEngine

IDENTITY = "ab" * 32
NOON = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)
WINDOW = Window(NOON, NOON + timedelta(hours=1))
SPEAKS = """
echo "2026-02-09 08:00:00,000 [INFO] risk: ready"
echo "2026-02-09 08:00:01,000 [ERROR] risk: relation \\"risk_events\\" does not exist" >&2
printf 'half a line, '; printf 'from stderr\\n' >&2; printf 'and its end\\n'
awk 'BEGIN { for (i = 0; i < 5000; i++) printf "0123456789"; print "" }'
printf '\\377\\376 no UTF-8, \\033[31mred\\033[0m, "quoted" \\\\ and an umlaut \\303\\244\\n'
printf 'no end'
"""


def entry(at: datetime, text: str, *, stream: str = "stdout") -> bytes:
    time = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}123Z"
    return json.dumps({"log": text, "stream": stream, "time": time}, ensure_ascii=False).encode() + b"\n"


def log_file(folder: Path, *entries: bytes) -> dict[str, str]:
    path = folder / IDENTITY / f"{IDENTITY}-json.log"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(entries))
    return {"Id": IDENTITY, "LogPath": str(path)}


class TestFiles:
    def test_are_entered_where_the_window_begins(self, tmp_path: Path) -> None:
        before = [entry(NOON - timedelta(seconds=60_000 - number), f"old {number}\n") for number in range(59_000)]
        inspected = log_file(tmp_path, *before, entry(NOON + timedelta(seconds=1), "new\n"))
        with open_files(inspected, WINDOW) as files:
            assert files is not None
            assert files.reaches_back
            read = b"".join(files.blocks())
        assert read.endswith(entry(NOON + timedelta(seconds=1), "new\n"))
        assert len(read) < 1024 * 1024 < sum(map(len, before))

    def test_that_were_rotated_are_read_oldest_first(self, tmp_path: Path) -> None:
        inspected = log_file(tmp_path, entry(NOON + timedelta(seconds=9), "second\n"))
        older = Path(inspected["LogPath"] + ".1")
        older.write_bytes(entry(NOON + timedelta(seconds=1), "first\n"))
        with open_files(inspected, WINDOW) as files:
            assert files is not None
            assert not files.reaches_back
            assert JsonEntries().take(b"".join(files.blocks())).count(b"first\n2026") == 1

    def test_that_hold_not_all_of_the_window_are_left_to_the_engine(self, tmp_path: Path) -> None:
        inspected = log_file(tmp_path, entry(NOON + timedelta(seconds=9), "newest\n"))
        Path(inspected["LogPath"] + ".1.gz").write_bytes(b"packed")
        with open_files(inspected, WINDOW) as files:
            assert files is None

    @pytest.mark.parametrize(
        "inspected",
        [
            {},
            {"Id": IDENTITY, "LogPath": ""},
            {"Id": IDENTITY, "LogPath": f"/nowhere/{IDENTITY}/{IDENTITY}-json.log"},
            {"Id": "short", "LogPath": "/etc/short"},
            {"Id": IDENTITY, "LogPath": "/etc/passwd"},
        ],
    )
    def test_that_are_not_those_of_the_container_are_not_opened(self, inspected: dict[str, str]) -> None:
        with open_files(inspected, WINDOW) as files:
            assert files is None


class TestEntries:
    def test_become_lines_behind_the_time_of_the_engine(self) -> None:
        lines = JsonEntries().take(entry(NOON, "one\n") + entry(NOON, "two\n", stream="stderr"))
        assert lines == b"2026-02-09T12:00:00.000000123Z one\n2026-02-09T12:00:00.000000123Z two\n"

    def test_whose_time_has_fewer_digits_are_written_alike(self) -> None:
        short = b'{"log":"a\\n","stream":"stdout","time":"2026-02-09T12:00:00.5Z"}\n'
        whole = b'{"log":"b\\n","stream":"stdout","time":"2026-02-09T12:00:01Z"}\n'
        lines = b"2026-02-09T12:00:00.500000000Z a\n2026-02-09T12:00:01.000000000Z b\n"
        assert JsonEntries().take(short + whole) == lines

    def test_of_one_long_line_are_joined_past_the_other_stream(self) -> None:
        pieces = entry(NOON, "a" * 9) + entry(NOON, "other\n", stream="stderr") + entry(NOON, "b\n")
        stamp = b"2026-02-09T12:00:00.000000123Z "
        assert JsonEntries().take(pieces) == stamp + b"other\n" + stamp + b"aaaaaaaaab\n"

    @pytest.mark.parametrize("damage", [b"\0" * 50, b"{", b"7", b'{"log":1,"time":2}', b'{"log":"x\\n","time":"soon"}'])
    def test_that_are_damaged_are_counted_and_cost_no_other(self, damage: bytes) -> None:
        entries = JsonEntries()
        lines = entries.take(entry(NOON, "one\n") + damage + b"\n" + entry(NOON, "two\n"))
        assert lines.count(b"\n") == 2
        assert entries.damaged == 1

    def test_without_an_end_cost_no_memory(self) -> None:
        entries = JsonEntries()
        for _ in range(100):
            entries.take(b"x" * 100_000)
        assert entries.damaged >= 1
        assert len(entries._rest) <= 1024 * 1024

    @given(st.lists(st.text(st.characters(exclude_characters="\n"), max_size=30), max_size=20), st.integers(1, 50))
    def test_in_pieces_of_any_size_say_the_same(self, texts: list[str], size: int) -> None:
        data = b"".join(entry(NOON, f"{text}\n") for text in texts)
        entries = JsonEntries()
        read = b"".join(entries.take(data[start : start + size]) for start in range(0, len(data), size))
        assert read + entries.finish() == JsonEntries().take(data)
        assert read.count(b"\n") == len(texts)


def read(engine: DockerEngine, name: str, *, may_open_files: bool = True) -> Seen[LogFacts]:
    service, now = declared(name), datetime.now(UTC)
    window = Window(now - timedelta(hours=1), now)
    return read_container_log(
        engine_at(engine.address),
        service,
        [service],
        window=window,
        timeout_seconds=20,
        may_open_files=may_open_files,
    )


@pytest.mark.live
def test_the_files_and_the_engine_give_the_same_facts(
    docker_engine: DockerEngine,
) -> None:
    with docker_engine.run("cdbctl-test-log-files", "sh", "-c", SPEAKS) as container:
        docker_engine.docker("wait", container.name)
        by_file = read(docker_engine, container.name)
        by_engine = read(docker_engine, container.name, may_open_files=False)
    assert "read from /" in by_file.text
    assert "read through the engine" in by_engine.text
    first, second = by_file.value, by_engine.value
    assert first.window.lines == second.window.lines > 5
    assert (first.window.bytes, first.window.long_lines) == (second.window.bytes, second.window.long_lines)
    assert (first.window.first_at, first.window.last_at) == (second.window.first_at, second.window.last_at)
    assert (first.levels, first.groups, first.tail) == (second.levels, second.groups, second.tail)
    assert first.window.complete
    assert second.window.complete
