"""One image from Debian packages, for machines that reach no registry. It is made once and stays on the engine."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from cdbctl.demo.docker.engine import Engine
from cdbctl.demo.places import Places, is_root
from cdbctl.demo.progress import Progress
from cdbctl.demo.supervision import environment
from cdbctl.errors import CdbctlError

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "cdbctl-demo"
SUITE = "bookworm"
PACKAGES = (
    "python3-minimal", "python3-psycopg", "python3-redis", "python3-prometheus-client", "postgresql-15", "redis-server",
    "prometheus", "procps", "wget",
)  # fmt: skip
LEFT_OUT = (
    "./dev/*", "./proc/*", "./sys/*", "./tmp/*", "./debootstrap", "./var/cache/apt/*", "./var/cache/debconf/*",
    "./var/lib/apt/lists/*", "./var/lib/postgresql/*", "./var/log/*", "./usr/share/doc/*", "./usr/share/man/*",
    "./usr/share/info/*", "./usr/share/locale/*", "./usr/share/i18n", "./usr/share/lintian", "./usr/share/javascript",
    "./usr/share/nodejs", "./usr/share/sass",
    # PostgreSQL compiles queries with it; two thirds of its size for nothing here (jit=off).
    "./usr/lib/llvm*", "./usr/lib/*-linux-gnu/libLLVM*", "./usr/lib/*-linux-gnu/libz3*",
)  # fmt: skip
CHANGES = (
    "ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8",
    'ENTRYPOINT ["demo-entrypoint"]',
    'CMD ["bash"]',
)
ENTRYPOINT = Path(__file__).with_name("entrypoint.sh")
BUILD_SECONDS = 900
IMPORT_SECONDS = 300


def debian_image(engine: Engine, places: Places, progress: Progress, *, reason: str) -> str:
    """Return the tag of the image, and make it first when the engine does not have it.

    ``reason`` says why the official images are not used. Raises CdbctlError.
    """
    tag = f"debian-{_recipe()}"
    name = f"{REPOSITORY}:{tag}"
    with engine.client() as client:
        if client.images(name=name, quiet=True):
            return name
    program = _require_debootstrap(reason)
    progress(f"making an image from Debian packages ({reason}); once, about a minute and a half")
    root = places.runtime / "rootfs"
    try:
        _install(program, places, root)
        progress("handing the image to the engine")
        with engine.client(IMPORT_SECONDS) as client, _packed(root) as stream:
            _import(client, stream, tag)
    finally:
        remove_root(root)
    return name


def remove_root(root: Path) -> None:
    """Remove a root file system, also one that was left half made."""
    if not root.exists():
        return
    for point in _mounted_below(root):
        subprocess.run(["umount", "-l", point], capture_output=True, check=False)  # noqa: S607 - found as debootstrap is
    if not _mounted_below(root):  # what is still mounted there is not ours to remove
        shutil.rmtree(root, ignore_errors=True)


def _recipe() -> str:
    """Changes whenever the image would become another one."""
    parts = (SUITE, *PACKAGES, *LEFT_OUT, *CHANGES, ENTRYPOINT.read_text(encoding="utf-8"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _require_debootstrap(reason: str) -> str:
    program = shutil.which("debootstrap", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if not sys.platform.startswith("linux") or not is_root() or program is None:
        raise CdbctlError(
            "there are no images for the demo",
            why=f"{reason}; and making them from Debian packages needs Linux, root and debootstrap",
            next_step="connect to the internet, or, on Debian as root: apt-get install debootstrap",
        )
    return program


def _install(program: str, places: Places, root: Path) -> None:
    log = places.run / "debootstrap.log"
    with log.open("wb") as out:
        answer = subprocess.run(
            [program, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, timeout=BUILD_SECONDS, cwd="/",
            env={**environment(places), **_proxies()},
        )  # fmt: skip
    if answer.returncode != 0:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        raise CdbctlError(
            "debootstrap could not make the image of the demo", why="\n".join(said), next_step=f"see {log}"
        )
    _add_entrypoint(root)


def _add_entrypoint(root: Path) -> None:
    target = root / "usr" / "local" / "bin" / "demo-entrypoint"
    target.write_bytes(ENTRYPOINT.read_bytes())
    target.chmod(0o755)


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


@contextmanager
def _packed(root: Path) -> Iterator[IO[bytes]]:
    left_out = (f"--exclude={pattern}" for pattern in LEFT_OUT)
    command = ["tar", "--create", "--numeric-owner", f"--directory={root}", *left_out, "."]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        yield cast(IO[bytes], process.stdout)
    if process.returncode != 0:
        raise CdbctlError("the image of the demo could not be packed", why=f"tar ended with {process.returncode}")


def _import(client: APIClient, stream: IO[bytes], tag: str) -> None:
    answer = client.import_image_from_stream(stream, repository=REPOSITORY, tag=tag, changes=list(CHANGES))
    if '"error"' in str(answer):
        raise CdbctlError("the engine did not take the image of the demo", why=str(answer)[-500:])


def _mounted_below(root: Path) -> list[str]:
    """Where debootstrap has mounted something, innermost first."""
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return sorted((point for line in lines if (point := line.split()[4]).startswith(f"{root}/")), reverse=True)
