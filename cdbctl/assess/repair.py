"""What to do about a relation that does not exist: first ask whether a migration file creates it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from cdbctl.assess.case import command
from cdbctl.assess.logfacts import QUIET_INTERVALS, QUIET_SECONDS
from cdbctl.assess.migrations import creators, effects
from cdbctl.assess.relations import among
from cdbctl.assess.units import duration
from cdbctl.model.finding import Finding, Fix
from cdbctl.model.migrations import Effect, EffectState
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot


def missing_relation_fix(
    finding: Finding, snapshot: Snapshot, relation: str, *, service: str | None, interval_seconds: float | None = None
) -> Fix:
    """The pending file that creates it, else how such a file has to be written; never invented columns."""
    migrations, database = snapshot.migrations, snapshot.database
    status = command(snapshot, "migrate", "status")
    verify = _verify(finding, snapshot, relation, service, interval_seconds)
    if isinstance(database, Observed) and among(relation, database.value.relations):
        return Fix(
            summary=f"Look again in {duration(QUIET_SECONDS)}: {relation} exists now, and the error has to stay away",
            options=(f"If the error goes on, {service or 'the service'} looks in another schema or database.",),
            commands=(command(snapshot, "daily-check"),),
            verify=verify,
        )
    if not isinstance(migrations, Observed):
        why = f"the folder could not be read ({migrations.reason})" if migrations else "no folder of them is declared"
        first = migrations.remedy if migrations else "declare paths.migrations in cdbctl.yaml"
        first = first or "make the folder of migrations readable"
        summary = f"{first[0].upper()}{first[1:]}: whether a migration file creates {relation} is not known, {why}"
        return Fix(summary, commands=(command(snapshot, "daily-check"),), verify=verify)
    if isinstance(database, Observed):
        found = creators(relation, effects(migrations.value, database.value.relations))
    else:
        # Nobody could read the catalog, but the driver says that the relation is not there.
        found = creators(relation, effects(migrations.value, ()))
    if found:
        return _apply(found[-1], snapshot, relation, status, verify)
    writer = service or "the service"
    return Fix(
        summary=f"Write a migration that creates {relation}: no file in {migrations.value.path} does",
        options=(
            f"Write the migration from the INSERT that {writer} executes: the columns stand in the code, do not guess.",
            f"NOT recommended: stop {writer} from writing to {relation}; what it records would be lost.",
        ),
        risks=(
            "A schema change needs the owner's approval (delivery gate).",
            "Columns taken from memory instead of the code have been wrong twice before.",
        ),
        commands=(status, command(snapshot, "check", "explain", finding.check)),
        verify=verify,
    )


def _apply(pending: Effect, snapshot: Snapshot, relation: str, status: str, verify: tuple[str, ...]) -> Fix:
    file = pending.file
    partly = pending.state is EffectState.PARTLY
    state = "only partly in effect" if partly else "pending"
    order = "Have the owner decide how to complete" if partly else "Have the owner approve and apply"
    risks = [
        "A schema change needs the owner's approval (delivery gate); approve this very file, not its description.",
        f"Services write to {relation} as soon as it exists: from then on their other errors can show.",
    ]
    if partly:
        risks.append(f"Already there: {', '.join(pending.present)}. Applying the whole file again may fail or do harm.")
    path = PurePosixPath(snapshot.root.replace("\\", "/")) / file.path
    if isinstance(snapshot.database, Unavailable):
        # Nobody could look, so nothing is proven but what the driver said; and nothing can be applied.
        order, state = f"Make PostgreSQL answer again, then {order[0].lower()}{order[1:]}", "not in effect"
    return Fix(
        summary=f"{order} {file.path}: it is {state} and creates {relation}",
        migration=file.path,
        options=(
            f"Apply {file.name} as it stands in the repository, once it is read against the code that writes there.",
            f"NOT recommended: stop writing to {relation} in the code; what it records would be lost.",
        ),
        risks=tuple(risks),
        commands=(status, f'cat "{path}"' if re.search(r"[^\w./:~-]", str(path)) else f"cat {path}"),
        verify=verify,
    )


def _verify(
    finding: Finding, snapshot: Snapshot, relation: str, service: str | None, interval_seconds: float | None
) -> tuple[str, ...]:
    steps = []
    if service:
        steps.append(f"Restart {service}, and no other service.")
        seconds = max(QUIET_SECONDS, QUIET_INTERVALS * (interval_seconds or 0))
        usual = f" ({QUIET_INTERVALS} usual intervals or more)" if interval_seconds else ""
        steps.append(
            f"The error with fingerprint {finding.fingerprint} stays away for {duration(seconds)}{usual} while "
            f"{service} goes on writing its log."
        )
    question = f"SELECT count(*) FROM {relation};"  # noqa: S608 - a sentence for a person
    steps.append(f"Rows arrive, so this grows: {question}")
    steps.append(f"The same check answers OK: {command(snapshot, 'daily-check')}")
    return tuple(steps)
