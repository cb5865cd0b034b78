"""Known failures are told by the words of the driver, whatever stands around them."""

from __future__ import annotations

import time

import psycopg
import pytest
from psycopg import sql

from cdbctl.collect.logs.signatures import KNOWN, exception_line, recognise
from cdbctl.sql.server import Scratch

KEYS = {
    '❌ Failed to persist risk_event: relation "risk_events" does not exist': "42P01/risk_events",
    'relation "public.risk_events" does not exist at character 13': "42P01/risk_events",
    "Relation »risk_events« existiert nicht": "42P01/risk_events",
    'column "timestamp_ms" of relation "risk_events" does not exist': "42703/risk_events/timestamp_ms",
    'column "timestamp_ms" does not exist': "42703/timestamp_ms",
    "column r.reason does not exist": "42703/r.reason",
    "Spalte »grund« von Relation »risk_events« existiert nicht": "42703/risk_events/grund",
    "value too long for type character varying(10)": "22001/character varying(10)",
    "Wert zu lang für Typ character varying(10)": "22001/character varying(10)",
    'null value in column "symbol" of relation "orders" violates not-null constraint': "23502/orders/symbol",
    "NULL-Wert in Spalte »symbol« von Relation »orders« verletzt Not-Null-Constraint": "23502/orders/symbol",
    'duplicate key value violates unique constraint "positions_symbol_key"': "23505/positions_symbol_key",
    "doppelter Schlüsselwert verletzt Unique-Constraint »positions_symbol_key«": "23505/positions_symbol_key",
    'insert or update on table "orders" violates foreign key constraint "fk"': "23503/orders/fk",
    'update or delete on table "a" violates foreign key constraint "fk" on table "b"': "23503/a/fk",
    "Einfügen oder Aktualisieren in Tabelle »orders« verletzt Fremdschlüssel-Constraint »fk«": "23503/orders/fk",
    'new row for relation "orders" violates check constraint "orders_side_check"': "23514/orders/orders_side_check",
    "neue Zeile für Relation »orders« verletzt Check-Constraint »c«": "23514/orders/c",
    "permission denied for table orders": "42501/orders",
    "permission denied for schema public": "42501/public",
    "keine Berechtigung für Tabelle orders": "42501/orders",
    "deadlock detected": "40P01",
    "Verklemmung (Deadlock) entdeckt": "40P01",
    "canceling statement due to lock timeout": "55P03",
    "storniere Anfrage wegen Zeitüberschreitung einer Sperre": "55P03",
    'could not obtain lock on row in relation "orders"': "55P03/orders",
    "canceling statement due to statement timeout": "57014",
    "storniere Anfrage wegen Zeitüberschreitung der Anfrage": "57014",
    "FATAL:  sorry, too many clients already": "53300",
    "tut mir leid, schon zu viele Verbindungen": "53300",
    'could not extend file "base/5/16384": No space left on device': "53100",
    "OSError: [Errno 28] No space left on device": "disk_full",
    'FATAL:  password authentication failed for user "cdb"': "28P01/cdb",
    "Passwort-Authentifizierung für Benutzer »cdb« fehlgeschlagen": "28P01/cdb",
    'connection to server at "127.0.0.1", port 5432 failed: Connection refused': "connection_refused/127.0.0.1:5432",
    'connection to server at "db" (10.0.0.2), port 5432 failed: Connection refused': "connection_refused/db:5432",
    "Verbindung zum Server auf »127.0.0.1«, Port 5432 fehlgeschlagen: Verbindungsaufbau abgelehnt": (
        "connection_refused/127.0.0.1:5432"
    ),
    "Error 111 connecting to redis:6379. Connection refused.": "connection_refused/redis:6379",
    "[Errno 111] Connection refused": "connection_refused",
    "server closed the connection unexpectedly": "connection_lost",
    "Server beendete die Verbindung unerwartet": "connection_lost",
    "OOM command not allowed when used memory > 'maxmemory'.": "redis_oom",
    "command not allowed when used memory > 'maxmemory'.": "redis_oom",
    "MISCONF Redis is configured to save RDB snapshots, but": "redis_misconf",
    "You can't write against a read only replica.": "redis_readonly",
    "NOAUTH Authentication required.": "redis_noauth",
    "WRONGPASS invalid username-password pair or user is disabled.": "redis_wrongpass",
    "LOADING Redis is loading the dataset in memory": "redis_loading",
    "exchange said HTTP 429": "http_429",
    "429 Client Error: Too Many Requests for url": "http_429",
    "banned: status_code=418": "http_418",
    "HTTP/1.1 418 I'm a teapot": "http_418",
    "the database system is starting up": "57P03",
    "das Datenbanksystem fährt herunter": "57P03",
}

UNKNOWN = [
    "Decision contract BLOCK: RC_002",
    "Signal empfangen: 15",
    "📨 Signal empfangen: BTCUSDT BUY",
    "order 429 was filled at 418 USDT",
    "order rejected by the paper exchange",
    "file does not exist",
    "the relation does not exist",
    "permission denied: /var/log",
    "Traceback (most recent call last):",
    "",
]


@pytest.mark.parametrize(("text", "key"), KEYS.items())
def test_the_key_names_the_failure_and_never_the_message(text: str, key: str) -> None:
    signature = recognise(f"some_logger: 🔥 whatever stands before it: {text}")
    assert signature is not None
    assert signature.key == key


@pytest.mark.parametrize("text", UNKNOWN)
def test_other_messages_have_no_signature(text: str) -> None:
    assert recognise(text) is None


