"""Migration files beside the live catalog, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdbctl.model.migrations import Effect, EffectState
from cdbctl.render.text import one_line

_TAGS = {
    EffectState.IN_EFFECT: "[OK]  ",
    EffectState.PENDING: "[WAIT]",
    EffectState.PARTLY: "[FAIL]",
    EffectState.NOT_PROVABLE: "[?]   ",
}


def migration_table(compared: Sequence[Effect]) -> str:
    """One line for each file: its state, and what the live catalog lacks of it."""
    if not compared:
        return "there are no migration files\n"
    width = max(len(one_line(item.file.name)) for item in compared)
    lines = [
        f"{_TAGS[item.state]} {one_line(item.file.name):{width}}  {one_line('; '.join(_words(item)))}"
        for item in compared
    ]
    return "\n".join([*lines, "", _sum(compared), ""])


def _words(item: Effect) -> Iterator[str]:
    yield item.state.value
    if item.file.problem:
        yield item.file.problem
    if item.missing:
        yield f"the live database lacks {', '.join(item.missing)}"
    elif item.state is EffectState.NOT_PROVABLE and not item.file.problem:
        yield "the catalog cannot show whether it was applied"


def _sum(compared: Sequence[Effect]) -> str:
    counts = {state: sum(item.state is state for item in compared) for state in EffectState}
    told = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    return f"{len(compared)} {'file' if len(compared) == 1 else 'files'}: {told}"
