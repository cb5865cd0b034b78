"""What looks like a secret: in a text, by the words around it or by its own form; in an environment, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|passwort|kennwort|secret"
    r"|(?:^|[_.-])(?:pass|token|credentials?|auth|cookie|(?:api|access|private|signing|encryption|auth)[_-]?key)(?:$|[_.-])"
    r"|[_.-]pwd(?:$|[_.-])|(?:^|_)dsn_password",
    re.IGNORECASE,
)
_NOT_ITSELF = re.compile(
    r"[_.-](?:file|path|dir|folder|sock(?:et)?|host|port|url|uri|ttl|timeout|expiry|expires|count|length|type|name|policy"
    r"|algorithm|enabled|required|hash|id)$",
    re.IGNORECASE,
)
"""Names that speak about a secret, such as ``PASSWORD_FILE``, and do not hold it."""


class Found(NamedTuple):
    """A secret inside a text."""

    kind: str
    start: int
    end: int


def is_secret_name(name: str) -> bool:
    """Whether a variable or key of this name is expected to hold a secret."""
    return bool(_SECRET_NAME.search(name)) and not _NOT_ITSELF.search(name)


def holds_secret(name: str, value: str) -> bool:
    """Whether a value is a secret because of its name."""
    return bool(value) and is_secret_name(name) and not (TOKEN.fullmatch(value) or _PLACEHOLDER.fullmatch(value))


def known_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The secrets in an environment: values whose names say so, and the passwords inside of URLs."""
    found = {}
    for name, value in environment.items():
        value = value.strip()
        if value and is_secret_name(name):
            found[name] = value
        elif "://" in value and "@" in value and (password := _url_password(value)):
            found[name] = password
    return found


def _url_password(value: str) -> str | None:
    try:
        password = urlsplit(value).password
    except ValueError:
        return None
    return unquote(password) if password else None


_TOKEN = r"\[REDACTED:[A-Za-z0-9_.-]{1,40}:[0-9a-f]{6}\]"  # noqa: S105 - the shape of what replaces a secret
TOKEN = re.compile(_TOKEN)


def _value(name: str) -> str:
    """A value, in the group ``<name>_bare`` or, in quotes, ``<name>_escaped``, ``<name>_double``, ``<name>_single``."""
    return (
        rf"""(?:\\"(?P<{name}_escaped>[^"\\\n]{{1,1000}})|"(?P<{name}_double>(?:[^"\\\n]|\\.){{1,1000}})"?|'(?P<{name}_single>(?:[^'\\\n]|\\.){{1,1000}})'?"""
        rf"""|(?P<{name}_bare>(?:{_TOKEN}|[^\s"'`,;&<>(){{}}\\\]]){{1,1000}}))"""
    )


_PRIVATE_KEY = re.compile(
    r"""-----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY-----
    (?P<private_key>(?:(?:\\[rn]|[\r\n]){1,4}(?:Proc-Type|DEK-Info|Comment|Version):[ ][^\r\n\\]{0,200}){0,4}
        (?:(?:\\[rn]|[\r\n]){1,4}[ \t]{0,16}[A-Za-z0-9+/=]{1,20000}(?=[\r\n\\-]|$)
          | [ ]?[A-Za-z0-9+/=]{16,20000}){1,1000})""",
    re.VERBOSE,
)

_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_KEY_LINE = re.compile(r"[ \t]*[A-Za-z0-9+/=]{1,20000}[ \t\r]*")

_SECRET = re.compile(
    rf"""
    {_TOKEN}
  | ://(?:{_TOKEN}|[^\s/:@"'<>]){{0,256}}:(?P<userinfo>[^\s/"'<>]{{1,512}})@
  | (?i:(?<![a-z])authorization)\\?["']?\s{{0,3}}[:=]\s{{0,3}}\\?["']?
      (?:(?i:Bearer|Basic|Digest|Token|ApiKey|Negotiate)[ ]{{1,3}})?(?P<authorization>[^\s"'\\,;]{{1,4000}})
  | (?i:\b(?:Bearer|Basic))[ ]{{1,3}}(?P<bearer>[A-Za-z0-9._~+/=-]{{8,4000}})
  | (?<![A-Za-z0-9_-])(?P<jwt>eyJ[A-Za-z0-9_-]{{8,4000}}\.[A-Za-z0-9_-]{{8,4000}}(?:\.[A-Za-z0-9_-]{{0,4000}})?)
  | (?<![A-Za-z0-9])(?:
        (?P<aws_key>(?:AKIA|ASIA)[0-9A-Z]{{16}}(?![0-9A-Za-z]))
      | (?P<github>gh[pousr]_[A-Za-z0-9]{{20,255}}|github_pat_[A-Za-z0-9_]{{20,255}})
      | (?P<gitlab>glpat-[A-Za-z0-9_-]{{20,255}})
      | (?P<slack>xox[abeprs]-[A-Za-z0-9-]{{10,255}})
      | (?P<stripe>(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9]{{10,255}})
      | (?P<api_key>sk-[A-Za-z0-9_-]{{20,255}}|AIza[A-Za-z0-9_-]{{35}}))
  | (?<![0-9])(?P<telegram>[0-9]{{8,10}}:[A-Za-z0-9_-]{{35}})(?![A-Za-z0-9_-])
  | (?P<name>(?i:passw(?:or)?d|passphrase|passwort|kennwort|(?<![a-z])pass|(?<=_)pwd|(?<![a-z])pwd|secret|token
          |credentials?|signature|(?:api|access|secret|private|auth|encryption|signing)[_-]?key|rediscli_auth)
        \d{{0,2}}(?:_(?!FILE|PATH|DIR|URL|TTL|TIMEOUT|EXPIR|COUNT|LENGTH|TYPE|HASH|ID\b)[A-Z0-9]{{1,20}}){{0,3}})
      \\?["']?(?P<between>\s{{0,3}}(?:=>|[:=])\s{{0,3}}){_value("value")}
  | --(?i:(?:[a-z]{{1,20}}-){{0,3}}(?:password|passwd|secret|token|api-?key))[ ]{_value("option")}
  | (?i:\b(?:requirepass|masterauth|password|identified[ ]by))[ ]{{1,3}}'(?P<statement>[^'\n]{{1,1000}})'
  | (?i:\b(?:requirepass|masterauth))[ ]{{1,3}}(?P<setting>[^\s"']{{1,1000}})
    """,
    re.VERBOSE,
)
_PASSWORDS = {"userinfo", "statement", "setting"}
_CLUES = (
    *("://", "authorization", "bearer", "basic", "eyj", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "k_live_", "k_test_", "whsec_", "sk-", "aiza", "pass", "pwd", "kennwort"),
    *("secret", "token", "credential", "signature", "key", "auth", "identified by"),
)
"""A line that holds none of these (in lower case) holds no secret of a known form, except Telegram's."""
_TELEGRAM_CLUE = re.compile(r":[A-Za-z0-9_-]{35}")

