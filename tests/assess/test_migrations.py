"""What the live catalog proves about a migration file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdbctl.assess.migrations import creators, effect, effects
from cdbctl.model.database import Relation
from cdbctl.model.migrations import EffectState, MigrationFile, MigrationFolder
from tests.assess.snapshots import migration

RISK_EVENTS = Relation("public", "risk_events", "table", ("id", "decision"))
INDEX = Relation("public", "idx_risk", "index", ())


@pytest.mark.parametrize(
    ("file", "state", "missing"),
    [
        (migration("1.sql", "public.risk_events", "public.idx_risk"), EffectState.IN_EFFECT, ()),
        (migration("1.sql", "risk_events"), EffectState.IN_EFFECT, ()),
        (migration("1.sql", "audit.risk_events"), EffectState.PENDING, ("audit.risk_events",)),
        (migration("1.sql", "public.risk_events", "public.other"), EffectState.PARTLY, ("public.other",)),
        (migration("1.sql", adds=(("public.risk_events", "decision"),)), EffectState.IN_EFFECT, ()),
        (
            migration("1.sql", adds=(("public.risk_events", "payload"),)),
            EffectState.PENDING,
            ("public.risk_events.payload",),
        ),
        (migration("1.sql"), EffectState.NOT_PROVABLE, ()),
        (migration("1.sql", drops=("public.old",)), EffectState.NOT_PROVABLE, ()),
    ],
)
def test_a_file_is_compared_with_the_catalog(file: MigrationFile, state: EffectState, missing: tuple[str, ...]) -> None:
    answer = effect(file, (RISK_EVENTS, INDEX))
    assert (answer.state, answer.missing) == (state, missing)


def test_a_file_that_could_not_be_understood_proves_nothing() -> None:
    file = replace(migration("1.sql", "public.risk_events"), problem="it is not SQL")
    assert effect(file, (RISK_EVENTS,)).state is EffectState.NOT_PROVABLE


def test_what_a_later_file_drops_is_not_missing() -> None:
    folder = MigrationFolder(
        "migrations",
        (
            migration("1.sql", "public.old", adds=(("public.old", "x"),)),
            migration("2.sql", "public.risk_events", drops=("old",)),
        ),
    )
    assert [item.state for item in effects(folder, (RISK_EVENTS,))] == [
        EffectState.NOT_PROVABLE,
        EffectState.IN_EFFECT,
    ]


def test_what_an_earlier_file_drops_is_missing_when_this_one_creates_it_again() -> None:
    folder = MigrationFolder(
        "migrations", (migration("1.sql", drops=("public.x",)), migration("2.sql", "public.x", drops=("public.x",)))
    )
    assert effects(folder, ())[1].state is EffectState.PENDING


def test_the_creator_of_a_missing_relation_is_found_by_its_bare_name() -> None:
    folder = MigrationFolder("migrations", (migration("1.sql", "public.a"), migration("2.sql", "public.risk_events")))
    assert [item.file.name for item in creators("risk_events", effects(folder, ()))] == ["2.sql"]
    assert creators("risk_events", effects(folder, (RISK_EVENTS,))) == ()
