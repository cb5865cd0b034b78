"""Log lines on stdout, in UTC."""

from __future__ import annotations

import io
import logging
import sys
import time

BRACKETS = "%(asctime)s [%(levelname)s] %(name)s: %(message)s"
DASHES = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
WHOLE_SECONDS = "%Y-%m-%d %H:%M:%S"


def configure(name: str, line_format: str, *, time_format: str | None = None) -> logging.Logger:
    """Send log lines to stdout and return the logger of this service. The default time has milliseconds."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Emoji and umlauts must not end a service on a console that knows neither.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    formatter = logging.Formatter(line_format, time_format)
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it also warns of what we report ourselves
    log = logging.getLogger(name)
    log.setLevel(logging.DEBUG)
    return log
