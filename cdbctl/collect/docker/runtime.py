"""Looks at the containers of the declared compose projects: states, health, restarts, CPU and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from cdbctl.collect.attempt import NoAnswer, Seen
from cdbctl.collect.docker.daemon import started_at
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.docker.facts import Container
from cdbctl.collect.docker.failures import Refused
from cdbctl.collect.docker.naming import PROJECT, Entry, containers_of, environment_of, label, name_of
from cdbctl.collect.docker.parallel import answers
from cdbctl.collect.docker.restarts import Events, counted_since, read_events, restarts_of
from cdbctl.collect.docker.text import runtime_text
from cdbctl.collect.docker.untyped import items, mapping, text
from cdbctl.collect.docker.usage import Usage, UsageWatch
from cdbctl.collect.wire import Deadline
from cdbctl.model.runtime import RuntimeFacts, ServiceFacts
from cdbctl.model.snapshot import Window
from cdbctl.model.stack import Service
from cdbctl.settings import ComposeProject

_THREADS = 8
_LIMIT_BYTES = 1024 * 1024
_SHARE_OF_TIME = 0.6
"""Of the timeout, at most, for what comes before the second look at CPU and memory."""
_GONE = 404


@dataclass(frozen=True, slots=True)
class _Version:
    words: str
    at: datetime
    """By the clock of the engine."""

    @property
    def is_podman(self) -> bool:
        return self.words.startswith("Podman")


class DockerRuntime:
    """The containers of one engine.

    What its facts mean here: ``identity`` is the container id, new with every deployment. ``restarts`` is
    RestartCount: starts by the restart policy since somebody or the engine's own start last started the container,
    so a 0 after a start by hand is no proof of the time before; what is proven says ``restarts_counted_since``.
    ``health`` is the last answer of the healthcheck, also when the container does not run any more.
    """

    kind = "docker"

    def __init__(
        self,
        engine: Engine,
        projects: Sequence[ComposeProject],
        learn: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        """``learn`` is told the environment of each container, so that its secrets are known."""
        self._engine = engine
        self._learn = learn
        self._projects = frozenset(project.name for project in projects)

    @property
    def source(self) -> str:
        """The address of the engine."""
        return self._engine.source

    def read(
        self, declared: Sequence[Service], *, window: Window, timeout_seconds: float, sample_seconds: float
    ) -> Seen[RuntimeFacts]:
        """List the containers, inspect those of the stack, and look twice at their CPU time; raises NoAnswer.

        What the engine does not tell of a single container, or of its own events, is not known and noted in the
        evidence; only an engine that tells nothing is no answer.
        """
        deadline = Deadline(timeout_seconds)
        soon = Deadline(timeout_seconds * _SHARE_OF_TIME)
        version = self._version(soon)
        names = _names(declared, self._engine.containers(soon), self._projects)
        containers, notes = self._inspected(names, soon)
        for one in containers.values():
            self._learn(environment_of(one.inspect))
        running = {one.id: one.pid or 0 for one in containers.values() if one.exists}
        watch = UsageWatch(self._engine, running, sample_seconds=sample_seconds, deadline=deadline)
        images = self._images(containers.values(), soon)
        events, events_note = self._events(version, window, soon)
        daemon_at = started_at(self._engine.address, soon)
        usage, usage_notes = _usage(watch, containers)
        facts = RuntimeFacts(
            kind=self.kind,
            started_at=daemon_at,
            services=(
                *(_service(name, one, events, window, usage.get(one.id), images) for name, one in containers.items()),
                *(ServiceFacts.missing(service.name) for service in declared if service.name not in containers),
            ),
            version=version.words,
            usage_source=watch.source,
        )
        headline = f"{version.words} at {self.source}, clock of the engine: {version.at.isoformat()}"
        return Seen(facts, runtime_text(headline, facts, containers, (*notes, events_note, *usage_notes)))

    def _version(self, deadline: Deadline) -> _Version:
        """What kind of engine this is, and what time it is there."""
        with self._engine.stream("/version", {}, deadline) as stream:
            at, body = _clock(stream.headers.get("Date", "")), b""
            while len(body) < _LIMIT_BYTES and (piece := stream.read(_LIMIT_BYTES)):
                body += piece
        return _Version(_version_words(body, self._engine), at)

    def _inspected(self, names: Mapping[str, Entry], deadline: Deadline) -> tuple[dict[str, Container], list[str]]:
        """Each container with its inspection; one that vanished in between is left out."""
        found = answers(
            ((name, partial(self._engine.inspect, text(entry.get("Id")), deadline)) for name, entry in names.items()),
            threads=_THREADS,
        )
        failures = {name: answer for name, answer in found.items() if isinstance(answer, NoAnswer)}
        gone = {name for name, failure in failures.items() if isinstance(failure, Refused) and failure.status == _GONE}
        if failures and len(failures) == len(found) and not gone:
            raise next(iter(failures.values()))
        containers = {
            name: Container(entry, {} if name in failures else mapping(found[name]))
            for name, entry in names.items()
            if name not in gone
        }
        notes = [
            f"{name}: only what the listing tells is known: {failure.reason}"
            for name, failure in failures.items()
            if name not in gone
        ]
        return containers, notes + [f"{name} was removed while cdbctl looked at it" for name in sorted(gone)]

    def _images(self, containers: Iterable[Container], deadline: Deadline) -> Mapping[str, Mapping[str, Any]]:
        """What the engine knows of every image, by its reference and by its id; what is not known is missing."""
        wanted = {
            reference
            for one in containers
            for reference in (one.image_reference, one.image_id)
            if one.inspect and reference
        }
        questions = ((name, partial(self._image, name, deadline)) for name in sorted(wanted))
        found = answers(questions, threads=_THREADS)
        return {name: answer for name, answer in found.items() if not isinstance(answer, NoAnswer)}

    def _image(self, reference: str, deadline: Deadline) -> Mapping[str, Any]:
        return mapping(self._engine.get(f"/images/{quote(reference, safe='/:@')}/json", {}, deadline))

    def _events(self, version: _Version, window: Window, deadline: Deadline) -> tuple[Events, str]:
        # Docker keeps 256 of them, Podman writes them to a journal that may be years long.
        since = window.since if version.is_podman else None
        try:
            events = read_events(self._engine, since=since, until=version.at, deadline=deadline)
        except NoAnswer as failure:
            return Events(), f"events of the engine are not known: {failure.reason}"
        if events.since is None:
            return events, f"the engine tells {events.count} events; how far they reach back is not known"
        oldest = events.since.isoformat(timespec="milliseconds")
        return events, f"the engine remembers {events.count} events, the oldest of {oldest}"


def _names(declared: Sequence[Service], entries: Sequence[Entry], projects: frozenset[str]) -> dict[str, Entry]:
    """Name of the service -> container: declared services in their order, then the others of the projects."""
    found: dict[str, Entry] = {}
    taken: set[str] = set()
    for service in declared:
        for entry in containers_of(service, entries, projects)[:1]:
            identity = text(entry.get("Id"))
            if identity not in taken:
                taken.add(identity)
                found[service.name] = entry
    others = (entry for entry in entries if label(entry, PROJECT) in projects and text(entry.get("Id")) not in taken)
    for entry in sorted(others, key=name_of):
        found.setdefault(name_of(entry), entry)
    return found


def _usage(watch: UsageWatch, containers: Mapping[str, Container]) -> tuple[dict[str, Usage], list[str]]:
    found = watch.finish()
    names = {one.id: name for name, one in containers.items()}
    notes = [
        f"{names[identity]}: cpu_percent and memory_bytes are not known: {failure.reason}"
        for identity, failure in found.items()
        if isinstance(failure, NoAnswer)
    ]
    return {identity: usage for identity, usage in found.items() if isinstance(usage, Usage)}, notes


def _service(
    name: str,
    one: Container,
    events: Events,
    window: Window,
    usage: Usage | None,
    images: Mapping[str, Mapping[str, Any]],
) -> ServiceFacts:
    life = one.life
    own = events.by_container.get(one.id, ())
    told = [event.at for event in own if event.action == "oom"]
    return ServiceFacts(
        name=name,
        state=one.state,
        pid=one.pid,
        identity=one.id,
        started_at=life.started_at,
        exit_status=one.exit_status,
        restarts=life.restarts,
        recent_restarts=tuple(r for r in restarts_of(life, own) if window.since <= r.at <= window.until),
        restarts_counted_since=counted_since(life, events.since) if one.inspect else None,
        cpu_percent=usage.cpu_percent if usage else None,
        memory_bytes=usage.memory_bytes if usage else None,
        health=one.health,
        container=one.facts(images, told[-1] if told else None),
    )


def _version_words(body: bytes, engine: Engine) -> str:
    import json

    try:
        told = mapping(json.loads(body))
    except (ValueError, RecursionError) as error:
        reason = f"{engine.source} answers, and not as an engine would"
        raise NoAnswer(reason, remedy="look what listens at that address") from error
    components = [mapping(part) for part in items(told.get("Components"))]
    podman = next((part for part in components if "podman" in text(part.get("Name")).lower()), None)
    if podman:
        return f"Podman {text(podman.get('Version'))}"
    return f"Docker {text(told.get('Version')) or 'of an unknown version'}"


def _clock(date: str) -> datetime:
    """The time that the engine writes over its answers; ours when it writes none."""
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return datetime.now(UTC)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
