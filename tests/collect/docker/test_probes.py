"""A passing healthcheck proves as much as its command can find out, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.docker.probes import probe_depth
from cdbctl.model.runtime import ProbeDepth

NONE, PROCESS, PORT = ProbeDepth.NONE, ProbeDepth.PROCESS, ProbeDepth.PORT
HTTP, APPLICATION, DEPENDENCY = ProbeDepth.HTTP, ProbeDepth.APPLICATION, ProbeDepth.DEPENDENCY


@pytest.mark.parametrize(
    ("command", "depth"),
    [
        ("kill -0 1", PROCESS),
        ("kill -0 1 || exit 1", PROCESS),
        ("pgrep -f service.py", PROCESS),
        ("test -f /tmp/ready", PROCESS),
        ("[ -f /tmp/ready ]", PROCESS),
        ("/usr/local/bin/own-check", PROCESS),
        ("nc -z localhost 6379", PORT),
        ("timeout 5 nc -z localhost 6379 || exit 1", PORT),
        ("bash -c '</dev/tcp/127.0.0.1/5432'", PORT),
        ("python3 -c \"import socket; socket.create_connection(('localhost', 1))\"", PORT),
        ("curl -fsS http://localhost:8001/health || exit 1", HTTP),
        ("wget -q --spider http://localhost:9090/-/healthy", HTTP),
        ("/usr/bin/curl --fail http://localhost/ ", HTTP),
        ("python -c \"import urllib.request as u; u.urlopen('http://localhost:8000/health')\"", HTTP),
        ("sh -c 'curl -f http://localhost | grep ok'", HTTP),
        ("pg_isready -U cdb -d cdb", APPLICATION),
        ("redis-cli -a geheim ping | grep PONG", APPLICATION),
        ("REDISCLI_AUTH=x redis-cli ping", APPLICATION),
        ('test "$(redis-cli ping)" = PONG', PROCESS),
        ("psql -U cdb -c 'SELECT 1; SELECT 2'", APPLICATION),
        ("python -c 'import redis; redis.Redis().ping()'", DEPENDENCY),
        ("nc -z db 5432 && curl -f http://localhost/health", HTTP),
        ("curl -f http://localhost/health || nc -z localhost 80", PORT),
        ("curl -f http://localhost/health || true", NONE),
        ("curl -f http://localhost/health || exit 0", NONE),
        ("curl -f http://localhost/health || kill 1", HTTP),
        ("exit 0", NONE),
        ("true", NONE),
        ("", NONE),
        ("echo 'a || b && c'", NONE),
        ("curl -f 'http://localhost/?a=b||c'", HTTP),
        ("curl -f 'unclosed", HTTP),
    ],
)
def test_a_shell_command(command: str, depth: ProbeDepth) -> None:
    assert probe_depth(("CMD-SHELL", command)) is depth


@pytest.mark.parametrize(
    ("test", "depth"),
    [
        ((), NONE),
        (("NONE",), NONE),
        (("CMD",), NONE),
        (("CMD", "redis-cli", "ping"), APPLICATION),
        (("CMD", "curl", "-f", "http://localhost || true"), HTTP),
        (("CMD", "sh", "-c", "nc -z localhost 1 || exit 1"), PORT),
        (("CMD", "/bin/busybox", "wget", "-qO-", "http://localhost"), HTTP),
        (("CMD", "kill", "-0", "1"), PROCESS),
        (("CMD", "sh", "-c"), PROCESS),
    ],
)
def test_a_list_of_words_is_not_read_by_a_shell(test: tuple[str, ...], depth: ProbeDepth) -> None:
    assert probe_depth(test) is depth


@given(st.lists(st.text(max_size=60), max_size=5))
def test_whatever_somebody_wrote_has_some_depth(test: list[str]) -> None:
    assert probe_depth(test) in ProbeDepth
    assert probe_depth(["CMD-SHELL", *test]) in ProbeDepth
