"""The way of a schema change into the database; so far its first step: what is pending. Read-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cdbctl.assess.migrations import effects
from cdbctl.collect.attempt import Job, attempt
from cdbctl.collect.jobs import Sources
from cdbctl.errors import DefinitionError, Problem, UndecidedError
from cdbctl.model.migrations import Effect
from cdbctl.model.reading import Unavailable
from cdbctl.settings import Settings


def migration_status(settings: Settings) -> Sequence[Effect]:
    """Compare the migration files with the live catalog.

    Raises DefinitionError without a declared database, UndecidedError when a source does not answer.
    """
    sources = Sources(settings)
    live = sources.database()
    if live is None:
        raise DefinitionError(
            [Problem((settings.root / "cdbctl.yaml").as_posix(), 0, "database", "no database is declared")],
            next_step="declare the section 'database' in cdbctl.yaml",
        )
    folder, catalog = _value(sources.migrations()), _value(live)
    return effects(folder, catalog.relations)


def _value(job: Job[Any]) -> Any:
    reading = attempt(job)
    if isinstance(reading, Unavailable):
        raise UndecidedError(
            "it could not be decided which migrations are in effect",
            why=f"{reading.source}: {reading.reason}",
            next_step=reading.remedy or "make the source answer, then run the command again",
        )
    return reading.value
