"""The reader of PromQL, and what it says about whether an expression can have a result."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdbctl.collect.prometheus.promql import (
    Expression,
    Known,
    Matcher,
    NotUnderstoodError,
    Selector,
    can_answer,
    parse,
    parse_selector,
    quoted,
    selectors,
    written,
)
from cdbctl.collect.prometheus.promql.parser import AGGREGATIONS, PRECEDENCE
from cdbctl.collect.prometheus.promql.tree import (
    NAME_LABEL,
    Aggregation,
    Binary,
    Call,
    Matching,
    Moved,
    Number,
    Sign,
    Stretched,
    Text,
)


def metric(name: str, *labels: tuple[str, str, str]) -> Selector:
    return Selector((Matcher(NAME_LABEL, "=", name), *(Matcher(*label) for label in labels)))


A, B, C = metric("a"), metric("b"), metric("c")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("job:rate:5m", metric("job:rate:5m")),
        ("# nothing\na # behind\n", A),
        ('a{job="x",}', metric("a", ("job", "=", "x"))),
        ("a{job!='x', i=~`y\\d`, k!~\"z\"}", metric("a", ("job", "!=", "x"), ("i", "=~", "y\\d"), ("k", "!~", "z"))),
        ('{__name__="a"}', A),
        ('{__name__=~"a.*"}', Selector((Matcher(NAME_LABEL, "=~", "a.*"),))),
        ('{"my.metric", "my.label"="x"}', metric("my.metric", ("my.label", "=", "x"))),
        (r'a{b="\x41\u00e4\U0001F600\101\n\"\\"}', metric("a", ("b", "=", 'Aä😀A\n"\\'))),
        (r'a{b="\xc3\xa4"}', metric("a", ("b", "=", "ä"))),
        ("a[5m]", Stretched(A, "5m", None)),
        ("a[1h30m]", Stretched(A, "1h30m", None)),
        ("a[300]", Stretched(A, "300", None)),
        ("a[1h:]", Stretched(A, "1h", "")),
        ("a[1h:5m]", Stretched(A, "1h", "5m")),
        ("a offset 5m", Moved(A, "5m", None)),
        ("a offset -5m @ 1.5", Moved(A, "-5m", "1.5")),
        ("a @ start() offset 5m", Moved(A, "5m", "start()")),
        ("a[5m] @ end()", Moved(Stretched(A, "5m", None), None, "end()")),
        (
            "rate(a[5m])[1h:1m] offset 1d",
            Moved(Stretched(Call("rate", (Stretched(A, "5m", None),)), "1h", "1m"), "1d", None),
        ),
        ("a + b * c", Binary("+", A, Binary("*", B, C))),
        ("(a + b) * c", Binary("*", Binary("+", A, B), C)),
        ("a - b - c", Binary("-", Binary("-", A, B), C)),
        ("a ^ b ^ c", Binary("^", A, Binary("^", B, C))),
        ("-a ^ b", Sign("-", Binary("^", A, B))),
        ("-a * b", Binary("*", Sign("-", A), B)),
        ("a ^ -b", Binary("^", A, Sign("-", B))),
        ("a or b and c", Binary("or", A, Binary("and", B, C))),
        ("a unless b or c", Binary("or", Binary("unless", A, B), C)),
        ("a AND b", Binary("and", A, B)),
        ("a == b > c", Binary(">", Binary("==", A, B), C)),
        ("a atan2 b", Binary("atan2", A, B)),
        ("a > bool 1", Binary(">", A, Number("1"), Matching(bool=True))),
        ("a / on (x, y) b", Binary("/", A, B, Matching(on="on", labels=("x", "y")))),
        (
            "a * ignoring (x) group_left (y) (b)",
            Binary("*", A, B, Matching(on="ignoring", labels=("x",), group="group_left", include=("y",))),
        ),
        ("a * on () group_right b", Binary("*", A, B, Matching(on="on", group="group_right"))),
        ("sum(a)", Aggregation("sum", (A,), "", ())),
        ("SUM by (x) (a)", Aggregation("sum", (A,), "by", ("x",))),
        ("sum(a) without (x,)", Aggregation("sum", (A,), "without", ("x",))),
        ("topk(5, a) by (x)", Aggregation("topk", (Number("5"), A), "by", ("x",))),
        ('count_values("v", a)', Aggregation("count_values", (Text("v"), A), "", ())),
        ("sum", metric("sum")),
        ("by + on", Binary("+", metric("by"), metric("on"))),
        ("sum(by)", Aggregation("sum", (metric("by"),), "", ())),
        ("time()", Call("time", ())),
        ("0x1F", Number("0x1F")),
        ("1e-3", Number("1e-3")),
        (".5", Number(".5")),
        ("+Inf", Sign("+", Number("Inf"))),
        ("NaN", Number("NaN")),
        ("nan{x='y'}", metric("nan", ("x", "=", "y"))),
        ("5m", Number("5m")),
        ("'text'", Text("text")),
    ],
)
def test_an_expression_is_read(text: str, tree: Expression) -> None:
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "unexpected its end"),
        ("a b", "unexpected 'b' at character 3"),
        ("a{", "unexpected its end"),
        ("a{b}", "unexpected"),
        ("a{b=c}", "unexpected 'c' at character 5"),
        ("a[5x]", "unexpected '5' at character 3"),
        ("a[5m + 1m]", "unexpected '+'"),
        ("(a + b)[5m]", "only a selector has a range"),
        ('"open', "unexpected '\"' at character 1"),
        (r'a{b="\q"}', "does not exist"),
        (r'a{b="\x4"}', "no character"),
        (r'a{b="\U00FFFFFF"}', "no character"),
        ("a offset", "unexpected its end"),
        ("a @ b", "unexpected 'b'"),
        ("a $ b", "unexpected '$' at character 3"),
        ("(" * 100 + "a" + ")" * 100, "nested more than"),
        ("-" * 100 + "a", "nested more than"),
        ("+".join("a" * 500), "more than 300 parts"),
        ("a" + "[5m:]" * 500, "more than 300 parts"),
        ("a" * 30_000, "longer than"),
    ],
)
def test_what_cannot_be_read_is_not_understood_and_says_where(text: str, reason: str) -> None:
    with pytest.raises(NotUnderstoodError, match=re.escape(reason)):
        parse(text)


def test_a_selector_is_nothing_but_a_selector() -> None:
    assert parse_selector(' up{job="x"} ') == metric("up", ("job", "=", "x"))
    with pytest.raises(NotUnderstoodError, match="it is an expression"):
        parse_selector("rate(up[5m])")


@pytest.mark.parametrize(
    "text",
    ["a", "a:b", 'a{job="x"}', '{__name__=~"a.*"}', '{__name__="my.metric"}', '{__name__="a",__name__!="b"}'],
)
def test_a_selector_is_written_so_that_it_can_be_read_again(text: str) -> None:
    selector = parse_selector(text)
    assert parse_selector(written(selector)) == selector


class TestLiveliness:
    """``m`` and ``n`` exist, ``x`` and ``y`` do not, and of ``u`` nobody knows."""

    @staticmethod
    def exists(selector: Selector) -> Known:
        return {"m": True, "n": True, "x": False, "y": False}.get(selector.name or "")

    @pytest.mark.parametrize(
        "text",
        [
            "m", "1", "time()", "vector(1)", "'text'", "m > 0", "-m", "m or x", "x or m", "m unless x", "m and n",
            "sum by (j) (rate(m[5m]))", "topk(5, m)", "max_over_time(m[1h:1m])", "m offset 1d @ 5", "scalar(x)",
            "scalar(x) > 0", "vector(scalar(x))", "absent(x)", "absent(m)", "absent_over_time(x[5m])",
            "absent(x) and m", "count(x) or vector(0)", "hour()", "m * scalar(x)", "info(m, x)", "m or u",
            'label_replace(m, "a", "$1", "b", "(.*)")', "x or vector(0) > 1",
        ],
    )  # fmt: skip
    def test_it_can_have_a_result(self, text: str) -> None:
        assert can_answer(parse(text), self.exists) is True

    @pytest.mark.parametrize(
        "text",
        [
            "x", "x > 0", "1 < x", "x == 0", "count(x) == 0", "sum(x)", "rate(x[5m])", "-x", "x or y", "m and x",
            "x and m", "x unless m", "m / x", "m + on (j) group_left sum(x)", "absent(x) and y", "m and u and x",
            "max_over_time(rate(x[5m])[1h:])", "histogram_quantile(0.9, x)", "x offset 1d", "x > bool 0",
            "quantile(scalar(m), x)", "hour(x)", "info(x, m)", 'count_values("v", x)', "vector(1) and x",
        ],
    )  # fmt: skip
    def test_it_can_have_none(self, text: str) -> None:
        assert can_answer(parse(text), self.exists) is False

    @pytest.mark.parametrize("text", ["u", "u > 0", "u or x", "m and u", "sum(u)", "u unless x"])
    def test_nobody_knows(self, text: str) -> None:
        assert can_answer(parse(text), self.exists) is None

    def test_every_selector_is_found(self) -> None:
        text = "sum(rate(a[5m])) / on (x) b{c='d'} > -e offset 5m or topk(5, f) unless absent(g)"
        assert [written(item) for item in selectors(parse(text))] == ["a", 'b{c="d"}', "e", "f", "g"]


NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=5).filter(
    lambda name: (
        name not in {*AGGREGATIONS, *PRECEDENCE, "by", "on", "without", "ignoring", "bool", "offset"}
        and name not in {"inf", "nan", "start", "end", "group_left", "group_right"}
    )
)
LABELS = st.lists(NAMES, max_size=2).map(tuple)
DURATIONS = st.sampled_from(("5m", "1h30m", "300", "10ms"))
MATCHERS = st.builds(Matcher, NAMES, st.sampled_from(("=", "!=", "=~", "!~")), st.text(max_size=4))
SELECTORS = st.builds(
    lambda name, labels: metric(name, *((item.label, item.operator, item.value) for item in labels)),
    NAMES,
    st.lists(MATCHERS, max_size=2),
)
LEAVES = (
    SELECTORS
    | st.sampled_from(("1", "0x1F", "1.5e3", "Inf", "NaN", "5m")).map(Number)
    | st.builds(Text, st.text(max_size=4))
)
MATCHINGS = st.just(Matching()) | st.builds(
    Matching,
    bool=st.just(False),
    on=st.sampled_from(("on", "ignoring")),
    labels=LABELS,
    group=st.sampled_from(("", "group_left", "group_right")),
)
COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


def larger(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    some = st.lists(inner, min_size=1, max_size=2).map(tuple)
    grouping = st.one_of(st.just(("", ())), st.tuples(st.sampled_from(("by", "without")), LABELS))
    return st.one_of(
        st.builds(Call, NAMES, st.lists(inner, max_size=2).map(tuple)),
        st.builds(
            lambda operator, arguments, group: Aggregation(operator, arguments, *group),
            st.sampled_from(sorted(AGGREGATIONS)),
            some,
            grouping,
        ),
        st.builds(Sign, st.sampled_from("+-"), inner),
        st.builds(Stretched, SELECTORS, DURATIONS, st.none()),
        st.builds(Stretched, inner, DURATIONS, st.just("") | DURATIONS),
        st.builds(Moved, inner, DURATIONS, st.none() | st.sampled_from(("start()", "end()", "17"))),
        st.builds(Moved, inner, st.none(), st.sampled_from(("start()", "-17"))),
        st.builds(Binary, st.sampled_from(sorted(PRECEDENCE)), inner, inner, MATCHINGS),
        st.builds(Binary, st.sampled_from(COMPARISONS), inner, inner, st.just(Matching(bool=True))),
    )


TREES = st.recursive(LEAVES, larger, max_leaves=8)


def in_words(tree: Expression) -> str:
    """An expression as text, with as many brackets as can be."""
    match tree:
        case Selector():
            return written(tree)
        case Number(text=text):
            return text
        case Text(value=value):
            return quoted(value)
        case Stretched(inner=inner, range=range_, step=step):
            body = in_words(inner) if step is None else f"({in_words(inner)})"
            return f"{body}[{range_}]" if step is None else f"{body}[{range_}:{step}]"
        case Moved(inner=inner, offset=offset, at=at):
            # A move behind a move would be read as one.
            return f"({in_words(inner)})" + (f" offset {offset}" if offset else "") + (f" @ {at}" if at else "")
        case Call(name=name, arguments=arguments):
            return f"{name}({', '.join(map(in_words, arguments))})"
        case Aggregation():
            by = f" {tree.grouping} ({_labels(tree.labels)})" if tree.grouping else ""
            return f"{tree.operator}{by} ({', '.join(map(in_words, tree.arguments))})"
        case Sign(operator=operator, inner=inner):
            return f"{operator}({in_words(inner)})"
        case Binary():
            return f"({in_words(tree.left)}) {tree.operator}{_matching(tree.matching)} ({in_words(tree.right)})"


def _matching(matching: Matching) -> str:
    words = " bool" if matching.bool else ""
    words += f" {matching.on} ({_labels(matching.labels)})" if matching.on else ""
    return words + (f" {matching.group} ({_labels(matching.include)})" if matching.group else "")


def _labels(labels: Iterable[str]) -> str:
    return ", ".join(labels)


@given(TREES)
def test_what_is_written_is_read_back(tree: Expression) -> None:
    assert parse(in_words(tree)) == tree


@given(st.text(max_size=60) | st.text("ab0.5m{}[]()\"'`\\,:=~!<>+-*/^@# \n", max_size=60))
def test_no_text_ever_breaks_the_reader(text: str) -> None:
    try:
        tree = parse(text)
    except NotUnderstoodError:
        return
    assert can_answer(tree, lambda _: True) is True
    assert all(written(item) for item in selectors(tree))


@given(TREES, st.sets(NAMES))
def test_more_series_never_kill_an_expression(tree: Expression, names: set[str]) -> None:
    if can_answer(tree, lambda item: item.name in names):
        assert can_answer(tree, lambda _: True)


@given(st.text(max_size=30))
def test_a_string_is_read_back_as_it_was(text: str) -> None:
    # What is no character of UTF-8 is made visible, as everywhere.
    assert parse(quoted(text)) == Text(text.encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace"))
