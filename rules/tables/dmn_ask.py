"""Ask a DMN model: decisions in the order in which they need one another.

What matches the rows is handed in, as everywhere: durable_rules or its twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.evaluate import Match, plain_match
from rules.tables.dmn_model import DmnModel
from rules.tables.feel_values import Budget, FeelRefused, Function, Scope

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
        self._values: dict[str, Any] = {**functions_of(model), **given}
        self._budget = Budget()

    def value(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        decision = self._model.decisions[name]
        for other in decision.requires:
            self.value(other)
        if decision.value is None:
            raise DecisionRefused(decision.refusal)
        scope = Scope(self._values, self._match, 0, self._budget)
        try:
            self._values[name] = decision.value(scope)
        except FeelRefused as refused:
            raise DecisionRefused(f"决策 {name!r}: {refused}") from refused
        return self._values[name]


def functions_of(model: DmnModel) -> dict[str, Any]:
    """Return a model's functions, and under its name each model that it imports.

    A function of an imported model sees the names of its own model first.
    """
    found: dict[str, Any] = dict(model.functions)
    for name, other in model.imports.items():
        own = functions_of(other)
        found[name] = {
            word: _at_home(one, own) if isinstance(one, Function) else one
            for word, one in own.items()
        }
    return found


def _at_home(function: Function, own: Mapping[str, Any]) -> Function:
    def body(scope: Scope) -> Any:
        given = {name: scope.values[name] for name in function.parameters}
        return function.body(scope.with_values({**own, **given}))

    return Function(function.parameters, body)
