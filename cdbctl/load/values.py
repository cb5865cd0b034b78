"""Texts of definition files to values; what cannot be meant raises Unmeant with words for a person.

The message never repeats an address or a reference to a secret: somebody may have written the secret itself there.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import SplitResult, parse_qsl, urlsplit

from cdbctl.load.wording import listed, shown


class Unmeant(ValueError):
    """A text that cannot be meant."""


_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(ms|s|m|h|d)", re.ASCII)
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
_PASSWORD_WORDS = re.compile(r"\b(?:ssl)?password\s*=", re.IGNORECASE)
REFUSED_INSIDE = "holds a password: name it by `password: env:NAME` or `password: file:PATH` instead"


def duration(text: str) -> timedelta:
    """Read ``45s``, ``90m``, ``1h`` or ``2d``; more than nothing, at most a year."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise Unmeant(f"{shown(text)} is not a duration: write it like 45s, 90m, 1h or 2d")
    value = timedelta(**{_UNITS[match[2]]: float(match[1])})
    if not timedelta() < value <= timedelta(days=366):  # nothing is no window, and more is a slip of the pen
        raise Unmeant(f"{shown(text)} is not between 1ms and 366d")
    return value


def deadline(text: str) -> timedelta:
    """Read how long a source may take: at least 50 milliseconds, at most 10 minutes."""
    value = duration(text)
    if not timedelta(milliseconds=50) <= value <= timedelta(minutes=10):
        raise Unmeant(f"{shown(text)} is not between 50ms and 10m")
    return value


def zone(text: str) -> tzinfo:
    """Find the zone of an IANA name, or of a fixed offset such as ``+01:00``."""
    if text == "UTC":
        return UTC
    if match := _OFFSET.fullmatch(text):
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(-offset if match[1] == "-" else offset)
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text)
    except (OSError, ValueError, LookupError):
        # Besides unknown names: folders of zones ("Europe"), absolute paths, names too long for the file system.
        raise Unmeant(f"{shown(text)} is not a time zone: write it like Europe/Berlin, UTC or +01:00") from None


def inner_path(text: str) -> str:
    """Check a path inside the root: relative, forward slashes, never above the root."""
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).anchor or text.startswith("~"):
        raise Unmeant(f"{shown(text)} is not relative to the root")
    return outer_path(text)


def outer_path(text: str) -> str:
    """Check a path that may also be absolute; a relative one stays inside the root."""
    if PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute():
        return text
    if "\\" in text:
        raise Unmeant(f"{shown(text)} has backslashes: write forward slashes, they work on every system")
    if ".." in PurePosixPath(text).parts:
        raise Unmeant(f"{shown(text)} leaves the root: write a path below it")
    return PurePosixPath(text).as_posix()


def secret_reference(text: str) -> str:
    """Check a reference to a secret."""
    if not _SECRET.fullmatch(text):
        raise Unmeant("is not a reference: write env:NAME or file:PATH, never the secret itself")
    if text.startswith("file:"):
        outer_path(text.removeprefix("file:"))
    return text


def web_address(text: str) -> str:
    """Check the address of a page; ``docker://container:port/path`` is one inside a container."""
    _address(text, schemes=("http", "https", "docker"), example="http://127.0.0.1:8000/health")
    if text.startswith("docker://") and urlsplit(text).port is None:
        raise Unmeant("names no port: write it like docker://cdb_risk:8000/health")
    return text


def engine_address(text: str) -> str:
    """Check the address of a container engine."""
    if text.startswith("npipe://"):
        return text
    _address(text, schemes=("unix", "tcp", "ssh"), example="unix:///var/run/docker.sock")
    return text


def supervisor_address(text: str) -> str:
    """Check the address of supervisord."""
    _address(text, schemes=("unix", "http", "https"), example="unix:///run/supervisor.sock")
    return text


def redis_address(text: str) -> str:
    """Check the address of a Redis server."""
    _address(text, schemes=("redis", "rediss", "unix", "docker"), example="redis://127.0.0.1:6379/0")
    return text


def database_dsn(text: str) -> str:
    """Check the address of a PostgreSQL database: a URI or libpq's ``key=value`` words."""
    if "://" in text:
        parts = _split(text, "postgresql://reader@127.0.0.1:5432/cdb", several_hosts=True)
        if parts.scheme not in ("postgresql", "postgres", "docker"):
            raise Unmeant("is not an address of PostgreSQL: it begins with postgresql:// or docker://")
    elif _PASSWORD_WORDS.search(text):
        raise Unmeant(REFUSED_INSIDE)
    elif "=" not in text:
        raise Unmeant("is not an address of PostgreSQL: write it like postgresql://reader@127.0.0.1:5432/cdb")
    return text


def _address(text: str, *, schemes: tuple[str, ...], example: str) -> None:
    parts = _split(text, example)
    if parts.scheme not in schemes:
        raise Unmeant(f"is not an address that begins with {listed(f'{name}://' for name in schemes)}")
    if parts.scheme == "unix":
        if not parts.path.startswith("/") or parts.netloc:
            raise Unmeant("is not the absolute path of a socket: write unix:///run/name.sock")
    elif not parts.hostname:
        raise Unmeant(f"names no host: write it like {example}")
    elif parts.scheme in ("http", "https", "tcp") and parts.username is not None:
        raise Unmeant("holds a user or a token before the @: nothing secret may stand in an address")


def _split(text: str, example: str, *, several_hosts: bool = False) -> SplitResult:
    """Split an address, and refuse one that holds a password."""
    try:
        parts = urlsplit(text)
        _ = several_hosts or parts.port
        password = parts.password
    except ValueError:
        raise Unmeant(f"is not an address: write it like {example}") from None
    asked = {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if password is not None or asked & {"password", "sslpassword"}:
        raise Unmeant(REFUSED_INSIDE)
    if any(character.isspace() for character in text):
        raise Unmeant(f"holds a blank: write it like {example}")
    return parts
