"""``cdbctl doctor``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cdbctl.cli.options import Root
from cdbctl.cli.output import say, say_json


class Format(StrEnum):
    """What goes to stdout instead of the table."""

    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor)


def doctor(
    root: Root = None,
    output_format: Annotated[Format | None, typer.Option("--format", help="What goes to stdout.")] = None,
) -> None:
    """Ask every source: does it answer, how fast, and if not, why."""
    from cdbctl.cli.progress import Progress
    from cdbctl.doctor import examine
    from cdbctl.render.doctor import doctor_document, doctor_table, status
    from cdbctl.settings import find_root, load_settings

    settings = load_settings(root if root is not None else find_root(Path.cwd()))
    quiet = output_format is not None
    with Progress(sys.stderr, enabled=not quiet and sys.stderr.isatty()) as progress:
        snapshot = examine(settings, now=datetime.now(UTC), progress=progress.arrived)
    if output_format is Format.JSON:
        say_json(doctor_document(snapshot))
    else:
        say(doctor_table(snapshot))
    raise typer.Exit(status(snapshot))
