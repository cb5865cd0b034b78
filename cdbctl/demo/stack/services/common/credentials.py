"""Passwords: from a variable, or from a file that a variable names, as container runtimes hand them over."""

from __future__ import annotations

import os
from pathlib import Path


def password(variable: str) -> str | None:
    """The value of ``$VARIABLE``, else the content of the file ``$VARIABLE_FILE``; None where neither is set."""
    if value := os.environ.get(variable):
        return value
    if path := os.environ.get(f"{variable}_FILE"):
        # Editors and `echo` put a newline at the end of a file; it belongs to no password.
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    return None
