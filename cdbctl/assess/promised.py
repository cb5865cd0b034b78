"""What the compose files promise of a service, and images by one name each."""

from __future__ import annotations

from cdbctl.model.compose import ComposeService
from cdbctl.model.snapshot import Snapshot

SUCCESS = "exit status 0"


def promised(name: str, snapshot: Snapshot) -> ComposeService | None:
    """The compose service that a declared service is; None when no compose file names it."""
    service = snapshot.service(name)
    if service is None or service.project is None:
        return None
    place = (service.project, service.compose_service)
    return next((one for one in snapshot.compose if (one.project, one.name) == place), None)


def notes(one: ComposeService | None, key: str) -> tuple[str, ...]:
    """What was noted about one key of a compose service."""
    return tuple(note.text for note in one.notes if note.key == key) if one else ()


def rests(name: str, snapshot: Snapshot, *, exit_status: str | None) -> str:
    """Why a service need not run; empty when it has to."""
    one = promised(name, snapshot)
    if one is None:
        return ""
    if one.replicas == 0:
        return f"{one.file}:{one.line} asks for no container of it"
    if one.completes and exit_status == SUCCESS:
        return f"it has done its work: other services wait for its end ({one.file}:{one.line})"
    return ""


def full_reference(image: str) -> str:
    """The one name of an image: ``redis`` is ``docker.io/library/redis:latest``; a digest makes its tag idle."""
    name, _, digest = image.partition("@")
    head, slash, last = name.replace("index.docker.io/", "docker.io/", 1).rpartition("/")
    last, _, tag = last.partition(":")
    first = head.partition("/")[0]
    if not (slash and ("." in first or ":" in first or first == "localhost")):
        head = f"docker.io/{head}" if head else "docker.io/library"
    elif head == "docker.io":
        head = "docker.io/library"
    return f"{head}/{last}" + (f"@{digest}" if digest else f":{tag or 'latest'}")


def is_id(reference: str) -> bool:
    """Whether a reference is the id of an image, and so no name that could mean another one."""
    return reference.startswith("sha256:")
