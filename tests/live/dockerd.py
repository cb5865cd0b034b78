"""A Docker daemon of the tests' own, which leaves nothing behind, not even after its owner was killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PREFIX = "cdbctl-engine-"
BRIDGE = "cdbt"
FIRST_NET = 100
"""Engine number N has the bridge ``cdbtN`` with the addresses 10.(100+N).0.0/24: two of them never clash."""
MOST = 80
START_SECONDS = 60.0
STOP_SECONDS = 20.0
NO_LAYERS = {"overlay", "fuse.fuse-overlayfs", "nfs", "nfs4", "9p"}
"""File systems that overlay2 cannot put its layers on."""
INSIDE_ONE_BRIDGE = ("-m", "physdev", "--physdev-is-bridged", "-j", "ACCEPT")
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True)
class Daemon:
    """One daemon and everything that it may use on this machine."""

    folder: Path
    number: int

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "docker.sock"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    @property
    def bridge(self) -> str:
        """The bridge of containers that name no network."""
        return f"{BRIDGE}{self.number}"

    @property
    def net(self) -> str:
        """The addresses of the bridge begin with this."""
        return f"10.{FIRST_NET + self.number}"

    def pid(self) -> int | None:
        """Of the daemon, or None when it does not run."""
        with suppress(OSError, ValueError):
            pid = int((self.folder / "pid").read_text(encoding="ascii"))
            if _mentions(pid, self.folder):
                return pid
        return None


def program() -> str | None:
    """Path of dockerd, None where there is none or where we may not run it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    return shutil.which("dockerd", path=_path())


