"""Rules about logs: rates over the time really covered, known signatures, silence that was not expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from cdbctl.assess.ages import ahead, is_ahead
from cdbctl.assess.case import AnyReading, Case, cases, quote
from cdbctl.assess.logfacts import (
    BAD_LEVELS,
    covered_seconds,
    live_errors,
    proof,
    span,
    story,
)
from cdbctl.assess.params import Params, number, schema, texts, whole
from cdbctl.assess.relations import among
from cdbctl.assess.repair import missing_relation_fix
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, per_minute, plural, share, stamp
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Quote, Status
from cdbctl.model.logs import LogFacts, LogGroup, Signature
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.runtime import Health, HealthFacts
from cdbctl.model.snapshot import Snapshot

READ_ALL = (
    "Raise deadlines.logs in cdbctl.yaml or look at a shorter window with --since; "
    "where lines are dated in the future, correct the clock of the service or the time zone declared for its log"
)
LogJudge: TypeAlias = Callable[[Case, Observed[LogFacts]], Iterator[Finding]]


def _each_log(check: Check, snapshot: Snapshot, judge: LogJudge) -> Iterator[Finding]:
    for case in cases(check, snapshot):
        reading = snapshot.logs.get(case.subject)
        if reading is None:
            yield case.absent(f"log of {case.subject}")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading)
        else:
            yield from judge(case, reading)


def _none_seen(
    case: Case,
    actual: str,
    reading: Observed[LogFacts],
    *others: AnyReading,
    details: Mapping[str, object] | None = None,
) -> Finding:
    """Nothing bad was seen: that is well if everything was read, and nobody knows if it was not."""
    if reading.value.window.complete:
        return case.ok(actual, reading, *others, details=details)
    title = f"the log of {case.subject} was not read completely"
    return case.unknown(title, actual, reading, *others, remedy=READ_ALL, details=details)


ERROR_RATE = schema(
    max_per_minute=number("errors per minute that are still normal", 0.5),
    min_errors=whole("fewer errors than this are not a rate yet", 3, minimum=1),
)


def judge_error_rate(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A service logs errors at most at its normal rate, counted over the time that its log really covers."""
    params = Params.of(check, ERROR_RATE)
    limit, least = params.number("max_per_minute"), int(params.number("min_errors"))

    def judge(case: Case, reading: Observed[LogFacts]) -> Iterator[Finding]:
        facts = reading.value
        case = case.expects(f"at most {limit:g} errors per minute")
        live, seconds = live_errors(facts), covered_seconds(facts)
        details = {
            "errors": facts.errors,
            "live": live,
            "per_minute": per_minute(live, seconds),
            "lines": facts.window.lines,
        }
        actual = f"{_errors(facts, live)} in {proof(facts)}"
        if live < least or per_minute(live, seconds) <= limit:
            yield _none_seen(case, actual, reading, details=details)
            return
        title = f"{case.subject} logs {live * 60 / seconds:.3g} errors per minute"
        yield case.finding(
            Status.FAIL, title, actual, reading, key="errors", details=details, quotes=_worst_words(reading)
        )

    return _each_log(check, snapshot, judge)


def _errors(facts: LogFacts, live: int) -> str:
    seconds = covered_seconds(facts)
    words = f"{plural(live, 'error')} ({live * 60 / seconds:.3g}/min)"
    past = facts.errors - live
    return f"{words}, {past} more that are over," if past else words


def _worst_words(reading: Observed[LogFacts]) -> tuple[Quote, ...]:
    bad = (group for group in reading.value.groups if group.level in BAD_LEVELS)
    worst = max(bad, key=lambda group: (group.count, group.masked), default=None)
    return _words(reading, worst) if worst else ()


def _words(reading: Observed[LogFacts], group: LogGroup) -> tuple[Quote, ...]:
    return quote(reading.evidence, group.samples[-1].text) if group.samples else ()


SIGNATURE = schema(
    levels=texts("levels of messages that count; NONE is a traceback without a level", ("ERROR", "CRITICAL", "NONE")),
    ignore=texts("kinds or keys of signatures that are no failure here, e.g. `http_429`"),
    min_count=whole("fewer than this many are ignored", 1, minimum=1),
)


