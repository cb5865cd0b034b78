"""A real supervisord with small real programs."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from xmlrpc.client import Fault

import pytest

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.runtime import Runtime
from cdbctl.collect.supervisord import Supervisord
from cdbctl.collect.supervisord.rpc import Rpc, address
from cdbctl.collect.wire import Deadline
from cdbctl.model.runtime import RuntimeFacts, ServiceFacts, ServiceState
from cdbctl.model.snapshot import Window
from tests.collect.servers import PYTHON, free_port, frozen, page, service, started, until, web_server

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform == "win32", reason="supervisord does not run on Windows"),
]

SLEEPS = "import time; time.sleep(600)"
BURNS = "while True: pass"
CRASHES = "import sys, time; time.sleep(0.05); sys.exit(3)"


@dataclass(frozen=True)
class Daemon:
    """A supervisord that runs."""

    folder: Path
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/s.sock"

    @property
    def log(self) -> Path:
        return self.folder / "supervisord.log"

    def look(
        self,
        *declared: str,
        url: str = "",
        log: Path | str | None = "",
        timeout_seconds: float = 3.0,
        sample_seconds: float = 0.1,
    ) -> Seen[RuntimeFacts]:
        reader: Runtime = Supervisord(url or self.url, self.log if log == "" else Path(log) if log else None)
        until = datetime.now(UTC) + timedelta(seconds=60)
        return reader.read(
            [service(name) for name in declared],
            window=Window(until - timedelta(hours=1), until),
            timeout_seconds=timeout_seconds,
            sample_seconds=sample_seconds,
        )

    def one(self, name: str) -> ServiceFacts:
        found = self.look(name).value.service(name)
        assert found is not None
        return found

    def do(self, method: str, *arguments: object) -> None:
        Rpc(address(self.url), Deadline(10)).ask(method, *arguments)


@contextmanager
def supervisord(
    programs: dict[str, str], *, lines: Sequence[str] = (), daemon_lines: Sequence[str] = (), timezone: str = "UTC"
) -> Iterator[Daemon]:
    """Start supervisord with programs (name -> Python code) and the lines of their sections."""
    # The path of a Unix socket has at most 107 bytes, so not the folder that pytest makes.
    with TemporaryDirectory(prefix="sv", dir="/tmp") as name:
        folder, port = Path(name), free_port()
        parts = [
            "[supervisord]",
            "nodaemon=true",
            f"logfile={folder}/supervisord.log",
            f"pidfile={folder}/pid",
            *daemon_lines,
            "[unix_http_server]",
            f"file={folder}/s.sock",
            "[inet_http_server]",
            f"port=127.0.0.1:{port}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for program, code in programs.items():
            script = folder / f"{program}.py"
            script.write_text(code, encoding="utf-8")
            parts += [f"[program:{program}]", f"command={PYTHON} {script}", "startsecs=0", *lines]
        config = folder / "s.conf"
        config.write_text("\n".join(parts) + "\n", encoding="utf-8")
        command = (PYTHON, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", str(config))
        with started(*command, environment={"TZ": timezone}, folder=folder) as pid:
            daemon = Daemon(folder, pid, port)
            until(lambda: answers(daemon), what="supervisord")
            yield daemon


def answers(daemon: Daemon) -> bool:
    try:
        daemon.do("getState")
    except (NoAnswer, Fault):
        return False
    return True


@pytest.fixture(scope="module")
def calm() -> Iterator[Daemon]:
    with supervisord({"cdb_risk": SLEEPS, "cdb_busy": BURNS}) as daemon:
        until(lambda: daemon.one("cdb_busy").state is ServiceState.RUNNING, what="cdb_busy")
        yield daemon


def test_a_running_program_has_a_pid_a_start_memory_and_an_identity(calm: Daemon) -> None:
    facts = calm.look("cdb_risk").value
    risk = facts.service("cdb_risk")
    assert risk is not None
    assert risk.state is ServiceState.RUNNING
    assert risk.pid is not None
    assert risk.started_at is not None
    assert datetime.now(UTC) - timedelta(minutes=10) < risk.started_at < datetime.now(UTC)
    assert risk.memory_bytes is not None
    assert risk.memory_bytes > 1_000_000
    assert (risk.restarts, risk.recent_restarts, risk.exit_status) == (0, (), None)
    assert len(risk.identity) == 12
    assert facts.started_at is not None
    assert facts.started_at <= risk.started_at


def test_the_processor_share_is_of_one_core(calm: Daemon) -> None:
    facts = calm.look(sample_seconds=0.5).value
    busy, risk = facts.service("cdb_busy"), facts.service("cdb_risk")
    assert busy is not None
    assert busy.cpu_percent is not None
    assert 20 < busy.cpu_percent < 110
    assert risk is not None
    assert risk.cpu_percent == 0.0


def test_a_declared_program_that_supervisord_does_not_know_is_missing(calm: Daemon) -> None:
    facts = calm.look("cdb_risk", "cdb_ghost").value
    assert [found.name for found in facts.services] == ["cdb_busy", "cdb_risk", "cdb_ghost"]
    ghost = facts.service("cdb_ghost")
    assert ghost is not None
    assert (ghost.state, ghost.restarts, ghost.memory_bytes) == (ServiceState.MISSING, None, None)


def test_it_answers_over_tcp_too(calm: Daemon) -> None:
    over_tcp = calm.look("cdb_risk", url=f"http://127.0.0.1:{calm.port}").value.service("cdb_risk")
    assert over_tcp is not None
    assert (over_tcp.state, over_tcp.pid) == (ServiceState.RUNNING, calm.one("cdb_risk").pid)
    assert over_tcp.memory_bytes is not None


def test_the_evidence_is_a_table_with_its_notes(calm: Daemon) -> None:
    text = calm.look("cdb_risk", "cdb_ghost").text
    assert f"at {calm.url}, pid {calm.pid}" in text
    assert "cdb_ghost  missing" in text
    assert re.search(r"cpu_percent is of one core over \d\.\d s", text)
    assert "restarts are counted in the log supervisord.log, from its beginning, since 20" in text


def test_the_pids_of_another_machine_mean_nothing(calm: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    # A name of this machine that is not plainly loopback stands for another machine.
    monkeypatch.setattr("cdbctl.collect.supervisord.rpc.Address.local", False)
    seen = calm.look("cdb_risk")
    risk = seen.value.service("cdb_risk")
    assert risk is not None
    assert (risk.state, risk.cpu_percent, risk.memory_bytes) == (ServiceState.RUNNING, None, None)
    assert risk.started_at is not None
    assert "cpu_percent and memory_bytes are not known: it runs on another machine" in seen.text


def test_without_a_log_file_the_log_that_supervisord_hands_out_is_counted(calm: Daemon) -> None:
    seen = calm.look("cdb_risk", log=None)
    assert [found.restarts for found in seen.value.services] == [0, 0]
    assert "restarts are counted in the log that supervisord hands out" in seen.text


def test_a_log_that_cannot_be_read_gives_no_count_instead_of_zero(calm: Daemon) -> None:
    seen = calm.look("cdb_risk", log=calm.folder / "nowhere.log")
    assert [found.restarts for found in seen.value.services] == [None, None]
    assert "restarts are not known: " in seen.text


def test_a_log_of_another_supervisord_proves_nothing(calm: Daemon) -> None:
    foreign = calm.folder / "foreign.log"
    foreign.write_text("2020-01-01 00:00:00,000 INFO supervisord started with pid 7\n", encoding="utf-8")
    seen = calm.look("cdb_risk", log=foreign)
    assert [found.restarts for found in seen.value.services] == [None, None]
    assert "does not prove the restarts of: cdb_busy, cdb_risk" in seen.text


def test_a_frozen_program_is_paused_although_supervisord_calls_it_running(calm: Daemon) -> None:
    pid = calm.one("cdb_risk").pid
    assert pid is not None
    with frozen(pid):
        assert calm.one("cdb_risk").state is ServiceState.PAUSED
    until(lambda: calm.one("cdb_risk").state is ServiceState.RUNNING, what="cdb_risk")


def test_a_frozen_supervisord_costs_its_timeout(calm: Daemon) -> None:
    with frozen(calm.pid):
        started_at = time.monotonic()
        with pytest.raises(NoAnswer, match=r"accepts connections and does not answer within 0\.3 s"):
            calm.look(timeout_seconds=0.3)
        assert time.monotonic() - started_at < 1.0


def test_an_unplanned_end_is_a_restart_and_a_requested_stop_is_none(calm: Daemon) -> None:
    before = calm.one("cdb_risk")
    calm.do("stopProcess", "cdb_risk")
    stopped = calm.one("cdb_risk")
    assert (stopped.state, stopped.pid, stopped.started_at) == (ServiceState.STOPPED, None, None)
    assert (stopped.cpu_percent, stopped.memory_bytes) == (None, None)
    assert stopped.exit_status == "terminated by SIGTERM"
    calm.do("startProcess", "cdb_risk")
    assert calm.one("cdb_risk").restarts == 0
    victim = calm.one("cdb_risk").pid
    assert victim is not None
    killed_at = datetime.now(UTC)
    os.kill(victim, signal.SIGKILL)
    until(lambda: calm.one("cdb_risk").restarts == 1, what="the restart")
    after = calm.one("cdb_risk")
    assert after.restarts_counted_since is not None
    assert after.restarts_counted_since < killed_at
    (restart,) = after.recent_restarts
    assert restart.exit_status == "terminated by SIGKILL"
    assert abs(restart.at - killed_at) < timedelta(seconds=5)
    assert after.identity == before.identity
    assert "WARN exited: cdb_risk (terminated by SIGKILL; not expected)" in calm.look().text


@pytest.mark.parametrize("timezone", ["Asia/Kathmandu", "XXX+12"])
def test_a_crash_loop_is_counted_with_true_times_wherever_supervisord_runs(timezone: str) -> None:
    begun = datetime.now(UTC)
    # A program that stays up for startsecs is started again without a pause and without giving up.
    with supervisord({"cdb_regime": CRASHES}, lines=["autorestart=true"], timezone=timezone) as daemon:
        until(lambda: (daemon.one("cdb_regime").restarts or 0) >= 2, what="two restarts")
        regime = daemon.one("cdb_regime")
    assert len(regime.recent_restarts) == regime.restarts
    assert {restart.exit_status for restart in regime.recent_restarts} == {"exit status 3"}
    for restart in regime.recent_restarts:
        assert begun - timedelta(seconds=1) < restart.at < datetime.now(UTC)


def test_a_program_that_gave_up_says_how_it_ended() -> None:
    lines = ["startsecs=5", "startretries=1"]
    with supervisord({"cdb_regime": CRASHES}, lines=lines) as daemon:
        until(lambda: daemon.one("cdb_regime").state is ServiceState.FATAL, what="giving up")
        regime = daemon.one("cdb_regime")
    assert (regime.exit_status, regime.pid, regime.memory_bytes) == ("exit status 3", None, None)
    assert regime.restarts == 1


def test_a_program_that_cannot_be_started_at_all() -> None:
    lines = ["command=/nowhere/at/all", "startretries=0"]
    with supervisord({"cdb_regime": SLEEPS}, lines=lines) as daemon:
        until(lambda: daemon.one("cdb_regime").state is ServiceState.FATAL, what="giving up")
        regime = daemon.one("cdb_regime")
    assert regime.exit_status == "can't find command '/nowhere/at/all'"
    assert regime.restarts == 0


def test_a_log_that_leaves_starts_out_gives_no_count_instead_of_zero() -> None:
    with supervisord({"cdb_risk": CRASHES}, daemon_lines=["loglevel=warn"]) as daemon:
        until(lambda: "exited: cdb_risk" in daemon.log.read_text(encoding="utf-8"), what="a crash")
        assert daemon.one("cdb_risk").restarts is None


def test_a_program_in_a_group_is_found_with_and_without_its_group() -> None:
    lines = ["process_name=worker", "numprocs=1"]
    with supervisord({"cdb_risk": SLEEPS}, lines=lines) as daemon:
        until(lambda: daemon.one("cdb_risk:worker").state is ServiceState.RUNNING, what="the worker")
        assert [found.name for found in daemon.look("cdb_risk:worker").value.services] == ["cdb_risk:worker"]
        assert [found.name for found in daemon.look("worker").value.services] == ["worker"]
        assert daemon.one("worker").restarts == 0


def test_namesakes_in_two_groups_cannot_be_counted() -> None:
    lines = ["process_name=worker"]
    with supervisord({"cdb_a": SLEEPS, "cdb_b": SLEEPS}, lines=lines) as daemon:
        facts = daemon.look("worker").value
    assert [(found.name, found.restarts) for found in facts.services] == [
        ("cdb_a:worker", None),
        ("cdb_b:worker", None),
        ("worker", None),
    ]
    assert facts.services[2].state is ServiceState.MISSING


def test_restarts_survive_the_rotation_of_the_log() -> None:
    lines = ["logfile_maxbytes=300", "logfile_backups=50"]
    with supervisord({"cdb_regime": CRASHES}, lines=["autorestart=true"], daemon_lines=lines) as daemon:
        until(lambda: (daemon.folder / "supervisord.log.2").exists(), what="the rotation")
        until(lambda: (daemon.one("cdb_regime").restarts or 0) >= 3, what="three restarts")


def test_descendants_belong_to_their_program() -> None:
    wrapper = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURNS!r}])"
    lines = ["stopasgroup=true", "killasgroup=true"]
    with supervisord({"cdb_risk": wrapper}, lines=lines) as daemon:

        def busy() -> bool:
            risk = daemon.look("cdb_risk", sample_seconds=0.3).value.service("cdb_risk")
            return risk is not None and (risk.cpu_percent or 0) > 20

        until(busy, what="a busy child")


def test_nothing_listens_there(tmp_path: Path) -> None:
    window = Window(datetime.now(UTC), datetime.now(UTC))
    for url, reason in (
        (f"unix://{tmp_path}/none.sock", "its socket does not exist"),
        (f"http://127.0.0.1:{free_port()}", "connection refused"),
        ("ftp://x", "neither unix://PATH nor http://HOST:PORT"),
    ):
        with pytest.raises(NoAnswer, match=reason):
            Supervisord(url, None).read([], window=window, timeout_seconds=1, sample_seconds=0.1)


@pytest.mark.parametrize(
    "body",
    [
        "hello",
        "<a>",
        "<methodResponse><params><param><value><int>1</int></value></param></params></methodResponse>",
        (
            "<methodResponse><params><param><value><array><data><value><struct/></value></data></array>"
            "</value></param></params></methodResponse>"
        ),
        "\x00\x01\x02",
        "<?xml version='1.0'?><!DOCTYPE methodResponse [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY {b} '{('&' + a + ';') * 10}'>" for a, b in zip("abcdefghi", "bcdefghij", strict=True))
        + "]><methodResponse><params><param><value>&j;</value></param></params></methodResponse>",
    ],
)
def test_another_server_at_that_address_is_no_answer(body: str) -> None:
    window = Window(datetime.now(UTC), datetime.now(UTC))
    with web_server(page(body, kind="text/xml")) as url, pytest.raises(NoAnswer) as caught:
        Supervisord(url, None).read([], window=window, timeout_seconds=2, sample_seconds=0.1)
    assert "correct runtime.supervisord.url" in caught.value.remedy
