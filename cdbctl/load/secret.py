"""Secrets that definitions name and never hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MAX_SECRET_BYTES = 64 * 1024


class SecretMissing(Exception):
    """A secret that cannot be read now. It names the reference, never a value."""

    def __init__(self, reason: str, *, remedy: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is. It is read each time when its source is read, so a changed one is seen."""

    reference: str
    """``env:NAME`` or ``file:PATH``; a relative path starts at the root."""

    def read(self, root: Path) -> str:
        """Return the secret without line ends at its end; SecretMissing when there is none."""
        kind, _, name = self.reference.partition(":")
        value = (self._variable(name) if kind == "env" else self._file(root / name)).rstrip("\r\n")
        if not value:
            raise SecretMissing(f"the secret {self.reference} is empty", remedy="put the secret there")
        return value

    def _variable(self, name: str) -> str:
        if name not in os.environ:
            raise SecretMissing(
                f"the secret {self.reference} is not set",
                remedy=f"set the environment variable {name} before running cdbctl",
            )
        return os.environ[name]

    def _file(self, path: Path) -> str:
        try:
            return secret_file(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise SecretMissing(
                f"the secret {self.reference} cannot be read: {reason}",
                remedy=f"make {path} a file that you may read",
            ) from None


def secret_file(path: Path) -> str:
    """Return the text of a secret file; OSError or ValueError when it is no small text file."""
    if not path.is_file():  # opening a named pipe would wait for its writer
        raise FileNotFoundError(2, "it is not a file" if path.exists() else "it does not exist")
    with path.open("rb") as stream:
        return stream.read(MAX_SECRET_BYTES).decode("utf-8-sig")
