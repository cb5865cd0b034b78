"""The rule about the health of PostgreSQL: what stops a database without a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cdbctl.assess.case import AnyReading, cases
from cdbctl.assess.counters import Growth, database_growth
from cdbctl.assess.params import Params, number, schema, whole
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import duration, plural, share
from cdbctl.model.check import Check
from cdbctl.model.database import DatabaseFacts
from cdbctl.model.finding import Finding, Status
from cdbctl.model.reading import Unavailable
from cdbctl.model.snapshot import Snapshot

HEALTH = schema(
    max_connections_fraction=number("share of max_connections in use", 0.8),
    max_idle_in_transaction=whole("sessions idle in transaction", 5),
    max_transaction_seconds=number("age of the oldest open transaction", 300),
    max_wraparound_fraction=number("share of the way to transaction id wraparound", 0.5),
    max_sequence_fraction=number("share of a sequence, or of its column, that is used up", 0.8),
    max_xmin_age=whole("transactions since the oldest one that vacuum has to respect", 1_000_000),
    max_deadlocks=whole("deadlocks", 0),
    max_rollback_fraction=number("share of the transactions that were rolled back", 0.2),
    min_transactions=whole("fewer transactions prove nothing about rollbacks", 100),
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """One look at the health of the database."""

    well: bool | None
    """None when it could not be seen."""
    expected: str
    actual: str
    keys: tuple[str, ...] = ()
    readings: tuple[AnyReading, ...] = ()
    """What it rests on beside the database itself."""


def _connections(facts: DatabaseFacts, params: Params, _: Growth) -> Symptom:
    limit = params.number("max_connections_fraction")
    used = facts.connections / facts.max_connections if facts.max_connections else 1.0
    actual = f"{facts.connections} of {facts.max_connections} connections in use ({share(used)})"
    return Symptom(used <= limit, f"at most {share(limit)} of the connections in use", actual)


def _transactions(facts: DatabaseFacts, params: Params, _: Growth) -> Symptom:
    most, seconds = params.number("max_idle_in_transaction"), params.number("max_transaction_seconds")
    expected = f"at most {most:g} sessions idle in transaction, none open for {duration(seconds)}"
    idle, longest = facts.idle_in_transaction, facts.longest_transaction_seconds
    if idle is None:
        return Symptom(None, expected, _not_read(facts, "the sessions of others may not be seen"))
    actual = f"{plural(idle, 'session')} idle in transaction"
    actual += "" if longest is None else f", the oldest open transaction is {duration(longest)} old"
    return Symptom(idle <= most and (longest or 0) <= seconds, expected, actual)


def _not_read(facts: DatabaseFacts, otherwise: str) -> str:
    return "; ".join(facts.not_read) or otherwise


def _wraparound(facts: DatabaseFacts, params: Params, _: Growth) -> Symptom:
    limit, used = params.number("max_wraparound_fraction"), facts.wraparound_fraction
    return Symptom(
        used <= limit,
        f"at most {share(limit)} of the way to transaction id wraparound",
        f"{share(used)} of the way to transaction id wraparound",
    )


def _sequences(facts: DatabaseFacts, params: Params, _: Growth) -> Symptom:
    limit = params.number("max_sequence_fraction")
    expected = f"no sequence beyond {share(limit)} of its range"
    if facts.sequences is None:
        return Symptom(None, expected, _not_read(facts, "the sequences could not be read"))
    worst = max(facts.sequences, key=lambda item: (item.used_fraction, item.name), default=None)
    full = tuple(sorted(item.name for item in facts.sequences if item.used_fraction > limit))
    actual = f"{worst.name} is the fullest: {share(worst.used_fraction)}" if worst else "no sequence was found"
    return Symptom(not full, expected, actual, full)


def _indexes(facts: DatabaseFacts, _: Params, __: Growth) -> Symptom:
    broken = tuple(sorted(facts.invalid_indexes))
    actual = f"invalid: {', '.join(broken)}" if broken else "no index is invalid"
    return Symptom(not broken, "every index is valid", actual, broken)


def _oldest(facts: DatabaseFacts, params: Params, _: Growth) -> Symptom:
    most, age = params.number("max_xmin_age"), facts.oldest_xmin_age
    expected = f"vacuum has to respect no transaction that lies more than {most:g} behind"
    return Symptom(age <= most, expected, f"the oldest transaction that vacuum has to respect lies {age} behind")


def _deadlocks(_: DatabaseFacts, params: Params, gained: Growth) -> Symptom:
    most, found = params.number("max_deadlocks"), gained.values["deadlocks"]
    actual = f"{plural(found, 'deadlock')} {gained.since}"
    return Symptom(found <= most, f"at most {plural(int(most), 'deadlock')}", actual, readings=gained.readings)


def _rollbacks(_: DatabaseFacts, params: Params, gained: Growth) -> Symptom:
    limit, least = params.number("max_rollback_fraction"), params.number("min_transactions")
    expected = f"at most {share(limit)} of the transactions rolled back"
    rolled_back, committed = gained.values["rollbacks"], gained.values.get("commits")
    if committed is None:
        return Symptom(None, expected, "the number of commits was not stored")
    whole_number = rolled_back + committed
    part = rolled_back / whole_number if whole_number else 0.0
    actual = f"{rolled_back} of {plural(whole_number, 'transaction')} rolled back {gained.since} ({share(part)})"
    return Symptom(part <= limit or whole_number < least, expected, actual, readings=gained.readings)


def _writes(facts: DatabaseFacts, _: Params, __: Growth) -> Symptom:
    actual = "the server is in recovery and takes no writes" if facts.in_recovery else "the server takes writes"
    return Symptom(not facts.in_recovery, "the server takes writes", actual)


SYMPTOMS: Mapping[str, Callable[[DatabaseFacts, Params, Growth], Symptom]] = {
    "connections": _connections,
    "transactions": _transactions,
    "oldest transaction": _oldest,
    "wraparound": _wraparound,
    "sequences": _sequences,
    "indexes": _indexes,
    "deadlocks": _deadlocks,
    "rollbacks": _rollbacks,
    "writes": _writes,
}
"""By subject: what can be looked at."""


def judge_health(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """PostgreSQL is not about to stop, and does not work in vain: connections, sequences, rollbacks and more."""
    params, reading = Params.of(check, HEALTH), snapshot.database
    for case in cases(check, snapshot):
        look = SYMPTOMS.get(case.subject)
        if look is None:
            known = ", ".join(SYMPTOMS)
            yield case.unknown(f"{case.subject} is not a subject of database.health", f"subjects are: {known}")
        elif reading is None:
            yield case.absent("database")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="database")
        else:
            seen = look(reading.value, params, database_growth(reading.value, snapshot))
            case = case.expects(seen.expected)
            if seen.well:
                yield case.ok(seen.actual, reading, *seen.readings)
            elif seen.well is None:
                yield case.unknown(f"{case.subject} could not be seen", seen.actual, reading)
            else:
                key = ",".join(seen.keys) or case.subject
                yield case.finding(
                    Status.WARN, f"PostgreSQL: {seen.actual}", seen.actual, reading, *seen.readings, key=key
                )


RULES = (
    Rule(
        "database.health",
        judge_health,
        HEALTH,
        subjects="any of " + ", ".join(SYMPTOMS),
        good="7 of 100 connections are in use, and no index is invalid.",
        bad="95 of 100 connections are in use.",
    ),
)
