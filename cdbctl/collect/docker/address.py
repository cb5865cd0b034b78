"""Finds the engine in the order of the docker CLI: what cdbctl.yaml names, the environment, the CLI's context."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cdbctl.collect.attempt import NoAnswer
from cdbctl.settings import DockerSource

_SOCKET = "/var/run/docker.sock"
_PIPE = "npipe:////./pipe/docker_engine"
_FORMS = "unix:///PATH, tcp://HOST:PORT, ssh://USER@HOST or npipe:////./pipe/NAME"
_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tls:
    """What a TLS connection to the engine needs."""

    ca: Path | None
    cert: Path | None
    key: Path | None
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """Where the engine listens."""

    kind: str
    """``unix``, ``tcp``, ``ssh`` or ``npipe``."""
    path: str
    """Of the socket or pipe; empty for the others."""
    host: str
    port: int
    """0 where ssh takes its own default."""
    user: str
    named_by: str
    """Who said so, e.g. ``DOCKER_HOST``: that is what a person must correct."""
    tls: Tls | None = None

    @property
    def shown(self) -> str:
        """Without a user, as it may be stored."""
        if self.path:
            return f"{self.kind}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}" + (f":{self.port}" if self.port else "")

    @property
    def local(self) -> bool:
        """Whether it is a socket of this machine."""
        return self.kind in ("unix", "npipe")

    @property
    def published_host(self) -> str:
        """The host under which ports that the engine publishes can be reached from here."""
        return "127.0.0.1" if self.local or _is_loopback(self.host) else self.host


def find_address(source: DockerSource, *, root: Path, environment: Mapping[str, str]) -> Address:
    """The address of the engine; raises NoAnswer where something names one that cannot be used."""
    tls = _tls_folder(root / source.tls) if source.tls else None
    if source.host:
        return _with_tls(read_address(source.host, "runtime.docker.host in cdbctl.yaml", root), tls, environment)
    if source.context and source.context != "default":
        return _with_tls(_of_context(source.context, "runtime.docker.context in cdbctl.yaml", environment), tls, {})
    # For the docker CLI, too, "default" means DOCKER_HOST, else the usual socket.
    if environment.get("DOCKER_HOST"):
        return _with_tls(read_address(environment["DOCKER_HOST"], "DOCKER_HOST", root), tls, environment)
    if not source.context:
        name, named_by = _context_name(environment)
        if name and name != "default":
            return _with_tls(_of_context(name, named_by, environment), tls, {})
    return _usual(environment)


def read_address(url: str, named_by: str, root: Path = Path()) -> Address:
    """Read the address of an engine; raises NoAnswer with the one who named it."""
    try:
        parts = urlsplit(url.strip())
        kind, host, port, user = parts.scheme.lower(), parts.hostname or "", parts.port or 0, parts.username or ""
    except ValueError as error:
        raise NoAnswer(f"{named_by} cannot be read: {error}", remedy=f"write {_FORMS}") from error
    if kind == "unix" and parts.netloc + parts.path:
        return Address("unix", str(root / (parts.netloc + parts.path)), "", 0, "", named_by)
    if kind == "npipe" and parts.path:
        return Address("npipe", parts.path, "", 0, "", named_by)
    if kind in ("tcp", "http", "https") and host:
        tls = Tls(None, None, None) if kind == "https" else None
        return Address("tcp", "", host, port or (2376 if tls else 2375), "", named_by, tls)
    # A host or user that begins with a dash would be an option of ssh.
    if kind == "ssh" and host and not host.startswith("-") and not user.startswith("-"):
        return Address("ssh", "", host, port, user, named_by)
    raise NoAnswer(f"{named_by} is not the address of an engine", remedy=f"write {_FORMS}")


def context_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The contexts of the docker CLI, ``default`` included."""
    found = []
    folder = _cli_folder(environment) / "contexts" / "meta"
    try:
        files = sorted(folder.glob("*/meta.json"))[:200]
    except OSError:
        files = []
    for file in files:
        meta = _json(file)
        if isinstance(meta, dict) and isinstance(meta.get("Name"), str):
            found.append(meta["Name"])
    return ("default", *sorted(found))


