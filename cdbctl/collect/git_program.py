"""The program git, so called that neither the environment nor the repository can make it run anything else."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from cdbctl.collect.attempt import NoAnswer

MAX_WORDS = 2_000
CHUNK_BYTES = 1 << 16

_SAFE = (
    "--no-pager", "--no-optional-locks", "--no-replace-objects",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false",
    "-c", "core.quotePath=false", "-c", "core.alternateRefsCommand=",
)  # fmt: skip


class GitFailed(Exception):
    """Git ended with a status other than zero."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


class Git:
    """Runs git in one folder; all calls together keep to one deadline."""

    def __init__(self, folder: Path, timeout_seconds: float) -> None:
        self._program = _find_git(os.environ.get("PATH", os.defpath))
        self._folder = folder
        self._timeout_seconds = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self._config: list[str] = []

    def disarm_filters(self) -> None:
        """Switch off the filter programs that the repository's own configuration names.

        ``git status`` would run them on every touched file. Those of the user's configuration are the user's own.
        """
        try:
            answer = self.output("config", "--show-scope", "-z", "--name-only", "--get-regexp", r"^filter\..*\.")
        except GitFailed as failure:
            if failure.status == 1:  # no such setting
                return
            raise
        scopes_and_names = answer.decode("utf-8", "surrogateescape").split("\0")[:-1]
        for scope, name in zip(scopes_and_names[::2], scopes_and_names[1::2], strict=True):
            if scope not in ("system", "global"):
                filter_name = name.rpartition(".")[0]
                for setting in ("clean=", "smudge=", "process=", "required=false"):
                    self._config += ["-c", f"{filter_name}.{setting}"]

    def output(self, *arguments: str) -> bytes:
        """The whole output of a call that says little; raises GitFailed."""
        return b"".join(self._chunks(arguments))

    def records(self, *arguments: str) -> Iterator[bytes]:
        """The output, split at its NUL bytes, as it arrives; raises GitFailed."""
        rest = b""
        for chunk in self._chunks(arguments):
            *whole, rest = (rest + chunk).split(b"\0")
            yield from whole

    def _chunks(self, arguments: tuple[str, ...]) -> Iterator[bytes]:
        command = [self._program, *_SAFE, *self._config, "-C", str(self._folder), *arguments]
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(),
                **_in_a_group_of_its_own(),
            )  # fmt: skip
        except OSError as error:
            raise NoAnswer(
                f"git cannot be started: {error.strerror}", remedy="see whether git --version works"
            ) from error
        words = bytearray()
        listener = threading.Thread(target=_listen, args=(process, words), daemon=True)
        with process, self._killed_when_late(process) as late:
            listener.start()
            if process.stdout is not None:
                while chunk := process.stdout.read1(CHUNK_BYTES):  # type: ignore[attr-defined]  # a BufferedReader
                    yield chunk
            status = process.wait()
            listener.join()
        if late:
            raise NoAnswer(
                f"git did not answer within {self._timeout_seconds:g} s",
                remedy="see how long git status takes; raise deadlines.source in cdbctl.yaml if it must be so slow",
            )
        if status != 0:
            raise GitFailed(words.decode("utf-8", "backslashreplace").strip(), status)

    @contextmanager
    def _killed_when_late(self, process: subprocess.Popen[bytes]) -> Iterator[list[bool]]:
        """Give the process what is left of the time; the list is no longer empty once it was killed for that."""
        late: list[bool] = []

        def kill() -> None:
            late.append(True)
            _kill_with_children(process)

        timer = threading.Timer(max(0.0, self._deadline - time.monotonic()), kill)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            if process.poll() is None:
                _kill_with_children(process)  # nobody reads on


def _listen(process: subprocess.Popen[bytes], words: bytearray) -> None:
    """Keep the beginning of what git complains about, and read on, so that it never waits for us."""
    while process.stderr is not None and (chunk := process.stderr.read(CHUNK_BYTES)):
        words += chunk[: MAX_WORDS - len(words)]


def _kill_with_children(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _in_a_group_of_its_own() -> dict[str, Any]:
    return {} if sys.platform == "win32" else {"process_group": 0}


def _environment() -> dict[str, str]:
    """Ours without what steers git, with plain English, and with no way to fetch what a partial clone lacks."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name != "LANGUAGE"}
    ours = {
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
    }
    return kept | ours


@cache
def _find_git(path: str) -> str:
    """The absolute path of git; raises NoAnswer. A git in the current folder is not the system's."""
    found = shutil.which("git", path=path)
    if found is None:
        raise NoAnswer("git is not installed", remedy="install git")
    if not Path(found).is_absolute():
        raise NoAnswer(f"the first git in PATH is {found}, in the current folder", remedy="take . out of PATH")
    return found
