"""Asks one Redis server, with reading commands only and a bounded number of entries."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.redis.streams import read_streams
from cdbctl.collect.redis.text import redis_text
from cdbctl.collect.web import shown
from cdbctl.collect.wire import Deadline
from cdbctl.model.needs import StreamQuestion
from cdbctl.model.redis import RedisFacts, ReplicaFacts, StreamFacts
from cdbctl.model.snapshot import Window

if TYPE_CHECKING:
    from redis import ConnectionPool, Redis

_LONGEST_DOWN_SECONDS = 40 * 365 * 86_400


def read_redis(
    url: str,
    password: str | None,
    *,
    streams: Sequence[StreamQuestion],
    window: Window,
    timeout_seconds: float,
) -> Seen[RedisFacts]:
    """PING, TIME, INFO, and the streams that checks ask for; raises NoAnswer."""
    deadline = Deadline(timeout_seconds)
    with _translated(deadline), _connected(url, password, deadline) as client:
        started = time.monotonic()
        client.ping()
        round_trip_ms = round((time.monotonic() - started) * 1000, 2)
        server_at, host_at = _clocks(client)
        info = client.info()
        found, notes = read_streams(client, streams, window=window, deadline=deadline)
    facts = _facts(info, server_at, host_at, round_trip_ms, found)
    return Seen(facts, redis_text(shown(url), facts, notes))


@contextmanager
def _connected(url: str, password: str | None, deadline: Deadline) -> Iterator[Redis]:
    """One connection without retries, hung up when the deadline passes, however slowly the server drips."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.connection import Connection
    from redis.retry import Retry

    opened: list[Connection] = []

    def remember(connection: Connection) -> None:
        opened.append(connection)
        connection.on_connect()  # type: ignore[no-untyped-call]  # redis-py does not annotate it

    pool = _pool(
        url,
        password=password,
        socket_timeout=deadline.seconds,
        socket_connect_timeout=deadline.seconds,
        # By itself redis-py tries a dead port again and again for seconds.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        redis_connect_func=remember,
    )
    alarm = threading.Timer(deadline.seconds, _hang_up, (opened,))
    alarm.daemon = True
    alarm.start()
    try:
        yield Redis(connection_pool=pool)
    finally:
        alarm.cancel()
        pool.disconnect()


def _pool(url: str, **options: object) -> ConnectionPool:
    from redis import ConnectionPool

    try:
        return ConnectionPool.from_url(url, **options)
    except ValueError as error:
        reason = "the address is neither redis://HOST:PORT/DB, rediss:// nor unix://PATH"
        raise NoAnswer(reason, remedy="correct redis.url in cdbctl.yaml") from error


def _hang_up(opened: Sequence[object]) -> None:
    """End the conversation from another thread: a shutdown wakes who waits for an answer, a close does not."""
    for connection in opened:
        sock = getattr(connection, "_sock", None)
        if isinstance(sock, socket.socket):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def _translated(deadline: Deadline) -> Iterator[None]:
    from redis import exceptions as errors

    correct_it = "correct redis in cdbctl.yaml"
    try:
        yield
    except (errors.AuthenticationError, errors.AuthenticationWrongNumberOfArgsError) as error:
        remedy = "set redis.password in cdbctl.yaml to a reference to the right password"
        raise NoAnswer(f"Redis does not accept the login: {_words(error)}", remedy=remedy) from error
    except errors.NoPermissionError as error:
        remedy = "allow the user of cdbctl: ACL SETUSER … +@read +ping +time +info"
        raise NoAnswer(f"the user may not look: {_words(error)}", remedy=remedy) from error
    except errors.BusyLoadingError as error:
        raise NoAnswer("Redis is still loading its data", remedy="run the check-up again in a moment") from error
    except errors.InvalidResponse as error:
        raise NoAnswer(f"does not speak the protocol of Redis: {_words(error)}", remedy=correct_it) from error
    except (errors.RedisError, OSError) as error:
        raise _silence(error, deadline) from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        what = f"{type(error).__name__}: {_words(error)}"
        raise NoAnswer(f"does not answer as Redis does: {what}", remedy=correct_it) from error


