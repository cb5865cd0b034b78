"""A read-only session with PostgreSQL that ends within its time, whatever the server does."""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from cdbctl.collect.attempt import NoAnswer

if TYPE_CHECKING:
    from psycopg import Connection, Error
    from psycopg.pq.abc import PGconn
    from psycopg.rows import TupleRow

SLOW = "see whether PostgreSQL is frozen or overloaded; if it is only slow, raise deadlines.database in cdbctl.yaml"
PASSWORD = "correct the secret that database.password refers to in cdbctl.yaml"  # noqa: S105 - an advice
DSN = "correct database.dsn in cdbctl.yaml"

_CONNECT_FAILURES: tuple[tuple[str, str, str], ...] = (
    # What libpq says while it connects has no SQLSTATE, so its words decide; unknown words are shown as they are.
    ("Connection refused|No such file or directory", "refused the connection: nothing listens there",
     "start PostgreSQL, or correct database.dsn in cdbctl.yaml"),
    ("password authentication failed", "28P01 password authentication failed", PASSWORD),
    ("no password supplied", "28P01 it asks for a password and none is configured", PASSWORD),
    (r"role \".*\" does not exist", "28000 the role does not exist", DSN),
    ("no pg_hba.conf entry", "28000 pg_hba.conf lets nobody in from here as this role", "add an entry to pg_hba.conf"),
    (r"database \".*\" does not exist", "3D000 the database does not exist", DSN),
    ("too many clients|too many connections|connection slots are reserved", "53300 too many connections",
     "close idle sessions or raise max_connections, and look for a service that leaks connections"),
    ("starting up|not yet accepting connections", "57P03 it is starting up", "wait until it is ready, then look again"),
    ("shutting down", "57P03 it is shutting down", "see why it was stopped, and start it again"),
    ("in recovery mode", "57P03 it recovers from a crash", "wait until it is ready, then read its log"),
    ("could not translate host name", "its host name cannot be resolved", DSN),
    ("server closed the connection unexpectedly|Connection reset",
     "it closed the connection before the session began", "see the log of PostgreSQL"),
)  # fmt: skip


class Session:
    """An open session. Every statement commits by itself, so one that fails does not cost the others."""

    def __init__(self, connection: Connection[TupleRow], watchdog: _Watchdog, password: str | None) -> None:
        self.connection = connection
        self._watchdog = watchdog
        self._password = password

    @property
    def lost(self) -> bool:
        """Whether nothing more can be asked."""
        return self.connection.closed or self._watchdog.fired

    def failure(self, error: Error) -> NoAnswer:
        """The words for a statement that failed: SQLSTATE and message of the server."""
        if self._watchdog.fired:
            return NoAnswer(f"no answer within {self._watchdog.seconds:g} s", remedy=SLOW)
        words = error.diag.message_primary or str(error)
        reason = without_secret(f"{error.sqlstate} {words}" if error.sqlstate else words, self._password)
        return NoAnswer(reason, remedy=_REMEDIES.get(error.sqlstate or "", ""))


_REMEDIES = {
    "42P01": "see whether a pending migration creates it: cdbctl daily-check lists them",
    "42703": "see whether a pending migration adds it: cdbctl daily-check lists them",
    "42501": "grant the right to the role of database.dsn: a member of pg_read_all_data may read every table",
    "57014": SLOW,
    "55P03": "another session holds a lock on it: look for open transactions",
    "25006": "a check may only read: correct its SQL",
    "42601": "correct the SQL of the check",
}


@contextmanager
def read_only_session(dsn: str, password: str | None, *, timeout_seconds: float) -> Iterator[Session]:
    """Open a session in which nothing can be written, and cut it off when its time is over.

    A single statement gets half of the time, a lock a quarter, so that one slow answer leaves time for others.
    Raises NoAnswer when no session comes about, and when it is lost.
    """
    from psycopg import Connection, Error

    deadline = time.monotonic() + timeout_seconds
    conninfo = _conninfo(dsn, password, timeout_seconds)
    pgconn = _connect(conninfo, deadline, timeout_seconds, password)
    connection: Connection[TupleRow] = Connection(pgconn)
    with closing(connection), _Watchdog(pgconn.socket, deadline, timeout_seconds) as watchdog:
        session = Session(connection, watchdog, password)
        try:
            connection.autocommit = True
            yield session
        except Error as error:
            raise session.failure(error) from error


