"""The program ``cdbctl`` and the one boundary where errors become words and exit statuses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from cdbctl import __version__
from cdbctl.cli import checks, daily, demo, doctor, migrate
from cdbctl.cli.output import complain, say
from cdbctl.errors import CdbctlError, ExitStatus

app = typer.Typer(
    name="cdbctl",
    help="A daily report that is true, and changes that are approved, rehearsed and proven.",
    epilog=(
        "Exit status: 0 pass or warnings, 1 a check failed, 2 usage or definition error, "
        "3 could not be decided, 4 refused by the delivery gate, 70 a bug in cdbctl, 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
daily.register(app)
checks.register(app)
migrate.register(app)
demo.register(app)
doctor.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"cdbctl {__version__}\n")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; every error ends here, in words."""
    command = typer.main.get_command(app)
    try:
        command.main(args=list(arguments) if arguments is not None else None, prog_name="cdbctl")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitStatus.PASS
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except CdbctlError as error:
        complain(error)
        return error.status
    except Exception as bug:  # noqa: BLE001 - the boundary: a bug gets a report that can be sent, and status 70
        from cdbctl.cli.bug import write_bug_report

        complain(write_bug_report(bug, sys.argv))
        return ExitStatus.BUG
    return ExitStatus.PASS
