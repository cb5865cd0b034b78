"""Options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Root: TypeAlias = Annotated[
    Path | None,
    typer.Option("--root", help="The supervised repository. Default: the nearest cdbctl.yaml upwards."),
]
