"""What inspecting a container and its image tells, in the words of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cdbctl.collect.docker.naming import PROJECT, SERVICE, Entry, label, name_of
from cdbctl.collect.docker.probes import probe_depth
from cdbctl.collect.docker.restarts import Life
from cdbctl.collect.docker.times import of_nanoseconds, read_time
from cdbctl.collect.docker.untyped import items, mapping, text, whole
from cdbctl.collect.docker.words import exit_words, state_of
from cdbctl.collect.visible import visible
from cdbctl.model.runtime import (
    ContainerFacts,
    Health,
    HealthFacts,
    ImageFacts,
    ProbeDepth,
    PublishedPort,
    ServiceState,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DETAIL_CHARACTERS = 200
_ERROR_CHARACTERS = 300
_HUGE_BYTES = 1 << 60
"""What some engines write for no limit."""
_KEPT_ELSEWHERE = frozenset(
    {
        "awslogs",
        "etwlogs",
        "fluentd",
        "gcplogs",
        "gelf",
        "journald",
        "logentries",
        "none",
        "passthrough",
        "splunk",
        "syslog",
    }
)


@dataclass(frozen=True, slots=True)
class Container:
    """One container as the engine's listing and inspection show it."""

    entry: Entry
    inspect: Mapping[str, Any]
    """Empty when the engine did not tell."""

    @property
    def id(self) -> str:
        return text(self.entry.get("Id"))

    @property
    def name(self) -> str:
        return name_of(self.entry)

    @property
    def _state(self) -> Mapping[str, Any]:
        return mapping(self.inspect.get("State"))

    @property
    def state(self) -> ServiceState:
        status = text(self._state.get("Status")) or text(self.entry.get("State"))
        return state_of(status, error=self.error)

    @property
    def exists(self) -> bool:
        """Whether it has a process: paused, it has one that does nothing."""
        return self.state in (ServiceState.RUNNING, ServiceState.PAUSED)

    @property
    def pid(self) -> int | None:
        return whole(self._state.get("Pid")) or None

    @property
    def error(self) -> str:
        """Why the engine could not start it; empty when it could."""
        return _short(text(self._state.get("Error")), _ERROR_CHARACTERS)

    @property
    def exit_status(self) -> str | None:
        """None for what runs, and for what never ran."""
        if self.exists or not self._state:
            return None
        never_ran = self.life.started_at is None
        code = whole(self._state.get("ExitCode"))
        if code is None or (never_ran and not self.error):
            return None
        return exit_words(code) + (f": {self.error}" if self.error else "")

    @property
    def created_at(self) -> datetime:
        listed = of_nanoseconds((whole(self.entry.get("Created")) or 0) * 10**9)
        return read_time(self.inspect.get("Created")) or listed or _EPOCH

    @property
    def life(self) -> Life:
        state = self._state
        return Life(
            created_at=self.created_at,
            started_at=read_time(state.get("StartedAt")),
            finished_at=read_time(state.get("FinishedAt")),
            runs=self.exists,
            waits=self.state is ServiceState.BACKOFF,
            restarts=whole(self.inspect.get("RestartCount")),
            exit_code=whole(state.get("ExitCode")),
            out_of_memory=state.get("OOMKilled") is True,
            policy=_restart_policy(self._host),
        )

    @property
    def _host(self) -> Mapping[str, Any]:
        return mapping(self.inspect.get("HostConfig"))

    @property
    def probe(self) -> tuple[str, ...]:
        """The command of its healthcheck; empty when it has none."""
        declared = mapping(mapping(self.inspect.get("Config")).get("Healthcheck"))
        test = tuple(word for word in items(declared.get("Test")) if isinstance(word, str))
        return () if test[:1] == ("NONE",) else test

    @property
    def health(self) -> HealthFacts | None:
        """The last word of its healthcheck, an old one when it does not run; None when the engine did not tell."""
        if not self.inspect:
            return None
        # Older versions of Podman have another name for it.
        told = mapping(self._state.get("Health") or self._state.get("Healthcheck"))
        status = text(told.get("Status")).lower()
        known = {health.value: health for health in Health}
        if not self.probe:
            return HealthFacts(Health.NONE, ProbeDepth.NONE, "no healthcheck is declared")
        if status not in known or known[status] is Health.NONE:
            return HealthFacts(Health.NONE, probe_depth(self.probe), "the engine does not tell what its probe says")
        streak = whole(told.get("FailingStreak"))
        return HealthFacts(known[status], probe_depth(self.probe), _probe_words(items(told.get("Log"))), streak)

    @property
    def image_reference(self) -> str:
        return text(mapping(self.inspect.get("Config")).get("Image")) or text(self.entry.get("Image"))

    @property
    def image_id(self) -> str:
        return text(self.inspect.get("Image")) or text(self.entry.get("ImageID"))

    def facts(
        self, images: Mapping[str, Mapping[str, Any]], out_of_memory_at: datetime | None
    ) -> ContainerFacts | None:
        """What only a container has; ``images`` by reference and by id. None when the engine did not tell."""
        if not self.inspect:
            return None
        driver, bounded = _log(mapping(self._host.get("LogConfig")))
        return ContainerFacts(
            container=self.name,
            project=label(self.entry, PROJECT) or None,
            created_at=self.created_at,
            finished_at=self.life.finished_at,
            oom_killed=self.life.out_of_memory,
            image=self._image(images),
            ports=tuple(_ports(mapping(mapping(self.inspect.get("NetworkSettings")).get("Ports")))),
            log_driver=driver,
            log_is_bounded=bounded,
            memory_limit_bytes=_limit(whole(self._host.get("Memory"))),
            restart_policy=self.life.policy,
            mounts=tuple(_bind_mounts(items(self.inspect.get("Mounts")))),
            compose_service=label(self.entry, SERVICE) or None,
            network_mode=text(self._host.get("NetworkMode")),
            out_of_memory_at=out_of_memory_at,
        )

    def _image(self, images: Mapping[str, Mapping[str, Any]]) -> ImageFacts:
        now = text(images.get(self.image_reference, {}).get("Id")) or None
        digests = items(images.get(self.image_id, {}).get("RepoDigests"))
        return ImageFacts(
            reference=self.image_reference,
            id=self.image_id,
            reference_id=now,
            digests=tuple(digest for digest in digests if isinstance(digest, str)),
        )


