"""PostgreSQL servers that live only for a while: made, started, stopped and swept by us."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdbctl.errors import CdbctlError
from cdbctl.sql.binaries import Account, Binaries, find_binaries, server_account
from cdbctl.sql.segments import remove_segment

PREFIX = "cdbctl-pg-"
START_TIMEOUT_SECONDS = 20.0
STOP_TIMEOUT_SECONDS = 10.0
FAST_AND_FORGETFUL = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
"""Settings for a database whose loss costs nothing."""
NO_SHARED_SEGMENTS = ("shared_memory_type=mmap", "dynamic_shared_memory_type=mmap")
"""A killed server then leaves nothing big outside its folder; ``segments`` removes the small rest."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A running scratch server. Its socket lies in a private folder, so trust authentication is safe."""

    host: str
    """Folder of the socket, or 127.0.0.1 where there are none."""
    port: int
    folder: Path
    version: str

    def dsn(self, *, database: str = "postgres", user: str = "postgres") -> str:
        """A connection string in libpq's keyword form."""
        return f"host={self.host} port={self.port} dbname={database} user={user}"


def initialise(
    binaries: Binaries,
    data: Path,
    *,
    account: Account | None,
    password_file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Make an empty cluster in ``data``; its superuser is ``postgres``. Raises CdbctlError with initdb's words.

    ``environment`` replaces that of this process for initdb.
    """
    authentication = ["-A", "scram-sha-256", f"--pwfile={password_file}"] if password_file else ["-A", "trust"]
    command = [
        binaries.program("initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
        "-N", "--wal-segsize=1", *authentication,
    ]  # fmt: skip
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=environment,
        **_as(account), **_private(),
    )  # fmt: skip
    if answer.returncode != 0:
        raise CdbctlError(
            f"a PostgreSQL cluster could not be made in {data}",
            why=(answer.stderr or answer.stdout).strip()[-1000:],
            next_step="free some disk space or choose another folder with TMPDIR, then try again",
        )


def server_command(binaries: Binaries, data: Path, *, port: int, settings: tuple[str, ...] = ()) -> list[str]:
    """The command line of a server in the foreground."""
    command = [binaries.program("postgres"), "-D", str(data), "-p", str(port)]
    for setting in (*NO_SHARED_SEGMENTS, *settings):
        command += ["-c", setting]
    return command


@contextmanager
def scratch_server(major: int | None = None) -> Iterator[Scratch]:
    """Start a scratch server and remove every trace of it afterwards.

    Durability is switched off. What a killed run left behind is swept first.
    """
    sweep_orphans()
    binaries = find_binaries(major)
    account = server_account()
    folder = _private_folder(account)
    process: subprocess.Popen[bytes] | None = None
    try:
        data = folder / "data"
        initialise(binaries, data, account=account)
        host, port = _address(folder)
        where = ("listen_addresses=127.0.0.1",) if host == "127.0.0.1" else (
            "listen_addresses=", f"unix_socket_directories={host}"
        )  # fmt: skip
        command = server_command(binaries, data, port=port, settings=(*FAST_AND_FORGETFUL, *where))
        log = folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, **_as(account), **_private())
        scratch = Scratch(host, port, folder, binaries.version)
        _wait_until_ready(scratch, process, log)
        yield scratch
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


def sweep_orphans() -> None:
    """Stop the servers and remove the folders of scratch servers whose owner is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _owner_is_gone(folder):
            _end_server(folder / "data")
            remove_segment(folder / "data")
            shutil.rmtree(folder, ignore_errors=True)


def _owner_is_gone(folder: Path) -> bool:
    """Whether the run that made the folder has ended; a folder that does not say who made it is not ours."""
    try:
        owner = json.loads((folder / "owner.json").read_text(encoding="utf-8"))
        return not _alive(owner["pid"], owner["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _end_server(data: Path) -> None:
    import psutil

    with suppress(OSError, ValueError, IndexError, psutil.Error):
        server = psutil.Process(int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))
        if str(data) in server.cmdline():
            server.terminate()
            server.wait(STOP_TIMEOUT_SECONDS)


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _private_folder(account: Account | None) -> Path:
    import psutil

    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    owner = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    (folder / "owner.json").write_text(json.dumps(owner), encoding="utf-8")
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def _address(folder: Path) -> tuple[str, int]:
    if sys.platform == "win32":
        return "127.0.0.1", free_port()
    return str(folder), 5432


def _wait_until_ready(scratch: Scratch, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            psycopg.connect(scratch.dsn(), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(encoding="utf-8", errors="replace").strip()[-1000:]
                raise CdbctlError(
                    "the scratch PostgreSQL did not start", why=words or str(error),
                    next_step=f"see whether {scratch.folder.parent} has free space, then try again",
                ) from error  # fmt: skip
            time.sleep(0.01)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.terminate()
    else:
        import signal

        process.send_signal(signal.SIGINT)  # "fast": sessions are ended, nothing waits for them
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _alive(pid: int, started: float) -> bool:
    import psutil

    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except psutil.Error:
        return False


def _as(account: Account | None) -> dict[str, Any]:
    return account.popen_arguments() if account else {}


def _private() -> dict[str, Any]:
    """Every account may stand in the root folder; nobody else may read what the child writes."""
    if sys.platform == "win32":
        return {}
    return {"umask": 0o077, "cwd": "/"}
