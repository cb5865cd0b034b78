"""Market data feed: publishes every price of the exchange on ``market_data``."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge
from services.common import logs
from services.common.bus import Bus
from services.common.pages import Page, serve
from services.common.stop import Stop

SYMBOL = "BTCUSDT"
FIRST_PRICE = 70_467.00
TICK_SECONDS = 0.25
TICKS_BEFORE_STALL = 32


@dataclass(frozen=True, slots=True)
class Tick:
    """One price of the exchange."""

    symbol: str
    price: float
    timestamp_ms: int


class Exchange:
    """The upstream: a random walk at the pace of a quiet market."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._random = random.Random(os.environ.get("CDB_SEED") or None)
        self._stalls = os.environ.get("CDB_FAULT") == "stalled-feed"

    def ticks(self) -> Iterator[Tick]:
        """Yield ticks until the service is to stop."""
        price = FIRST_PRICE
        sent = 0
        while not self._stop.requested:
            if self._stalls and sent >= TICKS_BEFORE_STALL:
                # The connection stays open and nothing comes: no error, no end, no message.
                self._stop.wait(TICK_SECONDS)
                continue
            price = max(1.0, round(price + self._random.gauss(0, 4), 2))
            sent += 1
            yield Tick(SYMBOL, price, time.time_ns() // 1_000_000)
            self._stop.wait(TICK_SECONDS)


def main() -> None:
    """Publish ticks until SIGTERM."""
    log = logs.configure("ws_service", logs.BRACKETS, time_format=logs.WHOLE_SECONDS)
    stop = Stop(log)
    registry = CollectorRegistry()
    decoded = Counter("decoded_messages", "Messages of the exchange that were understood.", registry=registry)
    newest = Gauge("market_data_last_timestamp_seconds", "Time of the newest published price.", registry=registry)
    serve(log, registry, lambda: Page("ok"))
    log.info("Marktdaten-Feed gestartet: %s", SYMBOL)
    bus = Bus(log, stop)
    for tick in Exchange(stop).ticks():
        decoded.inc()
        message = {"symbol": tick.symbol, "price": tick.price, "timestamp_ms": tick.timestamp_ms}
        if bus.send(message, channel="market_data"):
            newest.set(tick.timestamp_ms / 1000)
            log.debug("[redis] published market_data: %s @ %.2f", tick.symbol, tick.price)
    stop.farewell()


if __name__ == "__main__":
    main()
