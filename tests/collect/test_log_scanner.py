"""Every line counts once, by its own level; a message goes on until the next one begins."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.logs.lines import COLOUR
from cdbctl.collect.logs.scanner import LINE_BYTES
from cdbctl.model.logs import Level, LogFacts
from tests.collect.log_samples import SINCE, UNTIL, line, lines, scan, taken

AT = datetime(2026, 2, 9, 8, 0, 48, tzinfo=UTC)

FORMATS = {
    "comma milliseconds": ("2026-02-09 08:00:48,062 [ERROR] risk_manager: no", Level.ERROR, 62),
    "no milliseconds": ("2026-02-09 08:00:48 [DEBUG] ws_service: [redis] published", Level.DEBUG, 0),
    "dashes": ("2026-02-09 08:00:48,062 - candles.builder - WARNING - late", Level.WARNING, 62),
    "dashes without a name": ("2026-02-09 08:00:48,062 - INFO - ERROR - is only text", Level.INFO, 62),
    "padded level": ("2026-02-09 08:00:48,062 [ERROR   ] risk_manager: no", Level.ERROR, 62),
    "plain": ("2026-02-09 08:00:48,062 CRIT could not write pidfile", Level.CRITICAL, 62),
    "with a process": ("2026-02-09 08:00:48,062 INFO [123] ERROR: in the text", Level.INFO, 62),
    "no level": ("2026-02-09 08:00:48,062 something happened", Level.NONE, 62),
    "T and Z": ("2026-02-09T08:00:48.062123456Z ERROR boom", Level.ERROR, 62.123),
    "offset": ("2026-02-09 09:00:48,062+01:00 [ERROR] x: boom", Level.ERROR, 62),
    "gunicorn": ("[2026-02-09 08:00:48 +0000] [7] [INFO] Booting worker", Level.INFO, 0),
    "flask": ("[2026-02-09 08:00:48,062] ERROR in app: Exception on /", Level.ERROR, 62),
    "nginx": ("2026/02/09 08:00:48 [error] 7#7: *1 connect() failed", Level.ERROR, 0),
    "PostgreSQL": ("2026-02-09 08:00:48.062 UTC [123] ERROR:  relation does not exist", Level.ERROR, 62),
    "PostgreSQL log": ("2026-02-09 08:00:48.062 UTC [123] LOG:  checkpoint starting: time", Level.INFO, 62),
    "PostgreSQL user": ("2026-02-09 08:00:48.062 UTC [123] cdb@cdb FATAL:  no", Level.CRITICAL, 62),
    "PostgreSQL German": ("2026-02-09 08:00:48.062 UTC [123] FEHLER:  Relation", Level.ERROR, 62),
    "Redis warning": ("123:M 09 Feb 2026 08:00:48.062 # WARNING overcommit_memory", Level.WARNING, 62),
    "Redis notice": ("123:M 09 Feb 2026 08:00:48.062 * Ready to accept connections", Level.INFO, 62),
    "Redis verbose": ("123:M 09 Feb 2026 08:00:48.062 - Accepted", Level.DEBUG, 62),
    "Redis debug": ("123:M 09 Feb 2026 08:00:48.062 . 0 clients", Level.DEBUG, 62),
    "werkzeug": ('127.0.0.1 - - [09/Feb/2026 08:00:48] "GET /health HTTP/1.1" 200 -', Level.NONE, 0),
    "nginx access": ('10.0.0.1 - bob [09/Feb/2026:09:00:48 +0100] "GET / HTTP/1.1" 500 0', Level.NONE, 0),
    "JSON": ('{"timestamp": "2026-02-09T08:00:48.062Z", "level": "error", "message": "no"}', Level.ERROR, 62),
    "Prometheus": ('ts=2026-02-09T08:00:48.062Z caller=main.go:1 level=error msg="no"', Level.ERROR, 62),
    "Prometheus 3": ('time=2026-02-09T08:00:48.062Z level=WARN source=main.go:641 msg="late"', Level.WARNING, 62),
    "Grafana": ('logger=settings t=2026-02-09T09:00:48.062+01:00 level=info msg="Starting"', Level.INFO, 62),
    "Alertmanager": ("level=debug ts=2026-02-09T08:00:48.062Z caller=main.go:1 msg=idle", Level.DEBUG, 62),
    "dockerd": ('time="2026-02-09T08:00:48.062Z" level=fatal msg="said \\"level=info\\""', Level.CRITICAL, 62),
    "coloured": ("\x1b[2m2026-02-09T08:00:48.062Z\x1b[0m [\x1b[31;1merror    \x1b[0m] no", Level.ERROR, 62),
    "JSON epoch": ('{"time": 1770624048062, "level": 40, "msg": "late"}', Level.WARNING, 62),
}


@pytest.mark.parametrize(("text", "level", "milliseconds"), FORMATS.values(), ids=FORMATS)
def test_formats_tell_time_and_level(text: str, level: Level, milliseconds: float) -> None:
    facts = scan(f"{text}\n")
    assert facts.levels == {level.value: 1}
    assert facts.window.first_at == facts.window.last_at == facts.newest_at
    assert facts.newest_at == AT + timedelta(milliseconds=milliseconds)
    shown = COLOUR.sub(b"", text.encode()).decode()
    assert [sample.text for group in facts.groups for sample in group.samples] == (
        [shown] if level in (Level.WARNING, Level.ERROR, Level.CRITICAL) else []
    )


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ERROR:root:boom", Level.ERROR),
        ("INFO:     127.0.0.1:1 - GET", Level.INFO),
        ("[WARN] x", Level.WARNING),
        ("ERROR: boom", Level.ERROR),
        ("ERROR boom", Level.ERROR),
        ("ERRORS are fun", Level.NONE),
        ('level=warn msg="x"', Level.WARNING),
        ("\x1b[32mINFO\x1b[0m:     127.0.0.1:1 - GET", Level.INFO),
        ("level = high", Level.NONE),
    ],
)
def test_a_level_without_a_time_counts(text: str, level: Level) -> None:
    assert scan(f"{text}\n").levels == {level.value: 1}


NOT_ERRORS = [
    "2026-02-09 08:00:48,062 [INFO] risk_manager: the page said [ERROR] and ERROR: and CRITICAL",
    "2026-02-09 08:00:48,062 [INFO] risk_manager: 2026-02-09 08:00:48,062 [ERROR] quoted",
    "2026-02-09 08:00:48,062 - name - INFO - ERROR - not an error",
    "2026-02-09 08:00:48,062 INFO:x@y ERROR z",
    '2026-02-09 08:00:48,062 [INFO] a\n[ERROR] the second line of the message\n{"level": "ERROR"}',
    "2026-02-09 08:00:48,062 [INFO] a\nERROR: the second line of the message\nERROR the third",
    "2026-02-09 08:00:48,062 [INFO] Signal empfangen: 15",
    "2026-02-09 08:00:48,062 [INFO] risk_manager: 📨 Signal empfangen: BTCUSDT BUY",
    "2026-02-09 08:00:48,062 [INFO] a\nlevel=error msg=quoted",
    'time=2026-02-09T08:00:48.062Z level=info msg="it said level=error" level=error',
    "2026-02-09 08:00:48.062 UTC [1] LOG:  listening\n2026-02-09 08:00:48.062 UTC [1] DETAIL:  ERROR: no",
]


@pytest.mark.parametrize("text", NOT_ERRORS)
def test_the_word_error_inside_of_a_message_is_no_error(text: str) -> None:
    facts = scan(text + "\n")
    assert (facts.errors, facts.warnings, facts.groups) == (0, 0, ())
    assert facts.levels[Level.INFO] == 1
    assert facts.window.lines == text.count("\n") + 1


def test_loud_messages_are_not_hidden_by_quiet_words() -> None:
    facts = scan(
        line(AT, "INFO DEBUG - INFO - [INFO]", "ERROR") + "2026-02-09 08:00:49,000 - n - ERROR - x - INFO - y\n"
    )
    assert facts.levels == {"ERROR": 2}


def test_quiet_words_in_quiet_lines_are_not_counted_twice() -> None:
    text = line(AT, "INFO and DEBUG") + line(AT, "INFO", "DEBUG") + line(AT) + line(AT, "CATALOG", "NOTICE")
    assert scan(text).levels == {"DEBUG": 1, "INFO": 3}


TRACEBACK = """Traceback (most recent call last):
  File "/app/services/risk/service.py", line 377, in persist
    cursor.execute(SQL, values)
  File "/usr/lib/python3.11/site-packages/psycopg/cursor.py", line 97, in execute
    raise ex.with_traceback(None)
