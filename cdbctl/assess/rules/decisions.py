"""What is decided: a stack that refuses every order is healthy and does nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from cdbctl.assess.case import Case, cases
from cdbctl.assess.params import Params, number, schema, text, texts, whole
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import duration, plural, share
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.needs import Needs, StreamQuestion
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.redis import RedisFacts
from cdbctl.model.snapshot import Snapshot

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
        "pipeline.decisions",
        judge_decisions,
        DECISIONS,
        subjects="a name for what is decided",
        good="87.5 % of the decisions are ALLOW, 12.5 % BLOCK RC_001.",
        bad="100 % of the decisions are BLOCK RC_002.",
        asks=asks_decisions,
    ),
)
