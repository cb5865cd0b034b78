"""Secrets are replaced before anything is stored: known values first, then what looks like a secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets as randomness
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast
from urllib.parse import quote, quote_plus

from cdbctl.collect.secret_patterns import TOKEN, find_secrets, holds_secret, known_secrets
from cdbctl.model.metrics import Series
from cdbctl.model.snapshot import Redaction

__all__ = ["Redactor", "known_secrets", "without_words_of"]

T = TypeVar("T")

SHORTEST_KNOWN = 6
"""Shorter values occur in ordinary words; they are replaced only behind a name such as ``password=``."""
_SHORTEST_LINE = 16
"""Of a secret of many lines, such as a private key, each line of this length is a secret, too."""
_BEGINNING = 12
_RANDOM_BEGINNING = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_=+-]{12}")
"""A longer secret that begins like this is known by its beginning: its text may have been cut."""
_ORDINARY_WORD = re.compile(r"[A-Za-z]?[a-z]{1,15}(?:[_-][a-z]{1,15}){0,3}|[0-9]{1,12}")
_CONCEALED = "<secret>"
_REMEMBERED_TEXTS = 4096


class Redactor:
    """Replaces secrets by ``[REDACTED:kind:6hex]``; within one run the same secret gets the same token.

    ``known`` maps a kind or name to a value that must not be stored. ``key`` makes the tokens: it is random, so
    that they cannot be compared with guesses afterwards.
    """

    def __init__(self, known: Mapping[str, str], *, key: bytes | None = None) -> None:
        self._key = randomness.token_bytes(32) if key is None else key
        self._tokens: dict[str, str] = {}
        self._issued: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._remembered: dict[str, tuple[str, Counter[str]]] = {}
        self._learning = threading.Lock()
        self._kinds: dict[str, str] = {}
        self._forms: dict[str, tuple[str, str]] = {}
        self._beginnings: dict[str, tuple[str, str]] = {}
        self._clues: tuple[str, ...] = ()
        self._known: re.Pattern[str] | None = None
        self.learn(known)

    def learn(self, known: Mapping[str, str]) -> None:
        """Know more secrets from now on; the kind of one that is known already stays as it is."""
        with self._learning:
            new = {value: kind for kind, value in known.items() if value not in self._kinds}
            if not new:
                return
            self._kinds |= new
            self._remembered = {}
            self._forms = _forms(self._kinds)
            self._beginnings = {
                form[:_BEGINNING]: found for form, found in self._forms.items() if _is_known_early(form)
            }
            self._known = _pattern(self._forms)
            # Last: whoever looks for clues at this moment still finds the pattern for them.
            self._clues = (
                *self._beginnings,
                *(form for form in self._forms if form[:_BEGINNING] not in self._beginnings),
            )

    @property
    def redactions(self) -> tuple[Redaction, ...]:
        """What was replaced so far."""
        return tuple(Redaction(token, count) for token, count in sorted(self._counts.items()))

    def text(self, text: str) -> str:
        """The text without secrets. Doing it twice changes nothing more."""
        found = self._remembered.get(text)
        if found is None:
            before = Counter(self._counts)
            result = self._without_patterns(self._without_known(text))
            counted = self._counts - before
            if len(self._remembered) >= _REMEMBERED_TEXTS:
                self._remembered.clear()
            self._remembered[text] = (result, counted)
            return result
        self._counts += found[1]
        return found[0]

    def conceal(self, text: str) -> str:
        """The text with the same mark for every secret: for what is compared between runs. Counts nothing."""
        known = self._known.sub(_CONCEALED, text) if self._known and self._may_hold_known(text) else text
        return "".join(_replaced(known, lambda _kind, _secret: _CONCEALED))

    def value(self, value: T) -> T:
        """The same value of the model without secrets in any of its texts, the keys of mappings included."""
        return cast(T, self._walk(value))

    def _walk(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Series):
            labels = tuple((self.text(name), self._named(name, label)) for name, label in value.labels)
            return value if labels == value.labels else replace(value, labels=labels)
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                field.name: new
                for field in fields(value)
                if (new := self._walk(old := getattr(value, field.name))) is not old
            }
            return replace(value, **changed) if changed else value
        if isinstance(value, Mapping):
            walked = {self._walk(key): self._named(key, item) for key, item in value.items()}
            return value if _same(walked.items(), value.items()) else walked
        if isinstance(value, tuple | list | set | frozenset):
            items = [self._walk(item) for item in value]
            return value if all(map(_is, items, value)) else type(value)(items)
        return value

    def _named(self, key: object, value: Any) -> Any:
        """The value of a mapping; its key may say that it is a secret."""
        if isinstance(key, str) and isinstance(value, str) and holds_secret(key, value):
            return self._token(*self._forms.get(value, ("named", value)))
        return self._walk(value)

    def _without_known(self, text: str) -> str:
        if self._known is None or not self._may_hold_known(text):
            return text
        return self._known.sub(self._replace_known, text)

    def _may_hold_known(self, text: str) -> bool:
        return any(clue in text for clue in self._clues)

    def _replace_known(self, match: re.Match[str]) -> str:
        found = match.group()
        if found in self._forms:
            kind, secret = self._forms[found]
            return self._token(kind, secret)
        if found in self._issued or self._known is None:
            return found
        if found[:_BEGINNING] in self._beginnings:
            return self._token(*self._beginnings[found[:_BEGINNING]])
        # It has the form of a token, and was not made here: a secret may hide inside.
        return found[0] + self._known.sub(self._replace_known, found[1:])

    def _without_patterns(self, text: str) -> str:
        return "".join(_replaced(text, self._token))

    def _token(self, kind: str, secret: str) -> str:
        token = self._tokens.get(secret)
        if token is None:
            digest = hmac.new(self._key, secret.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
            name = re.sub(r"[^A-Za-z0-9_.-]", "-", kind)[:40] or "secret"
            token = self._tokens[secret] = f"[REDACTED:{name}:{digest[:6]}]"
            self._issued.add(token)
        self._counts[token] += 1
        return token


def without_words_of(known: Mapping[str, str], definitions: str) -> dict[str, str]:
    """The secrets without those that are ordinary words of the definitions, such as the name of a service.

    Everybody may read the definitions, and a report without such words would say nothing. Behind ``password=``
    and the like they are replaced all the same.
    """
    return {
        name: value
        for name, value in known.items()
        if not (_ORDINARY_WORD.fullmatch(value) and re.search(_searched(value), definitions))
    }


def _replaced(text: str, replacement: Callable[[str, str], str]) -> Iterator[str]:
    """The pieces of a text, with a replacement (of kind and secret) for everything that looks like a secret."""
    position = 0
    for kind, start, end in sorted(find_secrets(text), key=lambda found: found.start):
        start = max(start, position)
        if start < end:
            yield text[position:start]
            yield replacement(kind, text[start:end])
            position = end
    yield text[position:]


def _is_known_early(form: str) -> bool:
    return len(form) > _BEGINNING and _RANDOM_BEGINNING.fullmatch(form[:_BEGINNING]) is not None


def _forms(kinds: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Every way in which a known secret may be written, longest first, with its kind and the secret itself."""
    forms: dict[str, tuple[str, str]] = {}
    for value, kind in kinds.items():
        secret = value.strip()
        lines = [line.strip() for line in secret.splitlines()] if "\n" in secret else []
        for part in (secret, *(line for line in lines if len(line) >= _SHORTEST_LINE)):
            for form in _written(part):
                if len(form) >= SHORTEST_KNOWN and len(part) >= SHORTEST_KNOWN:
                    forms.setdefault(form, (kind, secret))
    return dict(sorted(forms.items(), key=lambda item: (-len(item[0]), item[0])))


def _written(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    raw = secret.encode(errors="surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(raw).decode("ascii")
        yield encoded
        yield encoded.rstrip("=")


def _pattern(forms: Mapping[str, object]) -> re.Pattern[str] | None:
    if not forms:
        return None
    cut_off = (
        rf"""{re.escape(form[:_BEGINNING])}[^\s"'…]{{0,{len(form) - _BEGINNING}}}"""
        for form in forms
        if _is_known_early(form)
    )
    return re.compile("|".join((TOKEN.pattern, *map(_searched, forms), *cut_off)))


def _searched(form: str) -> str:
    escaped = re.escape(form)
    # A password that is an ordinary word ("postgres") is replaced where it stands alone, not inside of names such
    # as postgres_exporter, postgres-up and checks.postgres.
    alone = rf"(?<!\w)(?<!\w[.-]){escaped}(?!\w|[.-]\w)"
    return alone if _ORDINARY_WORD.fullmatch(form) else escaped


def _is(new: object, old: object) -> bool:
    return new is old


def _same(new: Any, old: Any) -> bool:
    return all(a[0] is b[0] and a[1] is b[1] for a, b in zip(new, old, strict=False)) and len(new) == len(old)
