"""The catalog queries are files of the package."""

from __future__ import annotations

from importlib.resources import files

import pytest

from cdbctl.sql.catalog import query
from cdbctl.sql.grammar import parse

NAMES = sorted(
    item.name.removesuffix(".sql") for item in files("cdbctl.sql").joinpath("queries").iterdir() if item.name != "."
)


def test_there_are_queries() -> None:
    assert {"server", "activity", "relations", "invalid_indexes", "sequences"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_one_select_with_its_purpose_on_top(name: str) -> None:
    (statement,) = parse(query(name))
    assert statement.kind == "SelectStmt"
    assert query(name).startswith("-- ")
