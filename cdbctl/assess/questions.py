"""Questions to the database, and their answers read back: always by the clock of the server itself."""

from __future__ import annotations

import math

from cdbctl.model.check import Check
from cdbctl.model.database import QueryAnswer
from cdbctl.model.needs import Question
from cdbctl.model.reading import Reading
from cdbctl.model.snapshot import Snapshot


def question_id(check: Check, subject: str) -> str:
    """Under which the answer is stored."""
    return f"{check.id}|{subject}"


def answer_to(check: Check, subject: str, snapshot: Snapshot) -> Reading[QueryAnswer] | None:
    """The answer to the question of one check about one subject, or None when nobody asked."""
    return snapshot.answers.get(question_id(check, subject))


def age_question(check: Check, subject: str, table: str, column: str) -> Question:
    """Ask how old the newest row of a table is."""
    newest = f"max({quoted(column)})"
    age = f"extract(epoch FROM clock_timestamp() - {newest})::float8"
    relation = ".".join(map(quoted, table.split(".")))
    sql = f"SELECT {newest} AS newest, {age} AS age_seconds FROM {relation}"  # noqa: S608 - every name is quoted
    return Question(question_id(check, subject), sql)


def newest_row(answer: QueryAnswer) -> tuple[str | None, float | None]:
    """Time and age of the newest row; None for an empty table."""
    if not answer.rows or len(answer.rows[0]) < 2:
        return None, None
    newest, age = answer.rows[0][:2]
    return (None if newest is None else str(newest)), _number(age)


def only_number(answer: QueryAnswer) -> float | None:
    """The first value of the first row as a number; None when it is not one."""
    return _number(answer.rows[0][0]) if answer.rows and answer.rows[0] else None


def quoted(name: str) -> str:
    """An SQL identifier, safe whatever the name holds."""
    return '"' + name.replace('"', '""') + '"'


def _number(value: object) -> float | None:
    try:
        if isinstance(value, bool | int | float):
            return float(value)
        # numeric arrives as text, so that no digit is lost on the way
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    except OverflowError:  # a whole number beyond every float: no limit that a check can name is as large
        return math.inf if isinstance(value, int) and value > 0 else -math.inf
