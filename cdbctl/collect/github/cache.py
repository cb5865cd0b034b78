"""Answers of GitHub that are still valid when GitHub says so (304), which costs nothing of the rate limit.

Every entry is sealed with the token: what anybody without it wrote into the file is not believed. The token itself
is nowhere in it.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

FORMAT = "cdbctl/github-cache/1"
FILE = "github.json"
LARGEST_FILE_BYTES = 8 * 2**20
LARGEST_BODY = 2 * 2**20
"""Characters."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer that was complete when it was stored."""

    etag: str
    next_page: str
    body: str


class EtagCache:
    """The stored answers of one token. Whatever is wrong with the file, the worst is that nothing is stored."""

    def __init__(self, folder: Path, token: str) -> None:
        self._file = folder / FILE
        self._token = token.encode()
        self._entries = dict(_load(self._file))
        self._changed = False

    def find(self, url: str) -> Stored | None:
        """The stored answer for an address, if this token stored it and nobody changed it."""
        entry = self._entries.get(self._key(url))
        if not isinstance(entry, Mapping):
            return None
        parts = tuple(entry.get(name) for name in ("etag", "next_page", "body"))
        texts = tuple(part for part in parts if isinstance(part, str))
        seal = str(entry.get("seal")).encode(errors="replace")
        if len(texts) != len(parts) or not hmac.compare_digest(seal, self._seal(url, texts)):
            return None
        return Stored(*texts)

    def keep(self, url: str, stored: Stored) -> None:
        """Remember an answer; the newest stands last."""
        self._entries.pop(self._key(url), None)
        self._changed = True
        if len(stored.body) <= LARGEST_BODY:
            texts = (stored.etag, stored.next_page, stored.body)
            names = dict(zip(("etag", "next_page", "body"), texts, strict=True))
            self._entries[self._key(url)] = names | {"seal": self._seal(url, texts).decode()}

    def save(self) -> str:
        """Write the file, readable for its owner only; return why that failed, or nothing."""
        if not self._changed:
            return ""
        unfinished = self._file.with_name(f".{FILE}-{token_hex(6)}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(self._document())
            unfinished.replace(self._file)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            return f"the cache {self._file} was not written: {error.strerror or error}"
        return ""

    def _document(self) -> bytes:
        """The entries that fit, the newest first to stay."""
        left = LARGEST_FILE_BYTES - 1000
        kept: dict[str, object] = {}
        for key, entry in reversed(self._entries.items()):
            left -= len(json.dumps({key: entry})) + 2
            if left < 0:
                break
            kept[key] = entry
        entries = dict(reversed(kept.items()))
        return json.dumps({"format": FORMAT, "entries": entries}).encode()

    def _key(self, url: str) -> str:
        return hmac.new(self._token, f"key {url}".encode(), "sha256").hexdigest()

    def _seal(self, url: str, texts: tuple[str, ...]) -> bytes:
        sealed = json.dumps([url, *texts]).encode()
        return hmac.new(self._token, b"seal " + sealed, "sha256").hexdigest().encode()


def _load(file: Path) -> Mapping[str, object]:
    """The entries of the file; none when it is missing, foreign, damaged or too large."""
    try:
        if not file.is_file():  # opening a named pipe would wait for its writer
            return {}
        with file.open("rb") as stream:
            text = stream.read(LARGEST_FILE_BYTES + 1)
        document = json.loads(text) if len(text) <= LARGEST_FILE_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(document, Mapping) or document.get("format") != FORMAT:
        return {}
    entries = document.get("entries")
    return entries if isinstance(entries, Mapping) else {}
