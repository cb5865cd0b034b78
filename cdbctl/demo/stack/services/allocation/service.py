"""Allocator: decides from the regime how much of the capital may be at work."""

from __future__ import annotations

import os
import time

from prometheus_client import CollectorRegistry, Counter
from services.common import logs
from services.common.bus import Bus, Message
from services.common.pages import as_json, serve
from services.common.stop import Stop

WEIGHTS = {"trend_up": 0.6, "range": 0.3, "trend_down": 0.1}
CAUTIOUS_WEIGHT = 0.1
HISTORY_BYTES = 48 * 1024 * 1024


def allocate(signal: Message) -> Message:
    """The allocation for a regime; an unknown regime gets the cautious one."""
    return {
        "symbol": signal["symbol"],
        "regime": signal["regime"],
        "weight": WEIGHTS.get(str(signal["regime"]), CAUTIOUS_WEIGHT),
        "timestamp_ms": time.time_ns() // 1_000_000,
    }


def main() -> None:
    """Allocate until SIGTERM."""
    log = logs.configure("allocation_service", logs.DASHES)
    stop = Stop(log)
    registry = CollectorRegistry()
    decisions = Counter("allocation_decisions", "Allocations decided.", registry=registry)
    serve(log, registry, lambda: as_json({"status": "ok"}))
    log.info("Allocator started")
    bus = Bus(log, stop)
    # The planted fault is a history for a report that nobody reads: it grows until the memory limit ends it.
    history: list[bytes] | None = [] if os.environ.get("CDB_FAULT") == "oom" else None
    weight = None
    for signal in bus.follow("stream.regime_signals"):
        decision = allocate(signal)
        bus.send(decision, stream="stream.allocation_decisions")
        decisions.inc()
        if history is not None:
            history.append(os.urandom(HISTORY_BYTES))
        log.debug("Regime empfangen: %s", decision["regime"])
        if decision["weight"] != weight:
            weight = decision["weight"]
            log.info("Allokation %s: %.0f %% (%s)", decision["symbol"], weight * 100, decision["regime"])
    stop.farewell()


if __name__ == "__main__":
    main()
