"""Ways to what runs in a container: ``docker://cdb_postgres`` to an address that clients understand.

The published port is tried first, then the container's own address, then a tunnel through ``docker exec``. Which
way was found belongs to the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.ways import find_way
from cdbctl.collect.web import over_socket
from cdbctl.collect.wire import Deadline
from cdbctl.model.stack import Service

if TYPE_CHECKING:
    from cdbctl.collect.docker.engine import Engine

SCHEME = "docker://"
POSTGRES_PORT = 5432
REDIS_PORT = 6379
_PLACE = re.compile(r"(?:(?P<user>[^@]*)@)?(?P<container>[A-Za-z0-9][A-Za-z0-9_.-]*)(?::(?P<port>\d{1,5}))?", re.ASCII)
_NOT_IN_A_DSN = frozenset({"host", "hostaddr", "port", "password", "sslpassword", "service"})


@dataclass(frozen=True, slots=True)
class Route:
    """An address that can be connected to, for as long as the block lasts that gave it."""

    address: str
    how: str
    """The first line of the evidence, e.g. ``reached by the published port 127.0.0.1:32768``; empty for an address
    that was no ``docker://`` one."""


@contextmanager
def reach_web(engine: Engine | None, url: str, services: Sequence[Service], deadline: Deadline) -> Iterator[Route]:
    """``docker://cdb_ws:8000/metrics`` as an address for ``collect.web``; raises NoAnswer."""
    if not url.startswith(SCHEME):
        yield Route(url, "")
        return
    wanted = _wanted(url)
    page = wanted.path + (f"?{wanted.query}" if wanted.query else "")
    with find_way(engine, wanted.container, wanted.port or 80, services, deadline, socket_name="http") as way:
        yield Route(over_socket(way.socket, page) if way.socket else f"http://{way.place}{page}", way.how)


@contextmanager
def reach_redis(engine: Engine | None, url: str, services: Sequence[Service], deadline: Deadline) -> Iterator[Route]:
    """``docker://user@cdb_redis:6379/0`` as an address for redis-py; raises NoAnswer."""
    if not url.startswith(SCHEME):
        yield Route(url, "")
        return
    wanted = _wanted(url)
    user = f"{wanted.user}@" if wanted.user else ""
    number = wanted.path.strip("/")
    asked = "&".join(filter(None, (f"db={number}" if number else "", wanted.query)))
    query = f"?{asked}" if asked else ""
    port = wanted.port or REDIS_PORT
    with find_way(engine, wanted.container, port, services, deadline, socket_name="redis") as way:
        yield Route(f"unix://{user}{way.socket}{query}" if way.socket else f"redis://{user}{way.place}{query}", way.how)


@contextmanager
def reach_database(engine: Engine | None, dsn: str, services: Sequence[Service], deadline: Deadline) -> Iterator[Route]:
    """``docker://cdb_reader@cdb_postgres/cdb`` as words for libpq, without a password; raises NoAnswer.

    Without a user or a database it is the one that the image was told to make: POSTGRES_USER, POSTGRES_DB.
    """
    if not dsn.startswith(SCHEME):
        yield Route(dsn, "")
        return
    from psycopg import ProgrammingError
    from psycopg.conninfo import make_conninfo

    wanted = _wanted(dsn)
    port = wanted.port or POSTGRES_PORT
    with find_way(engine, wanted.container, port, services, deadline, socket_name=f".s.PGSQL.{port}") as way:
        user, database = _login(wanted, way.container)
        # Without hostaddr, libpq would take PGHOSTADDR from the environment: another server.
        place = (
            {"host": way.socket.rpartition("/")[0], "hostaddr": "", "port": str(port)}
            if way.socket
            else {"host": way.host, "hostaddr": way.hostaddr, "port": str(way.port)}
        )
        try:
            words = make_conninfo("", **wanted.options, **place, user=user, dbname=database)
        except ProgrammingError as error:
            reason = f"what stands behind the ? of the address is not known to libpq: {str(error).strip()}"
            raise NoAnswer(reason, remedy="correct database.dsn in cdbctl.yaml") from None
        yield Route(words, way.how)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A ``docker://`` address, taken apart."""

    container: str
    port: int | None
    user: str
    """As written, so percent-encoded."""
    path: str
    query: str

    @property
    def options(self) -> dict[str, str]:
        """The words for libpq; where it leads to is not among them."""
        return {name: value for name, value in parse_qsl(self.query) if name not in _NOT_IN_A_DSN}


def _wanted(address: str) -> _Wanted:
    # Not by urlsplit alone: it writes host names in small letters, and names of containers have large ones.
    parts = urlsplit(address)
    match = _PLACE.fullmatch(parts.netloc)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or ":" in (match["user"] or "") or (port is not None and not 0 < port < 65536):
        reason = "the address is not one of a container: write it like docker://cdb_postgres or docker://cdb_ws:8000"
        raise NoAnswer(reason, remedy="correct it in cdbctl.yaml; a password is named by `password:`, never inside")
    return _Wanted(match["container"], port, match["user"] or "", parts.path, parts.query)


def _login(wanted: _Wanted, container: Mapping[str, Any]) -> tuple[str, str]:
    """User and database: as written, else as the container of the official image was told."""
    settings = dict(str(item).partition("=")[::2] for item in container.get("Config", {}).get("Env") or ())
    made_user, made_database = settings.get("POSTGRES_USER", ""), settings.get("POSTGRES_DB", "")
    user, database = unquote(wanted.user), unquote(wanted.path.strip("/"))
    if "POSTGRES_USER_FILE" in settings and not made_user and not user:
        reason = f"the user of {wanted.container} stands in a file inside it, which is not read from here"
        raise NoAnswer(reason, remedy=f"name it in database.dsn: docker://USER@{wanted.container}/DATABASE")
    return user or made_user or "postgres", database or made_database or made_user or "postgres"
