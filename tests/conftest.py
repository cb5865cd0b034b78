"""Real servers that the tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from cdbctl.sql.server import Scratch, scratch_server
from tests.live.engine import DockerEngine, any_engine

# A loaded machine is no counterexample: laws have no time limit. Each run tries other examples than the last.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where nothing may be skipped, a skipped test fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CDBCTL_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def postgres() -> Iterator[Scratch]:
    """One real PostgreSQL for the whole run; a test makes databases and roles of its own in it."""
    with scratch_server() as server:
        yield server


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """One real Docker engine for the whole run: the one that is there, else one of our own."""
    with any_engine() as engine:
        yield engine
