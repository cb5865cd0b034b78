"""``cdbctl migrate status``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cdbctl.cli.options import Root
from cdbctl.cli.output import say, say_json
from cdbctl.errors import ExitStatus, UndecidedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdbctl.model.migrations import Effect


SCHEMA = "cdbctl/migrate-status/1"


class Format(StrEnum):
    """What goes to stdout instead of the table."""

    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the group ``migrate`` to the program; without a command it prints the status."""
    group = typer.Typer(help="Which SQL migrations are in effect.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_migrate)
    group.command("status")(status)
    app.add_typer(group, name="migrate")


def _migrate(context: typer.Context, root: Root = None) -> None:
    context.obj = root
    if context.invoked_subcommand is None:
        status(context)


def status(
    context: typer.Context,
    root: Root = None,
    output_format: Annotated[Format | None, typer.Option("--format", help="What goes to stdout.")] = None,
) -> None:
    """Compare every migration file with the live catalog. Read-only; asks no gate."""
    from cdbctl.delivery import migration_status
    from cdbctl.render.migrations import migration_table
    from cdbctl.settings import find_root, load_settings

    named: Path | None = root if root is not None else context.obj
    settings = load_settings(named if named is not None else find_root(Path.cwd()))
    try:
        compared = migration_status(settings)
    except UndecidedError as error:
        if output_format is Format.JSON:
            say_json(_undecided(error))
        raise
    if output_format is Format.JSON:
        say_json(_document(compared))
    else:
        say(migration_table(compared))


def _undecided(error: UndecidedError) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "status": int(error.status),
        "reason_code": "UNDECIDED",
        "what": error.what,
        "why": error.why,
        "next": error.next_step,
        "files": [],
    }


def _document(compared: Sequence[Effect]) -> dict[str, Any]:
    from cdbctl.model.migrations import EffectState

    waiting = any(item.state in (EffectState.PENDING, EffectState.PARTLY) for item in compared)
    return {
        "schema": SCHEMA,
        "status": ExitStatus.PASS.value,
        "reason_code": "PENDING" if waiting else "NOTHING_PENDING",
        "files": [
            {
                "name": item.file.name,
                "path": item.file.path,
                "sha256": item.file.sha256,
                "state": item.state.value,
                "missing": list(item.missing),
                "present": list(item.present),
                "problem": item.file.problem,
            }
            for item in compared
        ],
    }
