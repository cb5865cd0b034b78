"""The grammar of log lines: where a message begins, its time stamp and its level, in every format of the stack."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from cdbctl.model.logs import Level

_QUIET = rb"(?:DEBUG\d?|INFO|LOG)"  # the frequent ones: each costs a look at every byte
_LEVEL = rb"""(?:DEBUG\d?|TRACE|INFO|NOTICE|LOG|HINWEIS|WARN(?:ING|UNG)?|ERROR|FEHLER|CRIT(?:ICAL)?|FATAL|PANI[CK]
    |(?<=\[)(?:debug|trace|info|notice|warn(?:ing)?|error|crit(?:ical)?|alert|emerg|fatal))"""
_DETAIL = rb"(?:STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION|TIPP?|ANWEISUNG|ZUSAMMENHANG|ANFRAGE)"
_DAY_TO_MINUTE = rb"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d"
_SECONDS = rb":[0-6]\d(?:[.,]\d{1,9})?"
_ZONE = rb"(?:[ ]?(?:Z|[+-]\d\d:?\d\d|(?!LEVEL)[A-Z]{3,5}(?=[ ]\[\d)))?".replace(b"LEVEL", _LEVEL)
_NAME = rb"(?:[ ]-[ ](?:(?!LEVEL[ ]-)\S{1,200}[ ]-[ ])?|[ ]\[?)".replace(b"LEVEL", _LEVEL)
_PROCESS = rb"\]?(?:[ ]\[\d{1,10}\](?:[ ][^\s@\[]{1,64}@\S{1,64}(?=[ ]))?)?"  # and user@database
_ORIGIN = _PROCESS + _NAME

LINE = re.compile(
    rb"""(?:
      \[?(%b%b)(%b)(?:%b(%b|%b)(?=[]:\s]))?                                 # 1 time stamp, 2 zone, 3 level
    | (\{)(?=\s*")                                                          # 4 JSON
    | (Traceback[ ]\(most[ ]recent[ ]call[ ]last\):|[ ]{2}\+[ ]Exception[ ]Group[ ]Traceback[ ])         # 5
    | \d{1,10}:[A-Z][ ](\d\d[ ][A-Z][a-z]{2}[ ]\d{4}[ ]\d\d:\d\d%b)[ ]([.\-*\#])[ ]                   # 6, 7 Redis
    | [\w.:%%-]{1,64}[ ]-[ ]\S{1,64}[ ]\[(\d\d/[A-Z][a-z]{2}/\d{4}[ :]\d\d:\d\d%b)[ ]?([+-]\d{4})?\]   # 8, 9 access
    | (%b)(?=:(?:[^\s:]{1,200}:|[ ]{2}))                                    # 10 level without a time stamp
    | \[(%b)(?=\s*\][ ])                                                   # 11 the same in brackets
    | (%b)(?=:?[ ])                                                        # 12 the same as a plain word
    | ((?:time|ts|t|level|lvl|logger|caller|source|component)=)(?=["\w])    # 13 logfmt
    )?[^\n]*\n"""
    % (_DAY_TO_MINUTE, _SECONDS, _ZONE, _ORIGIN, _LEVEL, _DETAIL, _SECONDS, _SECONDS, _LEVEL, _LEVEL, _LEVEL),
    re.VERBOSE,
)
"""One whole line; which group matched last tells its format, and no group means that it continues a message."""

COLOUR = re.compile(rb"\x1b\[[0-9;:]{0,64}[mK]")
"""What a program writes to colour a terminal; in a log it only hides what a line says."""

PREFIX_BYTES = 31
"""Length of ``2026-02-09T08:00:48.062123456Z ``, which a container engine puts in front of every line."""
_PREFIX_SECONDS = rb":[0-6]\d\.\d{9}Z[ ]"
_REST = rb"%b(?=[]:\s])[^\n]*\n" % _QUIET
_PLAIN = _SECONDS + _NAME + _REST
_FULL = _SECONDS + _ZONE + _ORIGIN + _REST
_WITHOUT_TIME = rb"(?:%b(?=:?[ ])|\[%b(?=\][ ]))[^\n]*\n" % (_QUIET, _QUIET)


class Runs(NamedTuple):
    """Whole lines of one minute (1) and zone (2), all of them quiet: nearly all of a healthy log, read in one step."""

    run: re.Pattern[bytes]
    line: re.Pattern[bytes]
    """One of these lines and its level."""


FILE_RUNS = Runs(
    re.compile(
        rb"\[?(%b)(?:%b(?:\[?\1%b)*|%b(%b)%b%b(?:\[?\1%b\2%b%b)*)"
        % (_DAY_TO_MINUTE, _PLAIN, _PLAIN, _SECONDS, _ZONE, _ORIGIN, _REST, _SECONDS, _ORIGIN, _REST),
        re.VERBOSE,
    ),
    re.compile(rb"\[?.{16}%b%b%b(%b)[^\n]*\n" % (_SECONDS, _ZONE, _ORIGIN, _QUIET), re.VERBOSE),
)
_PREFIX = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d):[0-6]\d\.\d{9}(Z)[ ]"
_PREFIXED_LINE = re.compile(
    rb".{%d}(?:\[?%b%b%b%b|\[?)(%b)[^\n]*\n" % (PREFIX_BYTES, _DAY_TO_MINUTE, _SECONDS, _ZONE, _ORIGIN, _QUIET),
    re.VERBOSE,
)
PREFIXED_RUNS = Runs(
    re.compile(
        rb"%b\[?(%b)(?:%b(?:\1%b\[?\3%b)*|%b(?:\1%b\[?\3%b)*)"
        % (_PREFIX, _DAY_TO_MINUTE, _PLAIN, _PREFIX_SECONDS, _PLAIN, _FULL, _PREFIX_SECONDS, _FULL),
        re.VERBOSE,
    ),
    _PREFIXED_LINE,
)
"""The minute is that of the engine; the lines have time stamps of their own."""
BARE_RUNS = Runs(
    re.compile(rb"%b%b(?:\1%b%b)*" % (_PREFIX, _WITHOUT_TIME, _PREFIX_SECONDS, _WITHOUT_TIME), re.VERBOSE),
    _PREFIXED_LINE,
)
"""The same for lines that have none."""
_QUIET_WORDS = (b"DEBUG", b"INFO", b"LOG")


def quiet_levels(lines: bytes, runs: Runs) -> Counter[Level]:
    """Count lines that come from quiet runs by level."""
    words = {word: lines.count(word) for word in _QUIET_WORDS}
    # Each line holds a level; as many words as lines means that none is a part of somebody's text.
    certain = sum(words.values()) == lines.count(b"\n")
    levels: Counter[Level] = Counter()
    for word, count in (words if certain else Counter(runs.line.findall(lines))).items():
        levels[LEVEL_OF[word]] += count
    return levels


STAMPED_WITH_LEVEL = 3
"""``match.lastindex`` of the most frequent format."""
_JSON, _TRACEBACK, _REDIS, _ACCESS, _ACCESS_ZONE = 4, 5, 7, 8, 9
_BARE, _BARE_BRACKETS, _BARE_WORD, _LOGFMT = 10, 11, 12, 13

_LEVELS: dict[Level, tuple[str, ...]] = {
    Level.DEBUG: ("DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "TRACE", ".", "-", "10", "20"),
    Level.INFO: ("INFO", "NOTICE", "LOG", "HINWEIS", "*", "30"),
    Level.WARNING: ("WARN", "WARNING", "WARNUNG", "#", "40"),
    Level.ERROR: ("ERROR", "FEHLER", "50"),
    Level.CRITICAL: ("CRIT", "CRITICAL", "FATAL", "PANIC", "PANIK", "ALERT", "EMERG", "60"),
}
LEVEL_OF = {word.encode(): level for level, words in _LEVELS.items() for word in words}
LEVEL_OF |= {word.lower(): level for word, level in LEVEL_OF.items()}
LOUD = frozenset({Level.WARNING, Level.ERROR, Level.CRITICAL})
_MONTHS = {
    name: b"%02d" % number
    for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)
}
_JSON_TIMES = ("timestamp", "time", "ts", "@timestamp", "asctime", "datetime")
_JSON_LEVELS = ("level", "levelname", "severity", "lvl", "log.level")
_JSON_TEXTS = ("message", "msg", "event", "error")
_LOGFMT_PAIR = re.compile(rb'([\w.-]{1,64})=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:[ ]+|$)')
_LOGFMT_PAIRS = 32
_LOGFMT_TEXTS = ("msg", "message", "err", "error")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:[0-6]\d(?:[.,]\d{1,9})?) ?(Z|UTC|[+-]\d\d:?\d\d)?")


class Head(NamedTuple):
    """What the first line of a message says about itself."""

    stamp: bytes | None
    """``YYYY-MM-DD HH:MM:SS`` with an optional fraction; None when the line carries no time."""
    zone: bytes | None
    level: Level
    text: bytes
    """The line behind time stamp and level."""


def head(match: re.Match[bytes], *, stamped_log: bool) -> Head | None:
    """Say what a line begins, or None for a line that continues the message before it.

    ``stamped_log`` says that this log puts time stamps on its lines. In such a log a line that starts with
    ``[ERROR]`` or ``ERROR`` or is JSON without a time is a part of somebody's message, not a message.
    """
    line = match.group().rstrip(b"\r\n")
    kind = match.lastindex
    if kind is None:
        return None
    if kind <= STAMPED_WITH_LEVEL:
        stamp, zone, word = match.group(1, 2, STAMPED_WITH_LEVEL)
        if word is not None and word not in LEVEL_OF:
            return None  # PostgreSQL puts a time stamp on DETAIL, STATEMENT and the like, too
        return Head(stamp.replace(b"/", b"-"), zone.strip() or None, _level(word), _behind(match, kind, line))
    if kind == _JSON:
        return _json_head(line, stamped_log=stamped_log)
    if kind == _LOGFMT:
        return _logfmt_head(line, stamped_log=stamped_log)
    if kind == _TRACEBACK:
        return Head(None, None, Level.ERROR, line)
    if kind == _REDIS:
        return Head(_iso(match.group(6)), None, _level(match.group(_REDIS)), _behind(match, kind, line))
    if kind in (_ACCESS, _ACCESS_ZONE):
        return Head(_iso(match.group(_ACCESS)), match.group(_ACCESS_ZONE), Level.NONE, line)
    word = match.group(kind)
    if word not in LEVEL_OF or (kind in (_BARE_BRACKETS, _BARE_WORD) and stamped_log):
        return None
    return Head(None, None, _level(word), _behind(match, kind, line))


def is_traceback(match: re.Match[bytes]) -> bool:
    """Whether the line opens a traceback."""
    return match.lastindex == _TRACEBACK


def _level(word: bytes | None) -> Level:
    return Level.NONE if word is None else LEVEL_OF[word]


def _behind(match: re.Match[bytes], group: int, line: bytes) -> bytes:
    return line[match.end(group) - match.start() :].lstrip(b"]:- \t")


def _iso(stamp: bytes) -> bytes | None:
    """``09 Feb 2026 08:00:48.062`` or ``09/Feb/2026:08:00:48`` as ``2026-02-09 08:00:48``."""
    month = _MONTHS.get(stamp[3:6])
    return None if month is None else b"%b-%b-%b %b" % (stamp[7:11], month, stamp[:2], stamp[12:])


def _json_head(line: bytes, *, stamped_log: bool) -> Head | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return _record_head(record, line, stamped_log=stamped_log) if isinstance(record, dict) else None


def _logfmt_head(line: bytes, *, stamped_log: bool) -> Head | None:
    """``time=… level=warn msg="…" err="…"``, as Go programs write it."""
    record: dict[str, object] = {}
    position = 0
    # A message without quotes ends the pairs: what follows is its text.
    while len(record) < _LOGFMT_PAIRS and (pair := _LOGFMT_PAIR.match(line, position)):
        key, quoted, plain = (part.decode(errors="backslashreplace") if part else "" for part in pair.groups())
        record.setdefault(key, quoted.replace('\\"', '"') if quoted else plain)
        position = pair.end()
    said = [str(record[key]) for key in _LOGFMT_TEXTS if record.get(key)]
    if "t" in record:  # Grafana
        record.setdefault("time", record["t"])
    if said:
        record["message"] = " ".join(said)
    return _record_head(record, line, stamped_log=stamped_log)


def _record_head(record: Mapping[str, object], line: bytes, *, stamped_log: bool) -> Head | None:
    stamp, zone = _json_time(next((record[key] for key in _JSON_TIMES if key in record), None))
    word = str(next((record[key] for key in _JSON_LEVELS if key in record), "")).encode()
    if stamp is None and (stamped_log or word not in LEVEL_OF):
        return None
    text = next((value for key in _JSON_TEXTS if isinstance(value := record.get(key), str)), None)
    said = line if text is None else text.encode(errors="backslashreplace")
    return Head(stamp, zone, LEVEL_OF.get(word, Level.NONE), said)


def _json_time(value: object) -> tuple[bytes | None, bytes | None]:
    if isinstance(value, str) and (match := _ISO.fullmatch(value)):
        stamp, zone = match.groups()
        return stamp.encode(), zone.encode() if zone else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) > 1e11 else value
        try:
            return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "microseconds")[:26].encode(), b"Z"
        except (ValueError, OverflowError, OSError):
            return None, None
    return None, None
