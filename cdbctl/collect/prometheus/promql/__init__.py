"""As much of PromQL as it takes to say whether a rule can ever fire. Pure."""

from __future__ import annotations

from cdbctl.collect.prometheus.promql.liveliness import Known, can_answer, quoted, selectors, written
from cdbctl.collect.prometheus.promql.parser import parse, parse_selector
from cdbctl.collect.prometheus.promql.tokens import NotUnderstoodError
from cdbctl.collect.prometheus.promql.tree import Expression, Matcher, Selector

__all__ = [
    "Expression",
    "Known",
    "Matcher",
    "NotUnderstoodError",
    "Selector",
    "can_answer",
    "parse",
    "parse_selector",
    "quoted",
    "selectors",
    "written",
]
