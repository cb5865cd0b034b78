"""``cdbctl daily-check``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cdbctl.cli.options import Root
from cdbctl.cli.output import can_show_unicode, complain, say, tell, wants_color
from cdbctl.errors import CdbctlError, ExitStatus, UsageError

if TYPE_CHECKING:
    from cdbctl.model.report import Report


class Format(StrEnum):
    """What goes to stdout."""

    MD = "md"
    JSON = "json"
    JUNIT = "junit"


class FailOn(StrEnum):
    """From which verdict on the exit status is 1."""

    FAIL = "fail"
    WARN = "warn"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("daily-check")(daily_check)


def daily_check(
    root: Root = None,
    since: Annotated[str | None, typer.Option(help="Length of the window, e.g. 45s, 90m, 1h, 2d.")] = None,
    soak: Annotated[str | None, typer.Option(help="Judge the stored runs of this long as well, e.g. 72h.")] = None,
    output_format: Annotated[
        Format | None, typer.Option("--format", help="What goes to stdout instead of the summary.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the reports instead of the configured one.")] = None,
    from_snapshot: Annotated[
        Path | None, typer.Option(help="Make the report of a stored run again; looks at nothing.")
    ] = None,
    checks: Annotated[Path | None, typer.Option(help="Judge by the checks of this folder instead.")] = None,
    fail_on: Annotated[FailOn, typer.Option(help="Lowest verdict that gives exit status 1.")] = FailOn.FAIL,
) -> None:
    """Look at the stack and write the report of the day. Read-only."""
    if from_snapshot is not None and since is not None:
        raise UsageError(
            "--since means nothing beside --from-snapshot", why="a stored run has the window that it was taken with",
            next_step="leave one of the two out",
        )  # fmt: skip
    if from_snapshot is not None:
        run = replay(from_snapshot, soak=soak, checks=checks, out=out)
    else:
        run = look(root, since=since, soak=soak, checks=checks, out=out, quiet=output_format is not None)
    show(run, output_format)
    raise typer.Exit(run.status(fail_on))


@dataclass(frozen=True, slots=True)
class Run:
    """A report and where it went."""

    report: Report
    folder: Path | None
    """Where it is stored; None when it is not."""
    unstored: CdbctlError | None = None
    """Why it, or ``latest.md`` beside it, could not be stored although it should be."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What was rendered for the stored files, by file name."""

    def text(self, output_format: Format) -> str:
        """The report in one format, rendered once."""
        from cdbctl.daily import RENDERERS

        return self.texts.get(f"report.{output_format}") or RENDERERS[output_format](self.report)

    def status(self, fail_on: FailOn) -> ExitStatus:
        """The exit status of the whole command."""
        from cdbctl.model.finding import Verdict
        from cdbctl.render.status import exit_status

        if self.unstored is not None:
            return ExitStatus.USAGE
        if self.report.verdict is Verdict.WARN and fail_on is FailOn.WARN:
            return ExitStatus.FAILED
        return exit_status(self.report)


def look(
    root: Path | None, *, since: str | None, soak: str | None, checks: Path | None, out: Path | None, quiet: bool
) -> Run:
    """Check the stack once and store the report; a folder that cannot be written is said before, not after."""
    from cdbctl import archive
    from cdbctl.cli.progress import Progress
    from cdbctl.daily import daily_check, load_definitions, read_checks
    from cdbctl.settings import find_root, parse_duration

    definitions = load_definitions(root if root is not None else find_root(Path.cwd()))
    settings = definitions.settings
    window = parse_duration(since) if since is not None else None
    stretch = parse_duration(soak) if soak is not None else None
    if checks is not None:
        from dataclasses import replace

        definitions = replace(definitions, checks=read_checks(checks, settings.services), notes=())
    reports = out if out is not None else settings.root / settings.paths.reports
    unwritable = archive.writable(reports)
    notes: tuple[str, ...] = ()
    if unwritable:
        notes = (f"The report was not stored: {unwritable}",)
        tell(f"warning: the report cannot be stored in {reports}: {unwritable}\n")
    with Progress(sys.stderr, enabled=not quiet and sys.stderr.isatty()) as progress:
        report = daily_check(
            definitions, now=datetime.now(UTC), since=window, soak=stretch, notes=notes, progress=progress.arrived
        )
    return store(report, reports, unwritable)


def replay(path: Path, *, soak: str | None, checks: Path | None, out: Path | None) -> Run:
    """Make the report of a stored run again; its soak is judged over the runs that it holds."""
    from cdbctl import archive
    from cdbctl.daily import judged, judged_by_other_checks, with_soak
    from cdbctl.settings import parse_duration

    snapshot = archive.load_snapshot(path)
    if soak is not None:
        snapshot = with_soak(snapshot, parse_duration(soak))
    report = judged(snapshot) if checks is None else judged_by_other_checks(snapshot, checks)
    return Run(report, None) if out is None else store(report, out, archive.writable(out))


def store(report: Report, reports: Path, unwritable: str | None) -> Run:
    """Store a report; when that fails it still goes to stdout."""
    from cdbctl import archive
    from cdbctl.daily import texts

    if unwritable:
        error = CdbctlError(
            f"the report could not be stored in {reports}", why=unwritable,
            next_step="make the folder writable, or name another one with --out",
        )  # fmt: skip
        return Run(report, None, error)
    rendered = texts(report)
    try:
        return Run(report, archive.store(reports, report=report, texts=rendered), texts=rendered)
    except archive.ArchiveError as error:
        return Run(report, error.folder, error, texts=rendered)


def show(run: Run, output_format: Format | None) -> None:
    """Print what was asked for; without a stored report the whole of it goes to stdout."""
    if run.unstored is not None:
        complain(run.unstored)
    if output_format is not None:
        say(_for_console(run.text(output_format), output_format))
    elif run.unstored is not None and run.folder is None:
        say(run.text(Format.MD))
    else:
        say(_summary(run.report))
        if run.folder is not None:
            say(f"report: {run.folder / 'report.md'}\n")


def _summary(report: Report) -> str:
    import shutil

    from cdbctl.render.terminal import summary

    width = shutil.get_terminal_size((100, 24)).columns
    return summary(report, color=wants_color(sys.stdout), width=width, unicode=can_show_unicode(sys.stdout))


def _for_console(text: str, output_format: Format) -> str:
    """Keep machine formats valid where the console cannot take all of Unicode."""
    if can_show_unicode(sys.stdout):
        return text
    if output_format is Format.JSON:
        import json

        return json.dumps(json.loads(text), indent=2) + "\n"
    if output_format is Format.JUNIT:
        return text.encode("ascii", errors="xmlcharrefreplace").decode("ascii")
    return text
