"""One connection asks everything; each question keeps its own answer or its own reason."""

from __future__ import annotations

from datetime import UTC, datetime

from cdbctl.collect.answers import KEY, one_reading_each
from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.model.database import QueryAnswer
from cdbctl.model.needs import Question
from cdbctl.model.reading import Evidence, Observed, Unavailable

AT = datetime(2026, 2, 9, 8, 0, tzinfo=UTC)
ROWS = Question("database.rows|signals", "SELECT count(*) FROM signals")
AUDIT = Question("database.rows|risk_events", "SELECT count(*) FROM risk_events")
COUNTED = QueryAnswer(ROWS.sql, ("count",), ((812,),), more_rows=False)


def test_each_question_has_its_own_answer_or_reason() -> None:
    missing = NoAnswer('42P01 relation "risk_events" does not exist', remedy="apply the migration")
    answers = {ROWS.id: Seen(COUNTED, "count\n812\n"), AUDIT.id: missing}
    together = Observed("postgresql://db", AT, 3.0, answers, Evidence(KEY, "postgresql://db", AT, ""))
    readings = one_reading_each({KEY: together}, (ROWS, AUDIT))
    good, bad = readings[f"answers/{ROWS.id}"], readings[f"answers/{AUDIT.id}"]
    assert isinstance(good, Observed)
    assert good.value == COUNTED
    assert good.evidence.text == "count\n812\n"
    assert isinstance(bad, Unavailable)
    assert bad.reason.startswith("42P01")
    assert AUDIT.sql in bad.evidence.text


def test_a_silent_database_leaves_every_question_without_an_answer() -> None:
    silent = Unavailable("postgresql://db", AT, 1.0, "connection refused", "start it", Evidence(KEY, "x", AT, ""))
    readings = one_reading_each({"host": silent, KEY: silent}, (ROWS, AUDIT))
    assert list(readings) == ["host", f"answers/{ROWS.id}", f"answers/{AUDIT.id}"]
    assert all(isinstance(reading, Unavailable) for reading in readings.values())
