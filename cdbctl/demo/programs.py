"""The programs of the demo stack: two real servers, and nine small programs of our own."""

from __future__ import annotations

from dataclasses import dataclass

POSTGRES = "cdb_postgres"
REDIS = "cdb_redis"
DATABASE = "cdb"
READER = "cdb_reader"


@dataclass(frozen=True, slots=True)
class Program:
    """One of our own programs; it serves ``/health`` and ``/metrics`` on a port of its own."""

    name: str
    title: str
    folder: str
    """Its code below ``services/``."""
    role: str | None = None
    """The database role it works under."""
    health_depth: str = "http"
    """What its health page proves. Most of these pages always answer 200, as in real stacks."""
    required: bool = True
    observability: bool = False


PROGRAMS = (
    Program("cdb_ws", "market data feed", "ws"),
    Program("cdb_candles", "candle builder", "candles", role="cdb_candles", health_depth="application"),
    Program("cdb_regime", "regime detector", "regime"),
    Program("cdb_allocation", "allocator", "allocation"),
    Program("cdb_signal", "signal engine", "signal"),
    Program("cdb_risk", "risk manager", "risk", role="cdb_risk", health_depth="application"),
    Program("cdb_execution", "paper execution", "execution"),
    Program("cdb_db_writer", "database writer", "db_writer", role="cdb_db_writer", health_depth="dependency"),
    Program(
        "cdb_postgres_exporter",
        "PostgreSQL exporter",
        "postgres_exporter",
        role=READER,
        required=False,
        observability=True,
    ),
)

ROLES = tuple(dict.fromkeys(program.role for program in PROGRAMS if program.role))
"""Every database role, the reader of the check-up among them."""

SERVERS = (POSTGRES, REDIS)
SERVICES = tuple(program.name for program in PROGRAMS)
