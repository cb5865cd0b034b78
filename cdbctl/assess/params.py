"""The parameters of rules: a JSON Schema that states every default, and typed access to what a check gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from cdbctl.model.check import Check

Schema: TypeAlias = Mapping[str, Any]


def schema(*required: str, **properties: Schema) -> Schema:
    """The parameters of one rule; anything else is an error."""
    closed: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    return closed | ({"required": list(required)} if required else {})


def number(description: str, default: float | None = None, *, minimum: float | None = 0) -> Schema:
    """A number, with its unit in the description."""
    limit = {} if minimum is None else {"minimum": minimum}
    return _described({"type": "number", **limit}, description, default)


def whole(description: str, default: int | None = None, *, minimum: int = 0) -> Schema:
    """A whole number."""
    return _described({"type": "integer", "minimum": minimum}, description, default)


def text(description: str, default: str | None = None, *, pattern: str = "") -> Schema:
    """Text that is not empty."""
    limit = {"pattern": pattern} if pattern else {"minLength": 1}
    return _described({"type": "string", **limit}, description, default)


def switch(description: str, default: bool) -> Schema:
    """Yes or no."""
    return _described({"type": "boolean"}, description, default)


def choice(description: str, default: str | None, *options: str) -> Schema:
    """One of a few words."""
    return _described({"enum": list(options)}, description, default)


def texts(description: str, default: Sequence[str] = ()) -> Schema:
    """A list of texts."""
    items = {"type": "string", "minLength": 1}
    return _described({"type": "array", "items": items, "uniqueItems": True}, description, list(default))


def _described(kind: dict[str, Any], description: str, default: object) -> Schema:
    return kind | {"description": description} | ({} if default is None else {"default": default})


@dataclass(frozen=True, slots=True)
class Params:
    """What a check gives for the parameters of its rule, defaults filled in from the schema."""

    given: Mapping[str, object]
    schema: Schema

    @classmethod
    def of(cls, check: Check, schema: Schema) -> Params:
        """The parameters of one check."""
        return cls(check.params, schema)

    def get(self, name: str) -> object:
        """The value that was given, else the default, else None."""
        if name in self.given:
            return self.given[name]
        return self.schema["properties"][name].get("default")

    def number(self, name: str) -> float:
        """A number; 0 when there is neither a value nor a default."""
        return self.maybe_number(name) or 0.0

    def maybe_number(self, name: str) -> float | None:
        """A number, or None when none is given."""
        value = self.get(name)
        return float(value) if isinstance(value, int | float) else None

    def switch(self, name: str) -> bool:
        """Yes or no; no when there is neither a value nor a default."""
        return self.get(name) is True

    def text(self, name: str) -> str:
        """Text; empty when there is neither a value nor a default."""
        value = self.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.get(name)
        return tuple(map(str, value)) if isinstance(value, list | tuple) else ()

    def mapping(self, name: str) -> Mapping[str, object]:
        """A mapping; empty when none is given."""
        value = self.get(name)
        return value if isinstance(value, Mapping) else {}

    def mappings(self, name: str) -> tuple[Mapping[str, object], ...]:
        """A list of mappings."""
        value = self.get(name)
        return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list | tuple) else ()
