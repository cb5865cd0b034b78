"""Ending in good order when the supervisor asks for it."""

from __future__ import annotations

import logging
import signal
import time
from types import FrameType

LAST_RESORT_SECONDS = 0.8


class Stop:
    """The wish of the supervisor that this service ends."""

    def __init__(self, log: logging.Logger) -> None:
        self.requested = False
        self._log = log
        self._signal_number = 0
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def wait(self, seconds: float) -> None:
        """Sleep, but not much longer than until the wish arrives."""
        deadline = time.monotonic() + seconds
        while not self.requested and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.25))

    def farewell(self) -> None:
        """Say in the log why the service ends."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._log.info("Signal empfangen: %d", self._signal_number)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        self._signal_number = number
        # A server that accepts and never answers must not keep us: unhandled, SIGALRM ends the process.
        signal.setitimer(signal.ITIMER_REAL, LAST_RESORT_SECONDS)
