"""The existing name that is most like a missing one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.prometheus.nearest import Neighbours

FEW = ("signals_generated_total", "orders_executed_total", "up", "pg_up")
MANY = (*FEW, *(f"service_{number}_requests_total" for number in range(2_000)))


@pytest.mark.parametrize("names", [FEW, MANY])
@pytest.mark.parametrize(
    ("missing", "existing"),
    [
        ("signals_generated", "signals_generated_total"),
        ("signal_generated_totl", "signals_generated_total"),
        ("order_executed_total", "orders_executed_total"),
        ("pg_upp", "pg_up"),
        ("temperature", ""),
    ],
)
def test_the_most_similar_name_is_found_among_few_and_many(names: tuple[str, ...], missing: str, existing: str) -> None:
    assert Neighbours(names).nearest(missing) == existing


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=80))
def test_it_is_always_another_one_that_exists(name: str, names: list[str]) -> None:
    found = Neighbours(names).nearest(name)
    assert found == "" or (found in names and found != name)
