"""Rules about what surrounds the stack: clocks, the repository, migrations, the machine, waivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.migrations import effects
from cdbctl.assess.params import Params, choice, number, schema
from cdbctl.assess.repair import missing_relation_fix
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import clock, duration, plural, share, size
from cdbctl.assess.waivers import expired
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.migrations import Effect, EffectState, MigrationFolder
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.snapshot import Snapshot

SKEW = schema(max_seconds=number("largest difference between two clocks", 2))


def judge_skew(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The clocks of this machine, PostgreSQL and Redis agree, and no log line lies in the future."""
    limit = Params.of(check, SKEW).number("max_seconds")
    for case in cases(check, snapshot):
        match case.subject:
            case "postgresql":
                yield _server_clock(case, snapshot.database, limit, "database")
            case "redis":
                yield _server_clock(case, snapshot.redis, limit, "redis")
            case "logs":
                yield from _log_clocks(case, limit)
            case _:
                reason = "subjects are: postgresql, redis, logs"
                yield case.unknown(f"{case.subject} is not a subject of clocks.skew", reason)


def _server_clock(case: Case, reading: AnyReading | None, limit: float, needs: str) -> Finding:
    case = case.expects(f"at most {duration(limit)} from the clock of this machine")
    if reading is None:
        return case.absent(needs)
    if isinstance(reading, Unavailable):
        return case.silent(reading, needs=needs)
    skew = (reading.value.server_at - reading.value.host_at).total_seconds()
    direction = "ahead of" if skew > 0 else "behind"
    doubt = reading.value.round_trip_ms / 2000
    actual = f"{duration(abs(skew))} {direction} the clock of this machine (± {duration(doubt)})"
    details = {"skew_seconds": round(skew, 3), "uncertainty_seconds": round(doubt, 3)}
    if abs(skew) <= limit + doubt:
        return case.ok(actual, reading, details=details)
    title = f"the clock of {case.subject} is {duration(abs(skew))} {direction} this machine"
    return case.finding(Status.FAIL, title, actual, reading, key="skew", details=details)


def _log_clocks(case: Case, limit: float) -> Iterator[Finding]:
    case = case.expects(f"no line more than {duration(limit)} in the future")
    logs = case.snapshot.logs
    read = {name: reading for name, reading in logs.items() if isinstance(reading, Observed)}
    unread = [name for name in logs if name not in read]
    early = 0
    for name, reading in sorted(read.items()):
        newest = reading.value.newest_at
        ahead = (newest - reading.at).total_seconds() if newest else 0.0
        if ahead > limit:
            early += 1
            yield case.finding(
                Status.FAIL,
                f"the log of {name} is {duration(ahead)} in the future",
                f"its newest line says {clock(newest)}, and it was read at {clock(reading.at)}",
                reading,
                key=name,
                details={"service": name, "ahead_seconds": round(ahead, 1)},
            )
    if unread:
        silent = [logs[name] for name in unread]
        yield case.unknown("not every log could be read", f"no answer: logs of {', '.join(sorted(unread))}", *silent)
    elif not read:
        yield case.absent("log of any service")
    elif not early:
        yield case.ok(f"{plural(len(read), 'log')}, no newest line in the future", *read.values())


REPOSITORY = schema(status=choice("how bad an unclean repository is", "WARN", "WARN", "FAIL"))


