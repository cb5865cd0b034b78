"""Candle builder: turns prices into candles of one minute, in PostgreSQL and on ``stream.candles_1m``."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

from prometheus_client import CollectorRegistry, Counter
from services.common import logs
from services.common.bus import Bus, Message
from services.common.database import Cursor, Database
from services.common.pages import Page, as_json, serve
from services.common.stop import Stop

WRITE_SECONDS = 1.0
MINUTE_SECONDS = 60

# A candle is written in pieces: what an earlier piece, or an earlier run, wrote of its minute stays in it.
UPSERT_CANDLE = """
    INSERT INTO public.candles_1m (symbol, bucket, open, high, low, close, ticks, updated_at)
    VALUES (%(symbol)s, %(bucket)s, %(open)s, %(high)s, %(low)s, %(close)s, %(ticks)s, now())
    ON CONFLICT (symbol, bucket) DO UPDATE SET
        high = GREATEST(candles_1m.high, EXCLUDED.high),
        low = LEAST(candles_1m.low, EXCLUDED.low),
        close = EXCLUDED.close,
        ticks = candles_1m.ticks + EXCLUDED.ticks,
        updated_at = EXCLUDED.updated_at
    RETURNING symbol, open, high, low, close, ticks
"""


@dataclass(slots=True)
class Piece:
    """The prices of one symbol since the last write, all of one minute."""

    symbol: str
    bucket: datetime
    open: float
    high: float
    low: float
    close: float
    ticks: int = 0

    def add(self, price: float) -> None:
        """Take in one price."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.ticks += 1


class CandleBuilder:
    """Collects prices and writes them about once a second."""

    def __init__(self, log: logging.Logger, bus: Bus, database: Database, registry: CollectorRegistry) -> None:
        self._log = log
        self._bus = bus
        self._database = database
        self._pieces: dict[str, Piece] = {}
        self._last_write = time.monotonic()
        self._last_written_at: datetime | None = None
        self._count = 0
        self._written = Counter("candles_written", "Candles written to PostgreSQL.", registry=registry)

    def take(self, tick: Message) -> None:
        """Take in one price, and write when it is time."""
        symbol, price = str(tick["symbol"]), float(tick["price"])
        bucket = _minute_of(int(tick["timestamp_ms"]))
        piece = self._pieces.get(symbol)
        if piece is not None and piece.bucket != bucket:
            self._write()
            piece = None
        if piece is None:
            piece = self._pieces[symbol] = Piece(symbol, bucket, price, price, price, price)
        piece.add(price)
        if time.monotonic() - self._last_write >= WRITE_SECONDS:
            self._write()

    def health(self) -> Page:
        """What the builder knows of itself."""
        last = self._last_written_at.isoformat(timespec="seconds") if self._last_written_at else None
        return as_json({"status": "ok", "service": "candles", "candles_written": self._count, "last_written_at": last})

    def _write(self) -> None:
        for piece in self._pieces.values():
            candle = self._database.patiently(partial(_upsert, piece))
            if candle is not None:
                self._written.inc()
                self._count += 1
                self._last_written_at = datetime.now(UTC)
                self._bus.send(candle, stream="stream.candles_1m")
                self._log.debug("Candle %s %s: C=%.2f", piece.symbol, piece.bucket.strftime("%H:%M"), piece.close)
        self._pieces.clear()
        self._last_write = time.monotonic()


def _upsert(piece: Piece, cursor: Cursor) -> Message:
    row = cursor.execute(UPSERT_CANDLE, asdict(piece)).fetchone()
    names = [column.name for column in cursor.description or ()]
    values = [value if isinstance(value, str | int) else float(value) for value in row or ()]
    bucket_ms = int(piece.bucket.timestamp() * 1000)
    return {**dict(zip(names, values, strict=True)), "timestamp_ms": bucket_ms}


def _minute_of(timestamp_ms: int) -> datetime:
    seconds = timestamp_ms // 1000
    return datetime.fromtimestamp(seconds - seconds % MINUTE_SECONDS, UTC)


def main() -> None:
    """Build candles until SIGTERM."""
    log = logs.configure("candle_builder", logs.DASHES)
    stop = Stop(log)
    registry = CollectorRegistry()
    bus, database = Bus(log, stop), Database(log, stop)
    builder = CandleBuilder(log, bus, database, registry)
    serve(log, registry, builder.health)
    log.info("Candle builder started, writing every %g s", WRITE_SECONDS)
    database.wait()
    for _channel, tick in bus.listen("market_data"):
        builder.take(tick)
    stop.farewell()


if __name__ == "__main__":
    main()
