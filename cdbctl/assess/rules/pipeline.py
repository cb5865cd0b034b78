"""Events pass every stage of the pipeline: at each, the last one is recent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cdbctl.assess.ages import ahead, is_ahead
from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.params import schema
from cdbctl.assess.questions import age_question, answer_to, newest_row
from cdbctl.assess.relations import missing_relation
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.database import no_table
from cdbctl.assess.rules.metric import no_value, series_of
from cdbctl.assess.stages import CONTINUITY, STAGE, Stage, stages_of
from cdbctl.assess.units import clock, duration, readable
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.needs import Needs, StreamQuestion
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot

STAGES = schema(
    "stages",
    stages={
        "type": "array",
        "minItems": 1,
        "items": STAGE,
        "description": "the stages in the order of the flow; `after` makes a branch",
    },
)


def asks_continuity(check: Check) -> Needs:
    """The streams of all stages, and the age of the newest row of every table."""
    stages = tuple(stages_of(check).values())
    streams = tuple(StreamQuestion(name, ()) for stage in stages for name in stage.streams)
    tables = (stage for stage in stages if stage.table)
    return Needs(tuple(age_question(check, stage.name, stage.table, stage.column) for stage in tables), streams)


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The newest event that was seen at a stage."""

    age_seconds: float | None
    """None when there never was one; negative when it is dated in the future."""
    at: str
    where: str
    readings: tuple[AnyReading, ...]


def judge_continuity(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Events pass every stage of the pipeline: at each, the last one is recent."""
    stages = stages_of(check)
    for case in cases(check, snapshot):
        stage = stages.get(case.subject)
        if stage is None:
            yield case.unknown(f"{case.subject} is not a stage", f"stages are: {', '.join(stages)}")
            continue
        case = case.expects(f"the last event at {stage.name} is at most {duration(stage.max_age_seconds)} old")
        seen = _last_event(case, stage)
        yield seen if isinstance(seen, Finding) else _stage_finding(case, stage, seen)


def _stage_finding(case: Case, stage: Stage, seen: LastEvent) -> Finding:
    age = seen.age_seconds
    if age is not None and is_ahead(age):
        return ahead(case, f"the last event by {seen.where}", age, seen.at, *seen.readings)
    age = None if age is None else max(0.0, age)
    details = {
        "stage": stage.name,
        "service": stage.service,
        "age_seconds": None if age is None else round(age, 1),
        "max_age_seconds": stage.max_age_seconds,
    }
    if age is None:
        actual, title = f"{seen.where}: no event at all", f"no event at {stage.name} at all"
    else:
        actual = f"the last event by {seen.where} is {duration(age)} old ({seen.at})"
        title = f"no event at {stage.name} for {duration(age)}"
    if age is not None and age <= stage.max_age_seconds:
        return case.ok(actual, *seen.readings, details=details)
    return case.finding(Status.FAIL, title, actual, *seen.readings, key="stalled", details=details)


def _last_event(case: Case, stage: Stage) -> LastEvent | Finding:
    if stage.table:
        return _last_row(case, stage)
    return _last_stamp(case, stage) if stage.metric else _last_entry(case, stage)


def _last_row(case: Case, stage: Stage) -> LastEvent | Finding:
    if case.snapshot.database is None:
        return case.absent("database")
    reading = answer_to(case.check, stage.name, case.snapshot)
    if reading is None:
        return case.unknown(f"{stage.name} was not asked for", "this run did not ask the question of this check")
    if isinstance(reading, Unavailable):
        relation = missing_relation(reading, stage.table)
        return no_table(case, reading, relation, stage.service) if relation else case.silent(reading, needs="database")
    newest, age = newest_row(reading.value)
    return LastEvent(age, readable(newest or ""), f"table {stage.table}", (reading,))


def _last_stamp(case: Case, stage: Stage) -> LastEvent | Finding:
    reading = case.snapshot.metrics.get(stage.service)
    if reading is None:
        return case.absent(f"metrics page of {stage.service}")
    if isinstance(reading, Unavailable):
        return case.silent(reading)
    series = series_of(reading.value, stage.metric, {})
    if not series and stage.metric in reading.value.not_finite:
        return no_value(case, reading, stage.metric)
    if not series:
        title = f"{stage.metric} is not exported"
        return case.unknown(title, f"{reading.source} answered and does not hold {stage.metric}", reading)
    stamp = max(item.value for item in series)
    if not stamp > 0:
        return LastEvent(None, "", f"metric {stage.metric}", (reading,))
    return LastEvent(reading.at.timestamp() - stamp, _stamp(stamp), f"metric {stage.metric}", (reading,))


def _stamp(seconds: float) -> str:
    try:
        return clock(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, ValueError, OSError):
        return clock(None)


def _last_entry(case: Case, stage: Stage) -> LastEvent | Finding:
    reading = case.snapshot.redis
    if reading is None:
        return case.absent("redis")
    if isinstance(reading, Unavailable):
        return case.silent(reading, needs="redis")
    where = " and ".join(stage.streams)
    streams = [stream for name in stage.streams if (stream := reading.value.stream(name))]
    newest = max((stream.newest_at for stream in streams if stream.newest_at), default=None)
    if newest is None:
        return LastEvent(None, "", where, (reading,))
    # The ids of a stream are made from the clock of Redis, so the age is taken by that clock, too.
    age = (reading.value.server_at - newest).total_seconds()
    return LastEvent(age, clock(newest), where, (reading,))


RULES = (
    Rule(
        CONTINUITY,
        judge_continuity,
        STAGES,
        subjects="the names of its stages, in order",
        good="The newest entry of stream.signals is half a second old.",
        bad="The feed is up and healthy, and its last tick is ten minutes old.",
        asks=asks_continuity,
    ),
)
