"""What statements would bring into the catalog and take out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from cdbctl.sql.catalog_state import CatalogState, Effects
from cdbctl.sql.grammar import Node, Statement

NO_LASTING_EFFECT = frozenset({"TransactionStmt", "VariableSetStmt", "VariableShowStmt"})
RELATION_KINDS = frozenset(
    {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_FOREIGN_TABLE"}
)


def effects(statements: Iterable[Statement]) -> Effects:
    """Follow the statements one by one, so that what a later one undoes is not expected to exist."""
    state = CatalogState()
    for statement in statements:
        state.line = statement.line
        if statement.kind in NO_LASTING_EFFECT:
            _transaction_or_setting(state, statement.node)
        elif not _HANDLERS.get(statement.kind, _nothing_known)(state, statement.node):
            state.other += 1
    return state.sum()


Handler = Callable[[CatalogState, Node], bool]
"""Takes one statement into the state; False when part of its effect cannot be seen there."""


def _nothing_known(_state: CatalogState, _node: Node) -> bool:
    return False


def _transaction_or_setting(state: CatalogState, node: Node) -> None:
    if node.get("name") == "search_path":
        values = [item["A_Const"].get("sval", {}).get("sval", "") for item in node.get("args", ()) if "A_Const" in item]
        named = [value for value in values if value not in ("", "$user", "pg_catalog", "pg_temp")]
        state.schema = named[0] if named else "public"


def _make(state: CatalogState, relation: Node, owner: str | None = None) -> bool:
    name = state.name(relation)
    if relation.get("relpersistence") == "t":
        state.temporary.add(name)
        return False
    state.make(name, owner)
    return True


def _create_table(state: CatalogState, node: Node) -> bool:
    return _make(state, node["relation"])


def _create_foreign_table(state: CatalogState, node: Node) -> bool:
    return _make(state, node["base"]["relation"])


def _create_table_as(state: CatalogState, node: Node) -> bool:
    return _make(state, node["into"]["rel"])


def _select_into(state: CatalogState, node: Node) -> bool:
    return "intoClause" in node and _make(state, node["intoClause"]["rel"])


def _create_view(state: CatalogState, node: Node) -> bool:
    return _make(state, node["view"])


def _create_sequence(state: CatalogState, node: Node) -> bool:
    return _make(state, node["sequence"])


def _create_index(state: CatalogState, node: Node) -> bool:
    if "idxname" not in node:
        return False  # the server will choose a name
    table = node["relation"]
    if state.name(table) in state.temporary:
        return False
    return _make(state, {**table, "relname": node["idxname"]}, state.name(table))


def _create_schema(state: CatalogState, node: Node) -> bool:
    outside, state.schema = state.schema, node.get("schemaname", state.schema)
    for element in node.get("schemaElts", ()):
        kind, inner = next(iter(element.items()))
        _HANDLERS.get(kind, _nothing_known)(state, inner)
    state.schema = outside
    return False


def _drop(state: CatalogState, node: Node) -> bool:
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


def _alter_table(state: CatalogState, node: Node) -> bool:
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


def _rename(state: CatalogState, node: Node) -> bool:
    if node["renameType"] == "OBJECT_COLUMN" and node.get("relationType") in RELATION_KINDS:
        relation = state.name(node["relation"])
        state.drop_column(relation, node["subname"])
        state.add_column(relation, node["newname"])
        return True
    if node["renameType"] not in RELATION_KINDS:
        return False
    return _move(state, node["relation"], {**node["relation"], "relname": node["newname"]})


def _alter_schema(state: CatalogState, node: Node) -> bool:
    if node["objectType"] not in RELATION_KINDS:
        return False
    return _move(state, node["relation"], {**node["relation"], "schemaname": node["newschema"]})


def _move(state: CatalogState, before: Node, after: Node) -> bool:
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
