"""What a demo is doing at this moment, and which finding it should lead to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cdbctl.demo.docker.engine import remembered
from cdbctl.demo.faults import EXPECTED, Expected, Fault
from cdbctl.demo.places import Places, is_ours, places_of
from cdbctl.demo.supervision import ProgramState, program_states
from cdbctl.errors import CdbctlError

SCHEMA = "cdbctl/demo-status/1"


@dataclass(frozen=True, slots=True)
class State:
    """What ``demo up`` writes down when it is done."""

    root: Path
    fault: Fault
    ports: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Status:
    """A demo as it is found."""

    root: Path
    reason_code: str
    """``running``, ``stopped``, or ``incomplete``: started half way, or damaged; ``demo down`` clears it away."""
    fault: Fault | None = None
    """None while none is running."""
    services: tuple[ProgramState, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether ``demo up`` was completed, and its supervisord or its engine answers."""
        return self.reason_code == "running"

    @property
    def expected(self) -> Expected | None:
        """The finding that a correct check-up puts on top; None when there is none."""
        return EXPECTED[self.fault] if self.fault else None

    def document(self) -> dict[str, object]:
        """As JSON."""
        expected = self.expected
        return {
            "schema": SCHEMA,
            "status": 0,
            "reason_code": self.reason_code,
            "running": self.running,
            "root": str(self.root),
            "fault": self.fault.value if self.fault else None,
            "expected": {"check": expected.check, "subject": expected.subject} if expected else None,
            "services": [
                {"name": service.name, "state": service.state, "pid": service.pid} for service in self.services
            ],
            "ports": dict(self.ports),
        }


def status(root: Path) -> Status:
    """Look at the demo of a workspace; there need not be one."""
    places = places_of(root)
    if not is_ours(places.runtime, places.token):
        return Status(places.root, "stopped")
    services = _services(places)
    state = _read_state(places)
    if services is None or state is None:
        return Status(places.root, "incomplete", services=services or ())
    return Status(places.root, "running", state.fault, services, state.ports)


def _services(places: Places) -> tuple[ProgramState, ...] | None:
    """All programs or containers, None when their supervisor or engine does not answer."""
    engine = remembered(places)
    if engine is None:
        return program_states(places)
    from cdbctl.demo.docker.watching import container_states

    try:
        return container_states(engine, places) or None
    except CdbctlError:
        return None


def write_state(places: Places, state: State) -> None:
    """Write down that the demo is complete."""
    document = {"fault": state.fault.value, "ports": dict(state.ports)}
    fresh = places.state.with_suffix(".tmp")
    fresh.write_text(json.dumps(document) + "\n", encoding="utf-8")
    fresh.replace(places.state)


def _read_state(places: Places) -> State | None:
    try:
        document = json.loads(places.state.read_text(encoding="utf-8"))
        return State(places.root, Fault(document["fault"]), document["ports"])
    except (OSError, ValueError, KeyError):
        return None
