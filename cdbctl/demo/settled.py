"""Waits until a demo shows what it is meant to show: the pipeline at work, and the planted fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Protocol

from cdbctl.demo.bootstrap import connect
from cdbctl.demo.faults import Fault
from cdbctl.demo.places import Places
from cdbctl.demo.programs import POSTGRES, READER, REDIS
from cdbctl.demo.workspace import secret_name
from cdbctl.errors import CdbctlError

SERVERS_SECONDS = 20.0
SETTLE_SECONDS = 30.0
POLL_SECONDS = 0.1
STALE_SECONDS = 7.0


class Watch(Protocol):
    """What the supervisor or the engine tells of the programs that it runs."""

    def log(self, program: str) -> str:
        """What a program has said."""

    def restarts(self, program: str) -> int:
        """How often a program was started again."""

    def refuse(self) -> None:
        """Raise PortTakenError when a program found its port in use."""

    def where(self, program: str) -> str:
        """Where a person reads that log."""


@dataclass(frozen=True, slots=True)
class View:
    """A running demo, as its signs are looked for."""

    places: Places
    ports: Mapping[str, int]
    watch: Watch


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that a settled demo shows."""

    text: str
    program: str
    """Whose log tells why it is missing."""
    seen: Callable[[View], bool]


def wait_for_servers(view: View) -> None:
    """Return once PostgreSQL and Redis answer. Raises PortTakenError, or CdbctlError when they do not."""
    signs = (
        Sign("PostgreSQL answers", POSTGRES, _postgres_answers),
        Sign("Redis answers", REDIS, lambda view: _redis(view, lambda client: bool(client.ping()))),
    )
    wait_for(view, signs, SERVERS_SECONDS)


def wait_until_settled(view: View, fault: Fault) -> None:
    """Return once every sign of this fault is seen. Raises PortTakenError, or CdbctlError that names the missing."""
    wait_for(view, SIGNS[fault], SETTLE_SECONDS)


def wait_for(view: View, signs: tuple[Sign, ...], timeout_seconds: float) -> None:
    """Return once every sign is seen. Raises PortTakenError, or CdbctlError that names the missing."""
    deadline = time.monotonic() + timeout_seconds
    while missing := [sign for sign in signs if not _is_seen(sign, view)]:
        view.watch.refuse()
        if time.monotonic() > deadline:
            raise CdbctlError(
                f"the demo did not settle within {timeout_seconds:g} s",
                why=f"not seen: {', '.join(sign.text for sign in missing)}; the log of {missing[0].program} ends:\n"
                f"{_tail(view, missing[0].program)}",
                next_step=f"see {view.watch.where(missing[0].program)}, then run the command again",
            )
        time.sleep(POLL_SECONDS)
        signs = tuple(missing)


def _is_seen(sign: Sign, view: View) -> bool:
    import psycopg
    from redis.exceptions import RedisError

    with suppress(psycopg.Error, RedisError, OSError, HTTPException):
        return sign.seen(view)
    return False


def _postgres_answers(view: View) -> bool:
    with connect(view.places, view.ports[POSTGRES], database="postgres") as session:
        return session.execute("SELECT 1").fetchone() is not None


def _redis(view: View, ask: Callable[..., bool]) -> bool:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = Redis(
        port=view.ports[REDIS], host="127.0.0.1", password=view.places.secret(secret_name("redis")),
        socket_timeout=2, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    with client:
        return ask(client)


def _stream(name: str, program: str) -> Sign:
    return Sign(
        f"an entry in stream.{name}", program,
        lambda view: _redis(view, lambda client: client.xlen(f"stream.{name}") > 0),
    )  # fmt: skip


def _decisions(count: int) -> Sign:
    streams = ("stream.orders", "stream.orders_blocked")
    return Sign(
        f"{count} decisions", "cdb_risk",
        lambda view: _redis(view, lambda client: sum(client.xlen(name) for name in streams) >= count),
    )  # fmt: skip


def _rows(table: str, program: str) -> Sign:
    def seen(view: View) -> bool:
        from psycopg import sql

        query = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(table))
        with connect(view.places, view.ports[POSTGRES], user=READER) as session:
            return session.execute(query).fetchone() is not None

    return Sign(f"a row in {table}", program, seen)


def _errors(program: str, count: int) -> Sign:
    def seen(view: View) -> bool:
        return sum("ERROR" in line for line in view.watch.log(program).splitlines()) >= count

    return Sign(f"{count} errors in the log of {program}", program, seen)


def _restarts(program: str, count: int) -> Sign:
    return Sign(f"{count} restarts of {program}", program, lambda view: view.watch.restarts(program) >= count)


def _metric(program: str, name: str, holds: Callable[[float], bool], text: str) -> Sign:
    def seen(view: View) -> bool:
        text = page(view.ports[program], "/metrics")
        values = [line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")]
        return bool(values) and holds(float(values[0]))

    return Sign(text, program, seen)


def page(port: int, path: str) -> str:
    """A page of 127.0.0.1; raises OSError or HTTPException."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode("utf-8", errors="replace")
    finally:
        connection.close()


def _tail(view: View, program: str) -> str:
    with suppress(OSError):
        return "\n".join(view.watch.log(program).splitlines()[-8:])
    return "(no log)"


_FEED = (_stream("signals", "cdb_signal"), _stream("candles_1m", "cdb_candles"), _rows("candles_1m", "cdb_candles"))
_ALLOCATION = (_stream("regime_signals", "cdb_regime"), _stream("allocation_decisions", "cdb_allocation"))
ENOUGH_DECISIONS = 6
"""So that a check-up can judge how they are mixed."""
_TRADING = (
    _decisions(ENOUGH_DECISIONS),
    _rows("signals", "cdb_db_writer"),
    _rows("risk_events", "cdb_risk"),
    _stream("orders", "cdb_risk"),
    _stream("fills", "cdb_execution"),
    _rows("orders", "cdb_db_writer"),
    _rows("trades", "cdb_db_writer"),
)
_HEALTHY = (*_FEED, *_ALLOCATION, *_TRADING)
SIGNS: Mapping[Fault, tuple[Sign, ...]] = {
    Fault.NONE: _HEALTHY,
    Fault.MISSING_TABLE: (
        *_FEED, *_ALLOCATION, _rows("signals", "cdb_db_writer"), _stream("orders_blocked", "cdb_risk"),
        _decisions(ENOUGH_DECISIONS), _errors("cdb_risk", ENOUGH_DECISIONS),
    ),
    Fault.CRASH_LOOP: (*_FEED, *_TRADING, _restarts("cdb_regime", 3)),
    Fault.STALLED_FEED: (
        *_HEALTHY,
        _metric(
            "cdb_ws", "market_data_last_timestamp_seconds", lambda value: 0 < value < time.time() - STALE_SECONDS,
            f"a feed that is {STALE_SECONDS:g} s old",
        ),
    ),
    Fault.EXPORTER_LIES: (
        *_HEALTHY,
        _metric("cdb_postgres_exporter", "pg_up", lambda value: value == 0, "pg_up 0"),
    ),
    Fault.HEALTHY_BUT_ERRORING: (*_HEALTHY, _errors("cdb_execution", 5)),
    Fault.OOM: (*_FEED, *_TRADING, _restarts("cdb_allocation", 3)),
    Fault.PROMETHEUS_DOWN: _HEALTHY,
    Fault.DAEMON_SLOW: _HEALTHY,
    Fault.IMAGE_DRIFT: _HEALTHY,
}  # fmt: skip
