"""Texts of definition files to values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.load import values
from cdbctl.load.values import Unmeant


class TestDurations:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("45s", timedelta(seconds=45)),
            ("90m", timedelta(minutes=90)),
            ("1h", timedelta(hours=1)),
            ("2d", timedelta(days=2)),
            ("1.5h", timedelta(minutes=90)),
            ("250ms", timedelta(milliseconds=250)),
            (" 1 h ", timedelta(hours=1)),
        ],
    )
    def test_a_number_and_a_unit(self, text: str, expected: timedelta) -> None:
        assert values.duration(text) == expected

    @pytest.mark.parametrize(
        "text", ["", "1", "h", "-1h", "1 hour", "1w", "0s", "400d", "9999999d", "1h30m", "١h", "1e3s"]
    )
    def test_anything_else_cannot_be_meant(self, text: str) -> None:
        with pytest.raises(Unmeant):
            values.duration(text)

    @pytest.mark.parametrize("text", ["10ms", "11m"])
    def test_a_deadline_is_neither_nothing_nor_for_ever(self, text: str) -> None:
        with pytest.raises(Unmeant, match="not between 50ms and 10m"):
            values.deadline(text)


class TestZones:
    def test_names_and_offsets(self) -> None:
        at = datetime(2026, 2, 9, 8, tzinfo=UTC)
        assert at.astimezone(values.zone("Europe/Berlin")).utcoffset() == timedelta(hours=1)
        assert at.astimezone(values.zone("-03:30")).utcoffset() == -timedelta(hours=3, minutes=30)
        assert values.zone("UTC") is UTC

    @pytest.mark.parametrize(
        "text",
        ["Europa/Berlin", "Europe", "", "/etc/passwd", "../UTC", "x" * 5000, "+25:00", "+1", "CET-1CEST", "a\0b"],
    )
    def test_what_is_no_zone_cannot_be_meant(self, text: str) -> None:
        with pytest.raises(Unmeant):
            values.zone(text)


class TestPaths:
    @pytest.mark.parametrize(("text", "path"), [("checks", "checks"), ("./a//b/", "a/b"), ("a..b/c", "a..b/c")])
    def test_a_path_below_the_root(self, text: str, path: str) -> None:
        assert values.inner_path(text) == path

    @pytest.mark.parametrize("text", ["../x", "a/../../x", "/abs", "C:\\x", "C:/x", "\\\\host\\share", "~/x", "a\\b"])
    def test_a_path_that_leaves_the_root_is_refused(self, text: str) -> None:
        with pytest.raises(Unmeant):
            values.inner_path(text)

    @pytest.mark.parametrize("text", ["/var/log/x.log", "C:\\logs\\x.log", "run/x.log"])
    def test_a_log_may_also_be_elsewhere(self, text: str) -> None:
        assert values.outer_path(text) == text


REFUSED = [
    (values.database_dsn, "postgresql://reader:hunter2@127.0.0.1/cdb"),
    (values.database_dsn, "postgresql://reader:@127.0.0.1/cdb"),
    (values.database_dsn, "postgresql://h/cdb?password=hunter2"),
    (values.database_dsn, "postgresql://h/cdb?pass%77ord=hunter2"),
    (values.database_dsn, "postgresql://h/cdb?sslpassword=hunter2"),
    (values.database_dsn, "host=127.0.0.1 password = hunter2"),
    (values.database_dsn, "mysql://h/hunter2"),
    (values.database_dsn, "hunter2"),
    (values.redis_address, "redis://:hunter2@127.0.0.1:6379/0"),
    (values.redis_address, "redis://127.0.0.1:6379/0?password=hunter2"),
    (values.redis_address, "redis://127.0.0.1:999999/hunter2"),
    (values.redis_address, "http://127.0.0.1/hunter2"),
    (values.web_address, "http://u:hunter2@127.0.0.1/health"),
    (values.web_address, "http://hunter2@127.0.0.1/health"),
    (values.web_address, "http:///hunter2"),
    (values.web_address, "http://[hunter2/"),
    (values.web_address, "http://127.0.0.1/hunter2 x"),
    (values.supervisor_address, "unix://hunter2"),
    (values.supervisor_address, "http://u:hunter2@127.0.0.1:9001"),
    (values.secret_reference, "hunter2"),
    (values.secret_reference, "env:"),
    (values.secret_reference, "env:hunter2 x"),
    (values.secret_reference, "file:"),
]


class TestAddresses:
    @pytest.mark.parametrize(("check", "text"), REFUSED)
    def test_a_refusal_never_repeats_the_secret(self, check: Callable[[str], str], text: str) -> None:
        with pytest.raises(Unmeant) as refusal:
            check(text)
        assert "hunter2" not in str(refusal.value)

    @pytest.mark.parametrize(
        ("check", "text"),
        [
            (values.database_dsn, "postgresql://cdb_reader@127.0.0.1:5432/cdb"),
            (values.database_dsn, "postgresql:///cdb?host=/run/postgresql&sslmode=disable"),
            (values.database_dsn, "postgresql://a:5432,b:5433/cdb"),
            (values.database_dsn, "host=127.0.0.1 dbname=cdb user=reader passfile=/x"),
            (values.redis_address, "redis://127.0.0.1:6379/0"),
            (values.redis_address, "rediss://reader@redis.example:6380"),
            (values.redis_address, "unix:///run/redis.sock"),
            (values.web_address, "http://127.0.0.1:18003/health"),
            (values.web_address, "https://[::1]:8443/metrics?x=1"),
            (values.supervisor_address, "unix:///tmp/x/supervisor.sock"),
            (values.supervisor_address, "http://127.0.0.1:9001"),
            (values.secret_reference, "env:REDIS_PASSWORD"),
            (values.secret_reference, "file:run/secrets/reader_password"),
            (values.secret_reference, "file:/run/secrets/reader password"),
        ],
    )
    def test_what_can_be_meant_stays_as_it_is(self, check: Callable[[str], str], text: str) -> None:
        assert check(text) == text

    @given(st.text(max_size=60) | st.text(alphabet="redis:/@[]?=&%12.a", max_size=30))
    def test_any_text_is_an_address_or_cannot_be_meant(self, text: str) -> None:
        for check in (values.database_dsn, values.redis_address, values.web_address, values.supervisor_address):
            try:
                assert check(text) == text
            except Unmeant:
                continue
