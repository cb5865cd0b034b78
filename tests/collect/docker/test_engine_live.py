"""The questions that other collectors build on, asked of a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.daemon import started_at
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.failures import Refused
from cdbctl.collect.wire import Deadline
from tests.collect.docker.worlds import declared, engine_at
from tests.live.engine import DockerEngine

pytestmark = pytest.mark.live


@contextmanager
def asking(docker_engine: DockerEngine) -> Iterator[Engine]:
    engine = engine_at(docker_engine.address)
    try:
        yield engine
    finally:
        engine.close()


def test_a_container_is_found_by_its_name_or_by_its_compose_labels(docker_engine: DockerEngine) -> None:
    labels = ("--label", "com.docker.compose.project=rtfind", "--label", "com.docker.compose.service=risk")
    with (
        docker_engine.run("rt_find_1", "sleep", "100") as plain,
        docker_engine.run("rt_find_2", "sleep", "100", options=labels) as composed,
        asking(docker_engine) as engine,
    ):
        services = [declared("cdb_risk", project="rtfind", key="risk"), declared("other", project="else", key="risk")]
        assert engine.find("rt_find_1", Deadline(10), services)["Id"] == plain.id
        assert engine.find("cdb_risk", Deadline(10), services)["Id"] == composed.id
        with pytest.raises(NoAnswer, match="the engine knows no container other"):
            engine.find("other", Deadline(10), services)


def test_an_unknown_container_is_refused_with_the_words_of_the_engine(docker_engine: DockerEngine) -> None:
    with asking(docker_engine) as engine:
        with pytest.raises(Refused, match="No such container: rt_none") as refusal:
            engine.get("/containers/rt_none/json", {}, Deadline(10))
        assert refusal.value.status == 404
        with pytest.raises(Refused), engine.stream("/containers/rt_none/logs", {"stdout": "1"}, Deadline(10)):
            pass
        with pytest.raises(Refused), engine.exec_stream("rt_none", ["true"], Deadline(10)):
            pass


def test_a_stream_ends_where_the_log_ends(docker_engine: DockerEngine) -> None:
    with docker_engine.run("rt_stream", "seq", "20000") as one, asking(docker_engine) as engine:
        docker_engine.docker("wait", one.name)
        query = {"stdout": "1", "stderr": "1"}
        with engine.stream(f"/containers/{one.id}/logs", query, Deadline(20)) as stream:
            assert stream.status == 200
            size = 0
            while piece := stream.read(65536):
                size += len(piece)
    assert size == sum(len(f"{number}\n") + 8 for number in range(1, 20001))


def test_a_stream_that_nobody_reads_to_its_end_does_not_disturb_the_next_question(docker_engine: DockerEngine) -> None:
    with docker_engine.run("rt_half", "seq", "20000") as one, asking(docker_engine) as engine:
        docker_engine.docker("wait", one.name)
        with engine.stream(f"/containers/{one.id}/logs", {"stdout": "1"}, Deadline(20)) as stream:
            assert stream.read(10)
        assert engine.get("/version", {}, Deadline(10))["Version"]


def test_a_command_in_a_container_is_talked_with_in_both_directions(docker_engine: DockerEngine) -> None:
    script = 'read line; echo "got $line"; echo trouble >&2; cat'
    with (
        docker_engine.run("rt_exec", "sleep", "100") as one,
        asking(docker_engine) as engine,
        engine.exec_stream(one.id, ["sh", "-c", script], Deadline(20)) as tunnel,
    ):
        tunnel.sendall(b"one\n")
        assert tunnel.recv(100) == b"got one\n"
        tunnel.sendall(b"x" * 50_000)
        tunnel.close_writing()
        echoed = b""
        while piece := tunnel.recv(65536):
            echoed += piece
        assert echoed == b"x" * 50_000
        assert tunnel.stderr == "trouble\n"


def test_the_start_of_a_daemon_of_this_machine_is_before_that_of_its_containers(docker_engine: DockerEngine) -> None:
    with docker_engine.run("rt_daemon", "sleep", "100") as one, asking(docker_engine) as engine:
        at = started_at(engine.address, Deadline(10))
        created = docker_engine.docker("inspect", "--format", "{{.Created}}", one.name)
        assert at is None or at.isoformat() < created.replace("Z", "+00:00")
