"""Whether a compose file has the shape of one, as far as it is read here.

Only the kinds of the values are looked at: what a port or a mount has to be is known to those who read them. Keys that
nobody here reads are left to compose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cdbctl.load.compose.nodes import Node, Problems, Steps
from cdbctl.load.wording import KINDS, listed

_NAME = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)
_TEXT, _LIST, _MAPPING, _NUMBER = "string", "array", "object", "number"
TOP = {
    "name": (_TEXT,),
    "include": (_LIST,),
    "services": (_MAPPING,),
    "configs": (_MAPPING,),
}
SERVICE = {
    "build": (_TEXT, _MAPPING),
    "configs": (_LIST,),
    "container_name": (_TEXT,),
    "depends_on": (_LIST, _MAPPING),
    "deploy": (_MAPPING,),
    "extends": (_TEXT, _MAPPING),
    "healthcheck": (_MAPPING,),
    "image": (_TEXT,),
    "links": (_LIST,),
    "logging": (_MAPPING,),
    "network_mode": (_TEXT,),
    "ports": (_LIST,),
    "profiles": (_LIST,),
    "restart": (_TEXT,),
    "scale": (_NUMBER, _TEXT),
    "volumes": (_LIST,),
    "volumes_from": (_LIST,),
}


def keeps_shape(document: Node, problems: Problems) -> bool:
    """Whether the values that are read here are of their kinds; what is not is added to ``problems``."""
    found = list(_misshapen(document))
    for node, steps, message in found:
        problems.note(node, steps, message)
    return not found


def _misshapen(document: Node) -> Iterator[tuple[Node, Steps, str]]:
    if kind(document) != _MAPPING:
        yield document, (), f"is {KINDS[kind(document)]}, not a mapping"
        return
    yield from _kinds(document, TOP, ())
    services = document.at("services")
    for name, service in services.entries.items() if services else ():
        steps = ("services", name)
        if not _NAME.fullmatch(name):
            yield service, steps, "a service is named by letters, digits, and the characters . _ -"
        if kind(service) == _MAPPING:
            yield from _kinds(service, SERVICE, steps)
        else:
            yield service, steps, f"is {KINDS[kind(service)]}, not a mapping"


def _kinds(node: Node, expected: Mapping[str, tuple[str, ...]], steps: Steps) -> Iterator[tuple[Node, Steps, str]]:
    for key, kinds in expected.items():
        inner = node.at(key)
        if inner is not None and kind(inner) not in kinds:
            message = f"is {KINDS[kind(inner)]}, not {listed(KINDS[each] for each in kinds)}"
            yield inner, (*steps, key), message


def kind(node: Node) -> str:
    """The kind of a value, as JSON Schema calls it."""
    match node.value:
        case bool():
            return "boolean"
        case None:
            return "null"
        case str():
            return _TEXT
        case int() | float():
            return _NUMBER
        case dict():
            return _MAPPING
        case _:
            return _LIST
