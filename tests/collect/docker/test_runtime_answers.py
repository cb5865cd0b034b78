"""What an engine says is read for what it is, also when it says it slowly, partly or oddly."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.facts import Container
from cdbctl.collect.docker.runtime import DockerRuntime
from cdbctl.model.runtime import Health, HealthFacts, ProbeDepth, RuntimeFacts, ServiceState
from cdbctl.settings import ComposeProject, DockerSource
from tests.collect.docker.worlds import declared, last_hour, listening, says

HANG = "hang"


def entry(name: str, *, state: str = "running", project: str = "cdb", service: str | None = None) -> dict[str, Any]:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service or name}
    return {
        "Id": name * 8,
        "Names": [f"/{name}"],
        "State": state,
        "Created": 1770000000,
        "Labels": labels,
        "Image": "i",
    }


def inspection(name: str, **state: object) -> dict[str, Any]:
    return {
        "Id": name * 8,
        "Created": "2026-02-09T08:00:00.5Z",
        "RestartCount": 0,
        "State": {
            "Status": "running", "Pid": 0, "ExitCode": 0, "Error": "", "OOMKilled": False,
            "StartedAt": "2026-02-09T08:00:01.123456789Z", "FinishedAt": "0001-01-01T00:00:00Z", **state,
        },
        "Image": "sha256:1", "Config": {"Image": "i", "Env": ["TOKEN=do-not-show-me"]}, "HostConfig": {},
    }  # fmt: skip


VERSION = {"Version": "29.0.1", "Components": [{"Name": "Engine", "Version": "29.0.1"}]}


def read(answers: Mapping[str, object], *, names: tuple[str, ...] = (), seconds: float = 5) -> Seen[RuntimeFacts]:
    """A look at an engine that gives these answers by path; anything else is 404."""

    def talk(sock: socket.socket, head: bytes) -> None:
        path = urlsplit(head.split()[1].decode()).path
        answer = answers.get(path, VERSION if path == "/version" else None)
        if answer == HANG:
            # Until the client hangs up.
            with suppress(OSError):
                sock.recv(1)
        elif answer is None:
            says(b'{"message": "no such thing"}', status="404 Not Found")(sock, head)
        else:
            says(answer if isinstance(answer, bytes) else json.dumps(answer).encode())(sock, head)

    projects = (ComposeProject("cdb", (), (), None, None),)
    with listening(talk) as address:
        engine = Engine(DockerSource(projects, address, None, None), root=Path.cwd(), environment={})
        try:
            services = [declared(name) for name in names]
            return DockerRuntime(engine, projects).read(
                services, window=last_hour(), timeout_seconds=seconds, sample_seconds=0.05
            )
        finally:
            engine.close()


def test_a_container_that_cannot_be_inspected_is_known_as_far_as_the_listing_tells() -> None:
    answers = {
        "/containers/json": [entry("good"), entry("stuck")],
        f"/containers/{'good' * 8}/json": inspection("good"),
        f"/containers/{'stuck' * 8}/json": HANG,
        "/events": b"",
    }
    begun = time.monotonic()
    seen = read(answers, seconds=1)
    assert time.monotonic() - begun < 1.5
    good, stuck = seen.value.service("good"), seen.value.service("stuck")
    assert good is not None
    assert good.started_at == datetime(2026, 2, 9, 8, 0, 1, 123456, tzinfo=UTC)
    assert stuck is not None
    assert (stuck.state, stuck.health, stuck.container) == (ServiceState.RUNNING, None, None)
    assert (stuck.restarts, stuck.restarts_counted_since, stuck.exit_status) == (None, None, None)
    assert "stuck: only what the listing tells is known: " in seen.text


def test_an_engine_that_inspects_nothing_is_no_answer() -> None:
    answers = {"/containers/json": [entry("a"), entry("b")], f"/containers/{'a' * 8}/json": b"5"}
    with pytest.raises(NoAnswer, match="something else than facts about a container"):
        read(answers | {f"/containers/{'b' * 8}/json": b"[]"})


def test_events_that_do_not_come_are_noted_and_cost_nothing_else() -> None:
    answers = {
        "/containers/json": [entry("a")],
        f"/containers/{'a' * 8}/json": inspection("a"),
        "/events": HANG,
    }
    seen = read(answers, seconds=1)
    assert "events of the engine are not known: " in seen.text
    assert seen.value.services[0].restarts_counted_since is not None


@pytest.mark.parametrize("hanging", ["/version", "/containers/json"])
def test_an_engine_that_hangs_costs_its_deadline(hanging: str) -> None:
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match="does not answer"):
        read({hanging: HANG}, seconds=0.5)
    assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("body", [b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_engine_is_no_answer(body: bytes) -> None:
    with pytest.raises(NoAnswer, match="not as an engine would"):
        read({"/version": body})


def test_no_container_at_all_is_an_answer_in_which_the_declared_ones_are_missing() -> None:
    seen = read({"/containers/json": [], "/events": b""}, names=("cdb_risk",))
    assert [(service.name, service.state) for service in seen.value.services] == [("cdb_risk", ServiceState.MISSING)]
    assert seen.value.version == "Docker 29.0.1"
    assert "cdb_risk:\n  state: missing\n" in seen.text


def test_podman_is_called_podman_and_its_events_are_no_proof_of_the_time_before() -> None:
    version = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}
    stopped = inspection("a", Status="running", FinishedAt="2026-02-09T08:00:00.9Z")
    event = {"Type": "container", "Action": "start", "Actor": {"ID": "x"}, "timeNano": 1770000000000000000}
    answers = {
        "/version": version,
        "/containers/json": [entry("a")],
        f"/containers/{'a' * 8}/json": stopped,
        "/events": json.dumps(event).encode(),
    }
    seen = read(answers)
    assert seen.value.version == "Podman 4.3.1"
    service = seen.value.service("a")
    assert service is not None
    assert service.restarts_counted_since == service.started_at


def test_replicas_speak_with_the_voice_of_the_first_that_runs_and_keep_their_own_names() -> None:
    entries = [entry("r3", service="risk"), entry("r1", state="exited", service="risk"), entry("r2", service="risk")]
    for number, one in enumerate(entries):
        one["Labels"]["com.docker.compose.container-number"] = one["Names"][0][-1]
        assert number < 3
    inspections: dict[str, object] = {f"/containers/{name * 8}/json": inspection(name) for name in ("r1", "r2", "r3")}
    seen = read({"/containers/json": entries, "/events": b"", **inspections}, names=("risk",))
    assert [service.name for service in seen.value.services] == ["risk", "r1", "r3"]
    assert seen.value.services[0].identity == "r2" * 8
    assert {service.container.compose_service for service in seen.value.services if service.container} == {"risk"}


def test_what_was_run_for_one_command_does_not_stand_for_the_service() -> None:
    once = entry("once", service="risk")
    once["Labels"]["com.docker.compose.oneoff"] = "True"
    answers = {"/containers/json": [once], f"/containers/{'once' * 8}/json": inspection("once"), "/events": b""}
    seen = read(answers, names=("risk",))
    assert {service.name: service.state for service in seen.value.services} == {
        "once": ServiceState.RUNNING,
        "risk": ServiceState.MISSING,
    }


def test_nothing_of_the_environment_and_no_password_of_a_probe_is_stored() -> None:
    one = inspection("a", Health={"Status": "healthy", "FailingStreak": 0, "Log": []})
    one["Config"]["Healthcheck"] = {"Test": ["CMD-SHELL", "redis-cli -a hunter2 ping"]}
    seen = read({"/containers/json": [entry("a")], f"/containers/{'a' * 8}/json": one, "/events": b""})
    assert "do-not-show-me" not in seen.text
    assert "command: CMD-SHELL redis-cli -a *** ping" in seen.text


def container(**state: object) -> Container:
    return Container(entry("a"), inspection("a", **state))


def probed(
    *outputs: str, test: tuple[str, ...] = ("CMD", "curl", "x"), status: str = "unhealthy"
) -> HealthFacts | None:
    log = [{"ExitCode": 1, "Output": output} for output in outputs]
    one = container(Health={"Status": status, "FailingStreak": 7, "Log": log})
    one.inspect["Config"]["Healthcheck"] = {"Test": list(test)}
    return one.health


def test_a_probe_says_its_last_words_in_one_short_line() -> None:
    assert probed("first", "a\n b\tc") == HealthFacts(Health.UNHEALTHY, ProbeDepth.HTTP, "exit status 1: a b c", 7)
    long = probed("word " * 2000)
    assert long is not None
    assert len(long.detail) < 250
    assert long.detail.endswith("word …")
    one_word = probed("x" * 4096)
    assert one_word is not None
    assert one_word.detail == "exit status 1: …", "half of a secret would not be known as one"


def test_the_words_of_a_probe_stand_in_the_evidence_as_they_stand_in_the_facts() -> None:
    one = inspection(
        "a", Health={"Status": "healthy", "FailingStreak": 0, "Log": [{"ExitCode": 0, "Output": "\x1b[2J"}]}
    )
    one["Config"]["Healthcheck"] = {"Test": ["CMD", "mysqladmin", "-phunter2", "ping"]}
    seen = read({"/containers/json": [entry("a")], f"/containers/{'a' * 8}/json": one, "/events": b""})
    health = seen.value.services[0].health
    assert health is not None
    assert health.detail == "exit status 0: \\x1b[2J"
    assert health.detail in seen.text
    assert "hunter2" not in seen.text


@pytest.mark.parametrize("status", ["", "none", "sideways", "HEALTHY?"])
def test_a_word_that_is_no_health_is_not_healthy(status: str) -> None:
    health = probed("x", status=status)
    assert health is not None
    assert health.health is Health.NONE


def test_older_versions_of_podman_call_it_healthcheck() -> None:
    one = container(Healthcheck={"Status": "healthy", "FailingStreak": 0, "Log": None})
    one.inspect["Config"]["Healthcheck"] = {"Test": ["CMD", "true"]}
    assert one.health == HealthFacts(Health.HEALTHY, ProbeDepth.NONE, "not probed yet", 0)


@pytest.mark.parametrize(
    ("status", "error", "state"),
    [
        ("running", "", ServiceState.RUNNING),
        ("paused", "", ServiceState.PAUSED),
        ("restarting", "", ServiceState.BACKOFF),
        ("created", "", ServiceState.STOPPED),
        ("created", "port is taken", ServiceState.FATAL),
        ("exited", "", ServiceState.EXITED),
        ("removing", "", ServiceState.STOPPED),
        ("dead", "", ServiceState.FATAL),
        ("stopped", "", ServiceState.EXITED),
        ("a word of tomorrow", "", ServiceState.FATAL),
    ],
)
def test_each_word_of_an_engine_is_one_of_ours(status: str, error: str, state: ServiceState) -> None:
    assert container(Status=status, Error=error).state is state


@pytest.mark.parametrize(
    ("config", "bounded"),
    [
        ({"Type": "json-file", "Config": {}}, False),
        ({"Type": "json-file", "Config": None}, False),
        ({"Type": "json-file", "Config": {"max-size": "10m"}}, True),
        ({"Type": "json-file", "Config": {"max-size": "-1"}}, False),
        ({"Type": "local", "Config": {}}, True),
        ({"Type": "k8s-file", "Size": "0B"}, False),
        ({"Type": "k8s-file", "Size": "10MB"}, True),
        ({"Type": "journald"}, None),
        ({"Type": "none"}, None),
        ({}, None),
    ],
)
def test_a_log_is_bounded_where_something_bounds_it(config: dict[str, object], bounded: bool | None) -> None:
    one = container()
    one.inspect["HostConfig"]["LogConfig"] = config
    facts = one.facts({}, None)
    assert facts is not None
    assert facts.log_is_bounded is bounded


@pytest.mark.parametrize(("limit", "kept"), [(0, None), (1 << 62, None), (64 << 20, 64 << 20), (-1, None), ("x", None)])
def test_no_memory_limit_is_none(limit: object, kept: int | None) -> None:
    one = container()
    one.inspect["HostConfig"]["Memory"] = limit
    facts = one.facts({}, None)
    assert facts is not None
    assert facts.memory_limit_bytes == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("State", "Config", "HostConfig", "NetworkSettings", "Mounts", "Created", "Image", "RestartCount")
INNER = ("Status", "Health", "StartedAt", "Healthcheck", "LogConfig", "RestartPolicy", "Ports", "Memory", "Pid", "Log")


@given(
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(INNER), JSON)),
    st.dictionaries(st.sampled_from(("Names", "Labels", "State", "Created", "Id", "Image")), JSON),
)
def test_whatever_an_engine_says_gives_facts_or_none(inspect: dict[str, Any], listed: dict[str, Any]) -> None:
    one = Container(listed, inspect)
    assert (one.state, one.life, one.exit_status, one.health, one.pid) is not None
    assert (one.facts({}, None) is None) is (not inspect)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "a\u202eb"])
def test_a_hostile_name_cannot_add_lines_to_the_evidence(name: str) -> None:
    there, gone = entry(name), entry(name + "2")
    there["Id"] = "5"
    answers = {"/containers/json": [there, gone], "/containers/5/json": inspection("a"), "/events": b""}
    seen = read(answers, names=("x",))
    assert len(seen.value.services) == 2
    assert all(line.isprintable() for line in seen.text.splitlines())
    assert not any(line.startswith("b") for line in seen.text.splitlines())