_PLACEHOLDER = re.compile(
    r"""(?ix) none | null | nil | true | false | undefined | empty | missing | required | expired | invalid
    | unset | set | not | is | was | are | has | no | yes | ok | unknown | changed | authentication
    | \*+ | <\w{1,20}> | x{3,} | \.{3} | -+ | \$\{?\w*\}? | %\(?\w*\)?s? | \{\w*\}? | (?:env|file):\S* """
)
"""What stands behind ``password=`` without being one: a word of a sentence, a placeholder, a reference."""


def find_secrets(text: str) -> Iterator[Found]:
    """Find what looks like a secret, in the order of the text; time grows with its length only."""
    if "-----BEGIN " in text:
        for key in _PRIVATE_KEY.finditer(text):
            yield Found("private-key", *key.span("private_key"))
    if "-----END " in text:
        yield from _ends_of_keys(text)
    lower = text.lower()
    clues = [clue for clue in _CLUES if clue in lower]
    if not clues and not _TELEGRAM_CLUE.search(text):
        return
    start = 0
    for line in text.splitlines(keepends=True):
        low = line.lower()
        if any(clue in low for clue in clues) or _TELEGRAM_CLUE.search(line):
            yield from _in_line(line, start)
        start += len(line)


def _ends_of_keys(text: str) -> Iterator[Found]:
    """The lines before the end of a private key: the beginning may stand in front of what was read."""
    barrier = 0
    for end in _KEY_END.finditer(text):
        start = end.start()
        while start > barrier:
            line = text.rfind("\n", barrier, start - 1) + 1 or barrier
            if not _KEY_LINE.fullmatch(text[line:start].removesuffix("\n")):
                break
            start = line
        body = text[start : end.start()].rstrip()
        if body:
            yield Found("private-key", start, start + len(body))
        barrier = end.end()


def _in_line(line: str, offset: int) -> Iterator[Found]:
    for match in _SECRET.finditer(line):
        group = match.lastgroup
        if group is not None and (kind := _kind(match, group, match[group])):
            yield Found(kind, offset + match.start(group), offset + match.end(group))


def _kind(match: re.Match[str], group: str, value: str) -> str | None:
    """What kind of secret was matched, None when it only stands where a secret could."""
    if TOKEN.fullmatch(value) or _PLACEHOLDER.fullmatch(value):
        return None
    if group in _PASSWORDS:
        return "password"
    if group in ("bearer", "api_key"):
        return group.replace("_", "-") if _looks_random(value) else None
    if group.startswith("option_"):
        return "option"
    if not group.startswith("value_"):
        return group.replace("_", "-")
    name = match["name"].lower()
    return _family(name) if _is_assigned(match, name, value, bare=group.endswith("_bare")) else None


def _is_assigned(match: re.Match[str], name: str, value: str, *, bare: bool) -> bool:
    if name.startswith("pass") or "wort" in name:
        # "pass: 12 tests" is a sentence; "password: 1234" is not.
        return not (name == "pass" and ":" in match["between"])
    if name.startswith("pwd") and value.startswith(("/", "~")):
        return False
    if value.isdigit() and len(value) < 6:
        return False
    return not bare or "=" in match["between"] or _looks_random(value)


def _family(name: str) -> str:
    for family in ("pass", "pwd", "wort", "secret", "token", "signature", "credential"):
        if family in name:
            return "password" if family in ("pass", "pwd", "wort") else family
    return "key"


def _looks_random(value: str) -> bool:
    """Whether a value is not a word: digits among letters, case changing inside, or very long."""
    has_letter = any(character.isalpha() for character in value)
    has_digit = any(character.isdigit() for character in value)
    mixed = bool(re.search(r"[a-z][A-Z]|[A-Z]{2}[a-z]", value))
    return (has_letter and has_digit) or mixed or len(value) >= 24
