"""The answers to the questions of the checks: asked over one connection, kept as one reading each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.model.database import QueryAnswer
from cdbctl.model.needs import Question
from cdbctl.model.reading import Evidence, Observed, Reading, Unavailable

KEY = "answers"
"""Key of the job that asks all questions."""


def one_reading_each(readings: Mapping[str, Reading[Any]], questions: Sequence[Question]) -> dict[str, Reading[Any]]:
    """Put a reading for each question in the place of the one job that asked them all."""
    separate: dict[str, Reading[Any]] = {}
    for key, reading in readings.items():
        if key == KEY:
            separate |= {f"{KEY}/{question.id}": _reading(reading, question) for question in questions}
        else:
            separate[key] = reading
    return separate


def _reading(
    together: Observed[Mapping[str, Seen[QueryAnswer] | NoAnswer]] | Unavailable, question: Question
) -> Reading[QueryAnswer]:
    source = f"{together.source} ({question.id.replace('|', ' of ')})"
    if isinstance(together, Unavailable):
        return _silent(together, question, source, NoAnswer(together.reason, remedy=together.remedy))
    answer = together.value[question.id]
    if isinstance(answer, NoAnswer):
        return _silent(together, question, source, answer)
    evidence = Evidence(id=question.id, source=source, at=together.at, text=answer.text)
    return Observed(source, together.at, together.took_ms, answer.value, evidence)


def _silent(together: Reading[Any], question: Question, source: str, failure: NoAnswer) -> Unavailable:
    text = f"{together.at.isoformat()} {source}\n{question.sql}\n{failure.reason}\n"
    evidence = Evidence(id=question.id, source=source, at=together.at, text=text)
    return Unavailable(source, together.at, together.took_ms, failure.reason, failure.remedy, evidence)
