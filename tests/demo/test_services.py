"""The services of the demo, each as a real process."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cdbctl.sql.server import Scratch
from tests.demo.pipeline import SERVICES, Pipeline, apply, pipeline, until

pytestmark = pytest.mark.live

REVERSED = tuple(reversed(SERVICES))
COUNTERS = {
    "ws": "decoded_messages_total",
    "candles": "candles_written_total",
    "regime": "regime_updates_total",
    "allocation": "allocation_decisions_total",
    "signal": "signals_generated_total",
    "risk": "risk_events_persisted_total",
    "execution": "orders_executed_total",
    "db_writer": "rows_written_total,trades",
    "postgres_exporter": "pg_up",
}
STREAMS = (
    "stream.candles_1m", "stream.regime_signals", "stream.allocation_decisions", "stream.signals", "stream.orders",
    "stream.fills",
)  # fmt: skip
LINES = {
    "ws": r"^{t} \[DEBUG\] ws_service: \[redis\] published market_data: BTCUSDT @ \d+\.\d\d$",
    "candles": r"^{t},\d{{3}} - candle_builder - INFO - ",
    "regime": r"^{t},\d{{3}} - regime_detector - INFO - ",
    "allocation": r"^{t},\d{{3}} - allocation_service - INFO - ",
    "signal": r"^{t},\d{{3}} \[INFO\] signal_engine: ✨ Signal generiert: BTCUSDT (BUY|SELL) @ \$\d+\.\d\d \([+-]",
    "risk": r"^{t},\d{{3}} \[INFO\] risk_manager: 📨 Signal empfangen: BTCUSDT (BUY|SELL)$",
    "execution": r"^{t},\d{{3}} - paper_execution - INFO - Order \w+ ausgeführt: ",
    "db_writer": r"^{t},\d{{3}} \[DEBUG\] db_writer: order_results gespeichert: BTCUSDT (BUY|SELL)$",
    "postgres_exporter": r"^{t},\d{{3}} \[INFO\] postgres_exporter: pg_up 1$",
}
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture
def stack(postgres: Scratch, tmp_path: Path) -> Iterator[Pipeline]:
    """Servers and an empty, migrated database; the test starts the services."""
    with pipeline(postgres, tmp_path) as running:
        yield running


class TestTheWholePipeline:
    def test_flows_silently_in_any_order_of_starting_and_ends_when_asked(self, stack: Pipeline) -> None:
        stack.start(*REVERSED)
        until(lambda: stack.count("trades") >= 2)
        until(lambda: not self.still_zero(stack))
        until(lambda: not self.still_silent(stack))
        until(lambda: stack.count("portfolio_snapshots"))
        assert all(stack.stream(name) for name in STREAMS)
        self.assert_nothing_of_the_start_was_lost(stack)
        self.assert_health_pages_have_their_depths(stack)
        self.assert_counters_agree_with_the_streams(stack)
        assert stack.terminate(*SERVICES) == dict.fromkeys(SERVICES, 0)
        for name in SERVICES:
            last = stack.log(name).splitlines()[-1]
            assert "INFO" in last
            assert last.endswith("Signal empfangen: 15")
        assert stack.complaints() == []

    def still_zero(self, stack: Pipeline) -> list[str]:
        return [name for name, counter in COUNTERS.items() if not stack.metrics(name).get(counter)]

    def still_silent(self, stack: Pipeline) -> list[str]:
        return [
            name
            for name, pattern in LINES.items()
            if not re.search(pattern.format(t=TIME), stack.log(name), re.MULTILINE)
        ]

    def assert_nothing_of_the_start_was_lost(self, stack: Pipeline) -> None:
        assert stack.rows("SELECT id FROM orders WHERE signal_id IS NULL") == []
        assert stack.rows("SELECT id FROM trades WHERE order_id IS NULL") == []
        first = stack.stream("stream.orders")[0]["correlation_id"]
        assert first == stack.stream("stream.fills")[0]["correlation_id"]

    def assert_health_pages_have_their_depths(self, stack: Pipeline) -> None:
        assert stack.page("ws", "/health") == (200, "ok")
        assert stack.page("ws", "/elsewhere")[0] == 404
        assert stack.health("risk")[1]["status"] == "healthy"
        assert stack.health("candles")[1]["candles_written"] > 0
        assert stack.health("db_writer") == (200, {"status": "ok", "dependencies": {"postgres": "ok", "redis": "ok"}})

    def assert_counters_agree_with_the_streams(self, stack: Pipeline) -> None:
        pages = stack.page("risk", "/metrics")[1]
        assert 'risk_decisions_total{decision="BLOCK",reason_code="RC_002"} 0.0' in pages
        assert "_created" not in pages
        order = stack.stream("stream.orders")[0]
        assert (order["decision"], order["reason_code"]) == ("ALLOW", "RC_000")

    def test_without_its_table_it_blocks_in_the_words_of_the_reference_day_and_trades_once_it_exists(
        self, postgres: Scratch, tmp_path: Path
    ) -> None:
        with pipeline(postgres, tmp_path, without=("0004_risk_events.sql",)) as stack:
            stack.start("ws", "signal", "risk", "execution", "db_writer")
            until(lambda: len(stack.stream("stream.orders_blocked")) >= 2)
            lines = [re.sub(rf"^{TIME},\d{{3}} ", "", line) for line in stack.log("risk").splitlines()]
            first = next(number for number, line in enumerate(lines) if "Signal empfangen" in line)
            assert re.fullmatch(r"\[INFO\] risk_manager: 📨 Signal empfangen: BTCUSDT (BUY|SELL)", lines[first])
            assert lines[first + 1] == (
                '[ERROR] risk_manager: ❌ Failed to persist risk_event: relation "risk_events" does not exist'
            )
            assert re.fullmatch(r"LINE 2: +INSERT INTO risk_events", lines[first + 2])
            assert lines[first + 4] == "[WARNING] risk_manager: Decision contract BLOCK: RC_002"
            assert stack.health("risk")[0] == 200
            assert stack.health("risk")[1]["status"] == "healthy"
            assert stack.metrics("risk")["risk_events_persisted_total"] == 0
            assert {entry["reason_code"] for entry in stack.stream("stream.orders_blocked")} == {"RC_002"}
            assert stack.count("orders") == 0
            apply(postgres, stack.database, "0004_risk_events.sql")
            until(lambda: stack.count("trades") >= 1)
            decided = stack.rows("SELECT DISTINCT decision, contract_version, payload ->> 'symbol' FROM risk_events")
            assert decided == [("ALLOW", "decision_contract_v1", "BTCUSDT")]

    def test_comes_back_after_the_loss_of_redis_and_of_its_sessions(self, stack: Pipeline) -> None:
        stack.start(*SERVICES)
        until(lambda: stack.count("trades") >= 1)
        stack.kill("redis")
        killed = time.monotonic()
        until(lambda: stack.health("db_writer")[0] == 503)
        assert stack.health("db_writer")[1]["dependencies"]["postgres"] == "ok"
        until(lambda: "[ERROR] db_writer: Verbindung zu Redis verloren: " in stack.log("db_writer"))
        stack.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        stack.start_redis()
        before = stack.count("trades")
        until(lambda: stack.count("trades") > before)
        until(lambda: all(stack.stream(name) for name in STREAMS))
        until(lambda: "[INFO] db_writer: Redis wieder erreichbar" in stack.log("db_writer"))
        for name in ("ws", "signal", "db_writer"):
            told = stack.log(name).count("Verbindung zu Redis verloren")
            assert told <= 2 + (time.monotonic() - killed) / 5


class TestTheRiskManager:
    def test_blocks_after_seven_orders_in_a_row_and_what_is_too_old(self, stack: Pipeline) -> None:
        stack.start("risk")
        fresh = time.time_ns() // 1_000_000
        with stack.redis() as client:
            for number in range(9):
                at = fresh if number < 8 else fresh - 60_000
                signal = {
                    "correlation_id": f"c{number}",
                    "symbol": "X",
                    "side": "BUY",
                    "price": 1.0,
                    "timestamp_ms": at,
                }
                until(partial(client.publish, "signals", json.dumps(signal)))
        until(lambda: stack.count("risk_events") == 9)
        written = stack.rows("SELECT correlation_id, reason_code FROM blocked_decisions ORDER BY id")
        assert written == [("c7", "RC_001"), ("c8", "RC_003")]
        until(lambda: len(stack.stream("stream.orders_blocked")) == 2)
        assert [entry["reason_code"] for entry in stack.stream("stream.orders_blocked")] == ["RC_001", "RC_003"]
        assert len(stack.stream("stream.orders")) == 7
        assert stack.complaints() == []


@pytest.fixture(scope="class")
def faulty(postgres: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Every planted fault at once: they touch different services."""
    with pipeline(postgres, tmp_path_factory.mktemp("faulty")) as running:
        running.start("candles", fault="none")
        running.start("regime", fault="crash-loop")
        running.start("ws", fault="stalled-feed")
        running.start("execution", fault="healthy-but-erroring")
        running.start("postgres_exporter", DATABASE_URL=running.database_url("nobody_we_know"))
        yield running


