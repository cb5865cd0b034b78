"""Which services of a project run: those whose profiles are active. What they need has to be among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from cdbctl.load.compose.nodes import Node, Problems, Steps
from cdbctl.load.wording import did_you_mean, listed

ALL = "*"


def active_services(services: Node, profiles: Collection[str], problems: Problems) -> Mapping[str, Node]:
    """The services that compose would start; what they depend on must be there too."""
    active = {
        name: service
        for name, service in services.entries.items()
        if isinstance(service.value, dict) and _is_active(service, profiles)
    }
    for name, service in active.items():
        for needed, node, steps in _needs(service, ("services", name)):
            if needed not in services.entries:
                problems.note(node, steps, did_you_mean(needed, list(services.entries), what="service"))
            elif needed not in active:
                own = listed(sorted(_profiles(services.entries[needed])))
                message = f"`{needed}` runs only with the profile {own}, and is needed without it"
                problems.note(node, steps, message)
    return active


def unknown_profiles(services: Node, profiles: Collection[str]) -> Iterator[str]:
    """Say which declared profiles no service has."""
    known = sorted({profile for service in services.entries.values() for profile in _profiles(service)})
    for profile in profiles:
        if profile != ALL and profile not in known:
            yield did_you_mean(profile, known, what="profile")


def awaited(services: Iterable[Node]) -> frozenset[str]:
    """The services whose end others wait for: jobs, which need not run for ever."""
    found = set()
    for service in services:
        depends = service.at("depends_on")
        for name, item in depends.entries.items() if depends else ():
            condition = item.at("condition")
            if condition is not None and condition.value == "service_completed_successfully":
                found.add(name)
    return frozenset(found)


def _is_active(service: Node, profiles: Collection[str]) -> bool:
    own = _profiles(service)
    return not own or ALL in profiles or bool(own & set(profiles))


def _profiles(service: Node) -> set[str]:
    declared = service.at("profiles")
    return {str(item.value) for item in declared.items} if declared else set()


def _needs(service: Node, steps: Steps) -> Iterator[tuple[str, Node, Steps]]:
    """The services that this one cannot start without, and where that is written."""
    depends = service.at("depends_on")
    if depends is not None:
        for item in depends.items:
            if isinstance(item.value, str):
                yield item.value, item, (*steps, "depends_on")
        for name, item in depends.entries.items():
            required = item.at("required")
            if required is None or required.value is not False:
                yield name, item, (*steps, "depends_on", name)
    for key in ("links", "volumes_from"):
        declared = service.at(key)
        for item in declared.items if declared else ():
            if isinstance(item.value, str) and not item.value.startswith("container:"):
                yield item.value.partition(":")[0], item, (*steps, key)
    mode = service.at("network_mode")
    if mode is not None and isinstance(mode.value, str) and mode.value.startswith("service:"):
        yield mode.value.removeprefix("service:"), mode, (*steps, "network_mode")
