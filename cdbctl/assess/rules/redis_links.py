"""Rules about those who work with Redis: its clients, its primary, and the readers of its streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.assess.case import Case
from cdbctl.assess.counters import redis_growth
from cdbctl.assess.params import Params, choice, number, schema, texts, whole
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules.redis import SUBJECT, all_of_redis, each_redis
from cdbctl.assess.units import duration, plural, share
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.needs import Needs, StreamQuestion
from cdbctl.model.reading import Observed
from cdbctl.model.redis import ConsumerGroup, RedisFacts, ReplicaFacts
from cdbctl.model.snapshot import Snapshot

CONNECTIONS = schema(
    max_fraction=number("WARN above this share of maxclients", 0.8),
    max_rejected=whole("FAIL when more connections were rejected", 0),
)


def judge_connections(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """Redis has places for its clients: who is rejected cannot work."""
    params = Params.of(check, CONNECTIONS)
    limit, most = params.number("max_fraction"), params.number("max_rejected")

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        facts, gained = reading.value, redis_growth(reading.value, case.snapshot)
        case = case.expects(f"at most {share(limit)} of maxclients in use, at most {most:g} connections rejected")
        rejected = gained.values.get("rejected_connections")
        if rejected is None:
            return case.unknown("rejected connections of Redis are not known", "the server does not tell", reading)
        used = facts.connected_clients / facts.max_clients if facts.max_clients else 0.0
        places = f" of {facts.max_clients}" if facts.max_clients else ", maxclients is not told"
        counted = f"{plural(rejected, 'connection')} rejected {gained.since}"
        actual = f"{plural(facts.connected_clients, 'client')}{places}; {counted}"
        details = {"clients": facts.connected_clients, "max_clients": facts.max_clients, "rejected": rejected}
        if rejected > most:
            title = f"Redis rejected {plural(rejected, 'connection')} {gained.since}"
            return case.finding(Status.FAIL, title, actual, reading, *gained.readings, key="rejected", details=details)
        if used > limit:
            title = f"Redis has {facts.connected_clients} of {facts.max_clients} clients"
            return case.finding(Status.WARN, title, actual, reading, key="clients", details=details)
        return case.ok(actual, reading, *gained.readings, details=details)

    return each_redis(check, snapshot, judge)


REPLICATION = schema(
    role=choice("what the server has to be; default: either", None, "primary", "replica"),
    max_silent_seconds=number("longest time without a word of the primary", 30),
)


def judge_replication(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """A Redis that is a replica hears its primary; else it serves old data."""
    params = Params.of(check, REPLICATION)
    role, limit = params.text("role"), params.number("max_silent_seconds")

    def judge(case: Case, reading: Observed[RedisFacts]) -> Finding:
        replica = reading.value.replica
        found = "replica" if replica else "primary"
        wanted = f"a {role}" if role else "a primary, or a replica"
        case = case.expects(f"{wanted}; a replica hears its primary within {duration(limit)}")
        details = {"role": found, "primary": replica.primary if replica else None}
        if role and role != found:
            actual = f"it is a {found}" + (f" of {replica.primary}" if replica else "")
            return case.finding(Status.FAIL, f"Redis is a {found}", actual, reading, key="role", details=details)
        if replica is None:
            return case.ok("it is a primary", reading, details=details)
        actual = _link(replica)
        if replica.link_up and (replica.silent_seconds or 0) <= limit:
            return case.ok(actual, reading, details=details)
        title = f"Redis does not hear its primary {replica.primary}"
        return case.finding(Status.FAIL, title, actual, reading, key="link", details=details)

    return each_redis(check, snapshot, judge)


def _link(replica: ReplicaFacts) -> str:
    if replica.link_up:
        silent = replica.silent_seconds
        heard = "" if silent is None else f", last heard of {duration(silent)} ago"
        return f"a replica of {replica.primary}, the link is up{heard}"
    since = "" if replica.down_seconds is None else f" since {duration(replica.down_seconds)}"
    syncing = ", it copies everything anew" if replica.syncing else ""
    return f"a replica of {replica.primary}, the link is down{since}{syncing}"


GROUPS = schema(
    groups=texts("groups that have to be there; default: whichever are"),
    max_lag=whole("most entries that a group was not given yet", 1000),
    max_pending=whole("most entries that a group was given and has not acknowledged", 100),
)
NOBODY = "Name the groups that have to be there (params.groups), or take the stream out of the check"


def asks_groups(check: Check) -> Needs:
    """The streams whose readers are looked at."""
    return Needs(streams=tuple(StreamQuestion(name, ()) for name in check.subjects))


def judge_groups(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The readers of a stream keep up with it: little is left to be given to them, little unacknowledged."""
    params = Params.of(check, GROUPS)
    lag, pending = params.number("max_lag"), params.number("max_pending")

    def judge(case: Case, reading: Observed[RedisFacts]) -> Iterator[Finding]:
        case = case.expects(f"each group has at most {lag:g} entries to come and {pending:g} unacknowledged")
        stream = reading.value.stream(case.subject)
        groups = stream.groups if stream else ()
        missing = sorted(set(params.texts("groups")) - {group.name for group in groups})
        behind = [group for group in groups if (group.lag or 0) > lag or group.pending > pending]
        untold = [group for group in groups if group.lag is None and group not in behind]
        nobody = "no group reads it" if stream else "the stream does not exist"
        actual = "; ".join(map(_words, groups)) or nobody
        details = {group.name: {"lag": group.lag, "pending": group.pending} for group in groups}
        for name in missing:
            title, key = f"{case.subject} has no group {name}", f"missing/{name}"
            yield case.finding(Status.FAIL, title, actual, reading, key=key, details=details)
        for group in behind:
            title, key = f"{group.name} does not keep up with {case.subject}", f"behind/{group.name}"
            yield case.finding(Status.FAIL, title, _words(group), reading, key=key, details=details)
        if untold:
            yield _lag_not_told(case, untold, reading, details)
        if not groups and not missing:
            yield case.unknown(f"nothing is known of readers of {case.subject}", nobody, reading, remedy=NOBODY)
        elif not (missing or behind or untold):
            yield case.ok(actual, reading, details=details)

    return all_of_redis(check, snapshot, judge)


