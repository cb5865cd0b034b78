"""What is known of the catalog while the statements of a text are followed one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

from cdbctl.sql.grammar import Node


@dataclass(frozen=True, slots=True)
class Effects:
    """The sum of all statements of one text. Names are ``schema.name``, in the order of the text."""

    creates: tuple[str, ...]
    """Relations that exist afterwards and that a statement made. Temporary ones do not count."""
    adds_columns: tuple[tuple[str, str], ...]
    """(relation, column) of what ``ALTER TABLE`` added, or renamed to."""
    drops: tuple[str, ...]
    """Relations that are gone afterwards and that were there before."""
    drops_columns: tuple[tuple[str, str], ...]
    recreates: tuple[str, ...]
    """Relations that were dropped and then made again: their rows are lost."""
    other_statements: int
    """Statements with a lasting effect that none of the above shows: INSERT, GRANT, DO, ADD CONSTRAINT …"""
    notable: tuple[tuple[int, str], ...]
    """(line, what it does) of every effect on relations and columns, also of those undone later."""


@dataclass(slots=True)
class CatalogState:
    """What is known after the statements so far."""

    schema: str = "public"
    """Where a name without schema belongs."""
    made: dict[str, str | None] = field(default_factory=dict)
    """Relation -> the relation that takes it along when dropped (the table of an index)."""
    gone: dict[str, None] = field(default_factory=dict)
    recreated: dict[str, None] = field(default_factory=dict)
    temporary: set[str] = field(default_factory=set)
    columns: dict[tuple[str, str], None] = field(default_factory=dict)
    columns_gone: dict[tuple[str, str], None] = field(default_factory=dict)
    other: int = 0
    line: int = 0
    notable: list[tuple[int, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.notable.append((self.line, what))

    def make(self, name: str, owner: str | None = None) -> None:
        self.note(f"creates {name}")
        if name in self.gone:
            del self.gone[name]
            self.recreated[name] = None
        self.made.setdefault(name, owner)

    def drop(self, name: str) -> None:
        if name in self.temporary:
            self.temporary.discard(name)
            return
        self.note(f"drops {name}")
        if name not in self.made or name in self.recreated:
            self.gone[name] = None
        self.recreated.pop(name, None)
        for made in [made for made, owner in self.made.items() if name in (made, owner)]:
            del self.made[made]
        for column in [column for column in self.columns if column[0] == name]:
            del self.columns[column]

    def move(self, before: str, after: str) -> None:
        """A renamed relation keeps its rows, its columns and its indexes; they follow it into another schema."""
        self.note(f"renames {before} to {after}")
        if before not in self.made or before in self.recreated:
            self.gone[before] = None
        self.recreated.pop(before, None)
        self.gone.pop(after, None)
        schema = after.rsplit(".", 1)[0]
        made, self.made = self.made, {}
        for name, owner in made.items():
            if name == before:
                self.made[after] = owner
            elif owner == before:
                self.made[f"{schema}.{name.rsplit('.', 1)[-1]}"] = after
            else:
                self.made[name] = owner
        self.made.setdefault(after, None)
        self.columns = {(after if name == before else name, column): None for name, column in self.columns}

    def add_column(self, relation: str, column: str) -> None:
        self.note(f"adds column {relation}.{column}")
        self.columns_gone.pop((relation, column), None)
        self.columns[relation, column] = None

    def drop_column(self, relation: str, column: str) -> None:
        self.note(f"drops column {relation}.{column}")
        if (relation, column) in self.columns:
            del self.columns[relation, column]
        elif relation not in self.made:
            self.columns_gone[relation, column] = None

    def name(self, relation: Node) -> str:
        return f"{relation.get('schemaname') or self.schema}.{relation['relname']}"

    def sum(self) -> Effects:
        return Effects(
            creates=tuple(self.made),
            adds_columns=tuple(self.columns),
            drops=tuple(self.gone),
            drops_columns=tuple(self.columns_gone),
            recreates=tuple(self.recreated),
            other_statements=self.other,
            notable=tuple(self.notable),
        )