def new_daemon() -> Daemon:
    """Make the folder, the bridge and the one firewall rule of a daemon; nothing runs yet."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_roomy_folder()))
    folder.chmod(0o711)
    (folder / "daemon.json").write_text("{}\n", encoding="utf-8")
    own = psutil.Process()
    owner = {"pid": own.pid, "started": own.create_time()}
    (folder / "owner.json").write_text(json.dumps(owner), encoding="utf-8")
    for number in range(MOST):
        daemon = Daemon(folder, number)
        if not _in_use(daemon.net) and _command("ip", "link", "add", daemon.bridge, "type", "bridge"):
            (folder / "number").write_text(str(number), encoding="ascii")
            _command("ip", "addr", "add", f"{daemon.net}.0.1/24", "dev", daemon.bridge)
            _command("ip", "link", "set", daemon.bridge, "up")
            # Another daemon may have told the firewall to drop even what stays inside one bridge.
            _command("iptables", "-w", "-I", "FORWARD", *INSIDE_ONE_BRIDGE)
            return daemon
    shutil.rmtree(folder)
    raise AssertionError("no bridge could be made for a Docker daemon of the tests")


def start(daemon: Daemon) -> None:
    """Start the daemon and return when it answers."""
    found = program()
    assert found, "no dockerd was found, or we are not root"
    with daemon.log.open("ab") as log:
        process = subprocess.Popen(
            [found, *_arguments(daemon)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PATH": _path()},
        )  # fmt: skip
    threading.Thread(target=process.wait, name="reaper of dockerd", daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while not answers(f"unix://{daemon.socket}"):
        said = daemon.log.read_text(encoding="utf-8", errors="replace")[-2000:]
        assert process.poll() is None, f"dockerd ended:\n{said}"
        assert time.monotonic() < deadline, f"dockerd did not answer within {START_SECONDS:g} s:\n{said}"
        time.sleep(0.05)


def stop(daemon: Daemon) -> None:
    """Stop the daemon as an operator would; its containers end with it."""
    pid = daemon.pid()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        _wait(lambda: daemon.pid() is None, STOP_SECONDS)


def answers(address: str) -> bool:
    """Whether an engine answers at an address."""
    client = shutil.which("docker")
    if client is None:
        return False
    try:
        answer = subprocess.run(
            [client, "--host", address, "version", "--format", "{{.Server.Version}}"],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=10,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0


def remove(daemon: Daemon) -> None:
    """End everything that the daemon started and take away everything that it used."""
    stop(daemon)
    for kill in (signal.SIGTERM, signal.SIGKILL):
        for process in _processes(daemon.folder):
            with suppress(psutil.Error):
                process.send_signal(kill)
        if _wait(lambda: not list(_processes(daemon.folder)), 3.0):
            break
    for mount in reversed(_mounts(daemon.folder)):
        _command("umount", "-l", mount)
    for bridge in (daemon.bridge, *_networks(daemon)):
        _command("ip", "link", "delete", bridge)
    _command("iptables", "-w", "-D", "FORWARD", *INSIDE_ONE_BRIDGE)
    shutil.rmtree(daemon.folder)


def sweep() -> None:
    """Remove the daemons whose owners were killed."""
    for folder in _roomy_folder().glob(f"{PREFIX}*"):
        with suppress(OSError, ValueError, KeyError):
            owner = json.loads((folder / "owner.json").read_text(encoding="utf-8"))
            if not _lives(owner["pid"], owner["started"]):
                remove(Daemon(folder, int((folder / "number").read_text(encoding="ascii"))))


def _arguments(daemon: Daemon) -> Iterator[str]:
    folder = daemon.folder
    yield from ("--config-file", f"{folder}/daemon.json", "--pidfile", f"{folder}/pid")
    yield from ("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec")
    yield from ("--host", f"unix://{daemon.socket}", "--log-level", "warn")
    # No --default-address-pool: with one, a daemon that starts again deletes the bridge of the usual daemon.
    yield from ("--bridge", daemon.bridge)
    # The firewall belongs to the machine, and perhaps to another daemon.
    yield from ("--iptables=false", "--ip6tables=false", "--ip-masq=false")


def _roomy_folder() -> Path:
    """A folder for layers: the usual one for temporary files, unless its file system cannot hold them."""
    usual = Path(tempfile.gettempdir()).resolve()
    for folder in (usual, Path("/var/tmp"), Path("/var/lib"), Path("/dev/shm")):
        if folder.is_dir() and _file_system(folder) not in NO_LAYERS:
            return folder
    return usual


def _file_system(folder: Path) -> str:
    around = [one for one in psutil.disk_partitions(all=True) if folder.is_relative_to(one.mountpoint)]
    return max(around, key=lambda one: len(one.mountpoint)).fstype if around else ""


def _in_use(net: str) -> bool:
    addresses = (address.address for found in psutil.net_if_addrs().values() for address in found)
    return any(address.startswith(f"{net}.") for address in addresses)


def _networks(daemon: Daemon) -> set[str]:
    """The bridges of networks that a killed daemon could not take away."""
    try:
        stored = (daemon.folder / "data" / "network" / "files" / "local-kv.db").read_bytes()
    except OSError:
        return set()
    return {name.decode() for name in re.findall(rb"br-[0-9a-f]{12}", stored)}


def _processes(folder: Path) -> Iterator[psutil.Process]:
    """The daemon, its helpers, and whatever lives in a root file system below its folder."""
    for process in psutil.process_iter():
        if process.pid != os.getpid() and (_mentions(process.pid, folder) or _lives_below(process.pid, folder)):
            yield process


def _mentions(pid: int, folder: Path) -> bool:
    """Whether a living Docker program has our folder on its command line."""
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and bool(words)
            and Path(words[0]).name in {"dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "runc"}
            and any(str(folder) in word for word in words)
        )
    except psutil.Error:
        return False


def _lives_below(pid: int, folder: Path) -> bool:
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.split()[4] == "/" and str(folder) in line for line in lines)


def _mounts(folder: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [point for line in lines if (point := line.split()[4]).startswith(f"{folder}/")]


def _lives(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1
    except psutil.Error:
        return False


def _command(*words: str) -> bool:
    path = shutil.which(words[0], path=_path())
    return path is not None and subprocess.run([path, *words[1:]], capture_output=True, check=False).returncode == 0


def _path() -> str:
    """Where Debian keeps dockerd, ip and iptables: not on the path of everyone."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), *SBIN))


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
