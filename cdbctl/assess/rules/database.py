"""Rules about PostgreSQL: it answers, and what should be in it is there and fresh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cdbctl.assess.ages import ahead, is_ahead
from cdbctl.assess.case import Case, cases, quote
from cdbctl.assess.outage import silent_server
from cdbctl.assess.params import Params, number, schema, text
from cdbctl.assess.questions import age_question, answer_to, newest_row, only_number, question_id
from cdbctl.assess.relations import is_listed, missing_relation, qualified
from cdbctl.assess.repair import missing_relation_fix
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.metric import fits, within
from cdbctl.assess.units import clock, duration, plain, readable
from cdbctl.model.check import Check
from cdbctl.model.database import DatabaseFacts, QueryAnswer
from cdbctl.model.finding import Finding, Status
from cdbctl.model.needs import Needs, Question
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

SERVICE = text("the service that runs it, so that its end explains this one")
REACHABLE = schema(max_round_trip_ms=number("slower answers are a WARN", 1000), service=SERVICE)


def judge_reachable(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """PostgreSQL answers a direct question."""
    limit = Params.of(check, REACHABLE).number("max_round_trip_ms")
    for case in cases(check, snapshot):
        case = case.expects(f"SELECT 1 is answered within {limit:g} ms")
        reading = snapshot.database
        if reading is None:
            yield case.absent("database")
        elif isinstance(reading, Unavailable):
            yield silent_server(case, reading, needs="database", server=Params.of(check, REACHABLE).text("service"))
        else:
            facts = reading.value
            actual = (
                f"SELECT 1 took {facts.round_trip_ms:.1f} ms; PostgreSQL {facts.version}, database {facts.database}, "
                f"started {clock(facts.started_at)}"
            )
            if facts.round_trip_ms <= limit:
                yield case.ok(actual, reading, details={"round_trip_ms": facts.round_trip_ms})
            else:
                title = f"PostgreSQL takes {facts.round_trip_ms:.0f} ms for SELECT 1"
                yield case.finding(Status.WARN, title, actual, reading, key="slow")


VALUE = schema(
    "sql",
    sql=text("one SELECT whose first value is judged"),
    min=number("smallest value that is right", minimum=None),
    max=number("largest value that is right", minimum=None),
    service=text("the service that answers for the value"),
)


def asks_value(check: Check) -> Needs:
    """The question of the check, for each of its subjects."""
    sql = Params.of(check, VALUE).text("sql")
    return Needs(questions=tuple(Question(question_id(check, subject), sql) for subject in check.subjects))


def judge_value(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The answer to a question lies within its limits."""
    params = Params.of(check, VALUE)
    low, high = params.maybe_number("min"), params.maybe_number("max")
    for case in cases(check, snapshot):
        case = case.expects(within(low, high))
        reading = _answer(case, params.text("service") or None)
        if isinstance(reading, Finding):
            yield reading
            continue
        value = only_number(reading.value)
        if value is None:
            reason = "the answer holds no number" if reading.value.rows else "the answer holds no row"
            yield case.unknown(f"{case.subject}: {reason}", reason, reading)
        elif fits(value, low, high):
            yield case.ok(plain(value), reading, details={"value": value})
        else:
            title, details = f"{case.subject}: {plain(value)}", {"value": value}
            yield case.finding(Status.FAIL, title, plain(value), reading, key="value", details=details)


def _answer(case: Case, service: str | None) -> Observed[QueryAnswer] | Finding:
    """The answer to the question of a case, or the finding that takes its place."""
    if case.snapshot.database is None:
        return case.absent("database")
    reading = answer_to(case.check, case.subject, case.snapshot)
    if reading is None:
        return case.unknown(f"{case.subject} was not asked for", "this run did not ask the question of this check")
    if isinstance(reading, Observed):
        return reading
    relation = missing_relation(reading, case.subject)
    return case.silent(reading, needs="database") if relation is None else no_table(case, reading, relation, service)


def no_table(case: Case, reading: Unavailable, relation: str, service: str | None) -> Finding:
    """PostgreSQL answered: the table does not exist. That is an answer, and a bad one, unless its catalog disagrees."""
    live = case.snapshot.database
    if isinstance(live, Observed) and is_listed(relation, live.value.relations):
        return _not_on_the_path(case, reading, live, relation)
    finding = case.finding(
        Status.FAIL,
        f"table {relation} does not exist",
        f"PostgreSQL answered: {reading.reason}",
        reading,
        key=f"42P01/{relation}",
        details={"sqlstate": "42P01", "relation": relation},
        quotes=quote(reading.evidence, reading.reason),
    )
    return replace(finding, fix=missing_relation_fix(finding, case.snapshot, relation, service=service))


def _not_on_the_path(case: Case, reading: Unavailable, live: Observed[DatabaseFacts], relation: str) -> Finding:
    role = live.source
    return case.unknown(
        f"{relation} is there, but a question by its bare name does not find it",
        f"PostgreSQL answered: {reading.reason}; its catalog holds {qualified(relation)} all the same",
        reading,
        live,
        remedy=f"Name the schema in the check {case.check.id}, or add it to the search_path of the role in {role}; "
        "a table that was made during this check-up is found by the next one",
        quotes=quote(reading.evidence, reading.reason),
    )


FRESHNESS = schema(
    "column",
    "max_age_seconds",
    column=text("the column that says when a row was written"),
    max_age_seconds=number("largest age of the newest row"),
    service=text("the service that writes the table"),
)


def asks_freshness(check: Check) -> Needs:
    """How old the newest row of every table is."""
    column = Params.of(check, FRESHNESS).text("column")
    return Needs(questions=tuple(age_question(check, table, table, column) for table in check.subjects))


def judge_freshness(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Rows go on arriving in a business table."""
    params = Params.of(check, FRESHNESS)
    limit, service = params.number("max_age_seconds"), params.text("service") or None
    for case in cases(check, snapshot):
        case = case.expects(f"the newest row is at most {duration(limit)} old")
        reading = _answer(case, service)
        if isinstance(reading, Finding):
            yield reading
            continue
        newest, age = newest_row(reading.value)
        if age is not None and is_ahead(age):
            yield ahead(case, f"the newest row of {case.subject}", age, readable(newest or ""), reading)
            continue
        if age is None:
            title, actual = f"{case.subject} holds no row", "the table is there and holds no row"
        else:
            age = max(0.0, age)
            title = f"the newest row of {case.subject} is {duration(age)} old"
            actual = f"the newest row is {duration(age)} old ({readable(newest or '')})"
        details = {"age_seconds": age, "max_age_seconds": limit, "newest_at": newest}
        if age is not None and age <= limit:
            yield case.ok(actual, reading, details=details)
        else:
            yield case.finding(Status.FAIL, title, actual, reading, key="age", details=details)


RULES = (
    Rule(
        "database.reachable",
        judge_reachable,
        REACHABLE,
        subjects="the word `PostgreSQL`",
        good="SELECT 1 is answered in 0.4 ms.",
        bad="SELECT 1 takes three seconds; no answer at all is UNKNOWN.",
    ),
    Rule(
        "database.value",
        judge_value,
        VALUE,
        subjects="names for the values",
        good="No row of risk_events carries an unknown decision.",
        bad="Three rows of risk_events carry an unknown decision.",
        asks=asks_value,
    ),
    Rule(
        "database.freshness",
        judge_freshness,
        FRESHNESS,
        subjects="tables",
        good="The newest row of risk_events is one second old.",
        bad="PostgreSQL answers that risk_events does not exist, or its newest row is an hour old.",
        asks=asks_freshness,
    ),
)
