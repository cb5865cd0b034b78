"""Paths of compose files: what they are relative to, and how people read them."""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath


def shown_path(path: Path, root: Path) -> str:
    """Relative to the root with forward slashes where it lies below it, else absolute."""
    full, base = (Path(os.path.normpath(each.absolute())) for each in (path, root))
    return (full.relative_to(base) if full.is_relative_to(base) else full).as_posix()


def placed(text: str, folder: Path, environment: Mapping[str, str]) -> Path:
    """The path that a text of a compose file means."""
    if text == "~" or text.startswith(("~/", "~\\")):
        home = environment.get("HOME") or environment.get("USERPROFILE")
        return Path(home, text[2:]) if home else Path(text)
    if PureWindowsPath(text).is_absolute():  # a drive means nothing elsewhere, but is no folder of ours either
        return Path(text)
    return folder / text


def is_foreign(path: Path) -> bool:
    """Whether a path is one of another system, so that nothing here can be said of it."""
    return not path.is_absolute() and PureWindowsPath(path).is_absolute()
