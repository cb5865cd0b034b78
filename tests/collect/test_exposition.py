"""The text format of exporters, held against the parser and the writer of prometheus_client."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from cdbctl.collect.exposition import Labels, NotMetricsError, read_exposition

names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", fullmatch=True)
# A bare CR ends no line in this format, but Python's universal newlines in the other parser think so.
texts = st.text(st.characters(exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=["Cs"]))
label_names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in ("le", "quantile"))
numbers = st.floats(allow_nan=False)


def read(text: str) -> dict[tuple[str, Labels], float]:
    return {(sample.name, sample.labels): sample.value for sample in read_exposition(text)}


def test_a_sample_is_named_as_it_is_exported() -> None:
    text = "# HELP orders x\n# TYPE orders counter\norders 5\n"
    assert read(text) == {("orders", ()): 5.0}


@pytest.mark.parametrize(
    ("line", "name", "labels", "value"),
    [
        ("up 1", "up", (), 1.0),
        ("up\t1", "up", (), 1.0),
        ("  up   1  ", "up", (), 1.0),
        ("up{} 1", "up", (), 1.0),
        ("up 1 1770624056000", "up", (), 1.0),
        ("up 1e-3", "up", (), 0.001),
        ("up -.5", "up", (), -0.5),
        ("up +Inf", "up", (), math.inf),
        ('up{b="2",a="1"} 1', "up", (("a", "1"), ("b", "2")), 1.0),
        ('up{a="1",} 1', "up", (("a", "1"),), 1.0),
        ('up { a = "1" , b="2" } 1', "up", (("a", "1"), ("b", "2")), 1.0),
        (r'up{a="say \"hi\" \\ {},\n"} 1', "up", (("a", 'say "hi" \\ {},\n'),), 1.0),
        (r'up{a="\d"} 1', "up", (("a", r"\d"),), 1.0),
        ('up_bucket{le="1"} 2 # {trace="x y"} 0.5 1.0', "up_bucket", (("le", "1"),), 2.0),
        ('up{a="}"}1', "up", (("a", "}"),), 1.0),
    ],
)
def test_a_line_of_the_format(line: str, name: str, labels: Labels, value: float) -> None:
    assert read(line + "\r\n# EOF\n") == {(name, labels): value}


@pytest.mark.parametrize(
    "line",
    [
        "<html>",
        "up",
        "up one",
        "up 1 2 3",
        "1up 1",
        "up1",
        "up 0x10",
        "up 1_000",
        "up ١",
        'up{a="1" 1',
        'up{a="1"',
        "up{a=1} 1",
        'up{a="1"b="2"} 1',
        'up{a="1",,b="2"} 1',
        'up{a="1",a="2"} 1',
        'up{1a="1"} 1',
        "Service Unavailable",
        "\x00\x01",
    ],
)
def test_anything_else_is_refused_with_its_line_number(line: str) -> None:
    with pytest.raises(NotMetricsError, match="line 2"):
        read("up 1\n" + line + "\n")


@pytest.mark.parametrize("line", ['up{a="' + "\\" * 200_000, "up{" + 'a="",' * 100_000, "u" * 500_000 + "!"])
def test_a_hostile_line_is_refused_in_linear_time(line: str) -> None:
    with pytest.raises(NotMetricsError) as caught:
        read(line)
    assert len(str(caught.value)) < 500


@given(samples=st.lists(st.tuples(names, st.dictionaries(label_names, texts, max_size=3), numbers), max_size=8))
def test_what_prometheus_client_writes_is_read_as_it_reads_it(
    samples: list[tuple[str, dict[str, str], float]],
) -> None:
    registry = CollectorRegistry()
    for number, (name, labels, value) in enumerate(samples):
        gauge = Gauge(f"{name}_{number}", "a\\b\nc", tuple(labels), registry=registry)
        (gauge.labels(**labels) if labels else gauge).set(value)
    text = generate_latest(registry).decode()
    theirs = {
        (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert read(text) == theirs


@pytest.mark.parametrize("write", [generate_latest, openmetrics])
def test_every_kind_of_metric_is_read(write: object) -> None:
    registry = CollectorRegistry()
    Counter("orders", "x", ["side"], registry=registry).labels("buy").inc(3)
    Histogram("latency", "x", registry=registry, buckets=(0.1, 1)).observe(0.5)
    Summary("size", "x", registry=registry).observe(7)
    assert callable(write)
    values = read(write(registry).decode())
    assert values["orders_total", (("side", "buy"),)] == 3
    assert values["latency_bucket", (("le", "+Inf"),)] == 1
    assert (values["latency_sum", ()], values["size_count", ()]) == (0.5, 1)