def judge_signature(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A log holds no known way to fail; one finding for each signature, however its sentences are worded."""
    params = Params.of(check, SIGNATURE)
    levels, ignore = params.texts("levels"), params.texts("ignore")

    def judge(case: Case, reading: Observed[LogFacts]) -> Iterator[Finding]:
        case = case.expects("no known failure signature in the log")
        by_key: dict[str, list[LogGroup]] = {}
        for group in reading.value.groups:
            known = group.signature
            if known and group.level in levels and not {known.kind, known.key} & set(ignore):
                by_key.setdefault(known.key, []).append(group)
        found = [
            _signature(case, reading, key, groups)
            for key, groups in sorted(by_key.items())
            if span(groups).count >= params.number("min_count")
        ]
        yield from found
        if not found:
            left = reading.value.groups_left_out
            rest = f"; {plural(left, 'rarer message')} not looked at" if left else ""
            yield _none_seen(case, f"none in {proof(reading.value)}{rest}", reading)

    return _each_log(check, snapshot, judge)


def _signature(case: Case, reading: Observed[LogFacts], key: str, groups: list[LogGroup]) -> Finding:
    facts, errors = reading.value, span(groups)
    group = max(groups, key=lambda item: (item.count, item.masked))
    known = group.signature or Signature(key, None, None, None, None, None)
    details = {
        "kind": known.kind,
        "sqlstate": known.sqlstate,
        "relation": known.relation,
        "column": known.column,
        "subject": known.subject,
        "frame": known.frame,
        "count": errors.count,
        "per_minute": per_minute(errors.count, covered_seconds(facts)),
        "first_at": stamp(errors.first_at),
        "last_at": stamp(errors.last_at),
        "mean_interval_seconds": round(errors.interval_seconds, 3) if errors.interval_seconds else None,
    }
    details = {name: value for name, value in details.items() if value is not None}
    actual, words = story(errors, facts), _words(reading, group)
    over, title = errors.is_over(facts), f"{case.subject}: {_sentence(known)}"
    if over:
        actual += f"; not seen again until {clock(facts.newest_at)}, while the log went on"
    if over and _exists_now(known, case.snapshot):
        return case.ok(f"{known.relation} exists now; before: {actual}", reading, details=details)
    status = Status.WARN if over else Status.FAIL
    finding = case.finding(status, title, actual, reading, key=key, details=details, quotes=words)
    missing = _missing(known)
    if missing is None:
        return finding
    interval = errors.interval_seconds
    fix = missing_relation_fix(finding, case.snapshot, missing, service=case.subject, interval_seconds=interval)
    return replace(finding, fix=fix)


def _missing(known: Signature) -> str | None:
    """The relation that does not exist, when that is what the signature says."""
    return known.relation if known.sqlstate == "42P01" or known.kind == "undefined_table" else None


def _exists_now(known: Signature, snapshot: Snapshot) -> bool:
    database, missing = snapshot.database, _missing(known)
    return isinstance(database, Observed) and missing is not None and among(missing, database.value.relations)


def _sentence(known: Signature) -> str:
    """A signature in words, for a title."""
    if _missing(known):
        return f"table {known.relation} does not exist"
    parts = [known.kind.replace("_", " ")]
    parts += [f"{known.relation}.{known.column}" if known.column else known.relation] if known.relation else []
    parts += [part for part in (known.subject, known.frame and f"at {known.frame}") if part]
    return " ".join(parts)


FRESHNESS = schema(
    "max_age_seconds", max_age_seconds=number("a service that must speak says something at least this often")
)


def judge_freshness(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A service that must speak does: silence needs an expectation."""
    limit = Params.of(check, FRESHNESS).number("max_age_seconds")

    def judge(case: Case, reading: Observed[LogFacts]) -> Iterator[Finding]:
        case = case.expects(f"a line within the last {duration(limit)}")
        newest = reading.value.newest_at
        if newest is None:
            yield case.finding(
                Status.FAIL,
                f"{case.subject} has logged nothing",
                "its log holds no line with a time stamp",
                reading,
                key="silent",
                details={"max_age_seconds": limit},
            )
            return
        age = (reading.at - newest).total_seconds()
        if is_ahead(age):
            yield ahead(case, f"the newest line of {case.subject}", age, clock(newest), reading)
            return
        age = max(0.0, age)
        details = {"age_seconds": round(age, 1), "max_age_seconds": limit, "newest_at": stamp(newest)}
        actual = f"its newest line is {duration(age)} old ({clock(newest)})"
        if age <= limit:
            yield case.ok(actual, reading, details=details)
            return
        title = f"{case.subject} has been silent for {duration(age)}"
        yield case.finding(Status.FAIL, title, actual, reading, key="silent", details=details)

    return _each_log(check, snapshot, judge)


HEALTHY_BUT_ERRORING = schema(
    max_per_minute=number("errors per minute that a healthy service may log", 5),
    max_share=number("share of its lines that may be errors", 0.2),
    min_errors=whole("fewer errors than this prove nothing", 3, minimum=1),
)


def judge_healthy_but_erroring(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A service that calls itself healthy does not fail at its work: its log is asked, too."""
    params = Params.of(check, HEALTHY_BUT_ERRORING)

    def judge(case: Case, reading: Observed[LogFacts]) -> Iterator[Finding]:
        yield _healthy_but_erroring(case, reading, params)

    return _each_log(check, snapshot, judge)


def _healthy_but_erroring(case: Case, reading: Observed[LogFacts], params: Params) -> Finding:
    limit, part = params.number("max_per_minute"), params.number("max_share")
    case = case.expects(f"while healthy, at most {limit:g} errors per minute and {share(part)} of its lines")
    asked = _health_of(case)
    if isinstance(asked, Finding):
        return asked
    who, health, said = asked
    facts = reading.value
    live, seconds = live_errors(facts), covered_seconds(facts)
    of_lines = live / facts.window.lines if facts.window.lines else 0.0
    details = {
        "health": said.health.value,
        "errors": live,
        "per_minute": per_minute(live, seconds),
        "share": round(of_lines, 4),
    }
    actual = f"{who}: {said.health.value}; log: {_errors(facts, live)}, {share(of_lines)} of {proof(facts)}"
    too_many = per_minute(live, seconds) > limit or of_lines > part
    if said.health is not Health.HEALTHY or live < params.number("min_errors") or not too_many:
        return _none_seen(case, actual, reading, health, details=details)
    title = f"{case.subject} says healthy and logs {live * 60 / seconds:.3g} errors per minute"
    words = (*_worst_words(reading), *quote(health.evidence, said.detail))
    return case.finding(Status.FAIL, title, actual, reading, health, key="errors", details=details, quotes=words)


def _health_of(case: Case) -> tuple[str, Observed[Any], HealthFacts] | Finding:
    """Who was asked for the health of the service, and what it said: its page, else the probe of its runtime."""
    page, runtime = case.snapshot.health.get(case.subject), case.snapshot.runtime
    if isinstance(page, Unavailable):
        return case.silent(page)
    if page is not None:
        return "health page", page, page.value
    if isinstance(runtime, Unavailable):
        return case.silent(runtime, needs="runtime")
    facts = runtime.value.service(case.subject)
    if facts is None or facts.health is None:
        return case.absent(f"health page of {case.subject}")
    return "probe of the runtime", runtime, facts.health


RULES = (
    Rule(
        "logs.error-rate",
        judge_error_rate,
        ERROR_RATE,
        subjects="services with a log",
        about_services=True,
        good="cdb_signal logged one error in an hour.",
        bad="cdb_risk logged 812 errors in an hour.",
    ),
    Rule(
        "logs.signature",
        judge_signature,
        SIGNATURE,
        subjects="services with a log",
        about_services=True,
        good="The log of cdb_risk holds 5120 lines and none that a driver's error is known by.",
        bad='The log of cdb_risk says 812 times: relation "risk_events" does not exist.',
    ),
    Rule(
        "logs.freshness",
        judge_freshness,
        FRESHNESS,
        subjects="services with a log",
        about_services=True,
        good="The newest line of cdb_ws is one second old.",
        bad="cdb_ws has written nothing for ten minutes, although the market never sleeps.",
    ),
    Rule(
        "service.healthy-but-erroring",
        judge_healthy_but_erroring,
        HEALTHY_BUT_ERRORING,
        subjects="services with a health page and a log",
        about_services=True,
        good="cdb_execution says healthy, and its log holds no error.",
        bad="cdb_execution says healthy, and half of its lines are errors.",
    ),
)
