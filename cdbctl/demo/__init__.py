"""A small real trading stack to look at, with one planted fault."""

from __future__ import annotations

from cdbctl.demo.faults import Expected, Fault
from cdbctl.demo.lifecycle import Demo, down, up
from cdbctl.demo.state import Status, status

__all__ = ["Demo", "Expected", "Fault", "Status", "down", "status", "up"]
