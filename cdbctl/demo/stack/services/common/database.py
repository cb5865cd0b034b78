"""PostgreSQL: one connection, made again whenever it was lost."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import psycopg

from services.common.credentials import password
from services.common.link import Link
from services.common.stop import Stop

Cursor: TypeAlias = "psycopg.Cursor[psycopg.rows.TupleRow]"
T = TypeVar("T")

RETRY_SECONDS = 0.5


def connect(name: str) -> psycopg.Connection[psycopg.rows.TupleRow]:
    """Connect as the role of this service; raises psycopg.OperationalError."""
    return psycopg.connect(
        os.environ["DATABASE_URL"],
        password=password("DATABASE_PASSWORD"),
        application_name=name,
        connect_timeout=2,
    )


class Database:
    """The database, as one service sees it."""

    def __init__(self, log: logging.Logger, stop: Stop) -> None:
        self._log = log
        self._stop = stop
        self._link = Link("PostgreSQL", log)
        self._connection: psycopg.Connection[psycopg.rows.TupleRow] | None = None

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """One transaction: committed at the end, rolled back by an exception, psycopg.Error passed on."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._log.name)
        with self._connection.transaction(), self._connection.cursor() as cursor:
            yield cursor

    def patiently(self, work: Callable[[Cursor], T]) -> T | None:
        """Do work in a transaction, again and again while PostgreSQL is away.

        None when the service is to stop or PostgreSQL refuses the work itself; the log has its words.
        """
        while not self._stop.requested:
            try:
                with self.transaction() as cursor:
                    done = work(cursor)
            except psycopg.OperationalError as error:
                self._link.failed(error)
                self._stop.wait(RETRY_SECONDS)
            except psycopg.Error as error:
                self._log.error("Schreiben fehlgeschlagen: %s", error)
                return None
            else:
                self._link.works()
                return done
        return None

    def wait(self) -> None:
        """Return once PostgreSQL answers, or the service is to stop."""
        self.patiently(lambda cursor: cursor.execute("SELECT 1").fetchone())

    def probe(self) -> str:
        """``ok``, or what PostgreSQL or its client says instead; asked over a connection of its own."""
        try:
            with connect(f"{self._log.name} health") as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            return str(error).strip()
        return "ok"
