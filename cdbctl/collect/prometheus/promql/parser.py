"""Reads PromQL: precedence climbing over the words of an expression.

Tolerant on purpose: it accepts more than Prometheus does, because Prometheus has accepted the rule already. What it
does not know raises NotUnderstoodError; nothing else is ever raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cdbctl.collect.prometheus.promql.tokens import NotUnderstoodError, Token, tokens
from cdbctl.collect.prometheus.promql.tree import (
    NAME_LABEL,
    Aggregation,
    Binary,
    Call,
    Expression,
    Matcher,
    Matching,
    Moved,
    Number,
    Selector,
    Sign,
    Stretched,
    Text,
)

T = TypeVar("T")

AGGREGATIONS = frozenset({"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "quantile"}) | frozenset(
    {"count_values", "topk", "bottomk", "limitk", "limit_ratio"}
)
PRECEDENCE = {
    **dict.fromkeys(("or",), 1),
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_SIGN = 5.5
"""A sign binds closer than ``*`` and less close than ``^``: -1 ^ 2 is -(1 ^ 2)."""
_DEEPEST = 60
_MOST_LINKS = 300
"""Operators and suffixes of one expression: each of them makes the tree one level deeper."""
_LONGEST = 20_000


def parse(text: str) -> Expression:
    """The tree of an expression; raises NotUnderstoodError."""
    if len(text) > _LONGEST:
        raise NotUnderstoodError(f"it is longer than {_LONGEST} characters")
    parser = _Parser(list(tokens(text)))
    found = parser.expression(0)
    parser.expect_end()
    return found


def parse_selector(text: str) -> Selector:
    """A metric name or a selector and nothing else; raises NotUnderstoodError."""
    found = parse(text)
    if not isinstance(found, Selector):
        raise NotUnderstoodError("it is an expression")
    return found


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self._words = words
        self._next = 0
        self._depth = 0
        self._links = 0

    # -- expressions --------------------------------------------------------------------------------------------

    def expression(self, lowest: float) -> Expression:
        """An expression of operators that bind at least as close as ``lowest``."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotUnderstoodError(f"it is nested more than {_DEEPEST} levels deep")
        left = self._signed()
        while (binds := PRECEDENCE.get(self._operator(), -1)) >= lowest and binds > 0:
            operator = self._operator()
            self._link()
            self._advance()
            matching = self._matching()
            # Only ^ is right-associative.
            left = Binary(operator, left, self.expression(binds if operator == "^" else binds + 0.1), matching)
        self._depth -= 1
        return left

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected()

    def _signed(self) -> Expression:
        if self._token.kind == "sign" and self._token.text in "+-":
            return Sign(self._advance().text, self.expression(_SIGN))
        return self._with_suffixes(self._primary())

    def _primary(self) -> Expression:
        token = self._token
        if token.kind in ("number", "duration"):
            return Number(self._advance().text)
        if token.kind == "string":
            return Text(self._advance().text)
        if self._takes("("):
            inner = self.expression(0)
            self._expect(")")
            return inner
        if token.text == "{" and token.kind == "sign":
            return Selector(self._matchers())
        if token.kind == "word":
            return self._named()
        raise self._unexpected()

    def _named(self) -> Expression:
        """What begins with a word: a number, an aggregation, a function or a metric."""
        name = self._advance().text
        word = name.lower()
        follows = self._token.text if self._token.kind == "sign" else ""
        if word in ("inf", "nan") and follows not in ("{", "["):
            return Number(name)
        if word in AGGREGATIONS and (follows == "(" or self._word() in ("by", "without")):
            return self._aggregation(word)
        if follows == "(":
            return Call(name, self._arguments())
        matchers = self._matchers() if follows == "{" else ()
        return Selector((Matcher(NAME_LABEL, "=", name), *matchers))

    def _aggregation(self, operator: str) -> Expression:
        grouping, labels = self._grouping(("by", "without"))
        arguments = self._arguments()
        if not grouping:
            grouping, labels = self._grouping(("by", "without"))
        return Aggregation(operator, arguments, grouping, labels)

    def _with_suffixes(self, inner: Expression) -> Expression:
        """``[5m]``, ``[1h:1m]``, ``offset 5m``, ``@ end()`` in any number."""
        while True:
            self._link()
            if self._takes("["):
                inner = self._stretched(inner)
            elif self._word() == "offset" or self._token.text == "@":
                inner = self._moved(inner)
            else:
                return inner

    def _stretched(self, inner: Expression) -> Expression:
        range_ = self._duration()
        step = None
        if self._takes(":"):
            step = "" if self._token.text == "]" else self._duration()
        self._expect("]")
        if step is None and not isinstance(inner, Selector):
            raise NotUnderstoodError("only a selector has a range; a subquery has a colon")
        return Stretched(inner, range_, step)

    def _moved(self, inner: Expression) -> Expression:
        offset = at = None
        while True:
            if self._word() == "offset" and offset is None:
                self._advance()
                offset = self._signed_text(self._duration)
            elif self._token.text == "@" and self._token.kind == "sign" and at is None:
                self._advance()
                at = self._signed_text(self._moment)
            elif offset is None and at is None:
                raise self._unexpected()
            else:
                return Moved(inner, offset, at)

    def _moment(self) -> str:
        if self._word() in ("start", "end"):
            word = self._advance().text.lower()
            self._expect("(")
            self._expect(")")
            return f"{word}()"
        return self._duration()

    def _signed_text(self, read: Callable[[], str]) -> str:
        sign = self._advance().text if self._token.text in ("-", "+") and self._token.kind == "sign" else ""
        return sign + read()

    # -- parts --------------------------------------------------------------------------------------------------

    def _arguments(self) -> tuple[Expression, ...]:
        return self._list("(", ")", lambda: self.expression(0))

    def _matchers(self) -> tuple[Matcher, ...]:
        return self._list("{", "}", self._matcher)

    def _matcher(self) -> Matcher:
        if self._token.kind not in ("word", "string"):
            raise self._unexpected()
        label = self._advance()
        if label.kind == "string" and self._token.text in (",", "}"):
            return Matcher(NAME_LABEL, "=", label.text)
        operator = self._advance()
        if operator.kind != "sign" or operator.text not in ("=", "!=", "=~", "!~") or self._token.kind != "string":
            raise self._unexpected()
        return Matcher(label.text, operator.text, self._advance().text)

    def _matching(self) -> Matching:
        is_bool = self._word() == "bool"
        if is_bool:
            self._advance()
        on, labels = self._grouping(("on", "ignoring"))
        group = ""
        include: tuple[str, ...] = ()
        if on and self._word() in ("group_left", "group_right"):
            group = self._advance().text.lower()
            include = self._labels() if self._token.text == "(" else ()
        return Matching(is_bool, on, labels, group, include)

    def _grouping(self, words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        # A metric may be called `by` or `on`: only labels behind it make it a grouping.
        if self._word() not in words or self._words[self._next + 1].text != "(":
            return "", ()
        return self._advance().text.lower(), self._labels()

    def _labels(self) -> tuple[str, ...]:
        return self._list("(", ")", self._label)

    def _label(self) -> str:
        if self._token.kind not in ("word", "string"):
            raise self._unexpected()
        return self._advance().text

    def _duration(self) -> str:
        if self._token.kind not in ("duration", "number"):
            raise self._unexpected()
        return self._advance().text

    def _list(self, opening: str, closing: str, read: Callable[[], T]) -> tuple[T, ...]:
        """Items with commas between them, and one behind the last where somebody left it."""
        self._expect(opening)
        items: list[T] = []
        while not self._takes(closing):
            items.append(read())
            if not self._takes(","):
                self._expect(closing)
                break
        return tuple(items)

    # -- words --------------------------------------------------------------------------------------------------

    @property
    def _token(self) -> Token:
        return self._words[self._next]

    def _advance(self) -> Token:
        token = self._words[self._next]
        if token.kind == "end":
            raise self._unexpected()
        self._next += 1
        return token

    def _link(self) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise NotUnderstoodError(f"it has more than {_MOST_LINKS} parts")

    def _word(self) -> str:
        return self._token.text.lower() if self._token.kind == "word" else ""

    def _operator(self) -> str:
        return self._token.text.lower() if self._token.kind in ("word", "sign") else ""

    def _takes(self, sign: str) -> bool:
        taken = self._token.kind == "sign" and self._token.text == sign
        self._next += taken
        return taken

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._unexpected()

    def _unexpected(self) -> NotUnderstoodError:
        token = self._token
        what = "its end" if token.kind == "end" else f"{token.text[:40]!r} at character {token.at + 1}"
        return NotUnderstoodError(f"unexpected {what}")
