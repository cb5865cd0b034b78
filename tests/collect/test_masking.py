"""Equal messages become equal, and different ones stay different."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.logs.masking import SHOWN_CHARACTERS, mask, shorten

MASKED = {
    "at 2026-02-09 08:00:48,062 it": "at <time> it",
    "at 2026-02-09T08:00:48.062Z it": "at <time> it",
    "at 2026-02-09T09:00:48+01:00 it": "at <time> it",
    "on 2026-02-09": "on <time>",
    "at 08:00:48": "at <time>",
    "order 3f2b8c1e-1111-4222-8333-444455556666 filled": "order <uuid> filled",
    "commit b3a4fc0": "commit <hex>",
    "at 0x7f3c4400": "at <hex>",
    "from 10.0.0.1:5432 to 127.0.0.1": "from <address> to <address>",
    "from fe80::1ff:fe23:4567:890a": "from <address>",
    "took 12.5ms, then 3 s and 5 Sekunden": "took <duration>, then <duration> and <duration>",
    "BTCUSDT @ $70467.52 (-0.0008%)": "BTCUSDT @ <number> (<number>)",
    "42 of 1,000,000 rows, 33.05MiB": "<number> of <number> rows, <number>",
    "order_12345 ORD-777 id1739088048062": "order_<number> ORD-<number> id<number>",
    "port=6379": "port=<number>",
    "  many \t spaces ": "many spaces",
}

KEPT = [
    'relation "risk_events" does not exist',
    'relation "candles_1m" does not exist',
    'relation "orders_20260209" does not exist',
    "Relation »risk_events« existiert nicht",
    "Decision contract BLOCK: RC_002",
    "Decision contract ALLOW: RC_001",
    "decision_contract_v1 P0 M15 INV-030x",
    "SQLSTATE 23505 and 42P01 and 57P03",
    "error 23505 from the driver",
    "HTTP 429 Too Many Requests",
    "status 500, errno 111, exit 1, signal 9",
    "Broken pipe → ✨ größer",
]


@pytest.mark.parametrize(("text", "masked"), MASKED.items())
def test_what_changes_from_time_to_time_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("text", KEPT)
def test_what_tells_messages_apart_is_kept(text: str) -> None:
    assert mask(text) == text


def test_a_quoted_uuid_is_no_identifier() -> None:
    assert mask('order "3f2b8c1e-1111-4222-8333-444455556666"') == 'order "<uuid>"'


def test_the_signal_of_an_exchange_is_not_the_signal_of_a_process() -> None:
    assert mask("Signal empfangen: 15") != mask("📨 Signal empfangen: BTCUSDT BUY")


@given(st.lists(st.sampled_from([*MASKED, *KEPT, " ", "12", "_", "a", "-", ":", ".", '"']), max_size=6).map("".join))
def test_masking_is_deterministic_and_bounded(text: str) -> None:
    assert mask(text) == mask(text)
    assert len(mask(text)) <= SHOWN_CHARACTERS


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_messages_that_differ_in_a_number_are_equal(one: int, other: int) -> None:
    assert mask(f"order {one} took {one} ms") == mask(f"order {other} took {other} ms")


@pytest.mark.parametrize(
    "text", ["1" * 100_000, "1." * 50_000, "a:" * 50_000, "::" * 50_000, '"a' * 50_000, "0x" * 50_000]
)
def test_hostile_text_is_masked_quickly(text: str) -> None:
    started = time.process_time()
    mask(text)
    assert time.process_time() - started < 1


class TestShortening:
    def test_cuts_between_words(self) -> None:
        assert shorten("one two three", 9) == "one two"
        assert shorten("one two three", 7) == "one two"
        assert shorten("one two", 7) == "one two"

    def test_never_keeps_half_of_a_word(self) -> None:
        assert shorten("password=" + "x" * 50, 20) == ""
        assert shorten("a password=" + "x" * 50, 20) == "a"

    def test_cuts_what_is_no_word_anyway(self) -> None:
        assert shorten("x" * 1000, 500) == "x" * 500
