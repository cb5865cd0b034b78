"""What stays the same when a message comes again: numbers, times, addresses and the like give way to placeholders."""

from __future__ import annotations

import re

READ_CHARACTERS = 2000
"""Longer messages are told apart by their beginning only."""
SHOWN_CHARACTERS = 300

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_UNIT = (
    r"(?:ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|d|days?"
    r"|Sek(?:unden?)?|Min(?:uten?)?|Std|Stunden?|Tagen?|Tage)"
)
_STATES = (  # SQLSTATEs that are all digits; the others hold a letter and are never taken for a number
    "22001|22003|22007|23001|23502|23503|23505|23514|25006|26000|28000|40001|42501|42601|42701|42703|42704|42804"
    "|42830|42883|53000|53100|53200|53300|54000|57000|57014"
)

_PATTERN = re.compile(
    rf"""
    (?P<keep>
        (?<!\w)["'`»„“](?!{_UUID}|[0-9a-fA-F]{{16}})[A-Za-z_][\w.$-]{{0,127}}["'`«“”]
      | (?<!\w)SQLSTATE\W{{0,3}}[0-9A-Z]{{5}}(?!\w)
      | (?<![\w.:-])(?:{_STATES})(?![\w.:-]*\d)(?!\w)
      | (?<!\w)(?:HTTP(?:/\d(?:\.\d)?)?|[Ss]tatus(?:[ _]?[Cc]ode)?|[Cc]ode|[Ee]rrno|[Ee]xit|[Ss]ignal)
        [ =:]{{1,2}}-?\d{{1,5}}(?![\w.])
    )
  | (?P<uuid>(?<![\w-]){_UUID}(?![\w-]))
  | (?P<time>(?<!\d)\d{{4}}[-/.]\d\d[-/.]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{{1,9}})?)?)?
        (?:[ ]?(?:Z|UTC)(?!\w)|[+-]\d\d:?\d\d(?!\d))?(?!\d)
      | (?<![\d:.])\d\d:\d\d:\d\d(?:[.,]\d{{1,9}})?(?![\d:]))
  | (?P<address>(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}})?(?::\d{{1,5}})?(?![\w.]*\d)
      | (?<![\w:.])(?:[0-9a-fA-F]{{0,4}}:){{3,7}}[0-9a-fA-F]{{1,4}}(?![\w:.])
      | (?<![\w:.])(?:[0-9a-fA-F]{{1,4}}:){{0,6}}:(?::?[0-9a-fA-F]{{1,4}}){{1,6}}(?![\w:.]))
  | (?P<hex>(?<!\w)0[xX][0-9a-fA-F]{{1,128}}(?!\w)
      | (?<!\w)(?=[a-f]{{0,127}}\d)(?=\d{{0,127}}[a-f])[0-9a-f]{{7,128}}(?!\w)
      | (?<!\w)(?=[A-F]{{0,127}}\d)(?=\d{{0,127}}[A-F])[0-9A-F]{{8,128}}(?!\w))
  | (?P<duration>(?<![\w.])[+-]?\d+(?:[.,]\d+)?[ ]?{_UNIT}(?!\w))
  | (?P<number>(?<![\w.])[+-]?[$€]?\d+(?:[.,_:]\d+)*(?:[eE][+-]?\d+)?(?:[ ]?%|(?:[KMGTkmgt]i?)?B(?!\w))?(?!\w)
      | (?<=_)\d{{4,}}(?![a-zA-Z0-9])
      | (?<=[A-Za-z])\d{{6,}}(?![a-zA-Z0-9]))
    """,
    re.VERBOSE,
)


def mask(text: str) -> str:
    """Replace what differs between equal messages, and keep what tells messages apart.

    Quoted identifiers, SQLSTATEs, statuses, enum words and codes such as ``RC_002`` stay: a relation is not
    another relation, and BLOCK is not ALLOW.
    """
    return shorten(" ".join(_PATTERN.sub(_placeholder, text[:READ_CHARACTERS]).split()), SHOWN_CHARACTERS)


def shorten(text: str, limit: int) -> str:
    """The beginning of a text, cut between words, so that no half of a secret escapes its redaction."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    if not text[limit].isspace():
        last_word = cut.rsplit(None, 1)[-1:] or [""]
        # A "word" of more than 256 characters is cut all the same: it would leave nothing to read.
        if len(last_word[0]) <= 256:
            cut = cut[: cut.rindex(last_word[0])]
    return cut.rstrip()


def _placeholder(match: re.Match[str]) -> str:
    kind = match.lastgroup
    return match.group() if kind == "keep" else f"<{kind}>"
