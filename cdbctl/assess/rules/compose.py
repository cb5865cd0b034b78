"""The rule about migrations and the compose files that should bring them into a new database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from cdbctl.assess.case import Case, cases
from cdbctl.assess.params import schema
from cdbctl.assess.rule import Rule
from cdbctl.assess.units import listed, plural
from cdbctl.model.check import Check
from cdbctl.model.compose import ComposeMount
from cdbctl.model.finding import Finding, Status
from cdbctl.model.migrations import MigrationFolder
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.snapshot import Snapshot

INITDB = "/docker-entrypoint-initdb.d"
"""What the image of PostgreSQL runs when, and only when, its volume is still empty."""


def judge_initdb(check: Check, snapshot: Snapshot) -> Iterator[Finding]:
    """An empty volume gets every migration: each file is mounted where PostgreSQL looks when it makes a database."""
    reading = snapshot.migrations
    for case in cases(check, snapshot):
        case = case.expects(f"every migration file is mounted into {INITDB}")
        if not snapshot.compose:
            yield case.absent("compose file")
        elif reading is None:
            yield case.absent("folder of migrations")
        elif isinstance(reading, Unavailable):
            yield case.silent(reading, needs="migrations")
        else:
            yield _initdb(case, reading)


def _initdb(case: Case, reading: Observed[MigrationFolder]) -> Finding:
    files = reading.value.files
    if not files:
        reason = f"{reading.value.path} holds no migration file"
        remedy = f"Correct paths.migrations in cdbctl.yaml, or remove the check {case.check.id}"
        return case.unknown("there is no migration file to mount", reason, reading, remedy=remedy)
    mounts = [mount for service in case.snapshot.compose for mount in service.mounts if _is_initdb(mount)]
    mounted = [file.name for file in files if any(_covers(mount, file.path) for mount in mounts)]
    missing = [file.name for file in files if file.name not in mounted]
    places = ", ".join(f"{mount.file}:{mount.line}" for mount in mounts[:8])
    details = {"mounted": mounted, "missing": missing}
    if not missing:
        return case.ok(f"{plural(len(files), 'migration file')}, all mounted ({places})", reading, details=details)
    note = "what is there runs only while the volume is empty; a database that exists gets nothing from it"
    if not mounts:
        title = f"no compose file mounts anything into {INITDB}"
        actual = f"{plural(len(files), 'migration file')} in {reading.value.path}, none of them mounted; {note}"
        return case.finding(Status.WARN, title, actual, reading, key="nothing", details=details)
    verb = "is" if len(missing) == 1 else "are"
    title = f"{len(missing)} of {plural(len(files), 'migration file')} {verb} not mounted into {INITDB}"
    actual = (
        f"not mounted: {listed(missing)}; mounted: {listed(mounted) if mounted else 'none of them'} ({places}); {note}"
    )
    return case.finding(Status.WARN, title, actual, reading, key="missing", details=details)


def _is_initdb(mount: ComposeMount) -> bool:
    return mount.target == INITDB or mount.target.startswith(f"{INITDB}/")


def _covers(mount: ComposeMount, path: str) -> bool:
    """A folder covers what lies directly in it, a file itself; folders below are passed over by the image."""
    if mount.target == INITDB:
        return PurePosixPath(path).parent == PurePosixPath(mount.source)
    direct = PurePosixPath(mount.target).parent == PurePosixPath(INITDB)
    return direct and mount.target.endswith(".sql") and PurePosixPath(path) == PurePosixPath(mount.source)


RULES = (
    Rule(
        "compose.initdb",
        judge_initdb,
        schema(),
        subjects="the word `initdb.d`",
        good=f"A compose file mounts the folder of the migrations into {INITDB}.",
        bad=f"0004_risk_events.sql is in the folder of the migrations, and no compose file mounts it into {INITDB}.",
    ),
)