def without_secret(text: str, password: str | None) -> str:
    """No server repeats a password on purpose; nobody shall depend on that."""
    return text.replace(password, "[password]") if password and len(password) > 3 else text


def _conninfo(dsn: str, password: str | None, timeout_seconds: float) -> str:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        given = conninfo_to_dict(dsn)
    except ProgrammingError:
        # The words of libpq would repeat a part of the DSN, which may be a password.
        raise NoAnswer("the DSN is not one that PostgreSQL understands", remedy=DSN) from None
    if password is not None:
        given["password"] = password
    milliseconds = max(1, int(timeout_seconds * 1000))
    limits = {
        "default_transaction_read_only": "on",
        "statement_timeout": max(1, milliseconds // 2),
        "lock_timeout": max(1, milliseconds // 4),
        "idle_in_transaction_session_timeout": milliseconds,
        "datestyle": "ISO",  # psycopg reads no other one, and a server may be set to German
        "cursor_tuple_fraction": 1,  # the answers are wanted whole, not their first rows soon
    }
    ours = " ".join(f"-c {name}={value}" for name, value in limits.items())
    given["options"] = f"{given.get('options') or ''} {ours}".strip()
    return make_conninfo("", **{**given, "application_name": "cdbctl", "client_encoding": "UTF8"})


def _connect(conninfo: str, deadline: float, timeout_seconds: float, password: str | None) -> PGconn:
    """Connect without blocking: libpq's own connect_timeout knows whole seconds only, from 2 on."""
    from psycopg.pq import ConnStatus, PGconn, PollingStatus

    pgconn = PGconn.connect_start(conninfo.encode())
    polled: int = PollingStatus.WRITING
    while pgconn.status != ConnStatus.BAD and polled in (PollingStatus.READING, PollingStatus.WRITING):
        writing = polled == PollingStatus.WRITING
        if not _ready(pgconn.socket, selectors.EVENT_WRITE if writing else selectors.EVENT_READ, deadline):
            accepted = pgconn.status != ConnStatus.STARTED
            pgconn.finish()
            what = "accepted the connection and did not answer" if accepted else "no connection"
            raise NoAnswer(f"{what} within {timeout_seconds:g} s", remedy=SLOW)
        polled = pgconn.connect_poll()
    if pgconn.status != ConnStatus.OK:
        words = pgconn.error_message.decode("utf-8", "replace")
        pgconn.finish()
        raise _no_session(without_secret(words, password))
    pgconn.nonblocking = 1
    return pgconn


def _no_session(words: str) -> NoAnswer:
    for pattern, reason, remedy in _CONNECT_FAILURES:
        if re.search(pattern, words):
            return NoAnswer(f"{reason} ({_one_line(words)})", remedy=remedy)
    return NoAnswer(_one_line(words) or "the connection failed", remedy="see the log of PostgreSQL")


def _one_line(words: str) -> str:
    """The last thing that libpq says, without the advice below it."""
    lines = [line.strip() for line in words.splitlines() if line.strip() and not line.startswith("\t")]
    return lines[-1][:300] if lines else ""


def _ready(descriptor: int, events: int, deadline: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, events)
        return bool(selector.select(max(0.0, deadline - time.monotonic())))


class _Watchdog:
    """Shuts the socket when the time is over: a frozen server never answers, a dead socket always does."""

    def __init__(self, descriptor: int, deadline: float, seconds: float) -> None:
        self.fired = False
        self.seconds = seconds
        self._descriptor: int | None = descriptor
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._bite)
        self._timer.daemon = True

    def __enter__(self) -> _Watchdog:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Rest before the descriptor is closed: its number may then be given to another file."""
        self._timer.cancel()
        with self._lock:
            self._descriptor = None

    def _bite(self) -> None:
        with self._lock:
            if self._descriptor is None:
                return
            self.fired = True
            borrowed = socket.socket(fileno=self._descriptor)
            try:
                borrowed.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the server was faster
            finally:
                borrowed.detach()
