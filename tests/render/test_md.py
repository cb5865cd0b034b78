"""Any text survives in Markdown as the text that it is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cdbctl.render.md import code, fence, inline, paragraphs, prose, refs, table
from cdbctl.render.text import make_visible, one_line

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
MARKS = "`*_~[]()<>#+-=.!|$@&\\:/ \n\t123abcw\x1b\u202e\u200b"
ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(st.sampled_from(MARKS))
HOSTILE = (
    "``` \n# Heading\n```",
    "| a | b |\n|---|---|",
    "<script>alert(1)</script>",
    "<!-- hidden",
    "[click](javascript:alert(1))",
    "](javascript:alert(1))",
    "![pixel](https://evil.example/p.png)",
    "https://evil.example/?q=1",
    "www.evil.example",
    "@everyone",
    "someone@evil.example",
    "[red]bold[/red]",
    "&lt;b&gt; &#x3c;",
    "\x1b[2J\x1b]0;title\x07",
    "$\\frac{1}{0}$",
    "a\\|b",
    "\\",
    "`",
    "1. first",
    "1)",
    "- item",
    "> quote",
    "# heading",
    "===",
    "heading #",
    "__init__ *bold* ~~gone~~",
    "   leading and trailing   ",
    "",
)


def plain_text(tokens: list[Token]) -> str:
    """What a reader sees of inline tokens; anything but text and code is a failure."""
    kinds = {token.type for token in tokens}
    assert kinds <= {"text", "text_special", "code_inline"}, kinds
    return "".join(token.content for token in tokens)


def cells(lines: list[str]) -> list[list[str]]:
    """The rows of a Markdown text that must be one table and nothing else."""
    tokens = PARSER.parse("\n".join(lines))
    assert tokens[0].type == "table_open"
    assert tokens[-1].type == "table_close"
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(plain_text(token.children or []))
    return rows


def lines_or_nothing(text: str) -> str:
    return one_line(text).strip()


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", [inline, code])
def test_hostile_text_stays_in_its_cell(form: object, text: str) -> None:
    shown = inline(text) if form is inline else code(text)
    rows = cells(table(("a", "b"), [(shown, "next"), ("next", shown)]))
    assert [len(row) for row in rows] == [2, 2, 2]
    assert rows[1][0].strip() == lines_or_nothing(text)
    assert rows[2][1].strip() == lines_or_nothing(text)
    assert rows[1][1] == rows[2][0] == "next"


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_survives_a_cell_as_one_cell_of_one_row(first: str, second: str) -> None:
    rows = cells(table(("a", "b"), [(inline(first), code(second))]))
    assert len(rows) == 2
    assert [cell.strip() for cell in rows[1]] == [lines_or_nothing(first), lines_or_nothing(second)]


@given(ANY_TEXT | st.sampled_from(HOSTILE))
def test_any_text_survives_as_an_item_and_as_a_heading(text: str) -> None:
    for opening, kinds in (
        ("- ", ["bullet_list_open", "list_item_open", "paragraph_open", "inline"]),
        ("1. ", ["ordered_list_open", "list_item_open", "paragraph_open", "inline"]),
        ("# x ", ["heading_open", "inline"]),
    ):
        shown = inline(text)
        if not shown:
            continue
        tokens = PARSER.parse(f"{opening}{shown}\n")
        assert [token.type for token in tokens][: len(kinds)] == kinds
        assert sum(token.type == "inline" for token in tokens) == 1
        content = plain_text(tokens[len(kinds) - 1].children or [])
        assert content.removeprefix("x ").strip() == lines_or_nothing(text)


@given(ANY_TEXT | st.text(st.sampled_from("`~\n a")))
@example("```\n# heading\n```")
@example("`````")
def test_nothing_closes_a_fence(text: str) -> None:
    tokens = PARSER.parse("\n".join(paragraphs(["before"], fence(text), ["after"])))
    kinds = [token.type for token in tokens]
    paragraph = ["paragraph_open", "inline", "paragraph_close"]
    assert kinds == [*paragraph, "fence", *paragraph]
    assert tokens[3].content.strip("\n") == make_visible(text).strip("\n")


@pytest.mark.parametrize("word", ["@owner", "https://evil.example", "www.evil.example", "$1$", "<b>", "&copy;"])
def test_what_a_hoster_would_make_a_link_a_mention_or_a_formula_is_code(word: str) -> None:
    assert inline(f"see {word} now") == f"see `{word}` now"


def test_words_that_would_act_are_one_code_span_and_the_end_of_a_sentence_is_none_of_it() -> None:
    assert inline("see [red] [blue] words, then https://x.example/a: gone") == (
        "see `[red] [blue]` words, then `https://x.example/a`: gone"
    )


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Rows arrive: SELECT count(*), max(a) FROM t;", "Rows arrive: `SELECT count(*), max(a) FROM t;`"),
        ("UPDATE a SET b = 'x_'; then look", "`UPDATE a SET b = 'x_';` then look"),
        ("All is OK: cdbctl daily-check --root [x]", "All is OK: `cdbctl daily-check --root [x]`"),
        ("run `pg_ctl start -D *` again", "run `pg_ctl start -D *` again"),
        ("cdbctl decides, and SELECT is a word", "cdbctl decides, and SELECT is a word"),
        ("*x*`b`", "`*x*` `b`"),
    ],
)
def test_an_order_in_a_sentence_stays_whole(sentence: str, shown: str) -> None:
    assert prose(sentence) == shown


ORDERS = st.lists(st.sampled_from(["SELECT ", "cdbctl ", ": ", ";", "`", "|", "*", " ", "a_", "\\", "[", "\n"])).map(
    "".join
)


@given(ANY_TEXT | ORDERS | st.sampled_from(HOSTILE))
def test_any_sentence_keeps_its_words_in_a_cell(text: str) -> None:
    rows = cells(table(("a", "b"), [(prose(text), "next")]))
    assert len(rows) == 2
    kept, said = ("".join(part.split()).replace("`", "") for part in (rows[1][0], one_line(text)))
    assert kept == said
    assert rows[1][1] == "next"


def test_names_and_sentences_stay_readable() -> None:
    sentence = 'cdb_risk: relation "risk_events" does not exist (812 times, 13.5/min), 100 % BLOCK RC_002; x < 5 & y'
    assert inline(sentence) == sentence


def test_many_ids_in_a_row_are_a_range() -> None:
    assert refs(["E001", "E100", "E101", "E102", "E103", "E200", "E201"]) == "E001, E100–E103, E200, E201"
    assert refs(["E001|x", "E002"]) == "`E001`\\|`x`, E002"
    assert refs([]) == ""
    assert refs(["E001", "E003", "E001", "E005"], limit=2) == "E001, E003 +1"
