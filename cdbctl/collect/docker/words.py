"""States and ends of containers in the words of the model."""

from __future__ import annotations

from cdbctl.model.runtime import ServiceState

_SIGNALS = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip
"""Of Linux, whatever system looks at it."""
_STATES = {
    "running": ServiceState.RUNNING,
    "paused": ServiceState.PAUSED,
    # The engine waits before it starts it again.
    "restarting": ServiceState.BACKOFF,
    "created": ServiceState.STOPPED,
    "configured": ServiceState.STOPPED,
    "initialized": ServiceState.STOPPED,
    "stopping": ServiceState.STOPPED,
    "removing": ServiceState.STOPPED,
    "exited": ServiceState.EXITED,
    "stopped": ServiceState.EXITED,
    # The engine tried to remove it, and could not.
    "dead": ServiceState.FATAL,
}


def state_of(status: str, *, error: str) -> ServiceState:
    """The state behind the engine's word; one that it could not start at all is FATAL."""
    state = _STATES.get(status.lower(), ServiceState.FATAL)
    return ServiceState.FATAL if error and state is ServiceState.STOPPED else state


def exit_words(code: int) -> str:
    """``exit status 137 (SIGKILL)``: above 128 a signal ended it, or a shell says so of its child."""
    name = _SIGNALS.get(code - 128)
    return f"exit status {code} ({name})" if name else f"exit status {code}"
