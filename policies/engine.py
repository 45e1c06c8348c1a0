"""Casbin as it is used here: one small enforcer per (object type, act), never reloaded.

Not used, because each was seen to answer wrongly in pycasbin 2.8.0: adapters (they re-parse rows as
CSV), `eval()`, patterns, FastEnforcer, a second `load_policy()`, the branch for an empty policy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import casbin
from casbin.model import Model
from casbin.util import SimpleEval

from policies.policy import ANY, Policy, Row
from policies.scopes import RELATIONS, SCOPES, Object, Subject

Key = tuple[str, str]
"""(object type, act)"""


def holds(subject: Subject, role: str, relation: str, thing: Object) -> bool:
    """Tell whether the subject holds the role where the row asks for it."""
    if role == ANY:
        return True  # only deny rows carry it: the parser refuses it elsewhere
    reach = subject.reach.get(role)
    return reach is not None and RELATIONS[relation].holds(reach, thing)


def scope(name: str, subject: Subject, thing: Object) -> bool:
    """Tell whether the row's further condition holds."""
    return SCOPES[name].holds(subject, thing)


class _Parsed(SimpleEval):  # type: ignore[misc]  # pycasbin has no types
    """The matcher with its syntax tree made before: names differ per call, so one per call."""

    def __init__(self, tree: Any, functions: Mapping[str, Callable[..., bool]]) -> None:
        super().__init__("", functions)
        self.ast_parsed_value = tree


class _Enforcer(casbin.Enforcer):  # type: ignore[misc]  # pycasbin has no types
    """An enforcer that parses its matcher once instead of at every question."""

    _tree: Any = None

    def _get_expression(self, expr: str, functions: Mapping[str, Callable[..., bool]]) -> Any:
        if self._tree is None:
            parsed = casbin.Enforcer._get_expression(expr, functions)
            self._tree = parsed.ast_parsed_value
        return _Parsed(self._tree, functions)


def _quiet() -> None:
    # casbin prints its whole policy at INFO and each refused request, with its subject, at
    # WARNING; a refusal is our door's entry, not a line in a log file.
    logging.getLogger("casbin").setLevel(logging.WARNING)
    for name in ("casbin.policy", "casbin.role"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("casbin.enforcer").setLevel(logging.ERROR)


class Engine:
    """One version of the policy, ready to decide. Immutable: another version is another engine."""

    def __init__(self, policy: Policy) -> None:
        _quiet()
        self.policy = policy
        self._enforcers: Mapping[Key, _Enforcer] = {
            key: self._enforcer(rows) for key, rows in policy.shards.items() if rows
        }

    def ask(self, object_type: str, act: str, subject: Subject, thing: Object) -> tuple[bool, str]:
        """Return whether Casbin allows, and the row that decided (empty: none allowed).

        An act without rows is refused without asking: casbin's empty policy is not a refusal.
        """
        enforcer = self._enforcers.get((object_type, act))
        if enforcer is None:
            return False, ""
        allowed, row = enforcer.enforce_ex(subject, thing)
        return allowed is True, ", ".join(row)

    def _enforcer(self, rows: tuple[Row, ...]) -> _Enforcer:
        model = Model()
        model.load_model_from_text(self.policy.model)
        model["p"]["p"].policy = [list(row.fields()) for row in rows]
        enforcer = _Enforcer(model)
        enforcer.add_function("holds", holds)
        enforcer.add_function("scope", scope)
        return enforcer
