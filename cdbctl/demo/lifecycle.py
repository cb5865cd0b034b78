"""Starts a demo and takes it down again, whatever became of it in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cdbctl.demo import supervision
from cdbctl.demo.bootstrap import bootstrap
from cdbctl.demo.docker.debian import remove_root
from cdbctl.demo.docker.engine import Engine, forget, memory_of, remembered
from cdbctl.demo.faults import DOCKER_ONLY, EXPECTED, Expected, Fault
from cdbctl.demo.places import Places, is_ours, make_runtime, places_of, remember_runtime, remove_runtime
from cdbctl.demo.ports import PortTakenError, choose_ports
from cdbctl.demo.processes import end_all, processes_of
from cdbctl.demo.programs import POSTGRES, SERVERS, SERVICES
from cdbctl.demo.progress import Progress
from cdbctl.demo.requirements import Programs, find_programs
from cdbctl.demo.settings_file import settings_file
from cdbctl.demo.settled import View, wait_for_servers, wait_until_settled
from cdbctl.demo.stack_file import write_stack
from cdbctl.demo.state import State, write_state
from cdbctl.demo.watching import FilesWatch
from cdbctl.demo.workspace import claim, describe, is_workspace, prepare, require_workspace
from cdbctl.errors import CdbctlError, UsageError
from cdbctl.sql.segments import remove_segment

Start = Callable[[Places, Fault, Progress], Mapping[str, int]]
"""Starts everything in a prepared workspace and returns the ports of 127.0.0.1, by program."""
ATTEMPTS = 3
"""At choosing ports that nobody takes before our programs do."""
STOP_SECONDS = 8.0
LOCK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo stack."""

    root: Path
    """Its workspace."""
    fault: Fault
    expected: Expected | None
    """The finding that a correct check-up puts on top."""
    ports: Mapping[str, int]


def up(
    root: Path,
    fault: Fault = Fault.MISSING_TABLE,
    progress: Progress = lambda _: None,
    *,
    docker: bool = False,
) -> Demo:
    """Start a fresh demo in ``root`` and return once it shows its fault; one that runs there is taken down first.

    ``docker`` makes it of containers. Raises CdbctlError, and then leaves nothing running behind.
    """
    places = places_of(root)
    form = _in_containers(root) if docker else _embedded(fault)
    claim(places)
    with _alone(places):
        _clean_up(places, progress)
        progress(f"writing the workspace {places.root}")
        try:
            prepare(places, docker=docker)
            return _start_patiently(places, form, fault, progress)
        except BaseException as error:
            with suppress(CdbctlError):  # the first error is the one to read
                _clean_up(places, lambda _: None)
            if isinstance(error, OSError):
                raise CdbctlError(f"the demo in {places.root} could not be made", why=str(error)) from error
            raise


def down(root: Path, progress: Progress = lambda _: None) -> bool:
    """Stop everything and remove the runtime folder; the workspace with its reports stays.

    Works on whatever is left of a demo. True when there was something to take down.
    """
    places = places_of(root)
    if places.root.exists() and is_workspace(places.root):
        require_workspace(places.root)
        places.run.mkdir(mode=0o700, exist_ok=True)
        with _alone(places):
            return _clean_up(places, progress)
    return _clean_up(places, progress)


def _embedded(fault: Fault) -> Start:
    if fault in DOCKER_ONLY:
        raise UsageError(
            f"the fault {fault} needs containers",
            why="the embedded demo has none",
            next_step=f"cdbctl demo up --docker --fault {fault}",
        )
    return partial(_start, find_programs())


def _in_containers(root: Path) -> Start:
    from cdbctl.demo.docker.engine import find_engine
    from cdbctl.demo.docker.starting import start_containers

    return partial(start_containers, find_engine(root))


def _start_patiently(places: Places, start: Start, fault: Fault, progress: Progress) -> Demo:
    for _ in range(ATTEMPTS - 1):
        try:
            return _demo(places, fault, start(places, fault, progress))
        except PortTakenError:
            _clean_up(places, lambda _: None)
            for log in places.logs.glob("*"):
                log.unlink()
    return _demo(places, fault, start(places, fault, progress))


def _demo(places: Places, fault: Fault, ports: Mapping[str, int]) -> Demo:
    write_state(places, State(places.root, fault, ports))
    return Demo(places.root, fault, EXPECTED[fault], ports)


def _start(found: Programs, places: Places, fault: Fault, progress: Progress) -> Mapping[str, int]:
    ports = choose_ports((*SERVERS, *SERVICES))
    make_runtime(places)
    remember_runtime(places)
    describe(places, fault, {"cdbctl.yaml": settings_file(places, ports)})
    progress(f"starting PostgreSQL {found.postgres.version} and Redis")
    write_stack(places, found, fault, ports)
    supervision.start(places)
    supervision.start_programs(places, SERVERS)
    view = View(places, ports, FilesWatch(places))
    wait_for_servers(view)
    bootstrap(places, ports[POSTGRES], fault)
    progress(f"starting {len(SERVICES)} services (fault: {fault})")
    supervision.start_programs(places, SERVICES)
    wait_until_settled(view, fault)
    return ports


def _clean_up(places: Places, progress: Progress) -> bool:
    """Bring everything of this demo to an end, however it was left. True when there was something."""
    engine = remembered(places)
    was_there = engine is not None or is_ours(places.runtime, places.token) or bool(processes_of(places))
    if was_there:
        progress("taking down the demo that is there")
        if engine is not None:
            _remove_containers(places, engine)
        _shut_down(places)
        end_all(places)
        remove_segment(places.postgres / "data")
        remove_root(places.runtime / "rootfs")
        remove_runtime(places)
    return was_there


def _remove_containers(places: Places, engine: Engine) -> None:
    from cdbctl.demo.docker.removing import remove_all

    try:
        remove_all(engine, places)
    except CdbctlError as error:
        raise CdbctlError(
            f"the demo in {places.root} could not be taken off its engine",
            why=f"{error.what}: {error.why}",
            next_step=f"start {engine.host} again; if it is gone for good, remove {memory_of(places)}",
        ) from error
    forget(places)


def _shut_down(places: Places) -> None:
    """The polite way, as far as supervisord still listens: the services first, the servers after them."""
    if not places.socket.exists():
        return
    with suppress(OSError):
        for names in (SERVICES, SERVERS):
            supervision.stop_programs(places, names)
            _poll(partial(_all_stopped, places, names), STOP_SECONDS)
        supervision.shut_down(places)
    # Asking also wakes it: left alone, supervisord takes a second for each of its programs to end.
    _poll(lambda: supervision.program_states(places) is None, STOP_SECONDS)


def _all_stopped(places: Places, names: Sequence[str]) -> bool:
    states = supervision.program_states(places) or ()
    return not any(state.name in names and state.pid for state in states)


def _poll(done: Callable[[], bool], timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def _alone(places: Places) -> Iterator[None]:
    """Let one command at a time change a demo; the lock of a killed one is free."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(places.lock, timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise CdbctlError(
            "another cdbctl demo command is at work here",
            why=f"it holds {places.lock}",
            next_step="wait until it is done, then run the command again",
        ) from error
