"""The questions of the checks, answered by a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.questions import Answer, plain, read_answers
from cdbctl.model.database import QueryAnswer
from cdbctl.model.needs import Question
from cdbctl.sql.server import Scratch

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def dsn(postgres: Scratch) -> Iterator[str]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE questions")
        admin.execute("CREATE ROLE questions_weak LOGIN")
        with psycopg.connect(postgres.dsn(database="questions"), autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int); INSERT INTO orders VALUES (7); CREATE SEQUENCE s")
        yield postgres.dsn(database="questions")
        admin.execute("DROP DATABASE questions WITH (FORCE)")
        admin.execute("DROP ROLE questions_weak")


def ask_all(dsn: str, *questions: str, timeout_seconds: float = 5.0) -> list[Answer]:
    asked = [Question(f"check {number}|cdb_risk", sql) for number, sql in enumerate(questions)]
    answers = read_answers(dsn, None, asked, timeout_seconds=timeout_seconds).value
    return [answers[question.id] for question in asked]


def ask(dsn: str, sql: str) -> QueryAnswer:
    (answer,) = ask_all(dsn, sql)
    assert not isinstance(answer, NoAnswer), answer.reason
    return answer.value


def reason(dsn: str, sql: str) -> str:
    (answer,) = ask_all(dsn, sql)
    assert isinstance(answer, NoAnswer)
    return answer.reason


def test_an_answer_has_columns_and_rows(dsn: str) -> None:
    assert ask(dsn, "SELECT id, 'x' AS name FROM orders") == QueryAnswer(
        sql="SELECT id, 'x' AS name FROM orders", columns=("id", "name"), rows=((7, "x"),), more_rows=False
    )


def test_an_empty_answer_still_has_columns(dsn: str) -> None:
    answer = ask(dsn, "SELECT id FROM orders WHERE false")
    assert (answer.columns, answer.rows, answer.more_rows) == (("id",), (), False)


@pytest.mark.parametrize(("count", "rows", "more"), [(100, 100, False), (101, 100, True), (10**6, 100, True)])
def test_more_than_a_hundred_rows_are_cut_and_that_is_said(dsn: str, count: int, rows: int, more: bool) -> None:
    (seen,) = ask_all(dsn, "SELECT g FROM generate_series(1, N) g".replace("N", str(count)))
    assert not isinstance(seen, NoAnswer)
    assert (len(seen.value.rows), seen.value.more_rows) == (rows, more)
    assert ("(the first 100 rows; there are more)" in seen.text) is more


@pytest.mark.parametrize("sql", ["SHOW max_connections", "EXPLAIN SELECT 1", "VALUES (1)", "TABLE orders", "SELECT 1;"])
def test_whatever_reads_may_be_asked(dsn: str, sql: str) -> None:
    assert len(ask(dsn, sql).rows) == 1


def test_a_percent_sign_is_a_percent_sign(dsn: str) -> None:
    assert ask(dsn, "SELECT '%s %(x)s 100%' LIKE '%s%'").rows == ((True,),)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM risk_events", '42P01 relation "risk_events" does not exist'),
        ("SELECT nope FROM orders", '42703 column "nope" does not exist'),
        ("SELECT FROM FROM", '42601 line 1, column 13: syntax error at or near "FROM"'),
        ("SELECT 1; SELECT 2", "42601 a question is one statement, not 2"),
        ("-- nothing", "42601 a question is one statement, not 0"),
        ("SELECT 1 / 0", "22012 division by zero"),
        ("INSERT INTO orders VALUES (1)", "25006 a question may only read, and this one is INSERT"),
        ("WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d",
         "25006 a question may only read, and this one is DELETE in WITH"),
        ("SELECT 1 AS a INTO t", "25006 a question may only read, and this one is SELECT INTO"),
        ("EXPLAIN ANALYZE DELETE FROM orders", "25006 a question may only read, and this one is DELETE"),
        ("COPY orders TO PROGRAM 'true'", "25006 a question may only read, and this one is COPY"),
        ("SELECT nextval('s')", "25006 cannot execute nextval() in a read-only transaction"),
        ("SELECT id FROM orders FOR UPDATE", "25006 cannot execute SELECT FOR UPDATE in a read-only transaction"),
    ],
)  # fmt: skip
def test_a_failure_begins_with_its_sqlstate(dsn: str, sql: str, words: str) -> None:
    assert reason(dsn, sql) == words


def test_a_missing_right_is_named_and_helped(dsn: str, postgres: Scratch) -> None:
    (answer,) = ask_all(postgres.dsn(database="questions", user="questions_weak"), "SELECT * FROM orders")
    assert isinstance(answer, NoAnswer)
    assert answer.reason == "42501 permission denied for table orders"
    assert answer.remedy.startswith("grant the right")


def test_one_failing_question_costs_no_other(dsn: str) -> None:
    answers = ask_all(dsn, "SELECT nope", "SELECT pg_sleep(9)", "SELECT 1", "COMMIT", "SELECT 2", timeout_seconds=1.0)
    assert [isinstance(answer, NoAnswer) for answer in answers] == [True, True, False, True, False]
    slow = answers[1]
    assert isinstance(slow, NoAnswer)
    assert slow.reason == "57014 canceling statement due to statement timeout"


def test_a_question_sets_nothing_for_the_next_one(dsn: str) -> None:
    answers = ask_all(
        dsn,
        "SELECT set_config('default_transaction_read_only', 'off', false), set_config('search_path', 'x', false)",
        "SHOW default_transaction_read_only",
        "SELECT count(*) FROM orders",
        "SELECT nextval('s')",
    )
    shown, counted, written = answers[1:]
    assert not isinstance(shown, NoAnswer)
    assert shown.value.rows == (("on",),)
    assert not isinstance(counted, NoAnswer)
    assert isinstance(written, NoAnswer)
    assert written.reason.startswith("25006")


def test_asking_does_not_count_as_a_rollback_of_the_stack(dsn: str) -> None:
    counter = "SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    with psycopg.connect(dsn, autocommit=True) as connection:
        before = connection.execute(counter).fetchone()
        for _ in range(3):
            ask(dsn, "SELECT 1")
        deadline = time.monotonic() + 2.0
        while ask(dsn, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cdbctl'").rows != ((1,),):
            assert time.monotonic() < deadline
        assert connection.execute(counter).fetchone() == before


def test_a_session_that_is_ended_by_force_fails_the_questions_that_remain(dsn: str) -> None:
    first, killed, after = ask_all(dsn, "SELECT 1", "SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 2")
    assert not isinstance(first, NoAnswer)
    assert isinstance(killed, NoAnswer)
    assert killed.reason == "57P01 terminating connection due to administrator command"
    assert isinstance(after, NoAnswer)
    assert after.reason == killed.reason


def test_the_evidence_shows_the_question_and_its_answer(dsn: str) -> None:
    asked = [Question("rows|orders", "SELECT id, NULL AS b FROM orders"), Question("bad|x", "SELECT x")]
    seen = read_answers(dsn, None, asked, timeout_seconds=5.0)
    answer = seen.value["rows|orders"]
    assert not isinstance(answer, NoAnswer)
    assert answer.text == "SELECT id, NULL AS b FROM orders\nid | b\n7 | NULL\n(1 row)\n"
    assert answer.text in seen.text
    assert 'bad|x\n42703 column "x" does not exist\n' in seen.text


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("NULL", None),
        ("true", True),
        ("9007199254740993", 9007199254740993),
        ("1.50::numeric", 1.5),
        ("2.00::numeric", 2),
        ("'NaN'::numeric", "NaN"),
        ("'Infinity'::float8", "inf"),
        ("'ü →'", "ü →"),
        ("'2026-02-09 09:00:58.5+01'::timestamptz", "2026-02-09T08:00:58.500000Z"),
        ("'2026-02-09 09:00:58'::timestamp", "2026-02-09T09:00:58"),
        ("'2026-02-09'::date", "2026-02-09"),
        ("interval '1 minute 2.5 seconds'", 62.5),
        ("'\\x00ff'::bytea", "\\x00ff"),
        ('\'{"a": [1, "ü"]}\'::jsonb', '{"a": [1, "ü"]}'),
        ("ARRAY[1, 2]", "[1, 2]"),
        ("'127.0.0.1'::inet", "127.0.0.1"),
        ("point(1, 2)", "(1,2)"),
        ("'5d16f0b3-7e58-4d8e-9a43-5e5a6f3b1c11'::uuid", "5d16f0b3-7e58-4d8e-9a43-5e5a6f3b1c11"),
    ],
)
def test_values_are_plain(dsn: str, sql: str, value: object) -> None:
    found = ask(dsn, f"SELECT {sql}").rows[0][0]
    assert (found, type(found)) == (value, type(value))


def test_a_long_text_is_cut_and_that_is_said(dsn: str) -> None:
    (value,) = ask(dsn, "SELECT repeat('x', 5000)").rows[0]
    assert value == "x" * 1000 + "… [5,000 characters]"


def test_a_value_that_python_cannot_hold_is_no_answer(dsn: str) -> None:
    assert "infinity" in reason(dsn, "SELECT 'infinity'::timestamptz")


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(), st.binary(), st.datetimes(),
        st.timedeltas(), st.dates(), st.times(), st.uuids(), st.lists(st.decimals()), st.ip_addresses(),
    )
)  # fmt: skip
def test_any_value_becomes_strict_json(value: object) -> None:
    json.dumps(plain(value), allow_nan=False)


@given(st.integers(min_value=-(10**30), max_value=10**30), st.integers(0, 6))
def test_whole_numbers_stay_exact(number: int, zeros: int) -> None:
    assert plain(Decimal(f"{number}.{'0' * zeros}" if zeros else number)) == number


def test_an_interval_is_its_seconds() -> None:
    assert plain(timedelta(days=1, milliseconds=500)) == 86400.5
