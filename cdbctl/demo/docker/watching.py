"""The containers of a demo as the engine tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdbctl.demo.docker.engine import LABEL, Engine
from cdbctl.demo.places import Places
from cdbctl.demo.supervision import ProgramState

if TYPE_CHECKING:
    from docker import APIClient

LAST_LINES = 2000
CALL_SECONDS = 5


@dataclass(frozen=True, slots=True)
class EngineWatch:
    """Looks at the containers of a demo while it settles."""

    client: APIClient
    waits_for_health: tuple[str, ...]
    """Containers that have to be through with their first health probes."""

    def log(self, program: str) -> str:
        """What a container has said lately."""
        said: bytes = self.client.logs(program, tail=LAST_LINES)
        return said.decode("utf-8", errors="replace")

    def restarts(self, program: str) -> int:
        """As the engine counts them."""
        return int(self.client.inspect_container(program)["RestartCount"])

    def refuse(self) -> None:
        """A port that is in use has been noticed at the start."""

    def where(self, program: str) -> str:
        """The command that shows the log."""
        return f"docker logs {program}"

    def all_healthy(self) -> bool:
        """Whether every container that should be is healthy."""
        return all(self._health(name) == "healthy" for name in self.waits_for_health)

    def _health(self, name: str) -> str:
        return str(self.client.inspect_container(name)["State"].get("Health", {}).get("Status"))


def container_states(engine: Engine, places: Places) -> tuple[ProgramState, ...]:
    """The containers of a demo by name; raises CdbctlError when the engine does not answer."""
    with engine.client(CALL_SECONDS) as client:
        found = client.containers(all=True, filters={"label": f"{LABEL}={places.token}"})
    states = [ProgramState(one["Names"][0].lstrip("/"), one["State"], None) for one in found]
    return tuple(sorted(states, key=lambda state: state.name))