def _words(group: ConsumerGroup) -> str:
    to_come = "an unknown number of entries" if group.lag is None else plural(group.lag, "entry", "entries")
    return f"{group.name}: {to_come} to come, {group.pending} unacknowledged"


def _lag_not_told(
    case: Case,
    groups: Sequence[ConsumerGroup],
    reading: Observed[RedisFacts],
    details: dict[str, dict[str, int | None]],
) -> Finding:
    names = ", ".join(group.name for group in groups)
    version = reading.value.version
    old = int(version.partition(".")[0]) < 7 if version.partition(".")[0].isdigit() else False
    why = f"Redis {version} does not count it, 7.0 does" if old else "entries were deleted behind its place"
    return case.unknown(
        f"how far {names} is behind {case.subject} is not known",
        f"the server does not tell the lag of {names}: {why}",
        reading,
        remedy="Run Redis 7.0 or newer"
        if old
        else "It is told again when the group has read beyond the deleted entries",
        details=details,
    )


RULES = (
    Rule(
        "redis.connections",
        judge_connections,
        CONNECTIONS,
        subjects=SUBJECT,
        good="9 of 10000 places are taken, and nobody was rejected.",
        bad="Two connections were rejected since the previous run.",
    ),
    Rule(
        "redis.replication",
        judge_replication,
        REPLICATION,
        subjects=SUBJECT,
        good="It is a primary, or a replica that heard its primary a second ago.",
        bad="It is a replica, and the link to its primary is down.",
    ),
    Rule(
        "redis.groups",
        judge_groups,
        GROUPS,
        subjects="streams",
        good="The group db_writer has 2 entries to come and none unacknowledged.",
        bad="The group db_writer has 5000 entries to come.",
        asks=asks_groups,
    ),
)
