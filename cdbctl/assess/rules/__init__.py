"""Every rule by its name: the one table."""

from __future__ import annotations

from cdbctl.assess.rule import Rule
from cdbctl.assess.rules import (
    ci,
    clocks,
    compose,
    container,
    database,
    database_health,
    decisions,
    definitions,
    host,
    issues,
    logs,
    metric,
    pipeline,
    prometheus,
    prometheus_metric,
    prometheus_rules,
    redis,
    redis_links,
    service,
    workflows,
)

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (
        service,
        container,
        logs,
        metric,
        prometheus,
        prometheus_rules,
        prometheus_metric,
        database,
        database_health,
        redis,
        redis_links,
        pipeline,
        decisions,
        clocks,
        definitions,
        compose,
        ci,
        workflows,
        issues,
        host,
    )
    for rule in module.RULES
}
