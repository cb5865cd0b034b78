"""Known ways to fail, recognised by what the driver says (English or German), never by the sentence around it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from cdbctl.model.logs import Signature

READ_CHARACTERS = 32_000
_NAME = r"[\"»„“'`](?P<%s>[^\"»«“”'`\n]{1,130})[\"«“”'`]"
_BARE = r"[\"»]?(?P<%s>[\w.$]{1,130})"


@dataclass(frozen=True, slots=True)
class Known:
    """One way to fail and the words that prove it."""

    kind: str
    sqlstate: str | None
    words: tuple[str, ...]
    """At least one of them occurs in the text: a cheap look before the pattern is tried."""
    pattern: re.Pattern[str]
    """May name the groups ``relation``, ``column`` and ``subject``, with a digit behind it for a second wording."""


def _known(kind: str, sqlstate: str | None, words: str, *wordings: str) -> Known:
    """``words`` is separated by ``|``; ``NAME:group`` in a wording is a quoted name, ``BARE:group`` an unquoted one."""
    patterns = wordings or tuple(re.escape(word) for word in words.split("|"))
    numbered = (_expand(pattern, number) for number, pattern in enumerate(patterns))
    return Known(kind, sqlstate, tuple(words.split("|")), re.compile("|".join(numbered)))


def _expand(wording: str, number: int) -> str:
    def quoted(group: re.Match[str]) -> str:
        return _NAME % f"{group[1]}{number}"

    def bare(group: re.Match[str]) -> str:
        return _BARE % f"{group[1]}{number}"

    return re.sub(r"BARE:([a-z]+)", bare, re.sub(r"NAME:([a-z]+)", quoted, wording))


KNOWN: tuple[Known, ...] = (
    _known(
        "undefined_column",
        "42703",
        "olumn|Spalte ",
        r"column NAME:column(?: of relation NAME:relation)? does not exist",
        r"column BARE:column does not exist",
        r"Spalte NAME:column(?: von Relation NAME:relation)? existiert nicht",
        r"Spalte BARE:column existiert nicht",
    ),
    _known(
        "undefined_table",
        "42P01",
        "does not exist|existiert nicht",
        r"(?:relation|table|view) NAME:relation does not exist",
        r"(?:Relation|Tabelle|Sicht) NAME:relation existiert nicht",
    ),
    _known(
        "undefined_function",
        "42883",
        "does not exist|existiert nicht",
        r"(?:function|procedure|Funktion|Prozedur) BARE:subject\([^)\n]{0,500}\) (?:does not exist|existiert nicht)",
    ),
    _known(
        "undefined_schema",
        "3F000",
        "does not exist|existiert nicht",
        r"[Ss]chema NAME:subject (?:does not exist|existiert nicht)",
    ),
    _known(
        "undefined_database",
        "3D000",
        "does not exist|existiert nicht",
        r"(?:database|Datenbank) NAME:subject (?:does not exist|existiert nicht)",
    ),
    _known(
        "undefined_role",
        None,  # 28000 at login, 42704 in a statement
        "does not exist|existiert nicht",
        r"(?:role|Rolle) NAME:subject (?:does not exist|existiert nicht)",
    ),
    _known(
        "string_too_long",
        "22001",
        "too long for type|zu lang für Typ",
        r"(?:value too long for type|Wert zu lang für Typ) (?P<subject0>character(?: varying)?\(\d{1,9}\))",
    ),
    _known(
        "not_null_violation",
        "23502",
        "not-null constraint|Not-Null-Constraint",
        r"null value in column NAME:column(?: of relation NAME:relation)? violates not-null constraint",
        r"NULL-Wert in Spalte NAME:column(?: von Relation NAME:relation)? verletzt Not-Null-Constraint",
    ),
    _known(
        "unique_violation",
        "23505",
        "unique constraint|Unique-Constraint",
        r"duplicate key value violates unique constraint NAME:subject",
        r"doppelter Schlüsselwert verletzt Unique-Constraint NAME:subject",
    ),
    _known(
        "foreign_key_violation",
        "23503",
        "foreign key constraint|Fremdschlüssel-Constraint",
        r"(?:insert or update|update or delete) on table NAME:relation violates foreign key constraint NAME:subject",
        r"(?:Einfügen oder Aktualisieren|Aktualisieren oder Löschen) in Tabelle NAME:relation verletzt "
        r"Fremdschlüssel-Constraint NAME:subject",
    ),
    _known(
        "check_violation",
        "23514",
        "check constraint|Check-Constraint",
        r"(?:new row for relation|check constraint of relation) NAME:relation violates check constraint NAME:subject",
        r"neue Zeile für Relation NAME:relation verletzt Check-Constraint NAME:subject",
    ),
    _known(
        "insufficient_privilege",
        "42501",
        "permission denied for|keine Berechtigung für|must be owner of|Berechtigung nur für Eigentümer",
        r"permission denied for (?:table|relation|view|sequence|materialized view|foreign table) BARE:relation",
        r"permission denied for (?:schema|database|function|procedure|language|tablespace|type|column) BARE:subject",
        r"keine Berechtigung für (?:Tabelle|Relation|Sicht|Sequenz|materialisierte Sicht|Fremdtabelle) BARE:relation",
        r"keine Berechtigung für (?:Schema|Datenbank|Funktion|Prozedur|Sprache|Tablespace|Typ|Spalte) BARE:subject",
        r"must be owner of (?:table|relation|view|sequence) BARE:relation",
        r"Berechtigung nur für Eigentümer der (?:Tabelle|Relation|Sicht|Sequenz) BARE:relation",
    ),
    _known("deadlock_detected", "40P01", "deadlock detected|Verklemmung (Deadlock) entdeckt"),
    _known(
        "lock_not_available",
        "55P03",
        "lock timeout|Zeitüberschreitung einer Sperre|could not obtain lock on|konnte Sperre für",
        r"canceling statement due to lock timeout",
        r"storniere Anfrage wegen Zeitüberschreitung einer Sperre",
        r"could not obtain lock on (?:row in )?relation NAME:relation",
        r"konnte Sperre für (?:Zeile in )?Relation NAME:relation nicht setzen",
    ),
    _known(
        "query_canceled",
        "57014",
        "canceling statement due to statement timeout|canceling statement due to user request"
        "|storniere Anfrage wegen Zeitüberschreitung der Anfrage|storniere Anfrage wegen Benutzeraufforderung",
    ),
    _known(
        "too_many_connections",
        "53300",
        "too many clients already|remaining connection slots are reserved|too many connections for"
        "|schon zu viele Verbindungen|verbleibenden Verbindungen sind für|zu viele Verbindungen ",
    ),
    _known(
        "disk_full",
        "53100",
        "could not extend file|could not write to file|konnte Datei |konnte nicht in Datei ",
        r"could not (?:extend|write to) file [^\n]{1,300}No space left on device",
        r"konnte (?:nicht in )?Datei [^\n]{1,300}(?:No space left on device|Kein Speicherplatz)",
        r"could not extend file",
        r"konnte Datei [^\n]{1,300} nicht erweitern",
    ),
    _known("disk_full", None, "No space left on device|Auf dem Gerät ist kein Speicherplatz"),
    _known(
        "invalid_password",
        "28P01",
        "password authentication failed for user|Passwort-Authentifizierung für Benutzer",
        r"password authentication failed for user NAME:subject",
        r"Passwort-Authentifizierung für Benutzer NAME:subject fehlgeschlagen",
    ),
    _known(
        "no_conflict_target",
        "42P10",
        "ON CONFLICT",
        r"no unique or exclusion constraint matching the ON CONFLICT specification",
        r"keinen Unique-Constraint oder Exclusion-Constraint, der auf die ON-CONFLICT-Angabe passt",
    ),
    _known(
        "read_only_transaction",
        "25006",
        "in a read-only transaction|in einer Read-Only-Transaktion",
        r"cannot execute (?P<subject0>[A-Z ]{1,40}) in a read-only transaction",
        r"(?P<subject1>[A-Z]{1,40}(?: [A-Z]{1,40}){0,3}) kann nicht in einer Read-Only-Transaktion",
    ),
    _known("numeric_out_of_range", "22003", "numeric field overflow|integer out of range|bigint out of range"),
    _known(
        "invalid_text",
        "22P02",
        "invalid input syntax for type|ungültige Eingabesyntax für Typ",
        r"(?:invalid input syntax for type|ungültige Eingabesyntax für Typ) (?P<subject0>[a-z][a-z0-9 ]{1,40})",
    ),
    _known("redis_oom", None, "command not allowed when used memory > 'maxmemory'|OOM command not allowed"),
    _known("redis_misconf", None, "MISCONF |Redis is configured to save RDB snapshots"),
    _known("redis_readonly", None, "READONLY You can|You can't write against a read only"),
    _known("redis_wrongpass", None, "WRONGPASS |invalid username-password pair"),
    _known("redis_noauth", None, "NOAUTH |Authentication required."),
    _known("redis_loading", None, "Redis is loading the dataset in memory"),
    _known(
        "server_starting_or_stopping",
        "57P03",
        "the database system is |das Datenbanksystem ",
        r"the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections)",
        r"das Datenbanksystem (?:startet|fährt herunter|ist im Wiederherstellungsmodus)",
    ),
    _known(
        "admin_shutdown",
        "57P01",
        "terminating connection due to administrator command|aufgrund von Anweisung des Administrators",
    ),
    _known(
        "connection_refused",
        None,
        "onnection refused|Verbindungsaufbau abgelehnt|ECONNREFUSED",
        # The address, where the driver names one in front: psycopg, redis-py, and Node's and Go's wording.
        r"server at NAME:host(?: \([^)\n]{1,60}\))?, port (?P<port0>\d{1,5}) failed: [^\n]{0,40}onnection refused",
        r"Server auf NAME:host(?: \([^)\n]{1,60}\))?, Port (?P<port1>\d{1,5}) fehlgeschlagen: "
        r"[^\n]{0,40}(?:onnection refused|Verbindungsaufbau abgelehnt)",
        r"connecting to (?P<subject2>[\w.\-]{1,253}:\d{1,5})\. [^\n]{0,40}onnection refused",
        r"(?:ECONNREFUSED|dial tcp) (?P<subject3>[\w.\-\[\]:]{1,253}:\d{1,5})",
        r"host='(?P<host4>[^'\n]{1,253})', port=(?P<port4>\d{1,5})\)[^\n]{0,300}onnection refused",
        r"[Cc]onnection refused|Verbindungsaufbau abgelehnt|ECONNREFUSED",
    ),
    _known(
        "connection_lost",
        None,
        "server closed the connection unexpectedly|Server beendete die Verbindung unerwartet"
        "|connection has been closed unexpectedly|Connection closed by server|Connection reset by peer|Broken pipe",
    ),
    _known(
        "connection_timeout",
        None,
        "timeout expired|Timeout abgelaufen|Connection timed out|Timeout connecting to server",
    ),
    _known(
        "unknown_host",
        None,
        "Name or service not known|Temporary failure in name resolution|No address associated with hostname",
    ),
    _known(
        "http_429",
        None,
        "429",
        r"(?i:\b(?:HTTP(?:/\d(?:\.\d)?)?|status(?:[ _]?code)?|code)\b[\"']?[ =:]{1,3}429)\b",
        r"\b429[ :]{1,2}(?:Too Many Requests|Client Error)",
    ),
    _known(
        "http_418",
        None,
        "418",
        r"(?i:\b(?:HTTP(?:/\d(?:\.\d)?)?|status(?:[ _]?code)?|code)\b[\"']?[ =:]{1,3}418)\b",
        r"\b418[ :]{1,2}(?:I'm a [Tt]eapot|Client Error)",
    ),
    # Last: it only repeats that something before it failed.
    _known(
        "in_failed_transaction",
        "25P02",
        "current transaction is aborted|aktuelle Transaktion wurde abgebrochen",
    ),
)

_FRAME = re.compile(r'^[ |]*File "([^"\n]{1,1000})", line (\d{1,9}), in ([^\n]{1,200})$', re.MULTILINE)
_EXCEPTION = re.compile(r"^(?:  \| )?([A-Za-z_][\w.]{0,200})(?=:|$)", re.MULTILINE)
_FOREIGN = re.compile(
    r"[\\/](?:site|dist)-packages[\\/]|[\\/]lib(?:64)?[\\/]python\d[\d.]*[\\/]|[\\/]Python\d*[\\/]Lib[\\/]|^<",
    re.IGNORECASE,
)


def recognise(text: str) -> Signature | None:
    """Say which known failure a message of WARNING or worse reports, or None."""
    text = text[:READ_CHARACTERS]
    for known in KNOWN:
        if any(word in text for word in known.words) and (match := known.pattern.search(text)):
            return _signature(known, match)
    return _exception(text)


def exception_line(text: str) -> str | None:
    """The line of a traceback that names the exception, or None when there is no traceback."""
    found = _last_exception(text)
    return None if found is None else text[found.start() :].split("\n", 1)[0]


def _signature(known: Known, match: re.Match[str]) -> Signature:
    named = {name.rstrip("0123456789"): value for name, value in match.groupdict().items() if value}
    subject = named.get("subject")
    if "host" in named:
        subject = f"{named['host']}:{named['port']}"
    relation = named.get("relation")
    return Signature(
        kind=known.kind,
        sqlstate=known.sqlstate,
        # The driver names the schema only where the statement did.
        relation=relation.removeprefix("public.") if relation else None,
        column=named.get("column"),
        subject=subject,
        frame=None,
    )


def _last_exception(text: str) -> re.Match[str] | None:
    frames = deque(_FRAME.finditer(text), maxlen=1)
    return _EXCEPTION.search(text, frames[0].end()) if frames else None


def _exception(text: str) -> Signature | None:
    """Name a traceback by its exception and the innermost frame of own code."""
    found = _last_exception(text)
    if found is None:
        return None
    frames = [frame for frame in _FRAME.findall(text) if not _FOREIGN.search(frame[0])]
    return Signature(
        kind="exception",
        sqlstate=None,
        relation=None,
        column=None,
        subject=found[1],
        frame=_frame(*frames[-1]) if frames else None,
    )


def _frame(path: str, line: str, function: str) -> str:
    """``folder/file.py:12 function``: where the code is installed is no fact about the failure."""
    file = "/".join(path.replace("\\", "/").split("/")[-2:])
    return f"{file}:{line} {function}"
