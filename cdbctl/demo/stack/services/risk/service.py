"""Risk manager: decides which signals become orders, and keeps the audit trail of its decisions."""

from __future__ import annotations

import itertools
import logging
import time
import uuid
from dataclasses import dataclass

import psycopg
from prometheus_client import CollectorRegistry, Counter
from psycopg.types.json import Json
from services.common import logs
from services.common.bus import Bus, Message
from services.common.database import Database
from services.common.pages import Page, as_json, serve
from services.common.stop import Stop

CONTRACT_VERSION = "decision_contract_v1"
NO_OBJECTION = "RC_000"
TOO_MANY_IN_A_ROW = "RC_001"
NOT_AUDITABLE = "RC_002"
SIGNAL_TOO_OLD = "RC_003"

ORDERS_IN_A_ROW = 7
MAX_SIGNAL_AGE_MS = 10_000
LOT = 0.001
LARGEST_ORDER_LOTS = 4
ORDER_LISTENERS = 2
"""The execution and the database writer."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the contract says about one signal."""

    decision: str
    """``ALLOW`` or ``BLOCK``."""
    reason_code: str


class RiskManager:
    """No order without an audit row: what cannot be written down is blocked."""

    def __init__(self, log: logging.Logger, bus: Bus, database: Database, registry: CollectorRegistry) -> None:
        self._log = log
        self._bus = bus
        self._database = database
        self._allowed_in_a_row = 0
        self._decided = 0
        # Sizes rotate, so that neighbouring fills can be told apart.
        self._lots = itertools.cycle(range(1, LARGEST_ORDER_LOTS + 1))
        self._decisions = Counter(
            "risk_decisions", "Decisions by outcome.", ["decision", "reason_code"], registry=registry
        )
        self._persisted = Counter("risk_events_persisted", "Rows written to the audit trail.", registry=registry)
        self._decisions.labels("ALLOW", NO_OBJECTION)
        for reason_code in (TOO_MANY_IN_A_ROW, NOT_AUDITABLE, SIGNAL_TOO_OLD):
            self._decisions.labels("BLOCK", reason_code)

    def handle(self, signal: Message) -> None:
        """Decide about one signal and act on it."""
        self._log.info("📨 Signal empfangen: %s %s", signal["symbol"], signal["side"])
        now_ms = time.time_ns() // 1_000_000
        decision = self._decide(signal, now_ms)
        if self._persist(signal, decision, now_ms):
            self._persisted.inc()
            log_block = self._log.info
        else:
            decision = Decision("BLOCK", NOT_AUDITABLE)
            log_block = self._log.warning
        self._decided += 1
        self._decisions.labels(decision.decision, decision.reason_code).inc()
        if decision.decision == "BLOCK":
            self._allowed_in_a_row = 0
            log_block("Decision contract BLOCK: %s", decision.reason_code)
            self._bus.send(self._outcome(signal, decision, now_ms), stream="stream.orders_blocked")
        else:
            self._allowed_in_a_row += 1
            self._order(signal, decision, now_ms)

    def health(self) -> Page:
        """What the manager knows of itself; whether the audit trail works is not asked here."""
        return as_json(
            {"status": "healthy", "service": "risk_manager", "contract": CONTRACT_VERSION, "decisions": self._decided}
        )

    def _decide(self, signal: Message, now_ms: int) -> Decision:
        if now_ms - int(signal["timestamp_ms"]) > MAX_SIGNAL_AGE_MS:
            return Decision("BLOCK", SIGNAL_TOO_OLD)
        if self._allowed_in_a_row >= ORDERS_IN_A_ROW:
            return Decision("BLOCK", TOO_MANY_IN_A_ROW)
        return Decision("ALLOW", NO_OBJECTION)

    def _persist(self, signal: Message, decision: Decision, now_ms: int) -> bool:
        symbol, reason_code = signal["symbol"], decision.reason_code
        try:
            with self._database.transaction() as cursor:
                cursor.execute(
                    """
                    INSERT INTO risk_events
                        (timestamp_ms, symbol, decision, reason_code, contract_version, payload)
                    VALUES (%s, %s, %s, %s, %s, %s)
                    """,
                    (now_ms, symbol, decision.decision, reason_code, CONTRACT_VERSION, Json(signal)),
                )
                if decision.decision == "BLOCK":
                    cursor.execute(
                        """
                        INSERT INTO blocked_decisions (correlation_id, ts_ms, symbol, reason_code, payload)
                        VALUES (%s, %s, %s, %s, %s)
                        """,
                        (signal["correlation_id"], now_ms, symbol, reason_code, Json(signal)),
                    )
        except psycopg.Error as error:
            self._log.error("❌ Failed to persist risk_event: %s", error)
            return False
        self._log.debug("risk_event persisted: %s %s", decision.decision, reason_code)
        return True

    def _order(self, signal: Message, decision: Decision, now_ms: int) -> None:
        order: Message = {
            **self._outcome(signal, decision, now_ms),
            "order_id": uuid.uuid4().hex[:12],
            "quantity": round(LOT * next(self._lots), 3),
            "price": signal["price"],
        }
        if self._bus.send(order, channel="orders", stream="stream.orders"):
            self._log.info(
                "✅ Order freigegeben: %s %s %s (%s)",
                order["symbol"], order["side"], order["quantity"], decision.reason_code,
            )  # fmt: skip

    @staticmethod
    def _outcome(signal: Message, decision: Decision, now_ms: int) -> Message:
        return {
            "correlation_id": signal["correlation_id"],
            "symbol": signal["symbol"],
            "side": signal["side"],
            "decision": decision.decision,
            "reason_code": decision.reason_code,
            "timestamp_ms": now_ms,
        }


def main() -> None:
    """Decide until SIGTERM."""
    log = logs.configure("risk_manager", logs.BRACKETS)
    stop = Stop(log)
    registry = CollectorRegistry()
    bus, database = Bus(log, stop), Database(log, stop)
    manager = RiskManager(log, bus, database, registry)
    serve(log, registry, manager.health)
    log.info("Risk-Manager gestartet, Vertrag %s", CONTRACT_VERSION)
    database.wait()
    bus.wait_for_listeners("orders", ORDER_LISTENERS)
    for _channel, signal in bus.listen("signals"):
        manager.handle(signal)
    stop.farewell()


if __name__ == "__main__":
    main()
