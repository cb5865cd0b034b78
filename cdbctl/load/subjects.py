"""What a check looks at: names, and selectors for the declared services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cdbctl.errors import Problem
from cdbctl.load.document import Document, DocumentPath
from cdbctl.load.wording import did_you_mean, shown
from cdbctl.model.stack import Group, Service

SELECTORS: dict[str, Callable[[Service], bool]] = {
    "services:*": lambda service: True,
    "services:under-test": lambda service: service.group is Group.UNDER_TEST,
    "services:observability": lambda service: service.group is Group.OBSERVABILITY,
    "services:required": lambda service: service.required,
}


class Subjects:
    """Resolves subjects, and finds those that name a service which nobody declared.

    ``services`` is None while nobody can tell them, because ``cdbctl.yaml`` itself is wrong. A selector that selects
    nothing is a mistake, but not where the checks were written for any stack.
    """

    def __init__(self, services: Sequence[Service] | None, *, may_select_nothing: bool = False) -> None:
        self._unknown = services is None
        self._may_select_nothing = may_select_nothing
        self._services = services or ()
        self._names = [service.name for service in self._services]
        self._prefix = _common_prefix(self._names)

    def resolve(self, declared: str | Sequence[str]) -> tuple[str, ...]:
        """Replace selectors by the services they select, in the order of ``cdbctl.yaml``; each subject once."""
        words = [declared] if isinstance(declared, str) else declared
        return tuple(dict.fromkeys(name for word in words for name in self._resolve_one(word)))

    def _resolve_one(self, word: str) -> list[str]:
        if word not in SELECTORS:
            return [word]
        return [service.name for service in self._services if SELECTORS[word](service)]

    def problems(
        self, document: Document, path: DocumentPath, declared: Any, *, sure: bool = False
    ) -> Iterator[Problem]:
        """Say which subjects cannot be meant; ``sure`` when they have to be services."""
        if isinstance(declared, str):
            if message := self._wrong(declared, sure=sure):
                yield document.problem(path, message)
        elif isinstance(declared, list):
            sure = sure or any(word in SELECTORS for word in declared if isinstance(word, str))
            for index, word in enumerate(declared):
                yield from self.problems(document, (*path, index), word if isinstance(word, str) else None, sure=sure)

    def _wrong(self, word: str, *, sure: bool) -> str:
        if word.startswith("services:") and word not in SELECTORS:
            return did_you_mean(word, list(SELECTORS), what="selector")
        if self._unknown:
            return ""
        if word in SELECTORS:
            fine = self._may_select_nothing or self._resolve_one(word)
            return "" if fine else f"{shown(word)} selects no service: no service is like that"
        name = word.partition("/")[0]  # metrics are written service/metric
        if name not in self._names and (sure or (self._prefix and name.startswith(self._prefix))):
            return did_you_mean(name, self._names, what="service")
        return ""


def _common_prefix(names: Sequence[str]) -> str:
    """Return the prefix of most services, e.g. ``cdb_``, or an empty text."""
    prefixes = Counter(name.partition("_")[0] + "_" for name in names if "_" in name)
    prefix, count = next(iter(prefixes.most_common(1)), ("", 0))
    return prefix if 2 * count > len(names) else ""
