"""A DMN model as values: types, decisions, functions, and what it imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.tables.cells import Kind
from rules.tables.feel_values import Expr, Function
from rules.tables.table import Table


@dataclass(frozen=True)
class ItemType:
    """A type of the model: what it comes down to, and which values are allowed."""

    kind: Kind | None
    """Absent: a structure, or a type that no column has."""
    allowed: str = ""
    is_list: bool = False
    components: Mapping[str, ItemType] = field(default_factory=dict)
    word: str = ""
    """FEEL's own name of the type it comes down to."""


@dataclass(frozen=True)
class TableLogic:
    """A table of constants; `sources` are the expressions of its input columns."""

    table: Table
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """A decision of a model. `refusal` says why it is not read, with its line."""

    name: str
    line: int
    requires: tuple[str, ...]
    """Names of the decisions it stands on."""
    value: Expr | None = field(repr=False)
    table: TableLogic | None = None
    """Where the decision is a table of constants."""
    refusal: str = ""


@dataclass(frozen=True)
class DmnModel:
    """A model: types of its inputs by name, its decisions and functions by name."""

    name: str
    version: str
    inputs: Mapping[str, ItemType]
    decisions: Mapping[str, Decision]
    functions: Mapping[str, Function]
    imports: Mapping[str, DmnModel] = field(default_factory=dict)
    """Models by the name under which this one imports them."""
    types: Mapping[str, ItemType] = field(default_factory=dict, repr=False)
    members: frozenset[str] = frozenset()
    """Names of components, entries and columns anywhere in it."""
