"""The ports that a service publishes, in the short and in the long form."""

from __future__ import annotations

import re
from ipaddress import ip_address

from cdbctl.load.compose.nodes import Node, Problems, Steps
from cdbctl.load.wording import shown
from cdbctl.model.compose import ComposePort

_RANGE = r"[0-9]{1,5}(?:-[0-9]{1,5})?"
_SHORT = re.compile(
    r"(?:(?:(?P<address>\[[^\[\]/]+\]|[^\[\]/]+?):)?"
    rf"(?P<host>{_RANGE}|):)?(?P<container>{_RANGE})(?:/(?P<protocol>[a-z]+))?",
    re.ASCII,
)
_PORT = re.compile(_RANGE, re.ASCII)
_FORM = "write it like 127.0.0.1:8000:8000"
_PROTOCOLS = ("tcp", "udp", "sctp")
MAX_LENGTH = 200
"""Characters of one port."""


def read_ports(service: Node, steps: Steps, problems: Problems) -> tuple[ComposePort, ...]:
    """Every published port; of those that are written twice the last one counts."""
    declared = service.at("ports")
    found: dict[tuple[str, ...], ComposePort] = {}
    for index, item in enumerate(declared.items if declared else ()):
        port = _port(item, (*steps, "ports", index), problems)
        if port is not None:
            found[(port.host_address, port.host_port, port.container_port, port.protocol)] = port
    return tuple(found.values())


def _port(item: Node, steps: Steps, problems: Problems) -> ComposePort | None:
    if isinstance(item.value, dict):
        return _long(item, steps, problems)
    if isinstance(item.value, bool) or not isinstance(item.value, str | int):
        problems.note(item, steps, f"is no port: {_FORM}")
        return None
    match = _SHORT.fullmatch(str(item.value)[:MAX_LENGTH])
    if match is None or not _are_ports(match["host"], match["container"]):
        problems.note(item, steps, f"{shown(item.value)} is no port: {_FORM}")
        return None
    address = (match["address"] or "").removeprefix("[").removesuffix("]")
    return _checked(item, steps, problems, address, match["host"] or "", match["container"], match["protocol"])


def _long(item: Node, steps: Steps, problems: Problems) -> ComposePort | None:
    texts = {}
    for key in ("target", "published", "host_ip", "protocol"):
        node = item.at(key)
        if node is not None and (isinstance(node.value, bool) or not isinstance(node.value, str | int)):
            problems.note(node, (*steps, key), "is neither text nor a number")
            return None
        texts[key] = "" if node is None else str(node.value)
    if not texts["target"]:
        problems.note(item, (*steps, "target"), "is missing: which port of the container is meant?")
        return None
    if not _are_ports(texts["target"], texts["published"]):
        problems.note(item, steps, f"target or published is no port: {_FORM}")
        return None
    return _checked(
        item, steps, problems, texts["host_ip"], texts["published"], texts["target"], texts["protocol"] or None
    )


def _checked(
    item: Node, steps: Steps, problems: Problems, address: str, host: str, container: str, protocol: str | None
) -> ComposePort | None:
    if address and not _is_address(address):
        problems.note(item, steps, f"{shown(address)} is no address: {_FORM}")
        return None
    if protocol is not None and protocol not in _PROTOCOLS:
        problems.note(item, steps, f"{shown(protocol)} is no protocol of a port: write tcp or udp")
        return None
    return ComposePort(address, host, container, protocol or "tcp", item.origin.file, item.line)


def _are_ports(*texts: str | None) -> bool:
    """Whether each text is empty, a port or a range of ports that runs upwards."""
    for text in texts:
        if not text:
            continue
        if not _PORT.fullmatch(text):
            return False
        numbers = [int(number) for number in text.split("-")]
        if not 0 <= numbers[0] <= numbers[-1] <= 65535:
            return False
    return True


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
