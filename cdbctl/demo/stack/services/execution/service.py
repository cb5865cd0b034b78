"""Paper execution: fills the orders that the risk manager lets through, at the market's price."""

from __future__ import annotations

import logging
import os
import random
import time
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter
from services.common import logs
from services.common.bus import Bus, Message
from services.common.pages import as_json, serve
from services.common.stop import Stop

STEP = Decimal("0.001")
WRONG_STEP = Decimal("0.002")
FEE = Decimal("0.001")
CENT = Decimal("0.01")
SLIPPAGE_FRACTION = 0.00002


class PaperExecution:
    """Fills every order that the exchange would accept."""

    def __init__(self, log: logging.Logger, bus: Bus, registry: CollectorRegistry) -> None:
        self._log = log
        self._bus = bus
        self._random = random.Random(os.environ.get("CDB_SEED") or None)
        # The planted fault: the exchange halved its precision, and nobody told the risk manager.
        self._step = WRONG_STEP if os.environ.get("CDB_FAULT") == "healthy-but-erroring" else STEP
        self._executed = Counter("orders_executed", "Orders filled.", registry=registry)

    def handle(self, order: Message) -> None:
        """Fill one order; one that cannot be filled must not keep the next one waiting."""
        try:
            fill = self._fill(order)
        except (ValueError, ArithmeticError, LookupError) as error:
            self._log.error("Order %s konnte nicht verarbeitet werden: %s", order.get("order_id"), error)
            return
        if self._bus.send(fill, channel="order_results", stream="stream.fills"):
            self._executed.inc()
            self._log.info(
                "Order %s ausgeführt: %s %s %s @ %s",
                fill["order_id"], fill["side"], fill["quantity"], fill["symbol"], fill["price"],
            )  # fmt: skip

    def _fill(self, order: Message) -> Message:
        quantity = Decimal(str(order["quantity"]))
        if quantity % self._step:
            raise ValueError(f"Menge {quantity} ist kein Vielfaches der Schrittweite {self._step}")
        slippage = Decimal(str(1 + self._random.uniform(-SLIPPAGE_FRACTION, SLIPPAGE_FRACTION)))
        price = (Decimal(str(order["price"])) * slippage).quantize(CENT)
        return {
            "correlation_id": order["correlation_id"],
            "order_id": order["order_id"],
            "symbol": order["symbol"],
            "side": order["side"],
            "status": "FILLED",
            "quantity": str(quantity),
            "price": str(price),
            "fee": str((quantity * price * FEE).quantize(CENT)),
            "timestamp_ms": time.time_ns() // 1_000_000,
        }


def main() -> None:
    """Fill orders until SIGTERM."""
    log = logs.configure("paper_execution", logs.DASHES)
    stop = Stop(log)
    registry = CollectorRegistry()
    bus = Bus(log, stop)
    execution = PaperExecution(log, bus, registry)
    serve(log, registry, lambda: as_json({"status": "healthy"}))
    log.info("Paper-Execution gestartet")
    for _channel, order in bus.listen("orders"):
        execution.handle(order)
    stop.farewell()


if __name__ == "__main__":
    main()
