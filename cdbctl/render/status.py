"""What a judged run says to the shell: the worse of the report and its soak."""

from __future__ import annotations

from cdbctl.errors import ExitStatus
from cdbctl.model.finding import Verdict
from cdbctl.model.report import Report
from cdbctl.model.soak import SoakVerdict

EXIT_STATUSES = {
    Verdict.PASS: ExitStatus.PASS,
    Verdict.WARN: ExitStatus.PASS,
    Verdict.FAIL: ExitStatus.FAILED,
    Verdict.UNKNOWN: ExitStatus.UNDECIDED,
}
SOAK_STATUSES = {
    SoakVerdict.PASS: ExitStatus.PASS,
    SoakVerdict.FAIL: ExitStatus.FAILED,
    SoakVerdict.INCONCLUSIVE: ExitStatus.UNDECIDED,
}
_WORST = (ExitStatus.FAILED, ExitStatus.UNDECIDED, ExitStatus.PASS)


def exit_status(report: Report) -> ExitStatus:
    """The status of the command, unless a flag changes it."""
    return worse(EXIT_STATUSES[report.verdict], soak_status(report))


def soak_status(report: Report) -> ExitStatus:
    """That of the soak alone; without one nothing stands against a pass."""
    return SOAK_STATUSES[report.soak.verdict] if report.soak else ExitStatus.PASS


def worse(first: ExitStatus, second: ExitStatus) -> ExitStatus:
    """A failure is worse than what could not be decided."""
    return min(first, second, key=_WORST.index)


def reason_code(report: Report) -> str:
    """A stable word for it: that of the verdict, unless the soak is worse."""
    status = EXIT_STATUSES[report.verdict]
    if report.soak is not None and exit_status(report) is not status:
        return f"SOAK_{report.soak.verdict}"
    return f"VERDICT_{report.verdict}"
