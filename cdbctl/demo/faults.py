"""What can be wrong with the demo stack, and which finding must then come out on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Exactly one is planted in a demo stack."""

    MISSING_TABLE = "missing-table"
    """The reference day: the migration that creates ``risk_events`` was never applied."""
    NONE = "none"
    CRASH_LOOP = "crash-loop"
    """cdb_regime dies about a second after every start."""
    STALLED_FEED = "stalled-feed"
    """cdb_ws stays up and healthy, and publishes nothing any more."""
    EXPORTER_LIES = "exporter-lies"
    """The exporter has a wrong password and says that PostgreSQL is down."""
    HEALTHY_BUT_ERRORING = "healthy-but-erroring"
    """cdb_execution answers healthy and fails half of its orders."""
    OOM = "oom"
    """cdb_allocation needs more memory than its container may have, again and again."""
    PROMETHEUS_DOWN = "prometheus-down"
    """cdb_prometheus was killed and nobody started it again."""
    DAEMON_SLOW = "daemon-slow"
    """The Docker engine needs half a minute for every answer."""
    IMAGE_DRIFT = "image-drift"
    """cdb_signal goes on with the image from before the newest build."""


DOCKER_ONLY = frozenset({Fault.OOM, Fault.PROMETHEUS_DOWN, Fault.DAEMON_SLOW, Fault.IMAGE_DRIFT})
"""They need containers."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The finding that a correct check-up puts on top."""

    check: str
    subject: str


EXPECTED: Mapping[Fault, Expected | None] = {
    Fault.MISSING_TABLE: Expected("logs.known-signatures", "cdb_risk"),
    Fault.NONE: None,
    Fault.CRASH_LOOP: Expected("services.restarts", "cdb_regime"),
    Fault.STALLED_FEED: Expected("pipeline.continuity", "market_data"),
    Fault.EXPORTER_LIES: Expected("contradictions.postgres-up", "cdb_postgres_exporter"),
    Fault.HEALTHY_BUT_ERRORING: Expected("services.healthy-but-erroring", "cdb_execution"),
    Fault.OOM: Expected("services.restarts", "cdb_allocation"),
    Fault.PROMETHEUS_DOWN: Expected("services.running", "cdb_prometheus"),
    Fault.DAEMON_SLOW: Expected("services.running", "cdb_postgres"),
    Fault.IMAGE_DRIFT: Expected("containers.image-drift", "cdb_signal"),
}

NEVER_APPLIED: Mapping[Fault, str] = {Fault.MISSING_TABLE: "0004_risk_events.sql"}
"""The migration file that a fault leaves out."""
