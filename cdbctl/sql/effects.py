"""What statements would bring into the catalog and take out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cdbctl.sql.grammar import Node, Statement

NO_LASTING_EFFECT = frozenset({"TransactionStmt", "VariableSetStmt", "VariableShowStmt"})
RELATION_KINDS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE"}
)


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


def effects(statements: Iterable[Statement]) -> Effects:
    """Follow the statements one by one, so that what a later one undoes is not expected to exist."""
    state = _State()
    for statement in statements:
        state.line = statement.line
        if statement.kind in NO_LASTING_EFFECT:
            _transaction_or_setting(state, statement.node)
        elif not _HANDLERS.get(statement.kind, _nothing_known)(state, statement.node):
            state.other += 1
    return state.sum()


@dataclass(slots=True)
class _State:
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


Handler = Callable[[_State, Node], bool]
"""Takes one statement into the state; False when part of its effect cannot be seen there."""


def _nothing_known(_state: _State, _node: Node) -> bool:
    return False


def _transaction_or_setting(state: _State, node: Node) -> None:
    if node.get("name") == "search_path":
        values = [item["A_Const"].get("sval", {}).get("sval", "") for item in node.get("args", ()) if "A_Const" in item]
        named = [value for value in values if value not in ("", "$user", "pg_catalog", "pg_temp")]
        state.schema = named[0] if named else "public"


def _make(state: _State, relation: Node, owner: str | None = None) -> bool:
    name = state.name(relation)
    if relation.get("relpersistence") == "t":
        state.temporary.add(name)
        return False
    state.make(name, owner)
    return True


def _create_table(state: _State, node: Node) -> bool:
    return _make(state, node["relation"])


def _create_foreign_table(state: _State, node: Node) -> bool:
    return _make(state, node["base"]["relation"])


def _create_table_as(state: _State, node: Node) -> bool:
    return _make(state, node["into"]["rel"])


def _select_into(state: _State, node: Node) -> bool:
    return "intoClause" in node and _make(state, node["intoClause"]["rel"])


def _create_view(state: _State, node: Node) -> bool:
    return _make(state, node["view"])


def _create_sequence(state: _State, node: Node) -> bool:
    return _make(state, node["sequence"])


def _create_index(state: _State, node: Node) -> bool:
    if "idxname" not in node:
        return False  # the server will choose a name
    table = node["relation"]
    if state.name(table) in state.temporary:
        return False
    return _make(state, {**table, "relname": node["idxname"]}, state.name(table))


def _create_schema(state: _State, node: Node) -> bool:
    outside, state.schema = state.schema, node.get("schemaname", state.schema)
    for element in node.get("schemaElts", ()):
        kind, inner = next(iter(element.items()))
        _HANDLERS.get(kind, _nothing_known)(state, inner)
    state.schema = outside
    return False


def _drop(state: _State, node: Node) -> bool:
    if node["removeType"] == "OBJECT_SCHEMA":
        dropped = tuple(item["String"]["sval"] + "." for item in node["objects"])
        for name in [name for name in state.made if name.startswith(dropped)]:
            del state.made[name]
    if node["removeType"] not in RELATION_KINDS:
        return False
    for words in _names(node["objects"]):
        state.drop(".".join(words[-2:]) if len(words) > 1 else f"{state.schema}.{words[0]}")
    return True


def _names(objects: Iterable[Node]) -> Iterator[list[str]]:
    for item in objects:
        yield [word["String"]["sval"] for word in item["List"]["items"]]


def _alter_table(state: _State, node: Node) -> bool:
    if node["objtype"] == "OBJECT_TYPE":
        return False
    relation = state.name(node["relation"])
    if relation in state.temporary:
        return False
    everything_seen = True
    for item in node["cmds"]:
        command = item["AlterTableCmd"]
        match command["subtype"]:
            case "AT_AddColumn":
                state.add_column(relation, command["def"]["ColumnDef"]["colname"])
            case "AT_DropColumn":
                state.drop_column(relation, command["name"])
            case _:
                everything_seen = False
    return everything_seen


def _rename(state: _State, node: Node) -> bool:
    if node["renameType"] == "OBJECT_COLUMN" and node.get("relationType") in RELATION_KINDS:
        relation = state.name(node["relation"])
        state.drop_column(relation, node["subname"])
        state.add_column(relation, node["newname"])
        return True
    if node["renameType"] not in RELATION_KINDS:
        return False
    return _move(state, node["relation"], {**node["relation"], "relname": node["newname"]})


def _alter_schema(state: _State, node: Node) -> bool:
    if node["objectType"] not in RELATION_KINDS:
        return False
    return _move(state, node["relation"], {**node["relation"], "schemaname": node["newschema"]})


def _move(state: _State, before: Node, after: Node) -> bool:
    if state.name(before) in state.temporary:
        return False
    state.move(state.name(before), state.name(after))
    return True


_HANDLERS: Mapping[str, Handler] = {
    "CreateStmt": _create_table,
    "CreateForeignTableStmt": _create_foreign_table,
    "CreateTableAsStmt": _create_table_as,
    "SelectStmt": _select_into,
    "ViewStmt": _create_view,
    "CreateSeqStmt": _create_sequence,
    "IndexStmt": _create_index,
    "CreateSchemaStmt": _create_schema,
    "DropStmt": _drop,
    "AlterTableStmt": _alter_table,
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _alter_schema,
}
