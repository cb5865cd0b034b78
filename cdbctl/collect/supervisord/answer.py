"""What supervisord itself says of its programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from xmlrpc.client import Fault

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.supervisord.journal import Program
from cdbctl.collect.supervisord.rpc import Rpc


@dataclass(frozen=True, slots=True)
class Info:
    """One program."""

    full_name: str
    """``group:name``, or the name alone where both are the same, as supervisorctl shows it."""
    program: Program
    statename: str
    running_seconds: int | None
    """Since its start, by the clock of supervisord; None when it does not run."""
    exit_status: str | None
    """As far as supervisord keeps it; None for a program that runs or never ran."""
    identity: str
    """A digest of the command and its folder; empty when this supervisord does not tell them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """All programs of one supervisord."""

    pid: int
    """Of supervisord; 0 when it does not tell."""
    version: str
    at: datetime
    programs: tuple[Info, ...]


def ask_supervisord(rpc: Rpc) -> Answer:
    """Ask for everything that supervisord knows of its programs; raises NoAnswer."""
    at = datetime.now(UTC)
    try:
        infos = rpc.ask("getAllProcessInfo")
        configs = rpc.ask_if_known("getAllConfigInfo") or []
        pid, version = rpc.ask_if_known("getPID"), rpc.ask_if_known("getSupervisorVersion")
        identities = {(config["group"], config["name"]): _identity(config) for config in configs}
        return Answer(
            pid=pid if isinstance(pid, int) else 0,
            version=str(version or "unknown"),
            at=at,
            programs=tuple(_info(info, identities) for info in infos),
        )
    except (Fault, KeyError, TypeError, ValueError, AttributeError) as error:
        what = error.faultString if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
        raise NoAnswer(
            f"answers something else than supervisord would: {what:.200}",
            remedy="correct runtime.supervisord.url in cdbctl.yaml",
        ) from error


def _info(info: Mapping[str, Any], identities: Mapping[tuple[str, str], str]) -> Info:
    name, group = str(info["name"]), str(info["group"])
    pid, start, now = int(info["pid"]), int(info["start"]), int(info["now"])
    state, spawn_error = str(info["statename"]), str(info["spawnerr"])
    return Info(
        full_name=name if name == group else f"{group}:{name}",
        program=Program(
            name=name,
            pid=pid,
            start_epoch_seconds=start,
            could_not_start=bool(spawn_error) and not spawn_error.startswith(("Exited too", "Bad exit")),
        ),
        statename=state,
        running_seconds=max(0, now - start) if pid else None,
        exit_status=None if pid or not start else _exit_status(state, int(info["exitstatus"]), spawn_error),
        identity=identities.get((group, name), ""),
    )


def _exit_status(state: str, status: int, spawn_error: str) -> str | None:
    # In BACKOFF and FATAL supervisord has forgotten the status and answers 0.
    if state in ("BACKOFF", "FATAL"):
        return spawn_error or None
    return f"exit status {status}" if status >= 0 else "terminated by a signal"


def _identity(config: Mapping[str, Any]) -> str:
    """Of the command as it is configured: a restart keeps it, another command or folder changes it."""
    deployed = "\0".join((str(config.get("directory", "")), str(config["command"])))
    return sha256(deployed.encode("utf-8", errors="surrogatepass")).hexdigest()[:12]
