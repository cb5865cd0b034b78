"""What a container wrote in the window is read once, whole and proven; what is missing is said."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.docker.logs import read_container_log
from cdbctl.model.logs import LogFacts
from cdbctl.model.snapshot import Window
from tests.collect.docker.test_frames import frame
from tests.collect.docker.worlds import declared, engine_at, listening
from tests.collect.log_samples import SINCE, UNTIL, WINDOW
from tests.live.engine import DockerEngine

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NAME = "cdb_risk"


def stamp(at: datetime) -> bytes:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z ".encode()


def entry(at: datetime, text: str = "[INFO] risk_manager: ok", *, kind: int = 1) -> tuple[datetime, bytes]:
    written = f"{at:%Y-%m-%d %H:%M:%S} {text}\n".encode()
    return at, frame(written, kind=kind, stamp=stamp(at))


def entries(first: datetime, count: int, *, apart: timedelta = SECOND) -> list[tuple[datetime, bytes]]:
    return [entry(first + number * apart) for number in range(count)]


@dataclass
class LogServer:
    """An engine with one container: asked for ``tail`` and ``since`` it answers as Docker does."""

    log: Sequence[tuple[datetime, bytes]]
    created_at: datetime = SINCE - 30 * DAY
    options: dict[str, str] = field(default_factory=dict)
    terminal: bool = False
    before_end: Callable[[socket.socket], None] | None = None
    """Called in the place of the proper end of an answer."""
    skipping_seconds: float = 0.0
    """How long it is silent when it looks for ``since``."""
    pause_seconds: float = 0.0
    """After every 100 entries."""
    questions: list[str] = field(default_factory=list)

    def talk(self, sock: socket.socket, head: bytes) -> None:
        target = head.split(b" ")[1].decode()
        if "/logs" in target:
            self._logs(sock, target)
            return
        known = {"Id": "a1", "Names": [f"/{NAME}"], "Labels": {}}
        about: dict[str, Any] = {
            **{"Id": "a1", "Name": f"/{NAME}", "State": {}, "Created": self.created_at.isoformat()},
            **{"Config": {"Tty": self.terminal}},
            **{"HostConfig": {"LogConfig": {"Type": "json-file", "Config": self.options}}},
        }
        body = json.dumps([known] if "/containers/json" in target else about).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def _logs(self, sock: socket.socket, target: str) -> None:
        query = parse_qs(target.partition("?")[2])
        self.questions.append(" ".join(f"{key}={query[key][0]}" for key in ("tail", "since") if key in query) or "all")
        chosen = list(self.log)
        if "tail" in query:
            chosen = chosen[-int(query["tail"][0]) :]
        if "since" in query:
            time.sleep(self.skipping_seconds)
            since = datetime.fromtimestamp(float(query["since"][0]), UTC)
            chosen = [(at, data) for at, data in chosen if at >= since]
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for first in range(0, len(chosen), 100):
            sock.sendall(b"".join(b"%x\r\n%b\r\n" % (len(data), data) for _, data in chosen[first : first + 100]))
            time.sleep(self.pause_seconds)
        if self.before_end is None:
            sock.sendall(b"0\r\n\r\n")
        else:
            self.before_end(sock)


def read(server: LogServer, *, window: Window = WINDOW, timeout_seconds: float = 20) -> Seen[LogFacts]:
    with listening(server.talk) as address:
        engine = engine_at(address)
        service = declared(NAME)
        try:
            return read_container_log(engine, service, [service], window=window, timeout_seconds=timeout_seconds)
        finally:
            engine.close()


class TestTheWindow:
    def test_is_proven_by_an_older_entry_in_the_first_tail(self) -> None:
        server = LogServer(entries(SINCE - 100 * SECOND, 300))
        facts = read(server).value
        assert server.questions == ["tail=2000"]
        assert (facts.window.lines, facts.window.first_at) == (200, SINCE)
        assert (facts.window.complete, facts.window.reaches_back, facts.window.note) == (True, True, "")

    def test_is_decided_by_the_engine_and_not_by_what_a_line_says_of_the_time(self) -> None:
        odd = SINCE + SECOND, frame(b"1999-01-01 00:00:00 [ERROR] x: a dead clock\n", stamp=stamp(SINCE + SECOND))
        facts = read(LogServer([entry(SINCE - SECOND), odd, entry(SINCE + 2 * SECOND)])).value
        assert facts.levels == {"ERROR": 1, "INFO": 1}
        assert facts.groups[0].first_at == SINCE + SECOND

    def test_is_reached_by_growing_tails_and_nothing_is_counted_twice(self) -> None:
        ms = timedelta(milliseconds=100)
        server = LogServer(entries(SINCE - 5000 * ms, 35_000, apart=ms))
        facts = read(server).value
        assert server.questions[:3] == ["tail=2000", "all", "tail=8000"]
        (last,) = server.questions[3:]
        assert 30_000 < int(last.removeprefix("tail=")) < 40_000
        assert facts.window.lines == sum(facts.levels.values()) == 30_000
        assert (facts.window.complete, facts.window.reaches_back) == (True, True)

    def test_that_no_tail_reaches_is_read_with_since(self) -> None:
        busy = entries(SINCE + SECOND, 150_000, apart=timedelta(milliseconds=1))
        calm = entries(SINCE + 3000 * SECOND, 2000, apart=timedelta(milliseconds=100))
        server = LogServer([entry(SINCE - DAY), *busy, *calm])
        facts = read(server, timeout_seconds=60).value
        assert server.questions[-1] == f"since={int(SINCE.timestamp())}.000000000"
        assert facts.window.lines == 152_000
        assert (facts.window.complete, facts.window.reaches_back) == (True, True)

    def test_that_begins_before_the_container_is_read_at_once(self) -> None:
        server = LogServer(entries(SINCE + 60 * SECOND, 3000), created_at=SINCE + 30 * SECOND)
        facts = read(server).value
        assert server.questions == ["all"]
        assert facts.window.lines == 3000
        assert not facts.window.reaches_back
        assert facts.window.note == "the log begins with the container at 2026-02-09 08:00:30 UTC"

    @pytest.mark.parametrize(
        ("options", "complete", "note"),
        [
            ({}, True, "the container is older: nothing older is in its log, which has no limit"),
            (
                {"max-size": "10m", "max-file": "3"},
                True,
                "what it wrote before is not kept any more (json-file, max-file=3, max-size=10m)",
            ),
            (
                {"max-size": "100k", "max-file": "3"},
                False,
                "what it wrote before is not kept any more (json-file, max-file=3, max-size=100k)",
            ),
            ({"max-size": "10m"}, False, "what it wrote before is not kept any more (json-file, max-size=10m)"),
        ],
    )
    def test_of_an_older_container_whose_log_begins_inside_is_proven_unless_it_may_have_lost_something(
        self, options: dict[str, str], complete: bool, note: str
    ) -> None:
        server = LogServer(entries(SINCE + 60 * SECOND, 2500), options=options)
        facts = read(server).value
        assert server.questions == ["tail=2000", "all"]
        assert facts.window.lines == 2500
        assert (facts.window.complete, facts.window.reaches_back) == (complete, False)
        assert facts.window.note.startswith("the log begins at 2026-02-09 08:01:00 UTC")
        assert note in facts.window.note

    def test_without_a_line_is_an_empty_log(self) -> None:
        facts = read(LogServer([])).value
        assert (facts.window.lines, facts.window.note, facts.window.complete) == (0, "the log is empty", True)

    def test_holds_no_line_of_later(self) -> None:
        facts = read(LogServer([*entries(SINCE - SECOND, 3), *entries(UNTIL + SECOND, 3)])).value
        assert (facts.window.lines, facts.newest_at) == (2, UNTIL + 3 * SECOND)


class TestWhatGoesWrong:
    def test_a_cut_answer_is_not_taken_for_a_whole_one(self) -> None:
        server = LogServer(entries(SINCE - SECOND, 50), before_end=lambda sock: sock.shutdown(socket.SHUT_RDWR))
        window = read(server).value.window
        assert (window.lines, window.complete) == (49, False)
        assert "broke off" in window.note

    def test_an_answer_that_ends_inside_an_entry_is_not_complete(self) -> None:
        server = LogServer([*entries(SINCE - SECOND, 5), (SINCE + 9 * SECOND, entry(SINCE)[1][:-4])])
        window = read(server).value.window
        assert (window.lines, window.complete) == (4, False)
        assert window.note == "the answer of the engine ends inside an entry"

    def test_the_error_of_the_engine_makes_the_window_incomplete(self) -> None:
        said = frame(b"error unmarshalling log entry\n", kind=3, stamp=b"")
        window = read(LogServer([*entries(SINCE - SECOND, 5), (UNTIL, said)])).value.window
        assert (window.lines, window.complete) == (4, False)
        assert window.note == "the engine could not read all of the log: error unmarshalling log entry"

    def test_nothing_but_an_error_of_the_engine_is_no_answer(self) -> None:
        said = frame(b"no such file\n", kind=3, stamp=b"")
        with pytest.raises(NoAnswer, match="the engine cannot read the log: no such file"):
            read(LogServer([(UNTIL, said)]))

    def test_what_is_no_log_is_no_answer(self) -> None:
        with pytest.raises(NoAnswer, match="no log that can be read: an entry of type 7"):
            read(LogServer([(UNTIL, frame(b"x\n", kind=7))]))

    def test_an_engine_that_is_silent_is_no_answer_in_time(self) -> None:
        started = time.monotonic()
        with pytest.raises(NoAnswer, match=r"does not (send|answer)"):
            read(LogServer([], before_end=lambda _: time.sleep(3)), timeout_seconds=1)
        assert time.monotonic() - started < 2.5

    def test_when_time_does_not_suffice_the_newest_lines_are_read(self) -> None:
        ms = timedelta(milliseconds=10)
        server = LogServer(entries(SINCE + SECOND, 20_000, apart=ms), created_at=SINCE, pause_seconds=0.02)
        facts = read(server, timeout_seconds=2).value
        assert not facts.window.complete
        assert facts.newest_at == SINCE + SECOND + 19_999 * ms
        assert 2000 <= facts.window.lines < 19_000
        assert re.search(r"longer than 2 s: only the newest lines were read, from 2026-02-09 08:0\d", facts.window.note)
        assert "begins" not in facts.window.note

    def test_when_since_takes_too_long_the_newest_lines_are_read(self) -> None:
        busy = entries(SINCE + SECOND, 70_000, apart=timedelta(milliseconds=1))
        calm = entries(SINCE + 3000 * SECOND, 2000, apart=timedelta(milliseconds=100))
        server = LogServer([entry(SINCE - DAY), *busy, *calm], skipping_seconds=9)
        facts = read(server, timeout_seconds=4).value
        assert facts.newest_at == calm[-1][0]
        assert facts.window.complete or "only the newest lines were read" in facts.window.note

    def test_a_terminal_is_read_as_it_is(self) -> None:
        log = [
            (at, stamp(at) + b"\x1b[31m2026-02-09 08:00:00 [ERROR] x: boom\x1b[0m\r\n")
            for at in (SINCE - SECOND, SINCE, SINCE + SECOND)
        ]
        facts = read(LogServer(log, terminal=True)).value
        assert facts.levels == {"ERROR": 2}
        assert facts.groups[0].samples[0].text == "2026-02-09 08:00:00 [ERROR] x: boom"

    def test_the_evidence_holds_every_quoted_line(self) -> None:
        log = [entry(SINCE - SECOND), entry(SINCE, "[ERROR] x: für €5", kind=2), entry(SINCE + SECOND)]
        seen = read(LogServer(log))
        assert seen.text.startswith("docker logs cdb_risk: container a1, logging driver json-file\n")
        for group in seen.value.groups:
            assert all(sample.text in seen.text for sample in group.samples)
        assert all(line.text in seen.text for line in seen.value.tail)


@contextmanager
def logged(docker_engine: DockerEngine, name: str, script: str, *options: str) -> Iterator[Callable[[], LogFacts]]:
    """A container that ran a script and waits; the function reads its log of the last hour."""
    with docker_engine.run(name, "sh", "-c", f"{script}\necho last-line\nsleep 1000", options=options):
        wait_until(lambda: "last-line" in docker_engine.docker("logs", "--tail", "5", name))
        engine, service = engine_at(docker_engine.address), declared(name)

        def look() -> LogFacts:
            now = datetime.now(UTC)
            window = Window(now - timedelta(hours=1), now)
            return read_container_log(
                engine, service, [service], window=window, timeout_seconds=20, may_open_files=False
            ).value

        try:
            yield look
        finally:
            engine.close()


def wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, "the container did not write what it should"
        time.sleep(0.05)


@pytest.mark.live
class TestARealEngine:
    def test_gives_both_streams_long_lines_and_bytes_that_are_no_text(self, docker_engine: DockerEngine) -> None:
        script = r"""
            echo 'ERROR: boom' >&2
            yes | head -c 100000 | tr '\n' 'y'; echo
            printf 'no text: \377\n'
        """
        # The driver json-file stores such bytes as U+FFFD, this one as they are.
        with logged(docker_engine, "lg_streams", script, "--log-driver", "local") as look:
            facts = look()
        assert facts.window.lines == 4
        assert facts.levels == {"ERROR": 1, "NONE": 3}
        assert (facts.window.long_lines, facts.window.undecodable_lines) == (1, 1)
        assert facts.window.complete
        assert "the log begins with the container" in facts.window.note
        assert facts.window.last_at is not None

    def test_gives_the_long_lines_of_a_terminal_whole(self, docker_engine: DockerEngine) -> None:
        script = "yes | head -c 40000 | tr '\\n' 'y'; echo"
        with logged(docker_engine, "lg_terminal", script, "--tty") as look:
            facts = look()
        assert facts.window.lines == 2
        assert facts.window.bytes == 40_000 + len("\r\n") + len("last-line\r\n")

    @pytest.mark.parametrize("driver", ["json-file", "local"])
    def test_keeps_only_the_newest_lines_where_the_log_is_bounded(
        self, docker_engine: DockerEngine, driver: str
    ) -> None:
        options = ("--log-driver", driver, "--log-opt", "max-size=64k", "--log-opt", "max-file=2")
        with logged(docker_engine, f"lg_bounded_{driver}", "seq 1 9000", *options) as look:
            facts = look()
        assert 0 < facts.window.lines < 9001
        assert facts.tail[-1].text.endswith("last-line")

    def test_has_no_log_where_the_driver_keeps_none(self, docker_engine: DockerEngine) -> None:
        with docker_engine.run("lg_none_kept", "sleep", "100", options=("--log-driver", "none")):
            engine, service = engine_at(docker_engine.address), declared("lg_none_kept")
            with pytest.raises(NoAnswer, match="driver none of lg_none_kept keeps no log") as failure:
                read_container_log(engine, service, [service], window=WINDOW, timeout_seconds=10)
            engine.close()
        assert "json-file" in failure.value.remedy

    def test_gives_the_window_of_a_log_that_is_longer(self, docker_engine: DockerEngine) -> None:
        script = "seq 1 30000; echo middle; sleep 1.2; seq 1 12000"
        name = "lg_longer"
        with logged(docker_engine, name, script):
            told = docker_engine.docker("logs", "--timestamps", "--tail", "12001", name).splitlines()[0]
            since = datetime.fromisoformat(told[:26]).replace(tzinfo=UTC)
            engine, service = engine_at(docker_engine.address), declared(name)
            window = Window(since, datetime.now(UTC))
            facts = read_container_log(
                engine, service, [service], window=window, timeout_seconds=20, may_open_files=False
            ).value
            engine.close()
        assert facts.window.lines == 12_001
        assert (facts.window.complete, facts.window.reaches_back, facts.window.note) == (True, True, "")
