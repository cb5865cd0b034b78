"""Names of relations compared: logs say ``risk_events``, catalogs say ``public.risk_events``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cdbctl.model.database import Relation
from cdbctl.model.reading import Unavailable

_UNDEFINED_TABLE = re.compile(r"\b42P01\b")
_NO_RELATION = re.compile(r'relation "([^"]+)" does not exist')


def qualified(name: str) -> str:
    """``schema.name``; ``public`` where none is named."""
    return name if "." in name else f"public.{name}"


def same(one: str, other: str) -> bool:
    """Whether two names can mean the same relation: a name without a schema can mean any schema."""
    if "." in one and "." in other:
        return one == other
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def among(name: str, relations: Iterable[Relation]) -> bool:
    """Whether the live catalog holds a relation of that name."""
    return any(same(name, f"{relation.schema}.{relation.name}") for relation in relations)


def is_listed(name: str, relations: Iterable[Relation]) -> bool:
    """Whether the live catalog holds exactly this relation; ``public`` is meant where no schema is named."""
    return any(qualified(name) == f"{relation.schema}.{relation.name}" for relation in relations)


def missing_relation(reading: Unavailable, asked: str) -> str | None:
    """The relation that PostgreSQL says does not exist, when that is why there is no answer.

    The SQLSTATE decides; a server that speaks another language than English names the relation in other words, and
    then the one that was asked for is taken.
    """
    match = _NO_RELATION.search(reading.reason)
    if match:
        return match[1]
    return asked if _UNDEFINED_TABLE.search(reading.reason) else None
