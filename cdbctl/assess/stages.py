"""The stages that money flows through, as a check of pipeline.continuity declares them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cdbctl.assess.params import Schema, number, text, texts
from cdbctl.model.check import Check

CONTINUITY = "pipeline.continuity"

STAGE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "service", "max_age_seconds"],
    "properties": {
        "name": text("what the subject of the check calls it"),
        "service": text("the service whose work it shows"),
        "after": text("the stage that feeds it; the default is the stage before it in the list"),
        "max_age_seconds": number("largest age of the last event"),
        "streams": texts("Redis streams; the newest entry of any of them counts"),
        "metric": text("a gauge on the page of the service: unix seconds of the last event"),
        "table": text("a table; its newest row counts"),
        "column": text("the column of the table that says when a row was written"),
    },
    "oneOf": [{"required": ["streams"]}, {"required": ["metric"]}, {"required": ["table", "column"]}],
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One place where an event can be seen passing."""

    name: str
    service: str
    after: str | None
    """None for the first stage."""
    max_age_seconds: float
    streams: tuple[str, ...]
    metric: str
    table: str
    column: str


def stages_of(check: Check) -> dict[str, Stage]:
    """The stages of a check by name, in order."""
    listed = check.params.get("stages")
    entries = [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list | tuple) else []
    found: dict[str, Stage] = {}
    for entry in entries:
        stage = _stage(entry, next(reversed(found), None))
        found[stage.name] = stage
    return found


def _stage(entry: Mapping[str, object], before: str | None) -> Stage:
    def word(name: str) -> str:
        value = entry.get(name)
        return value if isinstance(value, str) else ""

    streams, age = entry.get("streams"), entry.get("max_age_seconds")
    return Stage(
        name=word("name"),
        service=word("service"),
        after=word("after") or before,
        max_age_seconds=float(age) if isinstance(age, int | float) else 0.0,
        streams=tuple(map(str, streams)) if isinstance(streams, list | tuple) else (),
        metric=word("metric"),
        table=word("table"),
        column=word("column"),
    )


@dataclass(frozen=True, slots=True)
class Flow:
    """All stages of all checks: who is fed by whom."""

    stages: Mapping[str, Stage]

    @classmethod
    def of(cls, checks: Iterable[Check]) -> Flow:
        """The flow that the checks declare."""
        merged: dict[str, Stage] = {}
        for check in checks:
            if check.rule == CONTINUITY:
                merged |= stages_of(check)
        return cls(merged)

    def feeders(self, name: str) -> tuple[str, ...]:
        """The stages that a stage is fed by, nearest first."""
        found: list[str] = []
        stage = self.stages.get(name)
        while stage and stage.after and stage.after not in (*found, name):
            found.append(stage.after)
            stage = self.stages.get(stage.after)
        return tuple(found)

    def depth(self, name: str) -> int:
        """How many stages feed this one."""
        return len(self.feeders(name))

    def stages_of_service(self, service: str) -> tuple[str, ...]:
        """The stages that show the work of a service."""
        return tuple(name for name, stage in self.stages.items() if stage.service == service)

    def feeds_stage(self, service: str, stage: str) -> bool:
        """Whether the work of a service is needed for a stage, its own included."""
        own = self.stages_of_service(service)
        return stage in own or any(name in own for name in self.feeders(stage))

    def feeds_service(self, service: str, other: str) -> bool:
        """Whether another service lives on the work of this one."""
        return other != service and any(self.feeds_stage(service, name) for name in self.stages_of_service(other))

    def stage_feeds_service(self, stage: str, service: str) -> bool:
        """Whether a service does, or lives on, the work that a stage shows."""
        return any(name == stage or stage in self.feeders(name) for name in self.stages_of_service(service))
