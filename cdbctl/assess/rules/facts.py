"""What the runtime shows of a service, handed to a rule; its silence is an answer of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from cdbctl.assess.case import Case
from cdbctl.model.finding import Finding
from cdbctl.model.reading import Observed, Unavailable
from cdbctl.model.runtime import RuntimeFacts, ServiceFacts

FactsJudge: TypeAlias = Callable[[Case, ServiceFacts, Observed[RuntimeFacts]], Finding]


def with_facts(case: Case, judge: FactsJudge) -> Finding:
    """Judge the facts of the subject, or say why there are none."""
    runtime = case.snapshot.runtime
    if isinstance(runtime, Unavailable):
        return case.silent(runtime, needs="runtime")
    facts = runtime.value.service(case.subject)
    if facts is None:
        return case.unknown(
            f"{case.subject} is neither declared nor known",
            f"{runtime.source} knows no {case.subject}, and cdbctl.yaml does not declare it",
            runtime,
        )
    return judge(case, facts, runtime)
