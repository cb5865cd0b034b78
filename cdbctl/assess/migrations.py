"""Which migration files are in effect: what they bring into the catalog, compared with the live catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cdbctl.assess.relations import qualified, same
from cdbctl.model.database import Relation
from cdbctl.model.migrations import Effect, EffectState, MigrationFile, MigrationFolder


def effects(folder: MigrationFolder, relations: Sequence[Relation]) -> tuple[Effect, ...]:
    """Compare every file of the folder, in order; what a later file drops or renames is not missing."""
    return tuple(
        effect(file, relations, later_drops=tuple(name for later in folder.files[index + 1 :] for name in later.drops))
        for index, file in enumerate(folder.files)
    )


def effect(file: MigrationFile, relations: Iterable[Relation], later_drops: Sequence[str] = ()) -> Effect:
    """Compare what one file brings with the live catalog."""
    columns = {f"{item.schema}.{item.name}": item.columns for item in relations}
    expected = {qualified(name): qualified(name) in columns for name in file.creates if not _gone(name, later_drops)}
    expected |= {
        f"{qualified(table)}.{column}": column in columns.get(qualified(table), ())
        for table, column in file.adds_columns
        if not _gone(table, later_drops)
    }
    present = tuple(name for name, there in expected.items() if there)
    missing = tuple(name for name, there in expected.items() if not there)
    if file.problem or not expected:
        state = EffectState.NOT_PROVABLE
    elif not missing:
        state = EffectState.IN_EFFECT
    else:
        state = EffectState.PARTLY if present else EffectState.PENDING
    return Effect(file, state, missing, present)


def creators(relation: str, effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """The files, not yet wholly in effect, that would create a missing relation; the last one is the newest."""
    return tuple(item for item in effects if any(same(relation, name) for name in item.missing))


def _gone(name: str, later_drops: Sequence[str]) -> bool:
    return any(qualified(name) == qualified(dropped) for dropped in later_drops)
