"""The questions to PostgreSQL's catalog and statistics, each in a file of its own."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """The text of ``queries/NAME.sql``."""
    return files("cdbctl.sql").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
