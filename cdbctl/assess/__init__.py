"""Rules turn checks and a snapshot into findings; judging turns findings into a report. Pure, no input or output."""

from __future__ import annotations

from cdbctl.assess.assessing import assess, needs
from cdbctl.assess.judging import judge
from cdbctl.assess.rule import Rule
from cdbctl.assess.rules import RULES

__all__ = ["RULES", "Rule", "assess", "judge", "needs"]
