"""Real servers that the tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdbctl.sql.server import Scratch, scratch_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Scratch]:
    """One real PostgreSQL for the whole run; a test makes databases and roles of its own in it."""
    with scratch_server() as server:
        yield server
