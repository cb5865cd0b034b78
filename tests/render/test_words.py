"""Times carry their zone, amounts their unit, and what is not known is no number."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.model.finding import Status, Verdict
from cdbctl.render.words import both, clock, count, duration, number, percent, size, span, tag, utc, zone

NOW = datetime(2026, 2, 9, 8, 26, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone_name", "shown"),
    [
        ("Europe/Berlin", "2026-02-09 08:26:03 UTC (09:26:03 +01:00)"),
        ("+01:00", "2026-02-09 08:26:03 UTC (09:26:03 +01:00)"),
        ("-05:30", "2026-02-09 08:26:03 UTC (02:56:03 -05:30)"),
        ("+16:00", "2026-02-09 08:26:03 UTC (2026-02-10 00:26:03 +16:00)"),
        ("UTC", "2026-02-09 08:26:03 UTC (08:26:03 +00:00)"),
        ("No/Such_Zone", "2026-02-09 08:26:03 UTC"),
        ("../../etc/passwd", "2026-02-09 08:26:03 UTC"),
        ("+99:00", "2026-02-09 08:26:03 UTC"),
        ("", "2026-02-09 08:26:03 UTC"),
    ],
)
def test_a_time_is_shown_in_utc_and_with_the_offset_of_the_zone(zone_name: str, shown: str) -> None:
    assert both(NOW, zone_name) == shown


def test_the_offset_is_that_of_the_day() -> None:
    assert both(NOW.replace(month=7), "Europe/Berlin").endswith("(10:26:03 +02:00)")


def test_a_window_over_midnight_names_both_days() -> None:
    since = datetime(2026, 2, 8, 23, 30, tzinfo=UTC)
    shown = span(since, since + timedelta(hours=1), "Europe/Berlin")
    assert shown == "2026-02-08 23:30:00 to 2026-02-09 00:30:00 UTC (00:30:00 to 01:30:00 +01:00)"
    assert span(since, since + timedelta(hours=1), "?") == "2026-02-08 23:30:00 to 2026-02-09 00:30:00 UTC"


def test_a_clock_names_the_day_only_when_it_is_another_one() -> None:
    assert clock(NOW, NOW) == "08:26:03"
    assert clock(NOW - timedelta(days=1), NOW) == "2026-02-08 08:26:03"
    assert clock(None, NOW) == utc(None) == "—"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.04, "40 ms"),
        (1.42, "1.4 s"),
        (9.97, "10 s"),
        (90, "90 s"),
        (119.6, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (79_200, "22 h"),
        (79_980, "22 h 13 min"),
        (200_000, "2 d 7 h"),
        (-3, "-3 s"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (812.0, "812"),
        (12.4, "12.4"),
        (0.000123, "0.000123"),
        (1770627599.8, "1770627599.80"),
        (math.nan, "not a number"),
        (math.inf, "infinite"),
        (None, "—"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


@given(st.floats() | st.none())
def test_any_number_can_be_shown(value: float | None) -> None:
    assert number(value)
    assert percent(value)


def test_amounts_carry_their_unit() -> None:
    assert size(34435891) == "32.8 MiB"
    assert size(512) == "512 B"
    assert size(5 << 40) == "5.0 TiB"
    assert size(None) == percent(None) == "—"
    assert percent(0.1134) == "0.11 %"
    assert count(1, "check") == "1 check"
    assert count(2, "series", "series") == "2 series"


def test_every_state_has_an_ascii_tag() -> None:
    for state in (*Status, *Verdict):
        assert f"[{state.value}]" in tag(state)


def test_an_unknown_zone_is_none() -> None:
    assert zone("Europe/Berlin") is not None
    assert zone("Mars/Olympus") is None
