"""All at once, each with its deadline, and never an exception."""

from __future__ import annotations

import threading
import time

from cdbctl.collect.attempt import Job, NoAnswer, Seen, attempt, run_all
from cdbctl.model.reading import Observed, Unavailable


def answering(text: str) -> Seen[str]:
    return Seen(text, f"saw {text}\n")


def refusing() -> Seen[str]:
    raise NoAnswer("connection refused", remedy="start the server")


def broken() -> Seen[str]:
    raise ZeroDivisionError("division by zero")


def test_an_answer_carries_its_source_its_time_and_its_evidence() -> None:
    reading = attempt(Job("redis", "redis://127.0.0.1", 1.0, lambda: answering("PONG")))
    assert isinstance(reading, Observed)
    assert (reading.source, reading.value) == ("redis://127.0.0.1", "PONG")
    assert reading.evidence.text == "saw PONG\n"
    assert reading.at.utcoffset() is not None


def test_no_answer_is_a_value_with_reason_and_remedy() -> None:
    reading = attempt(Job("redis", "redis://127.0.0.1", 1.0, refusing))
    assert isinstance(reading, Unavailable)
    assert (reading.reason, reading.remedy) == ("connection refused", "start the server")
    assert "connection refused" in reading.evidence.text


def test_a_defect_of_a_collector_costs_its_reading_and_not_the_report() -> None:
    reading = attempt(Job("host", "this machine", 1.0, broken))
    assert isinstance(reading, Unavailable)
    assert "ZeroDivisionError: division by zero" in reading.reason
    assert "defect of cdbctl" in reading.remedy


def test_a_source_that_never_answers_costs_its_deadline_and_nothing_more() -> None:
    never = threading.Event()

    def hanging() -> Seen[str]:
        never.wait(30)
        return answering("too late")

    jobs = [Job("hangs", "a", 0.2, hanging), Job("answers", "b", 5.0, lambda: answering("b"))]
    started = time.monotonic()
    readings = {job.key: reading for job, reading in run_all(jobs)}
    elapsed = time.monotonic() - started
    never.set()
    assert isinstance(readings["answers"], Observed)
    hung = readings["hangs"]
    assert isinstance(hung, Unavailable)
    assert hung.reason == "no answer within 0.2 s"
    assert 0.2 <= elapsed < 2.0


def test_sources_are_read_at_the_same_time() -> None:
    together = threading.Barrier(8, timeout=10)

    def waiting_for_the_others() -> Seen[str]:
        together.wait()
        return answering("met")

    jobs = [Job(str(number), "x", 10.0, waiting_for_the_others) for number in range(8)]
    assert all(isinstance(reading, Observed) for _, reading in run_all(jobs))


def test_every_job_gives_exactly_one_reading_even_when_it_answers_after_its_deadline() -> None:
    late = threading.Event()

    def late_answer() -> Seen[str]:
        late.wait(10)
        return answering("late")

    def release() -> Seen[str]:
        late.wait(0.3)
        late.set()
        return answering("released")

    jobs = [Job("late", "a", 0.1, late_answer), Job("release", "b", 5.0, release)]
    assert sorted(job.key for job, _ in run_all(jobs)) == ["late", "release"]


def test_no_jobs_give_no_readings() -> None:
    assert list(run_all([])) == []
