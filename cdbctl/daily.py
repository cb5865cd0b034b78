"""The daily check-up: collect -> snapshot -> assess -> findings -> judge -> render. Read-only, always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cdbctl import settings
from cdbctl.assess import RULES, assess, judge, needs
from cdbctl.collect.everything import take_snapshot
from cdbctl.errors import UsageError
from cdbctl.load.checks import load_checks
from cdbctl.model.check import Check
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.snapshot import Snapshot, Window
from cdbctl.model.stack import Service
from cdbctl.render.json import report_json
from cdbctl.render.junit import junit
from cdbctl.render.markdown import markdown
from cdbctl.settings import Definitions

RENDERERS: Mapping[str, Callable[[Report], str]] = {"md": markdown, "json": report_json, "junit": junit}
"""By format: a judged snapshot to text."""


def load_definitions(root: Path) -> Definitions:
    """Read every definition file below ``root``; raise DefinitionError with every problem of every file at once."""
    return settings.load_definitions(root, rules=RULES)


def read_checks(folder: Path, services: tuple[Service, ...]) -> tuple[Check, ...]:
    """Read the checks of another folder; their parameters are validated by the rules that will judge them."""
    return load_checks(
        folder,
        services=services,
        params={name: rule.params for name, rule in RULES.items()},
        about_services={name for name, rule in RULES.items() if rule.about_services},
        shown_folder=folder.as_posix(),
    )


def daily_check(
    definitions: Definitions,
    *,
    now: datetime,
    since: timedelta | None = None,
    soak: timedelta | None = None,
    notes: tuple[str, ...] = (),
    progress: Callable[[Observed[object] | Unavailable], None] = lambda _: None,
) -> Report:
    """Look at the stack once and judge what was seen.

    ``since`` is the length of the window before ``now`` (aware, UTC), ``soak`` the length of the stretch that the
    stored runs are judged over; without it no soak is judged. A source that does not answer costs its
    deadline and becomes UNKNOWN; it never raises.
    """
    snapshot = take_snapshot(
        definitions.settings,
        checks=definitions.checks,
        waivers=definitions.waivers,
        needs=needs(definitions.checks),
        window=Window(since=now - (since or definitions.settings.window), until=now),
        soak=Window(since=now - soak, until=now) if soak else None,
        progress=progress,
    )
    return judged(replace(snapshot, notes=(*snapshot.notes, *definitions.notes, *notes)))


def judged(snapshot: Snapshot) -> Report:
    """Judge a snapshot, fresh or stored: the same snapshot gives the same report."""
    return judge(snapshot, assess(snapshot))


def with_soak(snapshot: Snapshot, length: timedelta) -> Snapshot:
    """The same snapshot with its soak over another, shorter stretch; longer than what it holds it cannot be."""
    held = snapshot.soak_stretch
    if held is None or length > held.until - held.since:
        raise UsageError(
            f"the snapshot does not hold the runs of {length}",
            why="a stored run holds the runs of the soak that it was taken with, and no others"
            if held
            else "it was taken without --soak",
            next_step="leave --soak out, or run the check-up with it",
        )
    return replace(snapshot, soak_stretch=Window(held.until - length, held.until))


def judged_by_other_checks(snapshot: Snapshot, folder: Path) -> Report:
    """Judge a stored snapshot by the checks of another folder, and say so in the report."""
    checks = read_checks(folder, snapshot.services)
    note = f"Judged by the checks in {folder.as_posix()}, not by those of the run itself."
    return judged(replace(snapshot, checks=checks, notes=(*snapshot.notes, note)))


def texts(report: Report) -> dict[str, str]:
    """The files of one run that people and machines read."""
    return {"report.md": markdown(report), "report.json": report_json(report)}