def test_every_known_failure_is_proven_by_an_example() -> None:
    proven = {signature.kind for text in [*KEYS, *MORE] if (signature := recognise(text))}
    assert proven >= {known.kind for known in KNOWN}


MORE = [
    "function calc(integer) does not exist",
    'schema "audit" does not exist',
    'FATAL:  database "cdb" does not exist',
    'FATAL:  role "cdb_risk" does not exist',
    "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    "cannot execute INSERT in a read-only transaction",
    "integer out of range",
    'invalid input syntax for type integer: "abc"',
    "terminating connection due to administrator command",
    "connection timeout expired",
    "could not translate host name: Name or service not known",
    "current transaction is aborted, commands ignored until end of transaction block",
]

TRACEBACK = """Traceback (most recent call last):
  File "/app/services/regime/service.py", line 80, in <module>
    main()
  File "/app/services/regime/service.py", line 61, in main
    detect(candle)
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError("Expecting value", s, err.value) from None
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"""


class TestTracebacks:
    def test_are_named_by_exception_and_innermost_own_frame(self) -> None:
        signature = recognise(TRACEBACK)
        assert signature is not None
        assert signature.key == "exception/json.decoder.JSONDecodeError/regime/service.py:61 main"

    def test_do_not_depend_on_where_the_code_is_installed_or_what_the_message_says(self) -> None:
        elsewhere = TRACEBACK.replace("/app/services", "/home/somebody/x/services").replace("Expecting", "Missing")
        assert recognise(elsewhere) == recognise(TRACEBACK)

    def test_without_own_code_have_no_frame(self) -> None:
        text = 'Traceback (most recent call last):\n  File "<frozen runpy>", line 1, in x\nKeyError: 1'
        signature = recognise(text)
        assert signature is not None
        assert (signature.subject, signature.frame) == ("KeyError", None)

    def test_on_windows_are_read_too(self) -> None:
        text = TRACEBACK.replace("/app/services/regime/", "C:\\cdb\\services\\regime\\").replace(
            "/usr/lib/python3.11/json", "C:\\Python311\\Lib\\json"
        )
        signature = recognise(text)
        assert signature is not None
        assert signature.frame == "regime/service.py:61 main"

    def test_of_a_chain_name_the_last_exception(self) -> None:
        text = (
            f"{TRACEBACK}\n\nDuring handling of the above exception, another exception occurred:\n\n"
            'Traceback (most recent call last):\n  File "/app/services/regime/run.py", line 3, in start\n    x()\n'
            "RuntimeError: no candle"
        )
        signature = recognise(text)
        assert signature is not None
        assert signature.key == "exception/RuntimeError/regime/run.py:3 start"
        assert exception_line(text) == "RuntimeError: no candle"

    def test_of_a_known_failure_are_that_failure(self) -> None:
        signature = recognise(TRACEBACK + '\npsycopg.errors.UndefinedTable: relation "orders" does not exist')
        assert signature is not None
        assert signature.key == "42P01/orders"


@pytest.mark.parametrize("text", ['File "' * 9000, '  File "x", line 1, in y\n' * 3000, '"' * 32_000, "column " * 9000])
def test_hostile_text_is_looked_through_quickly(text: str) -> None:
    started = time.process_time()
    recognise(text)
    assert time.process_time() - started < 2


@pytest.mark.live
def test_what_a_real_server_says_is_recognised(postgres: Scratch) -> None:
    statements = {
        "INSERT INTO nowhere VALUES (1)": "42P01/nowhere",
        "SELECT nothing FROM sig_orders": "42703/nothing",
        "INSERT INTO sig_orders (nothing) VALUES (1)": "42703/sig_orders/nothing",
        "INSERT INTO sig_orders (symbol) VALUES ('much too long')": "22001/character varying(4)",
        "INSERT INTO sig_orders (symbol) VALUES (NULL)": "23502/sig_orders/symbol",
        "INSERT INTO sig_orders (symbol) VALUES ('BTC'), ('BTC')": "23505/sig_orders_symbol_key",
        "INSERT INTO sig_orders (symbol, parent) VALUES ('X', 'Y')": "23503/sig_orders/sig_orders_parent_fkey",
        "INSERT INTO sig_orders (symbol) VALUES ('bad')": "23514/sig_orders/sig_orders_symbol_check",
        "SET ROLE sig_nobody; SELECT * FROM sig_orders": "42501/sig_orders",
        "SET statement_timeout = 20; SELECT pg_sleep(5)": "57014",
        "SET TRANSACTION READ ONLY; DELETE FROM sig_orders": "25006/DELETE",
        "INSERT INTO sig_orders (symbol) VALUES ('A') ON CONFLICT (parent) DO NOTHING": "42P10",
    }
    with psycopg.connect(postgres.dsn(), autocommit=False) as connection:
        connection.execute(
            "CREATE TABLE sig_orders (symbol varchar(4) NOT NULL UNIQUE CHECK (symbol <> 'bad'), "
            "parent varchar(4) REFERENCES sig_orders (symbol))"
        )
        connection.execute("CREATE ROLE sig_nobody")
        for statement, key in statements.items():
            connection.execute("SAVEPOINT before_it")
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(sql.SQL(statement))
            signature = recognise(f"logger: {caught.value}")
            assert signature is not None, caught.value
            assert (signature.key, signature.sqlstate) == (key, caught.value.sqlstate)
            connection.execute("ROLLBACK TO SAVEPOINT before_it")
        connection.rollback()
