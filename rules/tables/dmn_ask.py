"""Ask a DMN model: decisions in the order in which they need one another.

What matches the rows is handed in, as everywhere: durable_rules or its twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.evaluate import Match, plain_match
from rules.tables.ask import InputRefused, ask
from rules.tables.cells import Scalar
from rules.tables.decide import Decision, TableContradicts
from rules.tables.dmn import DmnModel, TableLogic
from rules.tables.spec import AGGREGATES, LISTS
from rules.tables.table import Output

Given = Mapping[str, Any]
"""Input name → exact value, a list, or a mapping of components."""


class DecisionRefused(ValueError):
    """A decision that this reader cannot take; the text says why and where."""


def decision_value(model: DmnModel, name: str, given: Given, match: Match = plain_match) -> Any:
    """Return what a decision answers: a value, a mapping (several outputs), a list, or `None`.

    `None` also where DMN says that the answer is an error: two rows under UNIQUE, an input outside
    its allowed values. Raises `DecisionRefused`, `KeyError` for a name that is no decision.
    """
    return _Asking(model, given, match).value(name)


class _Asking:
    def __init__(self, model: DmnModel, given: Given, match: Match) -> None:
        self._model, self._match = model, match
        self._scope: dict[str, Any] = dict(given)

    def value(self, name: str) -> Any:
        if name in self._scope:
            return self._scope[name]
        decision = self._model.decisions[name]
        for other in decision.requires:
            self.value(other)
        if decision.logic is None:
            raise DecisionRefused(decision.refusal)
        self._scope[name] = self._table(decision.logic)
        return self._scope[name]

    def _table(self, logic: TableLogic) -> Any:
        columns = logic.table.columns
        given = {
            column.name: self._source(source)
            for column, source in zip(columns, logic.sources, strict=True)
        }
        try:
            # A missing input is a value like others to DMN: the defaults stand in for it too.
            return answer(ask(logic.table, given, self._match, always_default=True))
        except (TableContradicts, InputRefused):
            return None

    def _source(self, source: str) -> Any:
        """Return the value of `a` or of `a.b.c`; missing parts are `None`."""
        known = [*self._model.inputs, *self._model.decisions, *self._scope]
        name = max((n for n in known if _begins(source, n)), key=len, default="")
        if not name:
            raise DecisionRefused(f"表达式 {source!r} 不支持: 只用输入或决策的名字")
        value = self._scope.get(name)
        for part in source[len(name) :].split(".")[1:]:
            value = value.get(part.strip()) if isinstance(value, Mapping) else None
        return value


def _begins(source: str, name: str) -> bool:
    return source == name or (bool(name) and source.startswith(name + "."))


def answer(decision: Decision) -> Any:
    """Return a decision in the shape that DMN gives it."""
    table = decision.table
    if table.hit in AGGREGATES and not decision.is_default:
        return decision.total
    shaped = [_shaped(table.outputs, result) for result in decision.results]
    if table.hit in LISTS:
        return shaped
    return shaped[0] if shaped else None


def _shaped(outputs: tuple[Output, ...], result: Mapping[str, Scalar]) -> Any:
    return result[outputs[0].name] if len(outputs) == 1 else dict(result)
