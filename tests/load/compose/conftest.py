"""Every test gets an empty project."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.compose.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A root without a file in it."""
    root = tmp_path / "stack"
    root.mkdir()
    return Project(root)
