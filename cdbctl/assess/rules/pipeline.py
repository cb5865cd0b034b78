"""Rules about the flow: events pass every stage, and decisions are not all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.params import Params, number, schema, text, texts, whole
from cdbctl.assess.questions import age_question, answer_to, newest_row
from cdbctl.assess.relations import missing_relation
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.database import no_table
from cdbctl.assess.rules.metric import series_of
from cdbctl.assess.stages import CONTINUITY, STAGE, Stage, stages_of
from cdbctl.assess.units import clock, duration, plural, share
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.needs import Needs, StreamQuestion
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.redis import RedisFacts
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
    """None when there never was one."""
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
    return LastEvent(_not_negative(age), newest or "", f"table {stage.table}", (reading,))


def _last_stamp(case: Case, stage: Stage) -> LastEvent | Finding:
    reading = case.snapshot.metrics.get(stage.service)
    if reading is None:
        return case.absent(f"metrics page of {stage.service}")
    if isinstance(reading, Unavailable):
        return case.silent(reading)
    series = series_of(reading.value, stage.metric, {})
    if not series:
        title = f"{stage.metric} is not exported"
        return case.unknown(title, f"{reading.source} answered and does not hold {stage.metric}", reading)
    stamp = max(item.value for item in series)
    if not stamp > 0:
        return LastEvent(None, "", f"metric {stage.metric}", (reading,))
    age = _not_negative(reading.at.timestamp() - stamp)
    return LastEvent(age, _stamp(stamp), f"metric {stage.metric}", (reading,))


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
    age = _not_negative((reading.value.server_at - newest).total_seconds())
    return LastEvent(age, clock(newest), where, (reading,))


def _not_negative(age: float | None) -> float | None:
    return None if age is None else max(0.0, age)


DECISIONS = schema(
    "streams",
    "field",
    streams=texts("Redis streams that hold decisions"),
    field=text("the field of an entry that says what was decided"),
    reason_field=text("the field that says why"),
    good=texts("decisions that let work go on", ("ALLOW",)),
    max_share=number("largest share that one other decision with one reason may have; 1 means: not all of them", 1.0),
    min_count=whole("fewer decisions than this prove nothing", 5, minimum=1),
    service=text("the service that decides"),
)


def asks_decisions(check: Check) -> Needs:
    """The streams, counted by decision and reason."""
    params = Params.of(check, DECISIONS)
    fields = tuple(filter(None, (params.text("field"), params.text("reason_field"))))
    return Needs(streams=tuple(StreamQuestion(name, fields) for name in params.texts("streams")))


def judge_decisions(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Decisions are mixed: when every one of them is the same refusal, the stack is healthy and does nothing."""
    params = Params.of(check, DECISIONS)
    for case in cases(check, snapshot):
        limit = params.number("max_share")
        wanted = "not every decision is refused" if limit >= 1 else f"at most {share(limit)} of the decisions refused"
        case, reading = case.expects(wanted), snapshot.redis
        if reading is None:
            yield case.absent("redis")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="redis")
        else:
            yield _decisions(case, reading, params)


def _decisions(case: Case, reading: Observed[RedisFacts], params: Params) -> Finding:
    mix, needed, limit = _mix(reading.value, params), int(params.number("min_count")), params.number("max_share")
    span = duration((case.snapshot.window.until - case.snapshot.window.since).total_seconds())
    details = {
        "service": params.text("service") or None,
        "count": mix.count,
        "decisions": dict(sorted(mix.decisions.items())),
        "refused_share": round(mix.refused_share, 4),
        "reasons_of_refusals": dict(sorted(mix.reasons.items())),
    }
    actual = f"{plural(mix.count, 'decision')} in the window of {span}{mix.words}{_limits(reading.value, params)}"
    # One order that was let through proves that not all are refused; anything else takes more than a few.
    if mix.count < needed and not (limit >= 1 and mix.count > mix.refused):
        reason = f"{actual}; at least {needed} are needed to judge"
        return case.unknown(f"{case.subject}: too few decisions", reason, reading, details=details)
    if not mix.refused or mix.refused_share < limit:
        return case.ok(actual, reading, details=details)
    worst = _most_frequent(mix.refusals)
    reason = _most_frequent(mix.reasons)
    actual += f"; most frequent reason: {reason} ({mix.reasons[reason]} of {mix.refused})" if reason else ""
    title = f"decisions: {share(mix.refused_share)} {f'{worst} {reason}'.strip()}"
    return case.finding(Status.FAIL, title, actual, reading, key=f"{worst}/{reason}", details=details)


@dataclass(frozen=True, slots=True)
class Mix:
    """What was decided in the window."""

    decisions: Counter[str]
    refusals: Counter[str]
    """The decisions that stop work."""
    reasons: Counter[str]
    """Why, counted over the streams that hold nothing but refusals: only there is it certain."""

    @property
    def count(self) -> int:
        """All decisions."""
        return self.decisions.total()

    @property
    def refused(self) -> int:
        """Decisions that stop work."""
        return self.refusals.total()

    @property
    def refused_share(self) -> float:
        """Their share; 0 without any decision."""
        return self.refused / self.count if self.count else 0.0

    @property
    def words(self) -> str:
        """``: 87.5 % ALLOW, 12.5 % BLOCK``; empty without any decision."""
        ranked = sorted(self.decisions.items(), key=lambda item: (-item[1], item[0]))
        parts = [f"{share(count / self.count)} {name or 'without a value'}" for name, count in ranked if count]
        return f": {', '.join(parts)}" if parts else ""


def _mix(facts: RedisFacts, params: Params) -> Mix:
    decisions, refusals, reasons = Counter[str](), Counter[str](), Counter[str]()
    for name in dict.fromkeys(params.texts("streams")):
        counts = stream.counts if (stream := facts.stream(name)) else {}
        decided = Counter(counts.get(params.text("field"), {}))
        refused = Counter({word: count for word, count in decided.items() if word not in params.texts("good")})
        decisions += decided
        refusals += refused
        if refused == decided:
            reasons += Counter(counts.get(params.text("reason_field"), {}))
    return Mix(decisions, refusals, reasons)


def _most_frequent(counts: Counter[str]) -> str:
    named = [(-count, name) for name, count in counts.items() if name]
    return min(named)[1] if named else ""


def _limits(facts: RedisFacts, params: Params) -> str:
    streams = [facts.stream(name) for name in params.texts("streams")]
    cut = [f"{stream.name} ({stream.in_window})" for stream in streams if stream and not stream.in_window_complete]
    return f"; not all entries were counted: {', '.join(cut)}" if cut else ""


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
    Rule(
        "pipeline.decisions",
        judge_decisions,
        DECISIONS,
        subjects="a name for what is decided",
        good="87.5 % of the decisions are ALLOW, 12.5 % BLOCK RC_001.",
        bad="100 % of the decisions are BLOCK RC_002.",
        asks=asks_decisions,
    ),
)
