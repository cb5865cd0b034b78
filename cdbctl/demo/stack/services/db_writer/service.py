"""Database writer: keeps signals, orders, trades and positions in PostgreSQL."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter
from services.common import logs
from services.common.bus import Bus, Message
from services.common.database import Cursor, Database
from services.common.pages import Page, as_json, serve
from services.common.stop import Stop

SNAPSHOT_SECONDS = 10.0
TABLES = ("signals", "orders", "trades", "positions", "portfolio_snapshots")

INSERT_SIGNAL = """
    INSERT INTO signals (symbol, side, price, pct_change, timestamp_ms)
    VALUES (%s, %s, %s, %s, %s)
    RETURNING id
"""

# Without its signal (it was published before we listened) an order is kept all the same.
INSERT_ORDER = """
    INSERT INTO orders (signal_id, symbol, side, quantity, price, status)
    VALUES (
        (SELECT row_id FROM correlation_ledger WHERE correlation_id = %(correlation_id)s AND stage = 'signal'),
        %(symbol)s, lower(%(side)s), %(quantity)s, %(price)s, 'pending'
    )
    RETURNING id
"""

UPSERT_POSITION = """
    INSERT INTO positions (symbol, quantity, last_price)
    VALUES (%s, %s, %s)
    ON CONFLICT (symbol) DO UPDATE SET
        quantity = positions.quantity + EXCLUDED.quantity,
        last_price = EXCLUDED.last_price,
        updated_at = now()
"""

Written = tuple[str, ...]
"""The tables that got a row."""


def write_signal(cursor: Cursor, signal: Message) -> Written:
    """Keep one signal."""
    values = (
        signal["symbol"], signal["side"].lower(), signal["price"], signal["pct_change"], signal["timestamp_ms"]
    )  # fmt: skip
    note(cursor, signal, "signal", _id(cursor.execute(INSERT_SIGNAL, values)))
    return ("signals",)


def write_order(cursor: Cursor, order: Message) -> Written:
    """Keep one order."""
    note(cursor, order, "order", _id(cursor.execute(INSERT_ORDER, order)))
    return ("orders",)


def write_fill(cursor: Cursor, fill: Message) -> Written:
    """Keep one fill: the trade, its order's status, and what we hold now."""
    found = cursor.execute(
        "SELECT row_id FROM correlation_ledger WHERE correlation_id = %s AND stage = 'order'",
        (fill["correlation_id"],),
    ).fetchone()
    order_id = found[0] if found else None
    side = fill["side"].lower()
    trade = cursor.execute(
        """
        INSERT INTO public.trades (order_id, symbol, side, quantity, price, fee)
        VALUES (%s, %s, %s, %s, %s, %s)
        RETURNING id
        """,
        (order_id, fill["symbol"], side, fill["quantity"], fill["price"], fill["fee"]),
    )
    note(cursor, fill, "trade", _id(trade))
    cursor.execute("UPDATE orders SET status = %s, filled_at = now() WHERE id = %s", (fill["status"].lower(), order_id))
    signed = fill["quantity"] if side == "buy" else f"-{fill['quantity']}"
    cursor.execute(UPSERT_POSITION, (fill["symbol"], signed, fill["price"]))
    return ("trades", "positions")


def write_snapshot(cursor: Cursor) -> Written:
    """Keep what all positions are worth at this moment."""
    cursor.execute(
        """
        INSERT INTO portfolio_snapshots (positions, exposure)
        SELECT count(*), coalesce(sum(abs(quantity) * last_price), 0) FROM positions
        """
    )
    return ("portfolio_snapshots",)


def note(cursor: Cursor, message: Message, stage: str, row_id: int) -> None:
    """Remember which row a step of the pipeline became."""
    cursor.execute(
        """
        INSERT INTO correlation_ledger (correlation_id, stage, row_id, ts_ms)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (correlation_id, stage) DO NOTHING
        """,
        (message["correlation_id"], stage, row_id, message["timestamp_ms"]),
    )


def _id(cursor: Cursor) -> int:
    row = cursor.fetchone()
    if row is None:
        raise LookupError("an INSERT … RETURNING id gave no row")
    return int(row[0])


WRITERS: dict[str, Callable[[Cursor, Message], Written]] = {
    "signals": write_signal,
    "orders": write_order,
    "order_results": write_fill,
}
"""By channel."""


class DatabaseWriter:
    """Writes each message in one transaction."""

    def __init__(self, log: logging.Logger, bus: Bus, database: Database, registry: CollectorRegistry) -> None:
        self._log = log
        self._bus = bus
        self._database = database
        self._last_snapshot = float("-inf")
        self._rows = Counter("rows_written", "Rows written, by table.", ["table"], registry=registry)
        for table in TABLES:
            self._rows.labels(table)

    def handle(self, channel: str, message: Message) -> None:
        """Keep one message, and now and then a snapshot of the portfolio."""
        write = WRITERS[channel]
        self._count(self._database.patiently(lambda cursor: write(cursor, message)))
        self._log.debug("%s gespeichert: %s %s", channel, message["symbol"], message["side"])
        if time.monotonic() - self._last_snapshot >= SNAPSHOT_SECONDS:
            self._last_snapshot = time.monotonic()
            self._count(self._database.patiently(write_snapshot))

    def health(self) -> Page:
        """What the writer depends on, asked now."""
        dependencies = {"postgres": self._database.probe(), "redis": self._bus.probe()}
        fine = all(answer == "ok" for answer in dependencies.values())
        status = "ok" if fine else "degraded"
        return as_json({"status": status, "dependencies": dependencies}, status=200 if fine else 503)

    def _count(self, written: Written | None) -> None:
        for table in written or ():
            self._rows.labels(table).inc()


def main() -> None:
    """Write until SIGTERM."""
    log = logs.configure("db_writer", logs.BRACKETS)
    stop = Stop(log)
    registry = CollectorRegistry()
    bus, database = Bus(log, stop), Database(log, stop)
    writer = DatabaseWriter(log, bus, database, registry)
    serve(log, registry, writer.health)
    log.info("Database writer started")
    database.wait()
    for channel, message in bus.listen(*WRITERS):
        writer.handle(channel, message)
    stop.farewell()


if __name__ == "__main__":
    main()