def _silence(error: Exception, deadline: Deadline) -> NoAnswer:
    """Why there is no answer at all."""
    causes = set(_causes(error))
    if ConnectionRefusedError in causes:
        return NoAnswer("connection refused", remedy="look whether Redis runs and on which port")
    if FileNotFoundError in causes:
        return NoAnswer("its socket does not exist", remedy="look whether Redis runs and on which socket")
    if socket.gaierror in causes:
        return NoAnswer("the name of its host is not known", remedy="correct redis.url in cdbctl.yaml")
    if "connecting" in str(error) and TimeoutError in causes:
        return NoAnswer(f"does not accept connections within {deadline}")
    if TimeoutError in causes or deadline.passed():
        reason = f"accepts connections and does not answer within {deadline}"
        return NoAnswer(reason, remedy="look whether Redis is frozen or overloaded: redis-cli --latency")
    return NoAnswer(f"no answer: {_words(error)}", remedy="look at the log of Redis")


def _causes(error: BaseException) -> Iterator[type[BaseException]]:
    cause: BaseException | None = error
    while cause is not None:
        yield from (kind for kind in type(cause).__mro__ if issubclass(kind, BaseException))
        cause = cause.__cause__ or cause.__context__


def _words(error: Exception) -> str:
    return f"{error!s:.200}"


def _clocks(client: Redis) -> tuple[datetime, datetime]:
    """The time of the server, and that of this machine in the middle of the question."""
    before = datetime.now(UTC)
    seconds, microseconds = client.time()
    after = datetime.now(UTC)
    server_at = datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(microseconds))
    return server_at, before + (after - before) / 2


def _facts(
    info: Mapping[str, Any],
    server_at: datetime,
    host_at: datetime,
    round_trip_ms: float,
    streams: Sequence[StreamFacts],
) -> RedisFacts:
    return RedisFacts(
        version=str(info["redis_version"]),
        server_at=server_at,
        host_at=host_at,
        round_trip_ms=round_trip_ms,
        started_at=server_at - timedelta(seconds=int(info["uptime_in_seconds"])),
        used_memory_bytes=int(info["used_memory"]),
        max_memory_bytes=int(info["maxmemory"]),
        eviction_policy=str(info["maxmemory_policy"]),
        evicted_keys=int(info["evicted_keys"]),
        connected_clients=int(info["connected_clients"]),
        rdb_last_save_ok=info["rdb_last_bgsave_status"] == "ok",
        aof_last_write_ok=info["aof_last_write_status"] == "ok",
        streams=tuple(streams),
        run_id=str(info.get("run_id", "")),
        rejected_connections=_number(info, "rejected_connections"),
        max_clients=_number(info, "maxclients"),
        loading=bool(_number(info, "loading") or _number(info, "async_loading")),
        rdb_last_save_at=datetime.fromtimestamp(int(info["rdb_last_save_time"]), UTC),
        rdb_changes_since_save=_number(info, "rdb_changes_since_last_save"),
        aof_enabled=bool(_number(info, "aof_enabled")),
        aof_last_rewrite_ok=info.get("aof_last_bgrewrite_status", "ok") == "ok",
        replica=_replica(info),
    )


def _replica(info: Mapping[str, Any]) -> ReplicaFacts | None:
    """The link of a replica; its words are older than the word replica."""
    if info.get("role") != "slave":
        return None
    link_up = info.get("master_link_status") == "up"
    down_seconds = _number(info, "master_link_down_since_seconds")
    return ReplicaFacts(
        primary=f"{info.get('master_host')}:{info.get('master_port')}",
        link_up=link_up,
        syncing=bool(_number(info, "master_sync_in_progress")),
        silent_seconds=_number(info, "master_last_io_seconds_ago") if link_up else None,
        # A link that never was up is down for -1 seconds, or since 1970.
        down_seconds=down_seconds if down_seconds is not None and 0 <= down_seconds < _LONGEST_DOWN_SECONDS else None,
    )


def _number(info: Mapping[str, Any], name: str) -> int | None:
    value = info.get(name)
    return int(value) if value is not None else None
