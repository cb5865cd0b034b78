"""Texts are split and placed as PostgreSQL itself would."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.sql.grammar import MAX_SQL_BYTES, GrammarError, parse

STATEMENTS = {
    "SELECT 'ä; --', E'\\';', $q$; /* $q$": "SelectStmt",
    "CREATE TABLE ü (id serial)": "CreateStmt",
    "DO $$ BEGIN RAISE EXCEPTION 'nein; →'; END $$": "DoStmt",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END": "CreateFunctionStmt",
    "INSERT INTO t VALUES (1 /* ; */, 2)": "InsertStmt",
    "GRANT SELECT\nON t TO r": "GrantStmt",
}
BLANKS = st.lists(
    st.sampled_from([" ", "\n", "\t", "\r\n", "-- ü; 'x'\n", "/* ; /* → */ ' */", "\f", "--\n"]), max_size=5
).map("".join)


def failure(sql: str) -> GrammarError:
    with pytest.raises(GrammarError) as caught:
        parse(sql)
    return caught.value


@given(st.lists(st.tuples(BLANKS, st.sampled_from(sorted(STATEMENTS)), BLANKS), max_size=6), BLANKS)
def test_statements_are_found_whole_whatever_stands_between_them(parts: list[tuple[str, str, str]], end: str) -> None:
    sql = "".join(f"{before}{statement}{after};" for before, statement, after in parts) + end
    found = parse(sql)
    assert [item.kind for item in found] == [STATEMENTS[statement] for _, statement, _ in parts]
    lines = sql.split("\n")
    for item, (_, statement, after) in zip(found, parts, strict=True):
        assert item.sql == (statement + after).rstrip()
        assert statement.split("\n")[0] in lines[item.line - 1]


@pytest.mark.parametrize("sql", ["", " \n", ";;", "-- only a comment", "/* open? */ ;"])
def test_a_text_without_statements_is_no_mistake(sql: str) -> None:
    assert parse(sql) == ()


def test_a_statement_says_what_it_is_and_where() -> None:
    (statement,) = parse("-- who\n\n  SELECT 1 ; ")
    assert (statement.kind, statement.sql, statement.line) == ("SelectStmt", "SELECT 1", 3)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT 1;\nSELECT ü FROMM x", 'line 2, column 16: syntax error at or near "x"'),
        ("CREATE TABLE ü (", "line 1, column 17: syntax error at end of input"),
        ("SELECT 1;\n\\restrict abc\nSELECT 2;", "line 2, column 1: \\restrict is a command of psql, not SQL"),
        ("SELECT 1;\nSELECT 'x\0y'", "line 2, column 10: contains a NUL character"),
        ("\ufeffSELECT 1", "line 1, column 1: begins with a byte order mark"),
        ("SELECT '\ud800'", "line 1, column 9: contains half of a surrogate pair"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(sql: str, message: str) -> None:
    assert str(failure(sql)) == message


def test_a_backslash_inside_a_text_is_no_command_of_psql() -> None:
    assert len(parse("SELECT '\n\\restrict x\n'")) == 1


@pytest.mark.parametrize("part", ["a+", "a||"])
def test_hostile_nesting_is_refused_and_does_not_take_the_process_along(part: str) -> None:
    assert failure("SELECT " + part * (200_000 // len(part)) + "a").message == "nested too deeply to be understood"


def test_hostile_nesting_is_refused_in_a_thread_with_a_small_stack() -> None:
    messages: list[str] = []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: messages.append(failure("SELECT " + "a+" * 60_000 + "a").message))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert messages == ["nested too deeply to be understood"]


def test_nesting_as_people_write_it_is_understood() -> None:
    (statement,) = parse("SELECT " + "a || " * 400 + "a")
    assert statement.kind == "SelectStmt"


def test_parsing_leaves_the_stack_size_of_later_threads_as_it_was() -> None:
    usual = threading.stack_size(1 << 20)
    parse("SELECT " + "a, " * 5_000 + "a")
    assert threading.stack_size(usual) == 1 << 20


def test_a_text_that_would_stop_everything_else_is_refused() -> None:
    assert failure("-" * (MAX_SQL_BYTES + 1)).message == "longer than 1,000,000 bytes"


@given(st.one_of(st.text(), st.text("SELECT a,;'\"$-*/()\\\n\0", max_size=30)))
def test_any_text_is_either_understood_or_refused_with_a_place_in_it(sql: str) -> None:
    try:
        found = parse(sql)
    except GrammarError as error:
        lines = sql.split("\n")
        place = (error.line or 0, error.column or 0)
        assert 1 <= place[0] <= len(lines)
        assert 1 <= place[1] <= len(lines[place[0] - 1]) + 1
    else:
        assert all(item.sql for item in found)
