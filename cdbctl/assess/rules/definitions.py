"""Rules about what the owner wrote down: the repository, its migrations, its waivers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC

from cdbctl.assess.case import AnyReading, Case, cases
from cdbctl.assess.migrations import effects
from cdbctl.assess.params import Params, choice, schema
from cdbctl.assess.repair import missing_relation_fix
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import plural
from cdbctl.assess.waivers import expired
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding, Status
from cdbctl.model.migrations import Effect, EffectState, MigrationFolder
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.repository import RepositoryFacts
from cdbctl.model.snapshot import Snapshot

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
        "waivers.expired",
        judge_expired_waivers,
        schema(),
        subjects="the word `waivers`",
        good="The only waiver holds until next month.",
        bad="A waiver ended last week, and nobody decided anew.",
    ),
)
