"""What the compose files promise: the services that should run, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ComposePort:
    """A port that a compose file publishes."""

    host_address: str
    """As written; empty means every address of the host."""
    host_port: str
    """As written: a number, a range, or empty for any free one."""
    container_port: str
    """A number or a range."""
    protocol: str
    file: str
    """Relative to the root."""
    line: int


@dataclass(frozen=True, slots=True)
class ComposeMount:
    """A bind mount of a compose file."""

    source: str
    """Relative to the root with forward slashes where it lies below it, else absolute."""
    target: str
    read_only: bool
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ComposeNote:
    """What makes a value another one than was meant, e.g. a variable that is not set."""

    key: str
    """Of the service: ``image`` or ``ports``."""
    text: str


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service of the merged compose files of a project, with its profiles active."""

    name: str
    """Its key in the compose file."""
    project: str
    container: str | None
    """``container_name``; None where compose makes up a name."""
    image: str | None
    """Reference after substitution; None where compose names the built image itself."""
    built: bool
    """Whether it is built from a folder of the repository."""
    build_folder: str | None
    """Build context relative to the root; None when it lies elsewhere or there is none."""
    ports: tuple[ComposePort, ...]
    mounts: tuple[ComposeMount, ...]
    log_driver: str | None
    """None when no ``logging:`` section says anything."""
    log_options: tuple[tuple[str, str], ...]
    healthcheck: tuple[str, ...]
    """The test command; empty where none is declared."""
    restart: str | None
    replicas: int
    file: str
    """Relative to the root; of the file that names it first."""
    line: int
    network_mode: str | None = None
    """``host``, ``none``, ``service:NAME`` …; None for networks of its own."""
    completes: bool = False
    """Whether another service waits for its end: then it is a job, and need not run any more."""
    notes: tuple[ComposeNote, ...] = ()
