"""The errors that a person is meant to read, and the exit statuses of every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command says to the shell."""

    PASS = 0
    FAILED = 1
    USAGE = 2
    UNDECIDED = 3
    REFUSED = 4
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with a definition file."""

    file: str
    line: int
    """Counted from 1; 0 when the file as a whole is meant."""
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class CdbctlError(Exception):
    """Says what happened, why, and what to do next; never a bug of cdbctl itself."""

    status = ExitStatus.FAILED

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step


class UsageError(CdbctlError):
    """A flag or an argument that cannot be meant."""

    status = ExitStatus.USAGE


class DefinitionError(CdbctlError):
    """Definition files that cannot be used: every problem at once."""

    status = ExitStatus.USAGE

    def __init__(self, problems: Sequence[Problem], *, next_step: str = "") -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        super().__init__(
            f"{count} definition {'error' if count == 1 else 'errors'}",
            why="\n".join(map(str, self.problems)),
            next_step=next_step or "correct the lines named above and run the command again",
        )


class UndecidedError(CdbctlError):
    """A source that is needed for the answer did not answer."""

    status = ExitStatus.UNDECIDED