def _context_name(environment: Mapping[str, str]) -> tuple[str, str]:
    if environment.get("DOCKER_CONTEXT"):
        return environment["DOCKER_CONTEXT"], "DOCKER_CONTEXT"
    config = _json(_cli_folder(environment) / "config.json")
    name = config.get("currentContext") if isinstance(config, dict) else None
    return (name if isinstance(name, str) else ""), "the current context of the docker CLI"


def _of_context(name: str, named_by: str, environment: Mapping[str, str]) -> Address:
    contexts = _cli_folder(environment) / "contexts"
    digest = sha256(name.encode("utf-8", errors="surrogatepass")).hexdigest()
    meta = _json(contexts / "meta" / digest / "meta.json")
    if meta is None:
        known = ", ".join(context_names(environment))
        raise NoAnswer(
            f"{named_by} names the context {name}, which does not exist or cannot be read; contexts here: {known}",
            remedy="name one of them, or create it: docker context create",
        )
    try:
        endpoint = meta["Endpoints"]["docker"]
        address = read_address(endpoint["Host"], f"the context {name}")
        verify = not endpoint.get("SkipTLSVerify", False)
    except (KeyError, TypeError, AttributeError) as error:
        reason = f"the context {name} names no engine"
        raise NoAnswer(reason, remedy=f"look at it: docker context inspect {name}") from error
    folder = contexts / "tls" / digest / "docker"
    tls = _tls_folder(folder, verify=verify) if folder.is_dir() else address.tls
    return replace(address, tls=tls)


def _with_tls(address: Address, tls: Tls | None, environment: Mapping[str, str]) -> Address:
    if address.kind != "tcp":
        return address
    if tls is None and (environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS")):
        folder = Path(environment.get("DOCKER_CERT_PATH") or _cli_folder(environment))
        tls = _tls_folder(folder, verify=bool(environment.get("DOCKER_TLS_VERIFY")))
    return replace(address, tls=tls or address.tls)


def _tls_folder(folder: Path, *, verify: bool = True) -> Tls:
    ca, cert, key = (file if file.is_file() else None for file in (folder / f"{n}.pem" for n in ("ca", "cert", "key")))
    if ca is None and cert is None:
        remedy = "put ca.pem, cert.pem and key.pem there"
        raise NoAnswer(f"the TLS folder {folder} holds neither ca.pem nor cert.pem", remedy=remedy)
    if (cert is None) != (key is None):
        raise NoAnswer(f"the TLS folder {folder} holds only one of cert.pem and key.pem", remedy="put both there")
    return Tls(ca, cert, key, verify)


def _usual(environment: Mapping[str, str]) -> Address:
    """The first socket that exists; the usual one where none does, so that the reason names it."""
    if os.name == "nt":
        return read_address(_PIPE, "the usual pipe")
    paths = list(_usual_sockets(environment))
    path = next((path for path in paths if _exists(path)), paths[0])
    return Address("unix", str(path), "", 0, "", "the usual socket")


def _usual_sockets(environment: Mapping[str, str]) -> Iterator[Path]:
    yield Path(_SOCKET)
    own = environment.get("XDG_RUNTIME_DIR")
    if own:
        yield Path(own) / "docker.sock"
    yield _home(environment) / ".docker" / "run" / "docker.sock"
    if own:
        yield Path(own) / "podman" / "podman.sock"
    yield Path("/run/podman/podman.sock")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # In a folder that this user may not enter; whether it is there is not known.
        return False


def _cli_folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CONFIG") or _home(environment) / ".docker")


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())


def _json(file: Path) -> Any:
    """The content of a JSON file of the docker CLI; None when there is none that can be read."""
    try:
        with file.open("rb") as stream:
            return json.loads(stream.read(_LIMIT_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
