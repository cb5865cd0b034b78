"""Times in sentences are read by people, times in details by machines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cdbctl.assess.units import between, clock, readable, stamp

AT = datetime(2026, 2, 9, 8, 0, 48, 62_000, tzinfo=UTC)


def test_a_time_in_a_sentence_names_utc_and_one_in_details_is_iso_8601() -> None:
    berlin = AT.astimezone(timezone(timedelta(hours=1)))
    assert clock(AT) == clock(berlin) == "2026-02-09 08:00:48 UTC"
    assert stamp(AT) == stamp(berlin) == "2026-02-09T08:00:48Z"
    assert clock(None) == stamp(None) == "an unknown time"


def test_two_times_name_the_second_day_only_when_it_is_another_one() -> None:
    assert between(AT, AT + timedelta(hours=1)) == "from 2026-02-09 08:00:48 to 09:00:48 UTC"
    assert between(AT, AT + timedelta(days=1)) == "from 2026-02-09 08:00:48 to 2026-02-10 08:00:48 UTC"


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        ("2026-02-09T08:26:02.123456Z", "2026-02-09 08:26:02 UTC"),
        ("2026-02-09T09:26:02+01:00", "2026-02-09 08:26:02 UTC"),
        ("2026-02-09T09:26:02", "2026-02-09T09:26:02"),
        ("yesterday", "yesterday"),
        ("", ""),
    ],
)
def test_a_time_that_a_database_answered_is_readable_only_when_it_is_known_when_it_was(
    answered: str, words: str
) -> None:
    assert readable(answered) == words
