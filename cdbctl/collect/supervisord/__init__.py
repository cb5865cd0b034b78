"""Looks at the programs of a supervisord: their states over XML-RPC, their restarts in its log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from cdbctl.collect.attempt import Seen
from cdbctl.collect.processes import Daemon, Look, cpu_percent, find_daemon, look
from cdbctl.collect.supervisord.answer import Answer, Info, ask_supervisord
from cdbctl.collect.supervisord.history import History, read_history
from cdbctl.collect.supervisord.rpc import Rpc, address
from cdbctl.collect.supervisord.text import runtime_text
from cdbctl.collect.web import shown
from cdbctl.collect.wire import Deadline
from cdbctl.model.runtime import RuntimeFacts, ServiceFacts, ServiceState
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service

_STATES = {
    "STOPPED": ServiceState.STOPPED,
    "STARTING": ServiceState.STARTING,
    "RUNNING": ServiceState.RUNNING,
    "BACKOFF": ServiceState.BACKOFF,
    # Somebody asked for it: it is as good as stopped.
    "STOPPING": ServiceState.STOPPED,
    "EXITED": ServiceState.EXITED,
    "FATAL": ServiceState.FATAL,
}
_SPARE_SECONDS = 0.15
"""Left of the timeout for the second look."""


class Supervisord:
    """One supervisord, asked over its Unix socket or TCP.

    It keeps no restart count: restarts are counted in its log, and are None where the log proves nothing.
    """

    def __init__(self, url: str, log: Path | None) -> None:
        self._url = url
        self._log = log

    @property
    def source(self) -> str:
        """The address, without a user and a password."""
        return shown(self._url)

    def read(
        self, declared: Sequence[Service], *, window: Window, timeout_seconds: float, sample_seconds: float
    ) -> Seen[RuntimeFacts]:
        """Ask for all programs, count their restarts, and look twice at the processes of this machine."""
        deadline = Deadline(timeout_seconds)
        where = address(self._url)
        rpc = Rpc(where, deadline)
        answer = ask_supervisord(rpc)
        daemon = find_daemon(answer.pid) if where.local else None
        # A pid counts only when it is a child of that very supervisord on this machine.
        pids = {info.program.pid for info in answer.programs} & (daemon.children if daemon else frozenset())
        first, first_at = look(pids, below=answer.pid), time.monotonic()
        history = read_history(self._log, rpc, answer, window=window, local=where.local)
        second = _look_again(pids, answer.pid, first_at + sample_seconds, deadline)
        apart_seconds = round(time.monotonic() - first_at, 1)
        facts = RuntimeFacts(
            kind="supervisord",
            started_at=daemon.started_at if daemon else history.daemon_at,
            services=tuple(_services(answer, declared, history, first, second)),
        )
        notes = (_process_note(daemon, apart_seconds, local=where.local), *history.notes)
        headline = f"supervisord {answer.version} at {self.source}, pid {answer.pid or 'not told'}"
        return Seen(facts, runtime_text(headline, facts, notes, history.lines))


def _look_again(pids: set[int], daemon_pid: int, not_before_seconds: float, deadline: Deadline) -> dict[int, Look]:
    """The second look, or none when the timeout does not leave the time for it."""
    if not pids:
        return {}
    with suppress(TimeoutError):
        pause_seconds = not_before_seconds - time.monotonic()
        time.sleep(max(0.0, min(pause_seconds, deadline.left() - _SPARE_SECONDS)))
        return look(pids, below=daemon_pid)
    return {}


def _services(
    answer: Answer,
    declared: Sequence[Service],
    history: History,
    first: Mapping[int, Look],
    second: Mapping[int, Look],
) -> Iterator[ServiceFacts]:
    names = _declared_names(answer, declared)
    for info in answer.programs:
        name = names.get(info.full_name, info.full_name)
        pid = info.program.pid
        yield _service(name, info, answer, history, first.get(pid), second.get(pid))
    for service in declared:
        if service.name not in names.values():
            yield ServiceFacts.missing(service.name)


def _declared_names(answer: Answer, declared: Sequence[Service]) -> dict[str, str]:
    """Full name -> declared name: the same, or the name without its group where that is not ambiguous."""
    full_names = {info.full_name for info in answer.programs}
    namesakes = Counter(info.program.name for info in answer.programs)
    wanted = {service.name for service in declared}
    names = {name: name for name in wanted & full_names}
    for info in answer.programs:
        bare = info.program.name
        if info.full_name not in names and bare in wanted - full_names and namesakes[bare] == 1:
            names[info.full_name] = bare
    return names


def _service(
    name: str, info: Info, answer: Answer, history: History, first: Look | None, second: Look | None
) -> ServiceFacts:
    counted = history.counts.get(info.full_name)
    # A process that vanished between the two looks has no memory and no share of a processor any more.
    last = second if first else None
    return ServiceFacts(
        name=name,
        state=ServiceState.PAUSED if _frozen(first, second) else _state(info),
        pid=info.program.pid or None,
        identity=info.identity,
        started_at=last.created_at if last else _started_at(info, answer),
        exit_status=_exit_status(info, counted.last_end if counted else None),
        restarts=counted.restarts if counted else None,
        recent_restarts=counted.recent if counted else (),
        restarts_counted_since=counted.since if counted else None,
        cpu_percent=cpu_percent(first, second),
        memory_bytes=last.memory_bytes if last else None,
    )


def _state(info: Info) -> ServiceState:
    # The only other word is UNKNOWN: supervisord lost the program and does not look after it any more.
    return _STATES.get(info.statename, ServiceState.FATAL)


def _frozen(first: Look | None, second: Look | None) -> bool:
    """supervisord calls a process that SIGSTOP froze running; the system knows better."""
    return first is not None and second is not None and first.frozen and second.frozen


def _exit_status(info: Info, logged: str | None) -> str | None:
    """In the words of the log, which also names the signal; None for what runs or never ran."""
    if info.exit_status is None or info.program.could_not_start:
        return info.exit_status
    return logged or info.exit_status


def _started_at(info: Info, answer: Answer) -> datetime | None:
    """From the age that supervisord tells, so that its clock does not matter."""
    return None if info.running_seconds is None else answer.at - timedelta(seconds=info.running_seconds)


def _process_note(daemon: Daemon | None, apart_seconds: float, *, local: bool) -> str:
    if daemon:
        return (
            f"cpu_percent is of one core over {apart_seconds:g} s; it and memory_bytes cover a process "
            "and its descendants"
        )
    where = "its pids are those of another container or user" if local else "it runs on another machine"
    return f"cpu_percent and memory_bytes are not known: {where}"
