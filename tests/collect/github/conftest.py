"""A GitHub of its own for every test, and no proxy between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from tests.collect.github.hub import Hub, hub

END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one certificate: reading all of them takes longer than most of these tests."""
    file = tmp_path_factory.mktemp("authority") / "one.pem"
    first = Path(certifi.where()).read_text(encoding="utf-8").partition(END)[0]
    file.write_text(first + END, encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, one_authority: Path) -> None:
    """Whatever the account of the person says who runs the tests."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("SSL_CERT", "GH_", "GITHUB_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(one_authority))


@pytest.fixture
def here() -> Iterator[Hub]:
    """A server on which everything is well."""
    with hub() as made:
        yield made
