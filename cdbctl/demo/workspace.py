"""The workspace of a demo: a git repository with the definitions and the code of the stack."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

import cdbctl
from cdbctl.demo.faults import Fault
from cdbctl.demo.places import Places
from cdbctl.demo.programs import ROLES
from cdbctl.errors import CdbctlError

MARKER = ".cdbctl-demo"
MARKER_TEXT = "This folder is a demo workspace of cdbctl: `cdbctl demo up` writes it anew.\n"
IGNORED = "/run/\n/reports/\n__pycache__/\n*.pyc\n"
NO_CONVERSION = "* -text\n"
"""For .gitattributes: a global core.autocrlf must not make files look changed."""
GIT_TIMEOUT_SECONDS = 30.0


def require_workspace(root: Path) -> None:
    """Refuse a folder that holds something else than a demo workspace of this account."""
    if not root.exists():
        return
    if not root.is_dir():
        raise CdbctlError(f"{root} is not a folder", next_step="name another folder with --root")
    if hasattr(os, "getuid") and root.stat().st_uid != os.getuid():
        raise CdbctlError(
            f"{root} belongs to another account",
            why="git does not work in the folder of another account, and its files are not ours to change",
            next_step="run the command as the owner of the folder, or name another folder with --root",
        )
    if any(root.iterdir()) and not is_workspace(root):
        raise CdbctlError(
            f"{root} is not empty and not a demo workspace",
            why=f"the demo writes its folder anew, and there is no {MARKER} in this one",
            next_step="name an empty or a new folder with --root",
        )


def is_workspace(root: Path) -> bool:
    """Whether ``demo up`` made this folder."""
    return (root / MARKER).is_file()


def claim(places: Places) -> None:
    """Make the folder ours; raise CdbctlError when it holds something else."""
    require_workspace(places.root)
    try:
        places.root.mkdir(parents=True, exist_ok=True)
        # The marker comes first: a folder left half done must still be known as ours.
        (places.root / MARKER).write_text(MARKER_TEXT, encoding="utf-8", newline="\n")
        places.run.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CdbctlError(
            f"the workspace {places.root} could not be made", why=str(error),
            next_step="name a folder that you can write to with --root",
        ) from error  # fmt: skip


def prepare(places: Places, *, docker: bool = False) -> None:
    """Bring the workspace to its first state; what a person changed in it stays in git's history.

    ``docker`` adds what only a demo of containers needs; otherwise it is taken away.
    """
    git = _find_git()
    root = places.root
    _empty_run(places)
    _drop_stale_lock(root)
    _git(git, root, "-c", "init.defaultBranch=main", "init", "--quiet", "--template=")
    _commit(git, root, "State of the workspace before a new demo")
    for folder, source in _definitions().items():
        _replace(root / folder, source)
    for folder, source in _docker_definitions().items():
        _replace(root / folder, source) if docker else _remove(root / folder)
    _remove(root / "compose.yaml")
    if docker:
        _add_docker_checks(root / "checks")
    (root / ".gitignore").write_text(IGNORED, encoding="utf-8", newline="\n")
    (root / ".gitattributes").write_text(NO_CONVERSION, encoding="utf-8", newline="\n")
    _write_secrets(places)
    _set_reports_aside(root / "reports")


def _set_reports_aside(reports: Path) -> None:
    """Keep the reports of the demo before, and let the new one begin without a past: it is another stack."""
    daily = reports / "daily"
    if not daily.is_dir():
        return
    number = next(number for number in count(1) if not (reports / f"earlier-demo-{number}").exists())
    daily.rename(reports / f"earlier-demo-{number}")


def describe(places: Places, fault: Fault, texts: Mapping[str, str]) -> None:
    """Write what describes this very demo, ``cdbctl.yaml`` above all, and commit the workspace."""
    for name, text in texts.items():
        (places.root / name).write_text(text, encoding="utf-8", newline="\n")
    _commit(_find_git(), places.root, f"Demo stack (fault: {fault})")


def _definitions() -> dict[str, Path]:
    """Folder of the workspace -> where its content comes from."""
    package = Path(cdbctl.__file__).resolve().parent
    carried = package / "demo" / "definitions"  # in an installed wheel
    origin = carried if carried.is_dir() else package.parent
    return {
        "services": package / "demo" / "stack" / "services",
        "checks": origin / "checks",
        "governance": origin / "governance",
    }


def _docker_definitions() -> dict[str, Path]:
    stack = Path(cdbctl.__file__).resolve().parent / "demo" / "stack" / "docker"
    return {"prometheus": stack / "prometheus", "postgres": stack / "postgres"}


def _add_docker_checks(checks: Path) -> None:
    """The checks that only containers have stand in a folder of their own, so that the embedded demo does without."""
    for path in (_definitions()["checks"] / "docker").glob("*.yaml"):
        shutil.copy(path, checks / path.name)


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _replace(target: Path, source: Path) -> None:
    if not source.is_dir():
        raise CdbctlError(
            f"{source} is missing",
            why="the demo stack is made from it",
            next_step="install cdbctl anew, or run it from a complete checkout",
        )
    _remove(target)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "docker"))


def _empty_run(places: Places) -> None:
    """Remove what an earlier demo left: its log lines must not be taken for those of this one."""
    for path in places.run.glob("*"):
        if path == places.lock:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    places.logs.mkdir()


def _write_secrets(places: Places) -> None:
    places.secrets.mkdir(mode=0o700)
    for name in ("postgres", "redis", *ROLES):
        write_private(places.secrets / secret_name(name), secrets.token_hex(16) + "\n")


def secret_name(name: str) -> str:
    """File name of the password of a role: ``cdb_reader`` -> ``reader_password``."""
    return f"{name.removeprefix('cdb_')}_password"


def write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:  # noqa: PTH123 - by descriptor
        out.write(text)


def _commit(git: str, root: Path, message: str) -> None:
    _git(git, root, "add", "--all")
    if _git(git, root, "status", "--porcelain"):
        _git(git, root, "commit", "--quiet", "--no-verify", "--message", message)


def _drop_stale_lock(root: Path) -> None:
    """Remove the lock of a git that was killed; no step of ours holds it for seconds."""
    lock = root / ".git" / "index.lock"
    with suppress(FileNotFoundError):
        if time.time() - lock.stat().st_mtime > 2.0:
            lock.unlink()


def _find_git() -> str:
    git = shutil.which("git")
    if git is None:
        raise CdbctlError(
            "git is not installed",
            why="the workspace of the demo is a git repository, and the check-up reads its state",
            next_step="install git (Debian: apt-get install git), then run the command again",
        )
    return git


def _git(git: str, root: Path, *arguments: str) -> str:
    """Run git as the demo: no configuration, hook, signature or variable of the caller takes part."""
    identity = ("-c", "user.name=cdbctl demo", "-c", "user.email=demo@cdbctl.invalid")
    calm = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "gc.auto=0")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    environment["GIT_CEILING_DIRECTORIES"] = str(root.parent)  # never the repository around a damaged one
    try:
        answer = subprocess.run(
            [git, *identity, *calm, *arguments],
            cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
            errors="replace", check=False, timeout=GIT_TIMEOUT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CdbctlError(f"git {arguments[0]} did not work in {root}", why=str(error)) from error
    if answer.returncode != 0:
        raise CdbctlError(
            f"git did not work in {root}",
            why=answer.stderr.strip()[-1000:] or answer.stdout.strip()[-1000:],
            next_step="repair or remove this folder, or name another one with --root",
        )
    return answer.stdout
