"""Every rule by its name: the one table."""

from __future__ import annotations

from cdbctl.assess.rule import Rule
from cdbctl.assess.rules import database, logs, metric, pipeline, redis, service, surroundings

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (service, logs, metric, database, redis, pipeline, surroundings)
    for rule in module.RULES
}
