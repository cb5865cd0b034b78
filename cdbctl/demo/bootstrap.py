"""Brings the empty database to its first state: roles, and every migration but the one that a fault leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cdbctl.demo.faults import NEVER_APPLIED, Fault
from cdbctl.demo.places import Places
from cdbctl.demo.programs import DATABASE, READER, ROLES
from cdbctl.demo.workspace import secret_name
from cdbctl.errors import CdbctlError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.rows import TupleRow

    Session: TypeAlias = Connection[TupleRow]

SUPERUSER = "postgres"


def connect(places: Places, port: int, *, user: str = SUPERUSER, database: str = DATABASE) -> Session:
    """Connect as one of the roles of the demo; raises psycopg.OperationalError."""
    import psycopg

    return psycopg.connect(
        host="127.0.0.1", port=port, user=user, dbname=database, password=places.secret(secret_name(user)),
        connect_timeout=2, autocommit=True, application_name="cdbctl demo",
    )  # fmt: skip


def bootstrap(places: Places, port: int, fault: Fault) -> None:
    """Make the database, its roles and its tables."""
    with connect(places, port, database="postgres") as session:
        session.execute(f"CREATE DATABASE {DATABASE}".encode())
        for role in ROLES:
            _make_role(session, role, places.secret(secret_name(role)))
        session.execute(f"GRANT pg_monitor, pg_read_all_data TO {READER}".encode())
    with connect(places, port) as session:
        for path in migrations(places.root):
            if path.name != NEVER_APPLIED.get(fault):
                _apply(session, path)


def migrations(root: Path) -> list[Path]:
    """The migration files of the workspace in the order of their names."""
    return sorted((root / "governance" / "migrations").glob("*.sql"))


def _make_role(session: Session, role: str, password: str) -> None:
    """Make a role that may log in; the server only ever sees the verifier of its password."""
    from psycopg import sql

    verifier = session.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    session.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _apply(session: Session, path: Path) -> None:
    import psycopg

    try:
        with session.transaction():
            session.execute(path.read_text(encoding="utf-8-sig").encode())
    except psycopg.Error as error:
        raise CdbctlError(f"{path.name} could not be applied to the database of the demo", why=str(error)) from error
