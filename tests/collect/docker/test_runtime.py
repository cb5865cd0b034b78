"""A real engine is described as it is: states, health, ends, restarts, CPU, memory, ports, images."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cdbctl.collect.attempt import Seen
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.runtime import DockerRuntime
from cdbctl.collect.wire import Deadline
from cdbctl.model.runtime import Health, ProbeDepth, PublishedPort, RuntimeFacts, ServiceFacts, ServiceState
from cdbctl.model.stack import Service
from cdbctl.settings import ComposeProject, DockerSource
from tests.collect.docker.worlds import declared, last_hour
from tests.collect.servers import until
from tests.live.engine import Container, DockerEngine

pytestmark = pytest.mark.live

PROJECT = f"rt{secrets.token_hex(3)}"
SLEEP = ("sh", "-c", "trap 'exit 0' TERM; sleep 300 & wait")


def look(
    engine: DockerEngine, services: Sequence[Service] = (), *, projects: Sequence[str] = (PROJECT,), sample: float = 0.1
) -> Seen[RuntimeFacts]:
    declared_projects = tuple(ComposeProject(name, (), (), None, None) for name in projects)
    asked = Engine(
        DockerSource(declared_projects, engine.address, None, None), root=Path.cwd(), environment={"HOME": "/nowhere"}
    )
    try:
        return DockerRuntime(asked, declared_projects).read(
            services, window=last_hour(), timeout_seconds=20, sample_seconds=sample
        )
    finally:
        asked.close()


def facts_of(engine: DockerEngine, name: str, *, sample: float = 0.1) -> ServiceFacts:
    service = look(engine, sample=sample).value.service(name)
    assert service is not None
    return service


def labels(project: str = PROJECT, service: str = "x") -> tuple[str, ...]:
    return ("--label", f"com.docker.compose.project={project}", "--label", f"com.docker.compose.service={service}")


@contextmanager
def running(
    engine: DockerEngine, name: str, *command: str, options: Sequence[str] = (), project: str = PROJECT
) -> Iterator[Container]:
    with engine.run(name, *(command or SLEEP), options=(*labels(project), *options)) as container:
        yield container


def eventually(engine: DockerEngine, name: str, holds: Callable[[ServiceFacts], bool]) -> ServiceFacts:
    """Look until it is so."""
    seen: list[ServiceFacts] = []

    def is_so() -> bool:
        seen[:] = [facts_of(engine, name)]
        return holds(seen[0])

    until(is_so, seconds=40, what=f"{name} as expected")
    return seen[0]


def test_a_running_container(docker_engine: DockerEngine, tmp_path: Path) -> None:
    options = (
        *("--publish", "127.0.0.1::80", "--publish", "8125/udp", "--memory", "64m", "--restart", "on-failure:3"),
        *("--log-opt", "max-size=1m", "--volume", f"{tmp_path}:/data:ro", "--env", "PASSWORD=do-not-show-me"),
    )
    with running(docker_engine, "rt_run", options=options) as one:
        seen = look(docker_engine)
        state = seen.value.service("rt_run")
    assert state is not None
    assert (state.state, state.identity, state.exit_status) == (ServiceState.RUNNING, one.id, None)
    assert state.pid is not None
    assert state.started_at is not None
    container = state.container
    assert container is not None
    assert (state.restarts, state.restarts_counted_since) == (0, container.created_at)
    assert state.cpu_percent is not None
    assert state.memory_bytes is not None
    assert 0 < state.memory_bytes < 64 << 20
    assert (container.container, container.project, container.compose_service) == ("rt_run", PROJECT, "x")
    assert (container.finished_at, container.oom_killed) == (None, False)
    assert container.memory_limit_bytes == 64 << 20
    assert container.restart_policy == "on-failure:3"
    assert container.log_is_bounded is True
    assert (str(tmp_path), "/data") in container.mounts
    assert container.image.reference == docker_engine.image
    assert container.image.id == container.image.reference_id
    assert container.image.id.startswith("sha256:")
    web = [port for port in container.ports if port.container_port == 80]
    assert [(port.host_address, port.protocol) for port in web] == [("127.0.0.1", "tcp")]
    assert any(port.host_address == "0.0.0.0" and port.protocol == "udp" for port in container.ports)  # noqa: S104
    assert "do-not-show-me" not in seen.text
    assert f"127.0.0.1:{web[0].host_port} -> 80/tcp" in seen.text
    assert seen.value.version.startswith("Docker ")
    assert seen.value.usage_source in ("cgroup files", "engine API")


def test_two_projects_and_nothing_of_others(docker_engine: DockerEngine) -> None:
    other = f"{PROJECT}b"
    with (
        running(docker_engine, "rt_two_a"),
        running(docker_engine, "rt_two_b", project=other),
        running(docker_engine, "rt_two_c", project="somebody-else"),
        docker_engine.run("rt_two_d", *SLEEP),
    ):
        services = [declared("rt_two_d"), declared("rt_gone"), declared("far", project="somebody", key="x")]
        found = look(docker_engine, services, projects=(PROJECT, other)).value
    states = {service.name: service.state for service in found.services if service.name.startswith(("rt_two", "rt_g"))}
    assert states == {
        "rt_two_d": ServiceState.RUNNING,
        "rt_two_a": ServiceState.RUNNING,
        "rt_two_b": ServiceState.RUNNING,
        "rt_gone": ServiceState.MISSING,
    }
    missing = found.service("far")
    assert missing is not None
    assert (missing.state, missing.restarts, missing.health) == (ServiceState.MISSING, None, None)


def test_a_paused_container_is_paused_whatever_its_probe_said_last(docker_engine: DockerEngine) -> None:
    with running(docker_engine, "rt_pause", options=("--health-cmd", "true", "--health-interval", "1h")) as one:
        docker_engine.docker("pause", one.name)
        paused = facts_of(docker_engine, "rt_pause")
        docker_engine.docker("unpause", one.name)
    assert (paused.state, paused.exit_status) == (ServiceState.PAUSED, None)
    assert paused.health is not None
    assert paused.memory_bytes is not None


def test_a_killed_container_says_which_signal_ended_it_and_uses_nothing(docker_engine: DockerEngine) -> None:
    with running(docker_engine, "rt_kill") as one:
        docker_engine.docker("kill", one.name)
        docker_engine.docker("wait", one.name)
        killed = facts_of(docker_engine, "rt_kill")
    assert (killed.state, killed.exit_status) == (ServiceState.EXITED, "exit status 137 (SIGKILL)")
    assert (killed.pid, killed.cpu_percent, killed.memory_bytes) == (None, None, None)
    assert killed.recent_restarts == ()
    assert killed.container is not None
    assert killed.container.finished_at is not None


def test_a_container_that_runs_out_of_memory(docker_engine: DockerEngine) -> None:
    script = "head -c 200000000 /dev/zero | tail > /dev/null; exit 137"
    options = ("--memory", "8m", "--memory-swap", "8m")
    with running(docker_engine, "rt_oom", "sh", "-c", script, options=options) as one:
        docker_engine.docker("wait", one.name)
        ended = facts_of(docker_engine, "rt_oom")
    assert (ended.state, ended.exit_status) == (ServiceState.EXITED, "exit status 137 (SIGKILL)")
    assert ended.container is not None
    assert ended.container.oom_killed or ended.container.out_of_memory_at


def test_a_crash_loop_is_counted_and_its_last_ends_are_told(docker_engine: DockerEngine) -> None:
    options = ("--restart", "always")
    with running(docker_engine, "rt_loop", "sh", "-c", "usleep 100000; exit 3", options=options) as one:
        loop = eventually(docker_engine, "rt_loop", lambda facts: (facts.restarts or 0) >= 3)
        assert loop.state in (ServiceState.BACKOFF, ServiceState.RUNNING)
        assert loop.recent_restarts
        assert len(loop.recent_restarts) <= (loop.restarts or 0) + 1
        told = {restart.exit_status for restart in loop.recent_restarts}
        assert told <= {"exit status 3", "exit status not told by the engine"}
        waiting = eventually(docker_engine, "rt_loop", lambda facts: facts.state is ServiceState.BACKOFF)
        assert waiting.exit_status == "exit status 3"
        docker_engine.docker("stop", one.name)
        docker_engine.docker("start", one.name)
        again = facts_of(docker_engine, "rt_loop")
    # By hand: the engine has forgotten what was before, and so nothing is said about it.
    assert (again.restarts or 0) < (waiting.restarts or 0)


def test_docker_restart_is_no_crash_and_proves_nothing_about_the_time_before(docker_engine: DockerEngine) -> None:
    with running(docker_engine, "rt_hand", options=("--restart", "always")) as one:
        docker_engine.docker("restart", one.name)
        after = facts_of(docker_engine, "rt_hand")
    assert (after.restarts, after.recent_restarts) == (0, ())
    assert after.container is not None
    assert after.container.finished_at is not None
    assert after.restarts_counted_since is not None
    assert after.started_at is not None
    assert after.container.created_at <= after.restarts_counted_since <= after.started_at


@pytest.mark.parametrize(
    ("command", "health", "depth"),
    [
        ("kill -0 1", Health.HEALTHY, ProbeDepth.PROCESS),
        ("echo out of order; test -f /none", Health.UNHEALTHY, ProbeDepth.PROCESS),
        ("nc -z 127.0.0.1 1 || exit 1", Health.UNHEALTHY, ProbeDepth.PORT),
    ],
)
def test_a_healthcheck(docker_engine: DockerEngine, command: str, health: Health, depth: ProbeDepth) -> None:
    options = ("--health-cmd", command, "--health-interval", "300ms", "--health-retries", "2")
    with running(docker_engine, "rt_health", options=options):
        facts = eventually(docker_engine, "rt_health", lambda f: f.health is not None and f.health.health is health)
    assert facts.health is not None
    assert facts.health.depth is depth
    assert facts.health.failing_streak is not None
    assert (facts.health.failing_streak >= 2) is (health is Health.UNHEALTHY)
    if "order" in command:
        assert facts.health.detail == "exit status 1: out of order"


def test_a_healthcheck_that_has_not_ended_yet_is_starting(docker_engine: DockerEngine) -> None:
    with running(docker_engine, "rt_begin", options=("--health-cmd", "true", "--health-interval", "1h")):
        facts = facts_of(docker_engine, "rt_begin")
    assert facts.health is not None
    assert (facts.health.health, facts.health.detail) == (Health.STARTING, "not probed yet")


@pytest.mark.parametrize("options", [(), ("--no-healthcheck",)])
def test_without_a_healthcheck_nothing_is_healthy(docker_engine: DockerEngine, options: tuple[str, ...]) -> None:
    with running(docker_engine, "rt_unprobed", options=options):
        facts = facts_of(docker_engine, "rt_unprobed")
    assert facts.health is not None
    assert (facts.health.health, facts.health.depth) == (Health.NONE, ProbeDepth.NONE)


def test_what_could_not_be_started_says_why(docker_engine: DockerEngine) -> None:
    docker_engine.remove("rt_broken")
    with pytest.raises(AssertionError, match=r"docker run"):
        docker_engine.docker(
            "run", "--detach", "--name", "rt_broken", *labels(), docker_engine.image, "/no/such/program"
        )
    try:
        facts = facts_of(docker_engine, "rt_broken")
    finally:
        docker_engine.remove("rt_broken")
    assert facts.state is ServiceState.FATAL
    assert facts.exit_status is not None
    assert re.match(r"exit status 127: .*/no/such/program", facts.exit_status)
    assert facts.restarts_counted_since is not None


def test_what_was_only_made_has_not_ended(docker_engine: DockerEngine) -> None:
    docker_engine.remove("rt_made")
    docker_engine.docker("create", "--name", "rt_made", *labels(), docker_engine.image, "true")
    try:
        facts = facts_of(docker_engine, "rt_made")
    finally:
        docker_engine.remove("rt_made")
    assert (facts.state, facts.exit_status, facts.started_at) == (ServiceState.STOPPED, None, None)


def test_an_image_that_was_built_anew_shows_that_the_container_runs_the_old_one(docker_engine: DockerEngine) -> None:
    tag = f"cdbctl-test-{secrets.token_hex(4)}"
    docker_engine.docker("tag", docker_engine.image, tag)
    try:
        docker_engine.remove("rt_drift")
        docker_engine.docker("run", "--detach", "--name", "rt_drift", *labels(), tag, "sleep", "300")
        before = facts_of(docker_engine, "rt_drift").container
        docker_engine.docker("commit", "--change", "LABEL x=y", "rt_drift", tag)
        after = facts_of(docker_engine, "rt_drift").container
    finally:
        docker_engine.remove("rt_drift")
        docker_engine.docker("image", "rm", tag)
    assert before is not None
    assert after is not None
    assert before.image.reference_id == before.image.id == after.image.id
    assert after.image.reference_id not in (None, after.image.id)


def test_cpu_and_memory_are_those_of_docker_stats(docker_engine: DockerEngine) -> None:
    load = ("sh", "-c", "while :; do :; done")
    with running(docker_engine, "rt_busy", *load, options=("--cpus", "0.3")):

        def agrees() -> bool:
            ours = facts_of(docker_engine, "rt_busy", sample=1.0)
            line = docker_engine.docker("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}}", "rt_busy")
            share, memory = line.split()[:2]
            theirs_bytes = in_bytes(memory)
            assert ours.cpu_percent is not None
            assert ours.memory_bytes is not None
            return (
                abs(ours.cpu_percent - float(share.rstrip("%"))) < 8
                and 15 < ours.cpu_percent < 45
                and abs(ours.memory_bytes - theirs_bytes) < 300_000
            )

        # The two look at different seconds of a machine that others load as well.
        until(agrees, seconds=60, what="an agreement with docker stats")


def in_bytes(text: str) -> float:
    units = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]+)", text)
    assert found
    return float(found[1]) * units[found[2]]


def test_a_container_that_vanishes_while_it_is_looked_at_is_no_error(docker_engine: DockerEngine) -> None:
    with ExitStack() as stack:
        for number in range(6):
            stack.enter_context(running(docker_engine, f"rt_van{number}"))
        projects = (ComposeProject(PROJECT, (), (), None, None),)
        source = DockerSource(projects, docker_engine.address, None, None)
        engine = Engine(source, root=Path.cwd(), environment={})
        engine.containers(Deadline(10))
        docker_engine.remove("rt_van3")
        seen = DockerRuntime(engine, projects).read(
            [declared("rt_van3"), declared("rt_van4")], window=last_hour(), timeout_seconds=20, sample_seconds=0.1
        )
        engine.close()
    gone, there = seen.value.service("rt_van3"), seen.value.service("rt_van4")
    assert gone is not None
    assert there is not None
    assert (gone.state, there.state) == (ServiceState.MISSING, ServiceState.RUNNING)
    assert "rt_van3 was removed while cdbctl looked at it" in seen.text


def test_a_look_costs_little_more_than_the_sample(docker_engine: DockerEngine) -> None:
    with ExitStack() as stack:
        for number in range(12):
            stack.enter_context(running(docker_engine, f"rt_many{number}"))
        look(docker_engine)
        busy_seconds = time.process_time()
        found = look(docker_engine, sample=0.5).value
        busy_seconds = time.process_time() - busy_seconds
    assert len(found.services) >= 12
    assert busy_seconds < 0.3


def test_a_published_port_is_one_value_for_each_address(docker_engine: DockerEngine) -> None:
    with running(docker_engine, "rt_port", options=("--publish", "127.0.0.1::7000")):
        container = facts_of(docker_engine, "rt_port").container
    assert container is not None
    (port,) = container.ports
    assert port == PublishedPort(7000, "tcp", "127.0.0.1", port.host_port)
