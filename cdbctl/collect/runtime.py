"""What every runtime can be asked, whatever runs the services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cdbctl.collect.attempt import Seen
from cdbctl.model.runtime import RuntimeFacts
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service


class Runtime(Protocol):
    """Whatever starts the services and keeps them running."""

    @property
    def source(self) -> str:
        """Where a person can look again, without secrets."""

    def read(
        self, declared: Sequence[Service], *, window: Window, timeout_seconds: float, sample_seconds: float
    ) -> Seen[RuntimeFacts]:
        """Look at every service that the runtime knows; declared ones that it does not know are MISSING.

        Takes at most ``timeout_seconds``, of which ``sample_seconds`` pass between the two looks that the CPU
        percentage is made from. Raises NoAnswer.
        """
