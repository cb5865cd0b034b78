"""``cdbctl demo``: a small real stack to look at."""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cdbctl.cli.output import called_as, say, say_json, tell
from cdbctl.demo.faults import EXPECTED, Fault
from cdbctl.errors import UsageError

DemoRoot = Annotated[Path, typer.Option("--root", help="The workspace of the demo.")]
InContainers = Annotated[bool, typer.Option("--docker", help="As containers, with a Prometheus server.")]
PlantedFault = Annotated[Fault, typer.Option("--fault", help="What is wrong with the stack.")]


class Format(StrEnum):
    """What goes to stdout instead of words."""

    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    commands = typer.Typer(rich_markup_mode=None)
    commands.callback(invoke_without_command=True)(demo)
    commands.command("up")(up)
    commands.command("down")(down)
    commands.command("status")(status)
    app.add_typer(commands, name="demo")


def demo(
    context: typer.Context,
    root: DemoRoot = Path(".demo"),
    fault: PlantedFault = Fault.MISSING_TABLE,
    docker: InContainers = False,
) -> None:
    """Start a small real trading stack with one planted fault, and check it."""
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    from cdbctl.demo.lifecycle import up as start

    start(root, fault, _progress, docker=docker)
    show(root)
    say(f"\nThe stack keeps running in {root}. Look on:\n")
    for command in ("daily-check", "demo status", "demo down"):
        say(f"  {called_as()} {command} --root {shlex.quote(str(root))}\n")
    if called_as() != "cdbctl":
        say(f"\nWhere the report says `cdbctl`, type `{called_as()}` in this checkout.\n")


def up(root: DemoRoot = Path(".demo"), fault: PlantedFault = Fault.MISSING_TABLE, docker: InContainers = False) -> None:
    """Start a fresh demo stack and leave it running."""
    from cdbctl.demo.lifecycle import up as start

    running = start(root, fault, _progress, docker=docker)
    expected = running.expected
    if expected:
        say(f"running in {root}, fault {fault}: expect {expected.check} of {expected.subject}\n")
    else:
        say(f"running in {root}, fault {fault}: expect PASS\n")
    say(f"next: {called_as()} daily-check --root {shlex.quote(str(root))}\n")


def down(root: DemoRoot = Path(".demo")) -> None:
    """Stop the demo stack and leave nothing of it behind but its workspace."""
    from cdbctl.demo.lifecycle import down as stop

    if stop(root, _progress):
        say(f"the demo in {root} is gone; its workspace with the reports stays\n")
    else:
        say(f"no demo is running in {root}\n")


def status(
    root: DemoRoot = Path(".demo"),
    output_format: Annotated[Format | None, typer.Option("--format", help="For programs.")] = None,
) -> None:
    """Say whether a demo stack is running, and which finding it should lead to."""
    from cdbctl.demo.state import status as look

    found = look(root)
    if output_format is Format.JSON:
        say_json(found.document())
        return
    say(f"{found.reason_code} in {root}\n")
    if found.fault:
        expected = EXPECTED[found.fault]
        say(f"fault {found.fault}: expect {f'{expected.check} of {expected.subject}' if expected else 'PASS'}\n")
    for service in found.services:
        pid = f"pid {service.pid}" if service.pid else ""
        say(f"  {service.name:<22} {service.state:<9} {pid}\n".rstrip() + "\n")


def show(root: Path) -> None:
    """Check the stack and print its summary, as ``cdbctl daily-check`` does."""
    from cdbctl.cli import daily

    daily.show(daily.look(root, since=None, soak=None, checks=None, out=None, quiet=False), None)


def _refuse_options_before(context: typer.Context) -> None:
    """An option in front of a sub-command would be read and forgotten: the wrong fault would be planted."""
    for name in ("root", "fault", "docker"):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            command = context.invoked_subcommand
            raise UsageError(
                f"--{name} stands in front of {command}",
                why="there it belongs to `cdbctl demo` alone",
                next_step=f"write it behind: cdbctl demo {command} --{name} …",
            )


def _progress(text: str) -> None:
    tell(f"{text} …\n")
