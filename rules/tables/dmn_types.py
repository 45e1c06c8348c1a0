"""The types of a DMN model, each resolved once: what a name comes down to."""

from __future__ import annotations

from collections.abc import Mapping

from rules.tables.cells import Kind
from rules.tables.dmn_boxes import DmnRefused, name_of
from rules.tables.dmn_model import DmnModel, ItemType
from rules.tables.plain_xml import Node

KINDS: Mapping[str, Kind] = {
    "number": "number", "string": "text", "boolean": "boolean", "date": "date",
    "integer": "number", "long": "number", "double": "number",
}  # fmt: skip
"""Types of FEEL, and the spellings of Camunda's modeller."""
MAX_TYPES = 30
"""Components within components."""


class Types:
    """Item definitions of a model, its own and under their prefix those that it imports."""

    def __init__(self, root: Node, imports: Mapping[str, DmnModel]) -> None:
        self._root, self._imports = root, imports
        self._named = {node.attributes.get("name", ""): node for node in root.all("itemDefinition")}
        self._items: dict[str, ItemType | None] = {}
        self.inputs: Mapping[str, ItemType] = {}

    def read_inputs(self) -> Mapping[str, ItemType]:
        """Return the types of the inputs by name, and keep them. Raises `DmnRefused`."""
        self.inputs = {name_of(node): self.variable(node) for node in self._root.all("inputData")}
        return self.inputs

    def defined(self) -> Mapping[str, ItemType]:
        """Return all item definitions by name. Raises `DmnRefused`."""
        return {name: self.of(name, self._root.line) for name in self._named}

    def variable(self, node: Node) -> ItemType:
        """Return the type of an input's or a decision's variable."""
        variable = node.first("variable")
        return self.of(variable.attributes.get("typeRef", "") if variable else "", node.line)

    def of(self, reference: str, line: int) -> ItemType:
        """Return what a type name comes down to; an unknown one is a type of no column."""
        local = reference.rpartition(":")[2].strip()
        if local in KINDS:
            return ItemType(KINDS[local], word=local)
        for name, other in self._imports.items():
            if reference.startswith(f"{name}."):
                return other.types.get(reference[len(name) + 1 :], ItemType(None))
        known = reference.strip() if reference.strip() in self._named else local
        if known not in self._named:
            return ItemType(None, word=local)
        if known not in self._items:
            # While it is being read a type is None; whoever meets that has come round in a ring.
            self._items[known] = None
            self._items[known] = self._item(self._named[known], 0)
        found = self._items[known]
        if found is None:
            raise DmnRefused(f"类型 {reference!r} 绕回自身", line, "改正 itemDefinition")
        return found

    def _item(self, node: Node, depth: int) -> ItemType:
        if depth > MAX_TYPES:
            raise DmnRefused(f"类型 {name_of(node)!r} 嵌套太深", node.line, "改正 itemDefinition")
        base = self.of(node.inner("typeRef"), node.line)
        return ItemType(
            base.kind,
            node.inner("allowedValues") or base.allowed,
            base.is_list or node.attributes.get("isCollection") == "true",
            {name_of(part): self._item(part, depth + 1) for part in node.all("itemComponent")}
            or base.components,
            base.word,
        )

    def of_decision(self, table: Node) -> ItemType:
        """Return the type of the decision that is this table; of no other is there one."""
        for decision in self._root.all("decision"):
            if any(child is table for child in decision.children):
                return self.variable(decision)
        return ItemType(None)
