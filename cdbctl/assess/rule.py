"""What a rule is: code that judges one kind of check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from cdbctl.assess.params import Schema
from cdbctl.model.check import Check
from cdbctl.model.finding import Finding
from cdbctl.model.needs import Needs
from cdbctl.model.snapshot import Snapshot

Judge: TypeAlias = Callable[[Check, Snapshot], Iterator[Finding]]


def asks_nothing(_: Check) -> Needs:
    """Most rules judge what every run looks at anyway."""
    return Needs()


@dataclass(frozen=True, slots=True)
class Rule:
    """Judges one kind of check. Pure: the same snapshot gives the same findings."""

    name: str
    """``group.rule``, e.g. ``logs.signature``."""
    judge: Judge
    params: Schema
    """JSON Schema of the parameters, with their defaults."""
    subjects: str
    """What the subjects of its checks are."""
    good: str
    """A situation that it is content with, in one sentence."""
    bad: str
    """A situation that it reports, in one sentence."""
    about_services: bool = False
    """Whether its subjects are declared services and nothing else."""
    asks: Callable[[Check], Needs] = asks_nothing
    """What the run has to look at for a check of this rule."""

    @property
    def law(self) -> str:
        """The sentence of the law: the first line of the docstring of its judge."""
        return (self.judge.__doc__ or "").strip().partition("\n")[0]