psycopg.errors.UndefinedTable: relation "risk_events" does not exist
LINE 1: INSERT INTO risk_events (timestamp_ms, symbol) VALUES ($1, $2)
                    ^
"""


class TestMessagesOfManyLines:
    def test_a_traceback_belongs_to_the_message_before_it(self) -> None:
        facts = scan(line(AT, "❌ Failed to persist", "ERROR") + TRACEBACK + line(AT))
        assert facts.levels == {"INFO": 1, "ERROR": 1, "NONE": 8}
        (group,) = facts.groups
        assert group.samples[0].text == (line(AT, "❌ Failed to persist", "ERROR") + TRACEBACK).rstrip("\n")
        assert group.signature is not None
        assert group.signature.key == "42P01/risk_events"

    def test_a_traceback_after_a_quiet_message_is_an_error_of_its_own(self) -> None:
        facts = scan(line(AT, "started") + TRACEBACK)
        assert facts.levels == {"INFO": 1, "ERROR": 1, "NONE": 7}
        assert facts.groups[0].first_at == AT
        assert facts.groups[0].samples[0].number == 2

    def test_continuation_lines_of_the_driver_belong_to_the_message(self) -> None:
        text = 'Failed to persist risk_event: relation "risk_events" does not exist\nLINE 1: INSERT INTO x\n        ^'
        facts = scan(line(AT, text, "ERROR") + line(AT))
        assert [(group.count, "LINE 1" in group.samples[0].text) for group in facts.groups] == [(1, True)]

    def test_statements_of_the_server_log_belong_to_their_error(self) -> None:
        text = (
            '2026-02-09 08:00:48.062 UTC [9] ERROR:  relation "x" does not exist at character 13\n'
            "2026-02-09 08:00:48.062 UTC [9] STATEMENT:  INSERT INTO x\n\tVALUES (1)\n"
        )
        facts = scan(text)
        assert facts.levels == {"ERROR": 1, "NONE": 2}
        assert facts.groups[0].samples[0].text == text.rstrip()

    def test_endless_messages_keep_their_beginning_and_their_last_line(self) -> None:
        frames = '  File "/app/services/risk/service.py", line 9, in again\n    again()\n' * 5000
        facts = scan("Traceback (most recent call last):\n" + frames + "RecursionError: maximum depth\n")
        (group,) = facts.groups
        assert group.signature is not None
        assert group.signature.subject == "RecursionError"
        assert len(group.samples[0].text) <= 4000


class TestTheWindow:
    def test_includes_both_of_its_ends_and_nothing_else(self) -> None:
        ms = timedelta(milliseconds=1)
        facts = scan(line(SINCE - ms) + line(SINCE) + line(UNTIL) + line(UNTIL + ms))
        assert facts.levels == {"INFO": 2}
        assert (facts.window.first_at, facts.window.last_at) == (SINCE, UNTIL)
        assert facts.newest_at == UNTIL + ms
        assert facts.window.reaches_back
        assert facts.window.bytes == len(line(SINCE)) * 2

    def test_lines_without_a_time_inherit_the_one_before(self) -> None:
        old = line(SINCE - timedelta(hours=1), "old", "ERROR") + TRACEBACK
        facts = scan(old + line(AT, "new", "ERROR") + "and more\n")
        assert facts.levels == {"ERROR": 1, "NONE": 1}
        assert facts.groups[0].samples[0].number == 1

    def test_counts_by_minute_and_by_second_agree(self) -> None:
        text = lines(SINCE - timedelta(minutes=2), 4000, apart=timedelta(seconds=1))
        facts = scan(text)
        assert facts.levels == {"INFO": 3601}
        assert facts.window.bytes == sum(len(item) + 1 for item in text.splitlines()[120:3721])

    def test_time_stamps_are_in_the_zone_of_the_log(self) -> None:
        facts = scan("2026-02-09 09:30:00 [INFO] x: local\n2026-02-09 08:30:00 [INFO] x: early\n", zone="Europe/Berlin")
        assert facts.levels == {"INFO": 1}
        assert facts.window.first_at == datetime(2026, 2, 9, 8, 30, tzinfo=UTC)

    def test_time_stamps_that_cannot_be_are_text(self) -> None:
        facts = scan(line(AT) + "2026-13-45 99:99:00 [ERROR] x: no such day\n2026-02-30 08:00:00 [ERROR] x: nor this\n")
        assert facts.levels == {"INFO": 1, "NONE": 2}

    def test_time_stamps_that_go_backwards_or_lie_in_the_future_are_told(self) -> None:
        text = line(AT + timedelta(minutes=9)) + line(AT) + line(UNTIL + timedelta(days=9)) + line(AT)
        facts = scan(text)
        assert facts.levels == {"INFO": 3}
        assert facts.newest_at == UNTIL + timedelta(days=9)
        assert "go backwards 2 times" in facts.window.note
        assert "in the future" in facts.window.note

    def test_without_lines_is_empty_and_not_an_error(self) -> None:
        facts = scan("")
        assert (facts.levels, facts.window.lines, facts.newest_at) == ({}, 0, None)
        assert facts.window.note == "the log is empty"


class TestHostileBytes:
    def test_lines_of_any_length_are_cut(self) -> None:
        text = line(AT, "a" * 200_000) + line(AT, "b", "ERROR") + "x" * 1_000_000
        for piece in (1000, LINE_BYTES, 10_000_000):
            facts = scan(text, piece=piece)
            assert facts.levels == {"INFO": 1, "ERROR": 1, "NONE": 1}
            assert facts.window.long_lines == 2

    def test_bytes_that_are_no_utf8_are_counted_and_shown(self) -> None:
        facts = scan(line(AT, "fine ö").encode() + line(AT, "X", "ERROR").encode().replace(b"X", b"\xff\x00\xc3"))
        assert facts.window.undecodable_lines == 1
        assert "\\xff\x00\\xc3" in facts.groups[0].samples[0].text

    def test_a_character_that_is_cut_is_not_undecodable(self) -> None:
        facts = scan(line(AT, "€" * 50_000) + line(AT, "ö" * 50_000))
        assert (facts.window.long_lines, facts.window.undecodable_lines) == (2, 0)

    def test_other_encodings_are_counted_line_by_line(self) -> None:
        text = lines(AT, 100, text="für {}").encode("latin-1") + lines(SINCE - timedelta(hours=9), 9).encode("latin-1")
        facts = scan(text + b"2026-02-08 08:00:00 [INFO] x: f\xfcr\n")
        assert (facts.levels, facts.window.undecodable_lines) == ({"INFO": 100}, 100)

    @given(st.binary(max_size=400))
    def test_any_bytes_are_counted_line_by_line(self, data: bytes) -> None:
        facts = scan(line(AT).encode() + data)
        whole = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
        assert facts.window.lines <= whole + 1
        assert sum(facts.levels.values()) == facts.window.lines

    def test_endings_of_windows_are_no_part_of_a_line(self) -> None:
        facts = scan(line(AT, "x", "ERROR").replace("\n", "\r\n") * 2)
        assert not facts.groups[0].samples[0].text.endswith("\r")
        assert facts.groups[0].count == 2

    def test_too_many_different_messages_are_counted_and_told(self) -> None:
        noise = "".join(line(AT, "".join(random.Random(i).choices("abcdefgh", k=12)), "WARNING") for i in range(3000))
        known = line(AT, 'relation "risk_events" does not exist', "WARNING")
        facts = scan(noise + known)
        assert facts.warnings == 3001
        assert len(facts.groups) == 200
        assert facts.groups_left_out == 2801
        assert any(group.signature for group in facts.groups)
        assert "2000 messages were counted by level and not grouped" in facts.window.note


def summary(facts: LogFacts) -> list[tuple[str, str, int, str | None, datetime | None, datetime | None]]:
    return [
        (g.level, g.masked, g.count, g.signature.key if g.signature else None, g.first_at, g.last_at)
        for g in facts.groups
    ]


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        st.sampled_from(
            [
                'relation "risk_events" does not exist',
                'relation "orders" does not exist',
                "Decision contract BLOCK: RC_002",
                "Decision contract ALLOW: RC_001",
                "order 123 took 12.5 ms",
                "order 77 took 3 s",
                "boom\n" + TRACEBACK.rstrip(),
            ]
        ),
        st.integers(-100, 3700),
    ),
    max_size=30,
)


class TestLaws:
    @given(MESSAGES, st.randoms())
    def test_shuffled_messages_give_the_same_groups(
        self, messages: list[tuple[str, str, int]], chance: random.Random
    ) -> None:
        texts = [line(SINCE + timedelta(seconds=second), text, level) for level, text, second in messages]
        facts = scan("".join(texts))
        chance.shuffle(texts)
        shuffled = scan("".join(texts))
        assert summary(shuffled) == summary(facts)
        assert shuffled.levels == facts.levels

    @given(MESSAGES, st.integers(1, 200))
    def test_the_size_of_the_pieces_does_not_matter(self, messages: list[tuple[str, str, int]], piece: int) -> None:
        text = "".join(line(SINCE + timedelta(seconds=second), text, level) for level, text, second in messages)
        whole, pieces = scan(text), scan(text, piece=piece)
        assert pieces == whole

    @given(MESSAGES)
    def test_every_line_of_the_window_is_counted_by_its_level(self, messages: list[tuple[str, str, int]]) -> None:
        expected: dict[str, int] = {}
        for level, text, second in messages:
            if 0 <= second <= 3600:
                expected[level] = expected.get(level, 0) + 1
                more = text.count("\n")
                if more and level in ("DEBUG", "INFO"):
                    expected["ERROR"] = expected.get("ERROR", 0) + 1
                    more -= 1
                if more:
                    expected["NONE"] = expected.get("NONE", 0) + more
        text = "".join(line(SINCE + timedelta(seconds=second), text, level) for level, text, second in messages)
        facts = scan(text)
        assert facts.levels == expected
        assert sum(group.count for group in facts.groups) == facts.errors + facts.warnings


class TestTheTail:
    def test_is_the_last_five_messages_whatever_their_level(self) -> None:
        facts = scan(lines(AT, 30) + line(AT + timedelta(minutes=1), "last", "ERROR") + "goes on\n")
        assert [item.number for item in facts.tail] == [27, 28, 29, 30, 31]
        assert facts.tail[-1].text == line(AT + timedelta(minutes=1), "last", "ERROR") + "goes on"
        assert facts.tail[-1].at == AT + timedelta(minutes=1)

    def test_holds_no_line_of_outside_the_window(self) -> None:
        assert [item.number for item in scan(line(AT) + line(UNTIL + timedelta(hours=1))).tail] == [1]


def test_json_lines_are_grouped_by_their_message() -> None:
    records = [
        json.dumps({"ts": f"2026-02-09T08:00:{second:02d}Z", "level": "ERROR", "message": f"order {second} failed"})
        for second in range(5)
    ]
    (group,) = scan("\n".join(records)).groups
    assert (group.masked, group.count) == ("order <number> failed", 5)


def test_logfmt_lines_are_grouped_by_what_they_say() -> None:
    text = "".join(
        f"ts=2026-02-09T08:00:{second:02d}Z caller=notifier.go:{second} level=error "
        f'msg="Error sending alert" count={second} err="dial tcp 10.0.0.7:9093: connect: connection refused"\n'
        for second in range(5)
    )
    (group,) = scan(text).groups
    assert group.count == 5
    assert group.masked == "Error sending alert dial tcp <address>: connect: connection refused"
    assert group.signature is not None
    assert group.signature.kind == "connection_refused"


class TestLinesBehindTheTimeOfTheEngine:
    def test_that_time_decides_and_their_own_does_not(self) -> None:
        ms = timedelta(milliseconds=1)
        text = (
            taken(SINCE - ms, "2026-02-09 08:30:00 [ERROR] x: own time inside")
            + taken(SINCE, "2026-02-09 07:00:00 [ERROR] x: own time outside")
            + taken(UNTIL - ms, "2026-02-09 23:00:00 [INFO] x: the same")
            + taken(UNTIL + ms, "2026-02-09 08:30:00 [ERROR] x: too late")
        )
        facts = scan(text, prefixed=True)
        assert facts.levels == {"ERROR": 1, "INFO": 1}
        assert (facts.window.first_at, facts.window.last_at) == (SINCE, UNTIL - ms)
        assert facts.newest_at == UNTIL + ms
        assert facts.window.reaches_back
        assert facts.groups[0].samples[0].text == "2026-02-09 07:00:00 [ERROR] x: own time outside"
        assert facts.groups[0].first_at == SINCE

    def test_lines_without_a_time_of_their_own_have_that_one(self) -> None:
        text = taken(AT, "price 1") + taken(AT + timedelta(seconds=2), "ERROR: boom") + taken(UNTIL, "[INFO] done")
        facts = scan(text, prefixed=True)
        assert facts.levels == {"NONE": 1, "ERROR": 1, "INFO": 1}
        assert facts.groups[0].first_at == AT + timedelta(seconds=2)
        assert [item.at for item in facts.tail] == [AT, AT + timedelta(seconds=2), UNTIL]
        assert facts.window.bytes == len("price 1\nERROR: boom\n[INFO] done\n")
        assert "no time stamps" not in facts.window.note

    def test_a_traceback_is_one_message_until_a_pause(self) -> None:
        text = taken(AT, TRACEBACK.rstrip("\n")) + taken(AT + timedelta(seconds=5), "price 7")
        facts = scan(text, prefixed=True)
        (group,) = facts.groups
        assert group.samples[0].text == TRACEBACK.rstrip("\n")
        assert group.signature is not None
        assert group.signature.key == "42P01/risk_events"
        assert facts.levels == {"ERROR": 1, "NONE": 8}

    def test_a_traceback_after_a_pause_is_an_error_of_its_own(self) -> None:
        text = taken(AT, "ERROR: boom") + taken(AT + timedelta(seconds=5), TRACEBACK.rstrip("\n"))
        assert scan(text, prefixed=True).levels == {"ERROR": 2, "NONE": 7}

    def test_the_zone_that_they_are_written_in_is_found_out_and_told(self) -> None:
        text = "".join(
            taken(AT + number * timedelta(minutes=2), line(AT + number * timedelta(minutes=2, seconds=1)).rstrip())
            for number in range(5)
        )
        berlin = text.replace(" 08:", " 09:")
        assert scan(text, prefixed=True).window.note == "the log begins at 2026-02-09 08:00:48 UTC"
        assert "written in UTC+01:00, and all times here are those of the engine" in (
            scan(berlin, prefixed=True).window.note
        )
        assert "written in" not in scan(berlin, zone="Europe/Berlin", prefixed=True).window.note

    def test_a_line_that_was_cut_is_told(self) -> None:
        facts = scan(taken(AT, "x" * 100_000) + taken(AT, "y"), prefixed=True)
        assert (facts.window.lines, facts.window.long_lines) == (2, 1)

    @given(MESSAGES, st.integers(1, 200), st.sampled_from(["own", "bare", "full"]))
    def test_every_line_of_the_window_is_counted_by_its_level_however_it_is_fed(
        self, messages: list[tuple[str, str, int]], piece: int, style: str
    ) -> None:
        text, expected = "", 0
        for level, message, second in sorted(messages, key=lambda item: item[2]):
            at = SINCE + timedelta(seconds=second)
            written = {
                "own": line(at, message, level).rstrip("\n"),
                "bare": f"{level}: {message}",
                "full": f"{at:%Y-%m-%d %H:%M:%S}.000 UTC [7] {level}:  {message}",
            }[style]
            text += taken(at, written)
            if 0 <= second <= 3600:
                expected += written.count("\n") + 1
        facts = scan(text, prefixed=True)
        assert scan(text, piece=piece, prefixed=True) == facts
        assert facts.window.lines == sum(facts.levels.values()) == expected
        assert sum(group.count for group in facts.groups) == facts.errors + facts.warnings
        for level in ("DEBUG", "INFO", "WARNING", "CRITICAL"):
            said = sum(1 for name, _, second in messages if name == level and 0 <= second <= 3600)
            assert facts.levels.get(level, 0) == said
