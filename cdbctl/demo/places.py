"""Where a demo stack lives: its workspace, which stays, and its runtime folder, which does not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cdbctl.errors import CdbctlError

LONGEST_SOCKET = 100
"""A socket path has 103 bytes on the shortest system that we know."""


@dataclass(frozen=True, slots=True)
class Places:
    """All paths of one demo stack."""

    root: Path
    """The workspace: a git repository, kept by ``demo down``."""
    runtime: Path
    """Sockets and data of the servers; private, short, removed by ``demo down``."""

    @property
    def token(self) -> str:
        """Marks every process of this demo: ``CDBCTL_DEMO=TOKEN`` in its environment."""
        return _token(self.root)

    @property
    def run(self) -> Path:
        """Logs and secrets; ignored by git."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One file for each program."""
        return self.run / "logs"

    @property
    def secrets(self) -> Path:
        """One file for each password."""
        return self.run / "secrets"

    @property
    def lock(self) -> Path:
        """Held by the one command that changes this demo."""
        return self.run / "demo.lock"

    @property
    def socket(self) -> Path:
        """Where supervisord listens."""
        return self.runtime / "rpc.sock"

    @property
    def configuration(self) -> Path:
        """Of supervisord. It holds passwords."""
        return self.runtime / "supervisord.conf"

    @property
    def supervisor_log(self) -> Path:
        """Starts and ends of all programs."""
        return self.run / "supervisord.log"

    @property
    def postgres(self) -> Path:
        """Belongs to the account of the server."""
        return self.runtime / "postgres"

    @property
    def redis(self) -> Path:
        """Where Redis works."""
        return self.runtime / "redis"

    @property
    def state(self) -> Path:
        """What ``demo status`` reads."""
        return self.runtime / "demo.json"

    def log_of(self, name: str) -> Path:
        """The log of one program."""
        return self.logs / f"{name}.log"

    def relative(self, path: Path) -> str:
        """A path as it is written in files of the workspace."""
        return path.relative_to(self.root).as_posix()

    def secret(self, name: str) -> str:
        """One password."""
        return (self.secrets / name).read_text(encoding="utf-8").strip()


def places_of(root: Path) -> Places:
    """The paths that belong to a workspace, whether it exists or not.

    A runtime folder that the workspace remembers counts more than the usual one: TMPDIR may have changed.
    """
    root = root.resolve()
    return Places(root, _remembered(root) or _usual_runtime(root))


def make_runtime(places: Places) -> None:
    """Make the private runtime folder; raise CdbctlError when something lies there already."""
    try:
        places.runtime.mkdir(mode=0o700)
    except FileExistsError as error:
        raise CdbctlError(
            f"{places.runtime} is in the way",
            why="it was not made by this account for this demo",
            next_step="look at it, remove it, and run the command again",
        ) from error
    except OSError as error:
        raise CdbctlError(
            f"the runtime folder {places.runtime} could not be made", why=str(error),
            next_step="name a folder that you can write to with TMPDIR",
        ) from error  # fmt: skip
    if is_root():
        places.runtime.chmod(0o711)  # the account of PostgreSQL must get through to its own folder


def remove_runtime(places: Places) -> None:
    """Remove the runtime folder if it is ours; a foreign one is left alone."""
    if not is_ours(places.runtime, places.token):
        return
    shutil.rmtree(places.runtime, ignore_errors=True)
    if places.runtime.exists():
        raise CdbctlError(
            f"{places.runtime} could not be removed completely",
            why="some of its files belong to another account or are in use",
            next_step=f"rm -r {places.runtime}",
        )


def is_ours(runtime: Path, token: str) -> bool:
    """Whether a folder is the runtime folder of this demo, made by this account, and no link to elsewhere."""
    try:
        facts = runtime.lstat()
    except OSError:
        return False
    return (
        runtime.name == _name(token)
        and stat.S_ISDIR(facts.st_mode)
        and facts.st_uid == _uid()
        and not facts.st_mode & 0o022
    )


def is_root() -> bool:
    """Whether PostgreSQL has to run under another account than ours."""
    return _uid() == 0


def remember_runtime(places: Places) -> None:
    """Write down in the workspace where the runtime folder is."""
    text = json.dumps({"runtime": str(places.runtime)})
    (places.run / "runtime.json").write_text(text + "\n", encoding="utf-8")


def _remembered(root: Path) -> Path | None:
    try:
        document = json.loads((root / "run" / "runtime.json").read_text(encoding="utf-8"))
        runtime = Path(document["runtime"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return runtime if runtime.is_absolute() and is_ours(runtime, _token(root)) else None


def _usual_runtime(root: Path) -> Path:
    name = _name(_token(root))
    usual = Path(tempfile.gettempdir()).resolve()
    too_long = len(os.fsencode(usual / name / "rpc.sock.1234567")) > LONGEST_SOCKET
    if too_long or (is_root() and not _everyone_may_pass(usual)):
        return Path("/tmp").resolve() / name  # noqa: S108 - the folder itself is private, and its owner is verified
    return usual / name


def _everyone_may_pass(folder: Path) -> bool:
    try:
        return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))
    except OSError:
        return False


def _token(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:8]


def _name(token: str) -> str:
    return f"cdbctl-demo-{_uid()}-{token}"


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
