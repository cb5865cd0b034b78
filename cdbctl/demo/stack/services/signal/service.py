"""Signal engine: turns price changes into trading signals."""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque

from prometheus_client import CollectorRegistry, Counter
from services.common import logs
from services.common.bus import Bus, Message
from services.common.pages import as_json, serve
from services.common.stop import Stop

SIGNAL_SECONDS = 0.7
BUFFER_PRICES = 20
SIGNAL_LISTENERS = 2
"""The risk manager and the database writer."""


class PriceBuffer:
    """The newest prices of one symbol."""

    def __init__(self, symbol: str, log: logging.Logger) -> None:
        self._symbol = symbol
        self._log = log.getChild("price_buffer")
        self._prices: deque[float] = deque(maxlen=BUFFER_PRICES)

    def add(self, price: float) -> None:
        """Take in one price."""
        before = self._prices[-1] if self._prices else price
        self._prices.append(price)
        change = (price - before) / before * 100
        self._log.debug("%s: $%.2f → $%.2f (%+.4f%%)", self._symbol, before, price, change)

    def pct_change(self) -> float:
        """Change from the oldest to the newest price in percent."""
        return (self._prices[-1] - self._prices[0]) / self._prices[0] * 100


class SignalEngine:
    """Generates a signal about every 0.7 seconds."""

    def __init__(self, log: logging.Logger, bus: Bus, registry: CollectorRegistry) -> None:
        self._log = log
        self._bus = bus
        self._buffers: dict[str, PriceBuffer] = {}
        self._last_signal = float("-inf")
        self._generated = Counter("signals_generated", "Trading signals generated.", registry=registry)

    def take(self, tick: Message) -> None:
        """Take in one price, and generate a signal when it is time."""
        symbol, price = str(tick["symbol"]), float(tick["price"])
        buffer = self._buffers.setdefault(symbol, PriceBuffer(symbol, self._log))
        buffer.add(price)
        if time.monotonic() - self._last_signal >= SIGNAL_SECONDS:
            self._last_signal = time.monotonic()
            self._generate(symbol, price, buffer.pct_change())

    def _generate(self, symbol: str, price: float, pct_change: float) -> None:
        self._log.debug("%s: pct_change calculated from price buffer (@ $%.2f → %+.4f%%)", symbol, price, pct_change)
        side = "BUY" if pct_change >= 0 else "SELL"
        signal: Message = {
            "correlation_id": uuid.uuid4().hex,
            "symbol": symbol,
            "side": side,
            "price": price,
            "pct_change": round(pct_change, 6),
            "timestamp_ms": time.time_ns() // 1_000_000,
        }
        if self._bus.send(signal, channel="signals", stream="stream.signals"):
            self._generated.inc()
            self._log.info("✨ Signal generiert: %s %s @ $%.2f (%+.2f%%)", symbol, side, price, pct_change)


def main() -> None:
    """Generate signals until SIGTERM."""
    log = logs.configure("signal_engine", logs.BRACKETS)
    stop = Stop(log)
    registry = CollectorRegistry()
    bus = Bus(log, stop)
    engine = SignalEngine(log, bus, registry)
    serve(log, registry, lambda: as_json({"status": "ok", "service": "signal_engine"}))
    log.info("Signal-Engine gestartet")
    bus.wait_for_listeners("signals", SIGNAL_LISTENERS)
    for _channel, tick in bus.listen("market_data"):
        engine.take(tick)
    stop.farewell()


if __name__ == "__main__":
    main()
