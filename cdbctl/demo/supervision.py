"""supervisord: its configuration, its start, and the few calls that the demo makes to it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from xmlrpc.client import Fault as Refusal
from xmlrpc.client import ProtocolError, ServerProxy, Transport

from cdbctl.demo.places import Places, is_root
from cdbctl.errors import CdbctlError

MARK = "CDBCTL_DEMO"
"""The environment variable that marks every process of a demo."""
CALL_TIMEOUT_SECONDS = 3.0
START_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One program as supervisord runs it."""

    name: str
    command: Sequence[str]
    folder: str | None = None
    """Where it stands; the workspace when not given. ``%(here)s`` is the runtime folder."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"


@dataclass(frozen=True, slots=True)
class ProgramState:
    """One program as supervisord sees it."""

    name: str
    state: str
    """In lower case: ``running``, ``exited`` …"""
    pid: int | None


def configuration(places: Places, entries: Sequence[Entry]) -> str:
    """The text of supervisord.conf, which is read standing in the workspace. It holds passwords."""
    user = "user=root\n" if is_root() else ""
    head = f"""\
[unix_http_server]
file=%(here)s/{places.socket.name}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
pidfile=%(here)s/supervisord.pid
logfile={places.relative(places.supervisor_log)}
logfile_maxbytes=10MB
logfile_backups=3
loglevel=info
umask=077
identifier=cdbctl-demo-{places.token}
{user}"""
    return "\n".join((head, *(_section(places, priority, entry) for priority, entry in enumerate(entries, 1))))


def start(places: Places) -> None:
    """Start supervisord as a daemon; it listens when this returns."""
    answer = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(places.configuration)],
        cwd=places.root, env=environment(places), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
        errors="replace", check=False, timeout=START_TIMEOUT_SECONDS, start_new_session=True,
    )  # fmt: skip
    if answer.returncode != 0:
        raise CdbctlError(
            "supervisord did not start",
            why=(answer.stderr or answer.stdout).strip()[-1000:],
            next_step=f"see {places.supervisor_log}",
        )


def environment(places: Places) -> dict[str, str]:
    """What the programs of the demo inherit: nothing of the caller that could be a secret or change their words."""
    kept = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return inherited | {MARK: places.token, "TZ": "UTC", "LANG": "C.UTF-8", "PYTHONUTF8": "1"}


def program_states(places: Places) -> tuple[ProgramState, ...] | None:
    """All programs, () while it shuts down, None when supervisord does not answer."""
    try:
        found = _call(places, "getAllProcessInfo")
    except Refusal:  # it is shutting down
        return ()
    except OSError:
        return None
    return tuple(ProgramState(one["name"], one["statename"].lower(), one["pid"] or None) for one in found)


def start_programs(places: Places, names: Iterable[str]) -> None:
    """Start programs and do not wait for them."""
    for name in names:
        _call(places, "startProcess", name, False)


def stop_programs(places: Places, names: Iterable[str]) -> None:
    """Ask programs to stop and do not wait for them; one that does not run is no error."""
    for name in names:
        with suppress(Refusal):
            _call(places, "stopProcess", name, False)


def shut_down(places: Places) -> None:
    """Ask supervisord to end itself, and what still runs."""
    with suppress(Refusal):
        _call(places, "shutdown")


def _call(places: Places, method: str, *arguments: object) -> Any:
    """One call over a connection of its own. Raises OSError when supervisord does not answer in time."""
    try:
        with ServerProxy("http://supervisord", transport=_Transport(str(places.socket))) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except (HTTPException, ProtocolError) as error:
        raise OSError(str(error)) from error


class _Transport(Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # so that it is closed with the transport
        return connection


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("supervisord", timeout=CALL_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CALL_TIMEOUT_SECONDS)
        self.sock.connect(self._path)


def _section(places: Places, priority: int, entry: Entry) -> str:
    return "\n".join(_lines(places, priority, entry)) + "\n"


def _lines(places: Places, priority: int, entry: Entry) -> Iterator[str]:
    yield f"[program:{entry.name}]"
    yield f"command={_command(entry.command)}"
    yield f"priority={priority}"
    yield "autostart=false"
    yield "autorestart=true"
    yield "startsecs=0"
    yield f"stopsignal={entry.stop_signal}"
    yield "stopwaitsecs=5"
    yield "redirect_stderr=true"
    yield f"stdout_logfile={places.relative(places.log_of(entry.name))}"
    yield "stdout_logfile_maxbytes=10MB"
    yield "stdout_logfile_backups=3"
    if entry.folder:
        yield f"directory={entry.folder}"
    if entry.user:
        yield f"user={entry.user}"
    if entry.environment:
        yield "environment=" + ",".join(f'{name}="{value}"' for name, value in entry.environment.items())


def _command(words: Sequence[str]) -> str:
    """A command line that survives the expansions and the comments of the file, whatever is in a path."""
    return shlex.join(words).replace("%", "%%").replace(" #", " ''#").replace(" ;", " '';")
