"""What the rules of a pack say of many readings, each distinct question asked once.

A rule compares numbers with constants, so two contexts whose numbers lie in the same intervals
between these constants (on them, above, below, or missing) are answered alike. The engine is asked
once for each such cell; the answer is kept. Nothing is rounded: the cell of a context is exact.

A comparison with a missing value is neither true nor false. The engine knows two values only and
takes it for false; `said_of` therefore asks, for a context with gaps, whether the rule would be
decided whatever the missing values were. A rule never fires on an invalid mean.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from cases.rulings import Ruling
from rules.alarms import Said
from rules.model import All, AnyOf, Condition, Leaf, Not, Rule, leaves
from rules.plain import Fact, predicate

Decide = Callable[[Fact], bool | None]


def decided(condition: Condition) -> Decide:
    """Return the condition in three values: None where missing values leave it open."""
    match condition:
        case All():
            return _all([decided(part) for part in condition.all])
        case AnyOf():
            return _any([decided(part) for part in condition.any])
        case Not():
            return _not(decided(condition.not_))
        case Leaf():
            return _leaf(condition)
        case _:
            assert_never(condition)


def _all(parts: list[Decide]) -> Decide:
    def decide(fact: Fact) -> bool | None:
        found = {part(fact) for part in parts}
        return False if False in found else None if None in found else True

    return decide


def _any(parts: list[Decide]) -> Decide:
    def decide(fact: Fact) -> bool | None:
        found = {part(fact) for part in parts}
        return True if True in found else None if None in found else False

    return decide


def _not(part: Decide) -> Decide:
    def decide(fact: Fact) -> bool | None:
        found = part(fact)
        return None if found is None else not found

    return decide


def _leaf(leaf: Leaf) -> Decide:
    holds = predicate(leaf)
    if leaf.op in ("exists", "missing"):
        return holds
    needed = (leaf.field, leaf.of) if leaf.of else (leaf.field,)
    return lambda fact: holds(fact) if all(name in fact for name in needed) else None


@dataclass(frozen=True)
class Judge:
    """One rule of a pack that raises alarms, ready to be asked of many facts."""

    rule: Rule
    when: Decide

    def said_of(self, fact: Fact, ruling: Ruling) -> Said:
        """Return what the rule says of a fact, whose ruling by the engine is given."""
        sure = self.when(fact)
        if sure and any(one.rule == self.rule.id for one in ruling.fired):
            return "held"
        if self.rule.id in ruling.cleared:
            return "clear"
        return "unknown" if sure is None else "neither"


@dataclass(frozen=True)
class Cells:
    """The intervals that the conditions of some rules cut each number into."""

    limits: tuple[tuple[str, tuple[float, ...]], ...]
    """Field → the constants it is compared with, ascending."""
    whole: tuple[str, ...]
    """Fields whose very value matters: texts, flags, and numbers compared with one another."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the fields in the order in which `of` wants their values."""
        return (*(name for name, _ in self.limits), *self.whole)

    def of(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the cell in which values (None: absent) lie: equal cells, equal answers."""
        found: list[Any] = []
        for (_, limits), value in zip(self.limits, values, strict=False):  # the rest stays whole
            if value is None:
                found.append(None)
            elif len(limits) == 1:
                found.append((value > limits[0]) - (value < limits[0]))
            else:
                found.append(bisect_left(limits, value) + bisect_right(limits, value))
        found += values[len(self.limits) :]
        return tuple(found)


def cells(conditions: Collection[Condition], known: Collection[str] = ()) -> Cells:
    """Return the cells of some conditions. Fields in `known` never vary and are left out."""
    limits: dict[str, set[float]] = {}
    whole: set[str] = set()
    for condition in conditions:
        for leaf in leaves(condition):
            _cut(leaf, limits, whole)
    for name in whole:
        limits.pop(name, None)
    return Cells(
        tuple((name, tuple(sorted(cuts))) for name, cuts in sorted(limits.items())
              if name not in known),
        tuple(sorted(name for name in whole if name not in known)),
    )  # fmt: skip


def _cut(leaf: Leaf, limits: dict[str, set[float]], whole: set[str]) -> None:
    if leaf.of:
        whole |= {leaf.field, leaf.of}
        return
    values = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    cuts = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if leaf.op in ("exists", "missing"):
        limits.setdefault(leaf.field, set())
    elif len(cuts) == len(values):
        limits.setdefault(leaf.field, set()).update(cuts)
    else:
        whole.add(leaf.field)
