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
from cdbctl.demo.faults import EXPECTED, Expected, Fault
from cdbctl.demo.places import Places, is_ours, make_runtime, places_of, remember_runtime, remove_runtime
from cdbctl.demo.ports import PortTakenError, choose_ports
from cdbctl.demo.processes import end_all, processes_of
from cdbctl.demo.programs import POSTGRES, SERVERS, SERVICES
from cdbctl.demo.requirements import Programs, find_programs
from cdbctl.demo.settled import View, wait_for_servers, wait_until_settled
from cdbctl.demo.stack_file import write_stack
from cdbctl.demo.state import State, write_state
from cdbctl.demo.workspace import claim, describe, is_workspace, prepare, require_workspace
from cdbctl.errors import CdbctlError
from cdbctl.sql.segments import remove_segment

Progress = Callable[[str], None]

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


def up(root: Path, fault: Fault = Fault.MISSING_TABLE, progress: Progress = lambda _: None) -> Demo:
    """Start a fresh demo in ``root`` and return once it shows its fault; one that runs there is taken down first.

    Raises CdbctlError, and then leaves no process behind.
    """
    found = find_programs()
    places = places_of(root)
    claim(places)
    with _alone(places):
        _clean_up(places, progress)
        try:
            return _start_patiently(places, found, fault, progress)
        except BaseException as error:
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


def _start_patiently(places: Places, found: Programs, fault: Fault, progress: Progress) -> Demo:
    progress(f"writing the workspace {places.root}")
    prepare(places)
    for _ in range(ATTEMPTS - 1):
        try:
            return _start(places, found, fault, progress)
        except PortTakenError:
            _clean_up(places, lambda _: None)
            for log in places.logs.glob("*"):
                log.unlink()
    return _start(places, found, fault, progress)


def _start(places: Places, found: Programs, fault: Fault, progress: Progress) -> Demo:
    ports = choose_ports((*SERVERS, *SERVICES))
    make_runtime(places)
    remember_runtime(places)
    describe(places, fault, ports)
    progress(f"starting PostgreSQL {found.postgres.version} and Redis")
    write_stack(places, found, fault, ports)
    supervision.start(places)
    supervision.start_programs(places, SERVERS)
    view = View(places, ports)
    wait_for_servers(view)
    bootstrap(places, ports[POSTGRES], fault)
    progress(f"starting {len(SERVICES)} services (fault: {fault})")
    supervision.start_programs(places, SERVICES)
    wait_until_settled(view, fault)
    write_state(places, State(places.root, fault, ports))
    return Demo(places.root, fault, EXPECTED[fault], ports)


def _clean_up(places: Places, progress: Progress) -> bool:
    """Bring everything of this demo to an end, however it was left. True when there was something."""
    was_there = is_ours(places.runtime, places.token) or bool(processes_of(places))
    if was_there:
        progress("taking down the demo that is there")
        _shut_down(places)
        end_all(places)
        remove_segment(places.postgres / "data")
        remove_runtime(places)
    return was_there


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