def judge_repository(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """What runs is what is committed: no changed, untracked or unmerged file, nothing half done."""
    status, reading = Status(Params.of(check, REPOSITORY).text("status")), snapshot.repository
    for case in cases(check, snapshot):
        case = case.expects("no changed, untracked or unmerged file, no operation in progress")
        if isinstance(reading, Unavailable):
            yield case.silent(reading)
            continue
        facts = reading.value
        trouble = _trouble(facts)
        where = f"{facts.branch or 'detached HEAD'} at {facts.commit[:12]}"
        details = {name: getattr(facts, name) for name in ("changed", "untracked", "unmerged", "operation")}
        if not trouble:
            yield case.ok(f"{where}: clean, nothing untracked", reading, details=details)
            continue
        sample = f", e.g. {', '.join(facts.sample[:3])}" if facts.sample else ""
        title = f"the repository is not clean: {', '.join(trouble)}"
        yield case.finding(
            status, title, f"{where}: {', '.join(trouble)}{sample}", reading, key="unclean", details=details
        )


def _trouble(facts: RepositoryFacts) -> list[str]:
    counts = ((facts.changed, "changed file"), (facts.untracked, "untracked file"), (facts.unmerged, "unmerged file"))
    words = [plural(count, what) for count, what in counts if count]
    return words + ([f"a {facts.operation} in progress"] if facts.operation else [])


MIGRATIONS = schema(
    pending=choice("how bad a pending file is", "WARN", "WARN", "FAIL"),
    partly=choice("how bad a file is that is only partly in effect", "FAIL", "WARN", "FAIL"),
)


def judge_migrations(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """What every migration file brings is there in the live catalog; a file without visible effect proves nothing."""
    for case in cases(check, snapshot):
        case = case.expects("every migration file is in effect in the live catalog")
        folder, database = snapshot.migrations, snapshot.database
        if folder is None or database is None:
            yield case.absent("folder of migrations" if folder is None else "database")
        elif isinstance(folder, Unavailable):
            yield case.silent(folder)
        elif isinstance(database, Unavailable):
            yield case.silent(database, needs="database")
        else:
            found = effects(folder.value, database.value.relations)
            yield from _migrations(case, folder, database, found)


def _migrations(
    case: Case, folder: Observed[MigrationFolder], database: AnyReading, found: tuple[Effect, ...]
) -> Iterator[Finding]:
    params = Params.of(case.check, MIGRATIONS)
    open_files = [item for item in found if item.state in (EffectState.PENDING, EffectState.PARTLY)]
    for item in open_files:
        wanted = "pending" if item.state is EffectState.PENDING else "partly"
        missing = ", ".join(name.removeprefix("public.") for name in item.missing)
        finding = case.finding(
            Status(params.text(wanted)),
            f"{item.file.name} is {item.state.value}: {missing} missing",
            f"{item.state.value}: {len(item.missing)} of {len(item.missing) + len(item.present)} things that it "
            f"brings are missing: {missing}",
            folder,
            database,
            key=item.file.name,
            details={
                "file": item.file.path,
                "state": item.state.value,
                "missing": list(item.missing),
                "present": list(item.present),
            },
        )
        relation = next((name for name in item.file.creates if name in item.missing), None)
        if relation:
            table = relation.removeprefix("public.")
            finding = replace(finding, fix=missing_relation_fix(finding, case.snapshot, table, service=None))
        yield finding
    if not open_files:
        proven = sum(item.state is EffectState.IN_EFFECT for item in found)
        unproven = [item.file.name for item in found if item.state is EffectState.NOT_PROVABLE]
        rest = f"; not provable: {', '.join(unproven)}" if unproven else ""
        actual = f"{proven} of {plural(len(found), 'file')} in effect{rest}"
        yield case.ok(actual, folder, database, details={"in_effect": proven, "not_provable": unproven})


DISK = schema(
    warn_free_bytes=number("WARN below this much free space", 2 * 2**30),
    fail_free_bytes=number("FAIL below this much free space", 256 * 2**20),
)


def judge_disk(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """There is room on the disks that the stack writes to."""
    params, reading = Params.of(check, DISK), snapshot.host
    warn, fail = params.number("warn_free_bytes"), params.number("fail_free_bytes")
    for case in cases(check, snapshot):
        case = case.expects(f"at least {size(warn)} free")
        if isinstance(reading, Unavailable):
            yield case.silent(reading)
            continue
        tightest = min(reading.value.disks, key=lambda disk: (disk.free_bytes, disk.path), default=None)
        if tightest is None:
            yield case.unknown("no disk was read", "the machine named no disk", reading)
            continue
        details = {"path": tightest.path, "free_bytes": tightest.free_bytes, "total_bytes": tightest.total_bytes}
        part = share(tightest.free_bytes / tightest.total_bytes) if tightest.total_bytes else "unknown share"
        actual = f"{size(tightest.free_bytes)} free on {tightest.path} ({part})"
        yield _room(case, tightest.free_bytes, warn, fail, actual, reading, details)


MEMORY = schema(
    warn_available_bytes=number("WARN below this much available memory", 256 * 2**20),
    fail_available_bytes=number("FAIL below this much available memory", 64 * 2**20),
)


def judge_memory(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """The machine has memory left."""
    params, reading = Params.of(check, MEMORY), snapshot.host
    warn, fail = params.number("warn_available_bytes"), params.number("fail_available_bytes")
    for case in cases(check, snapshot):
        case = case.expects(f"at least {size(warn)} available")
        if isinstance(reading, Unavailable):
            yield case.silent(reading)
            continue
        available, total = reading.value.memory_available_bytes, reading.value.memory_total_bytes
        details = {"available_bytes": available, "total_bytes": total}
        actual = f"{size(available)} of {size(total)} memory available"
        yield _room(case, available, warn, fail, actual, reading, details)


def _room(
    case: Case,
    free: float,
    warn: float,
    fail: float,
    actual: str,
    reading: AnyReading,
    details: Mapping[str, object],
) -> Finding:
    if free >= warn:
        return case.ok(actual, reading, details=details)
    status = Status.FAIL if free < fail else Status.WARN
    return case.finding(status, f"only {actual}", actual, reading, key=case.subject, details=details)


def judge_expired_waivers(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """What was accepted for a time is not accepted for ever: an expired waiver is a finding again."""
    today = snapshot.taken_at.astimezone(UTC).date()
    for case in cases(check, snapshot):
        case = case.expects(f"every waiver holds on {today.isoformat()} (UTC)")
        late = [waiver for waiver in snapshot.waivers if expired(waiver, snapshot.taken_at)]
        for waiver in late:
            covers = waiver.fingerprint or waiver.check or "nothing"
            yield case.finding(
                Status.WARN,
                f"the waiver for {covers} expired on {waiver.until.isoformat()}",
                f"{waiver.file}:{waiver.line}: until {waiver.until.isoformat()} by {waiver.owner}: {waiver.reason}",
                snapshot.repository,
                key=f"{covers}/{waiver.until.isoformat()}",
                details={"covers": covers, "until": waiver.until.isoformat(), "owner": waiver.owner},
            )
        if not late:
            yield case.ok(f"{plural(len(snapshot.waivers), 'waiver')}, none expired", snapshot.repository)


RULES = (
    Rule(
        "clocks.skew",
        judge_skew,
        SKEW,
        subjects="any of postgresql, redis, logs",
        good="PostgreSQL is one millisecond ahead of this machine.",
        bad="PostgreSQL is an hour ahead of this machine, or a log line comes from the future.",
    ),
    Rule(
        "repository.state",
        judge_repository,
        REPOSITORY,
        subjects="the word `repository`",
        good="main at b3a4fc0 is clean, and nothing is untracked.",
        bad="56 files are untracked.",
    ),
    Rule(
        "migrations.pending",
        judge_migrations,
        MIGRATIONS,
        subjects="the word `migrations`",
        good="All four files are in effect in the live catalog.",
        bad="0004_risk_events.sql creates risk_events, and the live catalog holds no such table.",
    ),
    Rule(
        "host.disk",
        judge_disk,
        DISK,
        subjects="the word `disk`",
        good="60 GiB are free on /.",
        bad="100 MiB are free on /.",
    ),
    Rule(
        "host.memory",
        judge_memory,
        MEMORY,
        subjects="the word `memory`",
        good="5 of 8 GiB memory are available.",
        bad="20 MiB of 8 GiB memory are available.",
    ),
    Rule(
        "waivers.expired",
        judge_expired_waivers,
        schema(),
        subjects="the word `waivers`",
        good="The only waiver holds until next month.",
        bad="A waiver ended last week, and nobody decided anew.",
    ),
)
