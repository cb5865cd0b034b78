"""A session with PostgreSQL ends within its time and says why there is none."""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.postgres import _no_session, read_only_session
from cdbctl.sql.server import Scratch, free_port

pytestmark = pytest.mark.live

Talk = Callable[[socket.socket], None]
SECRET = "hunter2-läßt-grüßen"
AUTHENTICATED = b"R" + struct.pack("!ii", 8, 0)
READY = b"Z" + struct.pack("!ic", 5, b"I")
ASK_FOR_PASSWORD = b"R" + struct.pack("!ii", 8, 3)


def fatal(sqlstate: str, message: str) -> bytes:
    fields = f"SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


@contextmanager
def speaking(talk: Talk) -> Iterator[str]:
    """A server that accepts connections and says what the test wants; yields its DSN."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        open_connections: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    open_connections.append(connection)
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"postgresql://reader@127.0.0.1:{listener.getsockname()[1]}/cdb?sslmode=disable&gssencmode=disable"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in open_connections:
                connection.close()
            thread.join(5)


def after_startup(*answers: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.recv(10_000)
        for answer in answers:
            connection.sendall(answer)

    return talk


def failure(dsn: str, password: str | None = None, *, timeout_seconds: float = 5.0, sql: str = "SELECT 1") -> NoAnswer:
    started = time.monotonic()
    with (
        pytest.raises(NoAnswer) as caught,
        read_only_session(dsn, password, timeout_seconds=timeout_seconds) as session,
    ):
        session.connection.execute(sql.encode())
    assert time.monotonic() - started < timeout_seconds + 1.0
    return caught.value


@pytest.fixture(scope="module")
def admin(postgres: Scratch) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        yield connection


class TestDeadline:
    def test_a_port_that_accepts_and_never_answers(self) -> None:
        with speaking(lambda _: None) as dsn:
            reason = failure(dsn, timeout_seconds=0.3).reason
        assert reason == "accepted the connection and did not answer within 0.3 s"

    def test_a_server_that_falls_silent_after_the_handshake(self) -> None:
        with speaking(after_startup(AUTHENTICATED, READY)) as dsn:
            reason = failure(dsn, timeout_seconds=0.3).reason
        assert reason == "no answer within 0.3 s"

    def test_a_server_that_trickles(self) -> None:
        def trickle(connection: socket.socket) -> None:
            for byte in fatal("57P03", "x" * 200):
                connection.sendall(bytes((byte,)))
                time.sleep(0.02)

        with speaking(trickle) as dsn:
            assert "within 0.3 s" in failure(dsn, timeout_seconds=0.3).reason

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot freeze a process")
    def test_a_frozen_postgres(self, postgres: Scratch) -> None:
        pid = int((postgres.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            reason = failure(postgres.dsn(), timeout_seconds=0.3).reason
        finally:
            os.kill(pid, signal.SIGCONT)
        assert reason == "accepted the connection and did not answer within 0.3 s"

    def test_a_slow_statement_is_ended_by_the_server_in_half_the_time(self, postgres: Scratch) -> None:
        answer = failure(postgres.dsn(), timeout_seconds=1.0, sql="SELECT pg_sleep(5)")
        assert answer.reason == "57014 canceling statement due to statement timeout"

    def test_nothing_is_left_running_after_a_session(self, postgres: Scratch) -> None:
        before = threading.active_count()
        for _ in range(3):
            with read_only_session(postgres.dsn(), None, timeout_seconds=60.0) as session:
                session.connection.execute("SELECT 1")
        deadline = time.monotonic() + 5.0
        while threading.active_count() > before:
            assert time.monotonic() < deadline
            time.sleep(0.01)


class TestReasons:
    def test_nothing_listens(self) -> None:
        answer = failure(f"host=127.0.0.1 port={free_port()} dbname=cdb user=x")
        assert answer.reason.startswith("refused the connection: nothing listens there (")
        assert answer.remedy == "start PostgreSQL, or correct database.dsn in cdbctl.yaml"

    def test_a_socket_that_does_not_exist(self) -> None:
        assert failure("host=/nowhere dbname=cdb user=x").reason.startswith("refused the connection")

    def test_a_database_that_does_not_exist(self, postgres: Scratch) -> None:
        answer = failure(postgres.dsn(database="nope"))
        assert answer.reason.startswith("3D000 the database does not exist")
        assert answer.remedy == "correct database.dsn in cdbctl.yaml"

    def test_a_role_that_does_not_exist(self, postgres: Scratch) -> None:
        assert failure(postgres.dsn(user="nope")).reason.startswith("28000 the role does not exist")

    def test_too_many_connections(self, postgres: Scratch, admin: psycopg.Connection) -> None:
        admin.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
        try:
            assert failure(postgres.dsn(user="crowded")).reason.startswith("53300 too many connections")
        finally:
            admin.execute("DROP ROLE crowded")

    @pytest.mark.parametrize(
        ("password", "words"),
        [
            ("wrong " + SECRET, "28P01 password authentication failed"),
            (None, "28P01 it asks for a password and none is configured"),
        ],
    )
    def test_a_wrong_password(
        self, postgres: Scratch, guarded: str, password: str | None, words: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PGPASSWORD", raising=False)
        monkeypatch.setenv("PGPASSFILE", os.devnull)
        answer = failure(postgres.dsn(user=guarded), password)
        assert answer.reason.startswith(words)
        assert SECRET not in answer.reason + answer.remedy
        assert answer.remedy == "correct the secret that database.password refers to in cdbctl.yaml"

    def test_the_right_password(self, postgres: Scratch, guarded: str) -> None:
        with read_only_session(postgres.dsn(user=guarded), SECRET, timeout_seconds=5.0) as session:
            row = session.connection.execute("SELECT current_user::text").fetchone()
        assert row == (guarded,)

    def test_a_server_that_repeats_the_password_does_not_get_it_into_the_report(self) -> None:
        def talk(connection: socket.socket) -> None:
            after_startup(ASK_FOR_PASSWORD)(connection)
            sent = connection.recv(10_000)[5:-1].decode()
            connection.sendall(fatal("28P01", f"no user has the password {sent}"))

        with speaking(talk) as dsn:
            answer = failure(dsn, SECRET)
        assert "no user has the password [password]" in answer.reason

    def test_a_dsn_that_cannot_be_read_is_not_repeated(self) -> None:
        answer = failure(f"postgresql://reader:{SECRET}@[broken")
        assert answer.reason == "the DSN is not one that PostgreSQL understands"
        assert SECRET not in str(answer.__cause__) + str(answer.remedy)

    @pytest.mark.parametrize(
        ("sqlstate", "message", "words"),
        [
            ("57P03", "the database system is starting up", "57P03 it is starting up"),
            ("57P03", "the database system is shutting down", "57P03 it is shutting down"),
            ("57P03", "the database system is in recovery mode", "57P03 it recovers from a crash"),
            ("53300", "sorry, too many clients already", "53300 too many connections"),
            ("53300", "remaining connection slots are reserved for superusers", "53300 too many connections"),
            ("28000", 'no pg_hba.conf entry for host "10.0.0.1"', "28000 pg_hba.conf lets nobody in"),
            ("XX000", "etwas ganz anderes → ü", "etwas ganz anderes → ü"),
        ],
    )
    def test_what_a_server_says_at_the_door(self, sqlstate: str, message: str, words: str) -> None:
        with speaking(after_startup(fatal(sqlstate, message))) as dsn:
            answer = failure(dsn)
        assert words in answer.reason
        assert message in answer.reason
        assert answer.remedy

    def test_a_server_that_hangs_up_at_once(self) -> None:
        with speaking(lambda connection: connection.close()) as dsn:
            assert failure(dsn).reason.startswith("it closed the connection before the session began")

    def test_a_server_that_speaks_another_protocol(self) -> None:
        with speaking(after_startup(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as dsn:
            assert failure(dsn).reason

    def test_a_host_name_that_cannot_be_resolved(self) -> None:
        words = 'could not translate host name "nowhere" to address: Name or service not known\n'
        assert _no_session(words).reason.startswith("its host name cannot be resolved (could not translate")


class TestReadOnly:
    def test_nothing_can_be_written(self, postgres: Scratch) -> None:
        answer = failure(postgres.dsn(), sql="CREATE TABLE t (a int)")
        assert answer.reason == "25006 cannot execute CREATE TABLE in a read-only transaction"

    def test_options_of_the_dsn_are_kept_but_do_not_lift_the_limits(self, postgres: Scratch) -> None:
        dsn = f"{postgres.dsn()} options='-c search_path=audit -c default_transaction_read_only=off'"
        with read_only_session(dsn, None, timeout_seconds=2.0) as session:
            rows = [
                session.connection.execute(f"SHOW {name}".encode()).fetchone()
                for name in (
                    "search_path",
                    "default_transaction_read_only",
                    "statement_timeout",
                    "lock_timeout",
                    "idle_in_transaction_session_timeout",
                    "application_name",
                )
            ]
        assert [row[0] for row in rows if row] == ["audit", "on", "1s", "500ms", "2s", "cdbctl"]


@pytest.fixture
def guarded(postgres: Scratch, admin: psycopg.Connection) -> Iterator[str]:
    """A role that must show its password; the server trusts everybody else."""
    rules = postgres.folder / "data" / "pg_hba.conf"
    before = rules.read_text(encoding="utf-8")
    admin.execute(f"CREATE ROLE guarded LOGIN PASSWORD '{SECRET}'".encode())
    try:
        lines = ("local all guarded scram-sha-256", "host all guarded 127.0.0.1/32 scram-sha-256", before)
        rules.write_text("\n".join(lines), encoding="utf-8")
        admin.execute("SELECT pg_reload_conf()")
        _wait_until_refused(postgres.dsn(user="guarded"))
        yield "guarded"
    finally:
        rules.write_text(before, encoding="utf-8")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("DROP ROLE guarded")


def _wait_until_refused(dsn: str) -> None:
    """Until the new rules are in force."""
    deadline = time.monotonic() + 5.0
    with suppress(psycopg.OperationalError):
        while True:
            psycopg.connect(dsn, password="certainly wrong").close()
            assert time.monotonic() < deadline
            time.sleep(0.01)
