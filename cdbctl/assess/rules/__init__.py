"""Every rule by its name: the one table."""

from __future__ import annotations

from cdbctl.assess.rule import Rule
from cdbctl.assess.rules import (
    clocks,
    database,
    decisions,
    definitions,
    host,
    logs,
    metric,
    pipeline,
    redis,
    service,
)

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (service, logs, metric, database, redis, pipeline, decisions, clocks, definitions, host)
    for rule in module.RULES
}
