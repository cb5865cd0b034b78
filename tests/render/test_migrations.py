"""Migration files beside the live catalog, on a terminal."""

from __future__ import annotations

from cdbctl.model.migrations import Effect, EffectState, MigrationFile
from cdbctl.render.migrations import migration_table


def file(name: str, problem: str | None = None) -> MigrationFile:
    return MigrationFile(
        name=name, path=f"governance/migrations/{name}", sha256="0" * 64, creates=(), adds_columns=(), drops=(),
        other_statements=0, problem=problem,
    )  # fmt: skip


def test_each_file_has_its_state_and_what_the_database_lacks_of_it() -> None:
    table = migration_table(
        (
            Effect(file("0001_core.sql"), EffectState.IN_EFFECT, (), ("public.orders",)),
            Effect(file("0002_half.sql"), EffectState.PARTLY, ("public.b",), ("public.a",)),
            Effect(file("0003_grants.sql"), EffectState.NOT_PROVABLE, (), ()),
            Effect(file("0004_risk_events.sql"), EffectState.PENDING, ("public.risk_events", "public.i"), ()),
            Effect(file("0005_broken.sql", "line 3: syntax error"), EffectState.NOT_PROVABLE, (), ()),
        )
    )
    assert table == (
        "[OK]   0001_core.sql         in effect\n"
        "[FAIL] 0002_half.sql         partly in effect; the live database lacks public.b\n"
        "[?]    0003_grants.sql       not provable; the catalog cannot show whether it was applied\n"
        "[WAIT] 0004_risk_events.sql  pending; the live database lacks public.risk_events, public.i\n"
        "[?]    0005_broken.sql       not provable; line 3: syntax error\n"
        "\n"
        "5 files: 1 in effect, 1 pending, 1 partly in effect, 2 not provable\n"
    )


def test_no_files_are_said_to_be_none() -> None:
    assert migration_table(()) == "there are no migration files\n"


def test_a_hostile_file_name_stays_on_its_line() -> None:
    name = "0001_\x1b[2J\n[OK] fake.sql"
    table = migration_table((Effect(file(name), EffectState.PENDING, ("public.a",), ()),))
    assert len(table.splitlines()) == 3
    assert "\x1b" not in table
