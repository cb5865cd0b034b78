"""What one run of questions has brought so far, and what it could not find out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.github.client import Listing
from cdbctl.model.ci import Part, Unread

T = TypeVar("T")


@dataclass(slots=True)
class Notebook:
    """Keeps what is missing, so that one refusal costs only what it was about."""

    unread: list[Unread] = field(default_factory=list)

    def attempt(self, part: Part, ask: Callable[[], T]) -> T | None:
        """The answer, or None with its reason noted down."""
        try:
            return ask()
        except NoAnswer as problem:
            self.miss(part, problem)
            return None

    def listed(self, part: Part, ask: Callable[[], Listing]) -> Listing | None:
        """The same for a list, of which a part may be missing."""
        listing = self.attempt(part, ask)
        if listing and listing.problem:
            self.miss(part, listing.problem, prefix="not all of them: ")
        return listing

    def miss(self, part: Part, problem: NoAnswer, *, prefix: str = "") -> None:
        """Note down what is not known, once."""
        entry = Unread(part, prefix + problem.reason, problem.remedy)
        if entry not in self.unread:
            self.unread.append(entry)
