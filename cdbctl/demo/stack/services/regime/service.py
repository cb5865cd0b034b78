"""Regime detector: says from the newest candles whether the market trends."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter
from services.common import logs
from services.common.bus import Bus, Message
from services.common.pages import as_json, serve
from services.common.stop import Stop

WINDOW_CANDLES = 30
TREND_FRACTION = 0.0001


@dataclass(frozen=True, slots=True)
class Regime:
    """The state of the market."""

    name: str
    drift: float
    """Distance of the newest close from the mean of the window, as a fraction of the mean."""


class RegimeDetector:
    """Looks at a moving window of closes."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._closes: deque[float] = deque(maxlen=WINDOW_CANDLES)

    def update(self, close: float) -> Regime:
        """Take in one candle."""
        self._closes.append(close)
        recent = list(self._closes)[-self._window :]
        mean = sum(recent) / min(self._window, len(recent))
        drift = (close - mean) / mean
        if abs(drift) < TREND_FRACTION:
            return Regime("range", drift)
        return Regime("trend_up" if drift > 0 else "trend_down", drift)


def as_message(candle: Message, regime: Regime) -> Message:
    """A regime as it is told to the others."""
    return {
        "symbol": candle["symbol"],
        "regime": regime.name,
        "drift": f"{regime.drift:.8f}",
        "timestamp_ms": time.time_ns() // 1_000_000,
    }


def main() -> int:
    """Detect regimes until SIGTERM; 1 when the detector itself breaks."""
    log = logs.configure("regime_detector", logs.DASHES)
    stop = Stop(log)
    registry = CollectorRegistry()
    updates = Counter("regime_updates", "Regimes computed.", registry=registry)
    serve(log, registry, lambda: as_json({"status": "ok"}))
    # The planted fault is a configuration that somebody thought harmless.
    window = 0 if os.environ.get("CDB_FAULT") == "crash-loop" else WINDOW_CANDLES
    log.info("Regime detector started, window %d", window)
    detector, bus = RegimeDetector(window), Bus(log, stop)
    last = ""
    try:
        for candle in bus.follow("stream.candles_1m"):
            regime = detector.update(float(candle["close"]))
            bus.send(as_message(candle, regime), stream="stream.regime_signals")
            updates.inc()
            log.debug("Drift %s: %+.4f%%", candle["symbol"], regime.drift * 100)
            if regime.name != last:
                log.info("Regime für %s: %s (Drift %+.4f%%)", candle["symbol"], regime.name, regime.drift * 100)
                last = regime.name
    except Exception:
        log.exception("Regime-Berechnung abgebrochen")
        return 1
    stop.farewell()
    return 0


if __name__ == "__main__":
    sys.exit(main())
