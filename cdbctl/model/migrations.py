"""Facts about the folder of SQL migrations."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One ``*.sql`` file and what its statements would bring into the catalog."""

    name: str
    """File name, e.g. ``0004_risk_events.sql``."""
    path: str
    """Relative to the root, with forward slashes."""
    sha256: str
    """Of the raw bytes; empty when it was not read."""
    creates: tuple[str, ...]
    """Relations that must exist once it is applied, ``schema.name``; ``public`` where none is named. What it makes
    and drops again does not count, nor do temporary tables."""
    adds_columns: tuple[tuple[str, str], ...]
    """(relation, column) of every ``ALTER TABLE … ADD COLUMN`` and every column renamed."""
    drops: tuple[str, ...]
    """Relations that must be gone once it is applied."""
    other_statements: int
    """Statements whose effect cannot be seen in the list of relations and columns."""
    problem: str | None
    """Why the file could not be understood, else None."""
    drops_columns: tuple[tuple[str, str], ...] = ()
    """(relation, column) of every ``DROP COLUMN`` and every column renamed."""
    recreates: tuple[str, ...] = ()
    """Relations that it drops and makes again: their rows would be lost."""


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    """All migration files, in the order of their names."""

    path: str
    files: tuple[MigrationFile, ...]


class EffectState(StrEnum):
    """What the live catalog proves about a migration file."""

    IN_EFFECT = "in effect"
    PENDING = "pending"
    """Nothing that it brings is there."""
    PARTLY = "partly in effect"
    NOT_PROVABLE = "not provable"
    """It brings nothing that the catalog could show. That is not applied."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One migration file compared with the live catalog."""

    file: MigrationFile
    state: EffectState
    missing: tuple[str, ...]
    """Relations (``schema.name``) and columns (``schema.name.column``) that it would bring."""
    present: tuple[str, ...]
