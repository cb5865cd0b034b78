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
    """Of its health page; None when none is declared. Likewise the log."""
    log: Reading[LogFacts] | None

    @property
    def page(self) -> HealthFacts | Unavailable | None:
        """What its health page says, or why it does not."""
        return self.health.value if isinstance(self.health, Observed) else self.health

    @property
    def probe(self) -> HealthFacts | None:
        """What the runtime's own probe says of a service that runs; None where there is no such probe."""
        own = self.facts.health if self.facts and (self.runs or self.facts.state is ServiceState.STARTING) else None
        return own if own is not None and own.health is not Health.NONE else None

    @property
    def worst_probe(self) -> HealthFacts | Unavailable | None:
        """The worse answer of its page and of the runtime's probe: a contradiction is no good news."""
        answers = [answer for answer in (self.page, self.probe) if answer is not None]
        return min(answers, key=_badness, default=None)

    @property
    def health_word(self) -> str:
        """What is said of its health, in one or two words; of two answers the worse one."""
        match self.worst_probe:
            case None:
                return "no probe"
            case Unavailable():
                return "no answer"
            case HealthFacts(health=health):
                return "no probe" if health is Health.NONE else health.value

    @property
    def runs(self) -> bool:
        """Whether the runtime shows it as running."""
        return self.facts is not None and self.facts.state is ServiceState.RUNNING


def _badness(answer: HealthFacts | Unavailable) -> int:
    """0 is worst; a probe that nobody declared comes last."""
    if isinstance(answer, Unavailable):
        return 1
    return {Health.UNHEALTHY: 0, Health.STARTING: 2, Health.HEALTHY: 3, Health.NONE: 4}[answer.health]


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
