"""The container of a service and what its compose file says, handed to a rule; either may be missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from cdbctl.assess.case import Case, cases
from cdbctl.assess.promised import promised
from cdbctl.model.check import Check
from cdbctl.model.compose import ComposeService
from cdbctl.model.finding import Finding
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.runtime import ContainerFacts, RuntimeFacts
from cdbctl.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Made:
    """How a service was made, and how it should be made; at least one of both is known."""

    container: ContainerFacts | None
    declared: ComposeService | None
    runtime: Observed[RuntimeFacts]


MadeJudge: TypeAlias = Callable[[Case, Made], Finding]


def each_container(check: Check, snapshot: Snapshot, judge: MadeJudge) -> Iterator[Finding]:
    """Judge every subject, or say why nothing is known of it."""
    runtime = snapshot.runtime
    for case in cases(check, snapshot):
        if isinstance(runtime, Unavailable):
            yield case.silent(runtime, needs="runtime")
            continue
        facts = runtime.value.service(case.subject)
        made = Made(facts.container if facts else None, promised(case.subject, snapshot), runtime)
        if made.container or made.declared:
            yield judge(case, made)
        elif runtime.value.kind == "supervisord":
            yield case.absent("container runtime")
        else:
            yield no_container(case, runtime)


def no_container(case: Case, runtime: Observed[RuntimeFacts]) -> Finding:
    """There is nothing to look at."""
    reason = f"{runtime.source} knows no container of {case.subject}"
    return case.unknown(f"{case.subject} has no container", reason, runtime)
