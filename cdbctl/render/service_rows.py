"""Services with everything that was read about them, as every form of the report shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cdbctl.model.finding import Status
from cdbctl.model.logs import LogFacts
from cdbctl.model.reading import Observed, Reading, Unavailable
from cdbctl.model.report import Report
from cdbctl.model.runtime import Health, HealthFacts, ServiceFacts, ServiceState
from cdbctl.model.stack import Service
from cdbctl.render.rows import counted

BADNESS = (Status.OK, Status.WARN, Status.UNKNOWN, Status.FAIL)
"""Best first."""
HEALTH_WORDS = ("healthy", "starting", "unhealthy", "no answer", "no probe")


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service with everything that was read about it."""

    name: str
    declared: Service | None
    status: Status | None
    """The worst answer of the checks about it; None when no check looks at it."""
    facts: ServiceFacts | None
    """None when the runtime did not answer."""
    health: Reading[HealthFacts] | None
    """None when no health page is declared; likewise the log."""
    log: Reading[LogFacts] | None

    @property
    def health_word(self) -> str:
        """What its health page says, in one or two words."""
        match self.health:
            case None:
                return "no probe"
            case Unavailable():
                return "no answer"
            case Observed(value=facts):
                return "no probe" if facts.health is Health.NONE else facts.health.value

    @property
    def runs(self) -> bool:
        """Whether the runtime shows it as running."""
        return self.facts is not None and self.facts.state is ServiceState.RUNNING


def service_rows(report: Report) -> list[ServiceRow]:
    """Declared services in their order, then those that only the runtime knows."""
    snapshot = report.snapshot
    known = snapshot.runtime.value.services if isinstance(snapshot.runtime, Observed) else ()
    facts = {item.name: item for item in known}
    declared = {service.name: service for service in snapshot.services}
    statuses: dict[str, list[Status]] = {}
    for finding in (*counted(report), *report.passed):
        statuses.setdefault(finding.subject.partition("/")[0], []).append(finding.status)
    return [
        ServiceRow(
            name=name,
            declared=declared.get(name),
            status=worst(statuses.get(name, ())),
            facts=facts.get(name),
            health=snapshot.health.get(name),
            log=snapshot.logs.get(name),
        )
        for name in dict.fromkeys((*declared, *facts))
    ]


def health_sentence(rows: Iterable[ServiceRow]) -> str:
    """``9 healthy, 1 no answer, 2 no probe``: one reading among others, never the verdict."""
    words = Counter(row.health_word for row in rows)
    return ", ".join(f"{words[word]} {word}" for word in HEALTH_WORDS if words[word]) or "no services"


def worst(statuses: Iterable[Status]) -> Status | None:
    """The worst of some statuses; None of none."""
    return max(statuses, key=BADNESS.index, default=None)
