"""How the log tells that a server is away."""

from __future__ import annotations

import logging
import time

START_UP_SECONDS = 30.0
REPEAT_SECONDS = 5.0


class Link:
    """The line to one server: waiting for it at start-up is normal, losing it later is an error."""

    def __init__(self, server: str, log: logging.Logger) -> None:
        self._server = server
        self._log = log
        self._started = time.monotonic()
        self._worked_before = False
        self._failing = False
        self._last_line = float("-inf")

    def works(self) -> None:
        """Note an answer of the server."""
        if not self._worked_before:
            self._log.info("%s verbunden", self._server)
        elif self._failing:
            self._log.info("%s wieder erreichbar", self._server)
        self._worked_before = True
        self._failing = False
        self._last_line = float("-inf")

    def failed(self, error: Exception) -> None:
        """Note a failure; a lasting one is repeated in the log only every few seconds."""
        now = time.monotonic()
        self._failing = True
        if now - self._last_line < REPEAT_SECONDS:
            return
        self._last_line = now
        if self._worked_before:
            self._log.error("Verbindung zu %s verloren: %s", self._server, error)
        elif now - self._started > START_UP_SECONDS:
            self._log.error("%s ist nicht erreichbar: %s", self._server, error)
        else:
            self._log.info("Warte auf %s: %s", self._server, error)
