"""The embedded demo as its files tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdbctl.demo.places import Places
from cdbctl.demo.ports import refuse_taken_ports


@dataclass(frozen=True, slots=True)
class FilesWatch:
    """Looks into the logs of the programs and of supervisord."""

    places: Places

    def log(self, program: str) -> str:
        """What a program has said; OSError when there is no log yet."""
        return _text(self.places.log_of(program))

    def restarts(self, program: str) -> int:
        """The first start is none; the ones after it are."""
        return _text(self.places.supervisor_log).count(f"spawned: '{program}'") - 1

    def refuse(self) -> None:
        """Raise PortTakenError when a program found its port in use."""
        refuse_taken_ports(self.places)

    def where(self, program: str) -> str:
        """The path of its log."""
        return str(self.places.log_of(program))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