def _restart_policy(host: Mapping[str, Any]) -> str:
    policy = mapping(host.get("RestartPolicy"))
    most = whole(policy.get("MaximumRetryCount"))
    return (text(policy.get("Name")) or "no") + (f":{most}" if most else "")


def _log(config: Mapping[str, Any]) -> tuple[str, bool | None]:
    driver, options = text(config.get("Type")), mapping(config.get("Config"))
    if not driver or driver in _KEPT_ELSEWHERE:
        return driver, None
    size = text(options.get("max-size")) or text(config.get("Size"))
    if driver == "local":
        # Its own default is five files of 20 MB.
        return driver, not size.startswith(("-", "0"))
    if driver in ("json-file", "k8s-file"):
        return driver, bool(size) and not size.startswith(("-", "0"))
    return driver, None


def _ports(ports: Mapping[str, Any]) -> Iterator[PublishedPort]:
    for name, bindings in ports.items():
        number, _, protocol = name.partition("/")
        for binding in map(mapping, items(bindings)):
            inside, outside = whole(number), whole(binding.get("HostPort"))
            if inside is not None and outside:
                yield PublishedPort(inside, protocol or "tcp", text(binding.get("HostIp")) or "0.0.0.0", outside)  # noqa: S104 - what an empty address means


def _bind_mounts(mounts: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for mount in map(mapping, mounts):
        if mount.get("Type") == "bind":
            yield text(mount.get("Source")), text(mount.get("Destination"))


def _limit(limit: int | None) -> int | None:
    return limit if limit and 0 < limit < _HUGE_BYTES else None


def _probe_words(log: Sequence[Any]) -> str:
    if not log:
        return "not probed yet"
    last = mapping(log[-1])
    output = _short(text(last.get("Output")), _DETAIL_CHARACTERS)
    return f"exit status {whole(last.get('ExitCode'))}" + (f": {output}" if output else "")


def _short(words: str, most_characters: int) -> str:
    """One line, cut between words: half of a secret would not be known as one."""
    line = visible(" ".join(words.split()))
    if len(line) <= most_characters:
        return line
    beginning = line[: most_characters - 1]
    return beginning[: max(map(beginning.rfind, " ,;")) + 1] + "…"