class TestFaults:
    def test_a_crashing_regime_detector_leaves_a_traceback_of_its_own_code(self, faulty: Pipeline) -> None:
        assert faulty.processes["regime"].wait(40) == 1
        log = faulty.log("regime")
        head = rf"(?m)^{TIME},\d{{3}} - regime_detector - ERROR - .+\nTraceback \(most recent call last\):\n"
        assert re.search(head, log)
        assert re.search(r'File ".*services/regime/service.py", line \d+, in update', log)
        assert log.endswith("ZeroDivisionError: float division by zero\n")

    def test_a_stalled_feed_stays_healthy_and_says_nothing(self, faulty: Pipeline) -> None:
        until(lambda: faulty.log("ws").count("published market_data") == 32)
        before = faulty.metrics("ws")
        time.sleep(0.8)  # silence can only be waited for: three ticks would have come
        assert faulty.log("ws").count("published market_data") == 32
        assert faulty.metrics("ws") == before
        assert faulty.page("ws", "/health") == (200, "ok")

    def test_an_erring_execution_answers_healthy_and_fills_the_rest(self, faulty: Pipeline) -> None:
        self.order(faulty, "0.001", "0.002", "0.003", "0.004")
        until(lambda: len(faulty.stream("stream.fills")) == 2)
        errors = [line for line in faulty.log("execution").splitlines() if "ERROR" in line]
        assert [re.sub(rf"^{TIME},\d{{3}}", "", line) for line in errors] == [
            f" - paper_execution - ERROR - Order o-{quantity} konnte nicht verarbeitet werden: "
            f"Menge {quantity} ist kein Vielfaches der Schrittweite 0.002"
            for quantity in ("0.001", "0.003")
        ]
        assert "Traceback" not in faulty.log("execution")
        assert faulty.health("execution") == (200, {"status": "healthy"})

    def order(self, faulty: Pipeline, *quantities: str) -> None:
        with faulty.redis() as client:
            for quantity in quantities:
                order: dict[str, Any] = {
                    "order_id": f"o-{quantity}", "correlation_id": quantity, "symbol": "BTCUSDT", "side": "BUY",
                    "price": 70_000.0, "quantity": float(quantity),
                }  # fmt: skip
                until(partial(client.publish, "orders", json.dumps(order)))

    def test_an_exporter_that_may_not_log_in_says_pg_up_0_and_keeps_answering(self, faulty: Pipeline) -> None:
        assert until(lambda: faulty.metrics("postgres_exporter")).keys() == {
            "pg_up", "pg_exporter_last_scrape_duration_seconds"
        }  # fmt: skip
        assert faulty.metrics("postgres_exporter")["pg_up"] == 0
        assert faulty.page("postgres_exporter", "/health") == (200, "ok")
        assert "ERROR" not in faulty.log("postgres_exporter")


class TestAService:
    def test_waits_for_its_servers_without_complaint(self, stack: Pipeline) -> None:
        stack.kill("redis")
        stack.start("db_writer", DATABASE_URL="postgresql://cdb_db_writer@127.0.0.1:1/cdb")
        stack.start("signal")
        until(lambda: "[INFO] db_writer: Warte auf PostgreSQL: " in stack.log("db_writer"))
        until(lambda: "[INFO] signal_engine: Warte auf Redis: " in stack.log("signal"))
        status, health = stack.health("db_writer")
        assert (status, health["status"]) == (503, "degraded")
        assert stack.complaints() == []
        assert stack.terminate("db_writer", "signal") == {"db_writer": 0, "signal": 0}

    def test_ends_in_time_although_redis_accepts_and_never_answers(self, stack: Pipeline) -> None:
        stack.start("ws")
        until(lambda: "published" in stack.log("ws"))
        stack.processes["redis"].send_signal(signal.SIGSTOP)
        time.sleep(0.5)  # the service must be inside a call that hangs
        assert stack.terminate("ws") == {"ws": -signal.SIGALRM}
