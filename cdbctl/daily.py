"""The daily check-up: collect -> snapshot -> assess -> findings -> judge -> render. Read-only, always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cdbctl import settings
from cdbctl.assess import RULES, assess, judge, needs
from cdbctl.collect.everything import take_snapshot
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
    notes: tuple[str, ...] = (),
    progress: Callable[[Observed[object] | Unavailable], None] = lambda _: None,
) -> Report:
    """Look at the stack once and judge what was seen.

    ``since`` is the length of the window before ``now`` (aware, UTC). A source that does not answer costs its
    deadline and becomes UNKNOWN; it never raises.
    """
    snapshot = take_snapshot(
        definitions.settings,
        checks=definitions.checks,
        waivers=definitions.waivers,
        needs=needs(definitions.checks),
        window=Window(since=now - (since or definitions.settings.window), until=now),
        progress=progress,
    )
    return judged(replace(snapshot, notes=(*snapshot.notes, *notes)))


def judged(snapshot: Snapshot) -> Report:
    """Judge a snapshot, fresh or stored: the same snapshot gives the same report."""
    return judge(snapshot, assess(snapshot))


def judged_by_other_checks(snapshot: Snapshot, folder: Path) -> Report:
    """Judge a stored snapshot by the checks of another folder, and say so in the report."""
    checks = read_checks(folder, snapshot.services)
    note = f"Judged by the checks in {folder.as_posix()}, not by those of the run itself."
    return judged(replace(snapshot, checks=checks, notes=(*snapshot.notes, note)))


def texts(report: Report) -> dict[str, str]:
    """The files of one run that people and machines read."""
    return {"report.md": markdown(report), "report.json": report_json(report)}
