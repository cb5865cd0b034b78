"""PostgreSQL exporter: asks the server at every scrape and shows its answers as gauges."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from threading import Lock

import psycopg
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from services.common import logs
from services.common.database import connect
from services.common.pages import Page, serve
from services.common.stop import Stop

QUERIES = {
    "pg_stat_database_numbackends": (
        "Sessions of each database.",
        "SELECT datname, numbackends FROM pg_stat_database WHERE datname IS NOT NULL",
    ),
    "pg_stat_database_xact_commit": (
        "Transactions committed since the statistics began.",
        "SELECT datname, xact_commit FROM pg_stat_database WHERE datname IS NOT NULL",
    ),
    "pg_stat_database_xact_rollback": (
        "Transactions rolled back since the statistics began.",
        "SELECT datname, xact_rollback FROM pg_stat_database WHERE datname IS NOT NULL",
    ),
    "pg_stat_database_deadlocks": (
        "Deadlocks since the statistics began.",
        "SELECT datname, deadlocks FROM pg_stat_database WHERE datname IS NOT NULL",
    ),
    "pg_database_size_bytes": (
        "Size of the database that the exporter is connected to.",
        "SELECT current_database(), pg_database_size(current_database())",
    ),
    "pg_settings_max_connections": (
        "The setting max_connections.",
        "SELECT current_database(), current_setting('max_connections')::int",
    ),
}


class PostgresCollector(Collector):
    """What PostgreSQL says at this moment. A server that does not answer has no numbers, only ``pg_up 0``."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._lock = Lock()
        self._was_up: bool | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Answer one scrape."""
        started = time.monotonic()
        with self._lock:
            families, error = self._ask()
        self._tell(error)
        yield GaugeMetricFamily("pg_up", "Whether PostgreSQL answered.", value=0 if error else 1)
        yield from families
        yield GaugeMetricFamily(
            "pg_exporter_last_scrape_duration_seconds",
            "How long PostgreSQL was asked.",
            value=time.monotonic() - started,
        )

    def _ask(self) -> tuple[list[GaugeMetricFamily], psycopg.Error | None]:
        families = []
        try:
            with connect(self._log.name) as connection:
                for name, (documentation, query) in QUERIES.items():
                    family = GaugeMetricFamily(name, documentation, labels=["datname"])
                    for database, value in connection.execute(query):
                        family.add_metric([database], value)
                    families.append(family)
        except psycopg.Error as error:
            return [], error
        return families, None

    def _tell(self, error: psycopg.Error | None) -> None:
        """Log changes only, and a start without PostgreSQL is none: ``pg_up`` is how an exporter speaks."""
        if error is None and not self._was_up:
            self._log.info("pg_up 1")
        elif error is not None and self._was_up is None:
            self._log.info("pg_up 0: %s", str(error).partition("\n")[0])
        elif error is not None and self._was_up:
            self._log.error("pg_up 0: %s", error)
        self._was_up = error is None


def main() -> None:
    """Answer scrapes until SIGTERM."""
    log = logs.configure("postgres_exporter", logs.BRACKETS)
    stop = Stop(log)
    registry = CollectorRegistry()
    registry.register(PostgresCollector(log))
    serve(log, registry, lambda: Page("ok"))
    log.info("Exporter started")
    while not stop.requested:
        stop.wait(60)
    stop.farewell()


if __name__ == "__main__":
    main()
