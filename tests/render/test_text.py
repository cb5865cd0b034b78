"""Foreign text can be read, and can do nothing."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.render.text import ascii_only, escape_unseen, make_visible, one_line, shortened

ANY_TEXT = st.text(st.characters(exclude_categories=()))
"""Surrogates, too: logs hold whatever bytes a service wrote."""


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", "a<U+202E>b"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("half \ud83d", "half <U+D83D>"),
        ("bell\x07 nul\x00 cr\r", r"bell\x07 nul\x00 cr\x0d"),
        ("line\u2028line\x85line", r"line<U+2028>line\x85line"),
        ("❌ übrigens ⚠️ → 📨", "❌ übrigens ⚠️ → 📨"),
        ("[redis] C:\\logs", "[redis] C:\\logs"),
    ],
)
def test_what_acts_is_spelled_out_and_what_is_seen_stays(foreign: str, shown: str) -> None:
    assert make_visible(foreign) == shown


@given(ANY_TEXT)
def test_no_control_or_format_character_survives(text: str) -> None:
    acting = {char for char in make_visible(text) if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert acting <= {"\n", "\t"}


@given(ANY_TEXT)
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_a_quote_occurs_verbatim_in_its_evidence_after_both_are_made_visible(
    before: str, quote: str, after: str
) -> None:
    assert make_visible(quote) in make_visible(before + quote + after)


@given(ANY_TEXT)
def test_making_visible_twice_changes_nothing_more(text: str) -> None:
    assert make_visible(make_visible(text)) == make_visible(text)


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_escaped_json_has_the_same_value_and_can_be_encoded_and_shown(value: object) -> None:
    escaped = escape_unseen(json.dumps(value, ensure_ascii=False))
    assert make_visible(escaped.encode().decode()) == escaped
    # Two halves of a pair are two characters in Python and one in JSON; every parser reads them as one.
    assert json.loads(escaped) == json.loads(json.dumps(value))


@given(ANY_TEXT)
def test_an_old_console_gets_ascii_only(text: str) -> None:
    assert ascii_only(text).isascii()


def test_an_old_console_keeps_what_has_a_near_relative() -> None:
    assert ascii_only("für – “A” → B … ❌") == 'fuer - "A" -> B ... \\u274c'


def test_shortened_text_says_so() -> None:
    assert shortened("short", 5) == "short"
    assert shortened("longer text", 8) == "longer…"
