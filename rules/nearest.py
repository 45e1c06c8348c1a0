"""The smallest change of a context that would have been decided otherwise: a bounded search.

Fewest fields first (one, then two), then the smallest size. The size of a number's change is
|new - old| / (|old| + |new - old|), between 0 and 1; of any other change, a value that appears or
goes included, it is 1. Of equal ones, that of the field written first in the pack.

Numbers move on the grid of the field's own decimals: no rule is told apart by less. What is tried
are the values next to each threshold that a rule in force compares the field with, through scales
and `{field: name}` too; what changes the answer is then drawn towards the old value until the next
step on the grid would no longer change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any

from pydantic import JsonValue

from cases.rulings import Ruling
from rules.evaluate import Match, NoFixpoint, NoRuling, evaluate, plain_match
from rules.model import FieldSpec, Leaf, leaves
from rules.pack import ContextRefused, Pack, Slice
from rules.validate import MAX_NUMBER

MAX_DECIMALS = 9
MAX_TRIES = 4000
"""Evaluations of one search: about 0.1 s for a pack of 30 rules."""
PER_FIELD = 64
"""Candidates of one field."""
SOMETHING_ELSE = "（其他）"
"""Stands for any text that no rule names."""

Aim = Callable[[Ruling], object]


@dataclass(frozen=True)
class Change:
    """One field's change; None is a missing value."""

    field: str
    old: JsonValue
    new: JsonValue

    @property
    def size(self) -> float:
        """Between 0 and 1; see the module."""
        if is_number(self.old) and is_number(self.new):
            step = abs(self.new - self.old)  # type: ignore[operator]
            return float(step / (abs(self.old) + step))  # type: ignore[arg-type]
        return 1.0


@dataclass(frozen=True)
class Found:
    """What the search came to. `changes` empty: no change of one or two fields was found.

    `is_complete` is False when the tries ran out: a smaller change may exist.
    """

    changes: tuple[Change, ...]
    ruling: Ruling | None
    """What would have been answered."""
    tries: int
    is_complete: bool

    @property
    def size(self) -> float:
        return sum(change.size for change in self.changes)


class _OutOfTries(Exception):
    """The search has used up what it may."""


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def nearest(
    pack: Pack,
    context: Mapping[str, JsonValue],
    at: datetime,
    aim: Aim = lambda ruling: ruling.outcome,
    match: Match = plain_match,
    max_tries: int = MAX_TRIES,
) -> Found:
    """Return the smallest change for which `aim` of the ruling differs from today's.

    Deterministic. A change after which the pack has no ruling does not count. Raises as
    `rules.evaluate.evaluate` does when the context itself has none.
    """
    return _Search(pack, dict(context), at, aim, match, max_tries).run()


class _Search:
    def __init__(
        self,
        pack: Pack,
        context: dict[str, JsonValue],
        at: datetime,
        aim: Aim,
        match: Match,
        max_tries: int,
    ) -> None:
        self.pack, self.at, self.aim, self.match = pack, at, aim, match
        self.given = pack.admit(context)
        self.left = self.most = max_tries
        base = evaluate(pack, self.given, at, match)
        self.today = aim(base)
        self.rules = pack.slice_at(at)
        self.compared = _compared(self.rules)

    def run(self) -> Found:
        singles: list[tuple[Change, Ruling]] = []
        values = _candidates(self.pack, self.rules, self.compared, self.given)
        candidates = {
            name: [Change(name, self.given.get(name), value) for value in found]
            for name, found in values.items()
        }
        is_complete = all(len(found) <= PER_FIELD for found in candidates.values())
        try:
            for changes in candidates.values():
                found = self._single(changes[:PER_FIELD])
                if found is not None:
                    singles.append(found)
            if not singles:
                return self._pairs(candidates, is_complete)
        except _OutOfTries:
            is_complete = False
        if not singles:
            return self._found((), None, False)
        change, ruling = min(singles, key=lambda one: one[0].size)
        return self._found((change,), ruling, is_complete)

    def _found(
        self, changes: tuple[Change, ...], ruling: Ruling | None, is_complete: bool
    ) -> Found:
        return Found(changes, ruling, self.most - self.left, is_complete)

    def _differs(self, *changes: Change) -> Ruling | None:
        """Return the other ruling, None where it is the same or there is none."""
        if self.left <= 0:
            raise _OutOfTries
        self.left -= 1
        changed = self.given | {change.field: change.new for change in changes}
        try:
            ruling = evaluate(self.pack, changed, self.at, self.match)
        except (ContextRefused, NoRuling, NoFixpoint):
            return None
        return None if self.aim(ruling) == self.today else ruling

    def _single(self, changes: Sequence[Change]) -> tuple[Change, Ruling] | None:
        for change in sorted(changes, key=lambda one: one.size):
            ruling = self._differs(change)
            if ruling is not None:
                return self._drawn_in(change, ruling)
        return None

    def _drawn_in(self, change: Change, ruling: Ruling) -> tuple[Change, Ruling]:
        """Return the change drawn towards the old value as far as the answer stays the other."""
        if not (is_number(change.old) and is_number(change.new)):
            return change, ruling
        grid = _grid(self.rules, change.field, self.compared[change.field], self.given)
        far, near = _decimal(change.new), _decimal(change.old)
        steps = int(abs(far - near) / grid)
        toward = grid if near > far else -grid
        held, lost = 0, steps  # steps drawn in: with `held` it differs, with `lost` it may not
        while lost - held > 1:
            middle = (held + lost) // 2
            drawn = Change(change.field, change.old, _number(far + toward * middle))
            other = self._differs(drawn)
            if other is None:
                lost = middle
            else:
                held, change, ruling = middle, drawn, other
        return change, ruling

    def _pairs(self, candidates: Mapping[str, Sequence[Change]], is_complete: bool) -> Found:
        best: tuple[tuple[Change, Change], Ruling] | None = None
        size = float("inf")
        try:
            for a, b in _all_pairs(candidates):
                if a.size + b.size >= size:
                    continue
                ruling = self._differs(a, b)
                if ruling is not None:
                    best, size = ((a, b), ruling), a.size + b.size
        except _OutOfTries:
            is_complete = False
        if best is None:
            return self._found((), None, is_complete)
        return self._found(*best, is_complete)


def _all_pairs(candidates: Mapping[str, Sequence[Change]]) -> Iterator[tuple[Change, Change]]:
    for one, other in combinations(candidates.values(), 2):
        for a in one[:PER_FIELD]:
            for b in other[:PER_FIELD]:
                yield a, b


# --- what is worth trying ------------------------------------------------------------------------


def _candidates(
    pack: Pack,
    rules: Slice,
    compared: Mapping[str, Sequence[Leaf]],
    given: Mapping[str, JsonValue],
) -> dict[str, list[JsonValue]]:
    """Return, for each input that a rule in force looks at, the values next to its thresholds."""
    found: dict[str, list[JsonValue]] = {}
    for name, spec in pack.definition.fields.items():
        if spec.derived or name not in compared:
            continue
        values = list(_values(rules, name, spec, compared[name], given))
        if name in given and not spec.required:
            values.append(None)
        kept: list[JsonValue] = []
        for value in values:
            if value != given.get(name) and value not in kept:
                kept.append(value)
        found[name] = kept
    return found


def _compared(rules: Slice) -> dict[str, list[Leaf]]:
    """Return every comparison by the input it depends on, through scales and copied fields."""
    sources = _sources(rules)
    found: dict[str, list[Leaf]] = {}
    asked = (*rules.rules, *rules.rows)
    for leaf in (leaf for rule in asked for leaf in leaves(rule.condition)):
        for name in {leaf.field, leaf.of} - {""}:
            for root in _roots(name, sources):
                found.setdefault(root, []).append(leaf)
    for scale in rules.scales:
        for name, values in scale.applies_to.items():
            found.setdefault(name, []).append(Leaf(field=name, op="in", value=list(values)))
    return found


def _sources(rules: Slice) -> dict[str, set[str]]:
    """Return, for each derived field, the fields its value is taken from."""
    sources: dict[str, set[str]] = {}
    for rule in rules.rules:
        for key, value in rule.then.items():
            if isinstance(value, dict):
                sources.setdefault(key, set()).add(str(value["field"]))
    for scale in rules.scales:
        sources.setdefault(scale.gives, set()).add(scale.field)
    for table in rules.tables:
        for output in table.outputs:
            sources.setdefault(output.name, set()).update(c.name for c in table.columns)
    return sources


def _roots(name: str, sources: Mapping[str, set[str]]) -> set[str]:
    met, waiting = {name}, [name]
    while waiting:
        for source in sources.get(waiting.pop(), ()):
            if source not in met:
                met.add(source)
                waiting.append(source)
    return met


def _constants(found: Sequence[Leaf]) -> Iterator[Any]:
    for leaf in found:
        if isinstance(leaf.value, list):
            yield from leaf.value
        elif leaf.value is not None:
            yield leaf.value


def _values(
    rules: Slice,
    name: str,
    spec: FieldSpec,
    found: Sequence[Leaf],
    given: Mapping[str, JsonValue],
) -> Iterator[JsonValue]:
    match spec.type:
        case "boolean":
            yield from (True, False)
        case "number":
            yield from _numbers(rules, name, found, given)
        case "text":
            yield from spec.choices or (
                *(one for one in _constants(found) if isinstance(one, str)),
                SOMETHING_ELSE,
            )
        case "text_list" | "number_list":
            yield from _lists(spec, found, given.get(name))


def _lists(spec: FieldSpec, found: Sequence[Leaf], held: JsonValue) -> Iterator[JsonValue]:
    items: list[Any] = list(held) if isinstance(held, list) else []
    extra: Any
    for extra in spec.choices or dict.fromkeys(_constants(found)):
        if extra in items:
            yield [item for item in items if item != extra]
        else:
            yield [*items, extra]
            yield [extra]
        if is_number(extra):
            yield from ([*items, extra - 1], [*items, extra + 1], [extra - 1], [extra + 1])
    for n in range(len(items)):
        yield items[:n] + items[n + 1 :]


def _numbers(
    rules: Slice,
    name: str,
    found: Sequence[Leaf],
    given: Mapping[str, JsonValue],
) -> Iterator[JsonValue]:
    grid = _grid(rules, name, found, given)
    met: set[Decimal] = set()
    for threshold in _thresholds(rules, name, found, given):
        low = (threshold / grid).to_integral_value("ROUND_FLOOR") * grid
        for step in (-1, 0, 1, 2):
            met.add(low + step * grid)
    if name not in given:
        met.add(Decimal(0))
    old = given.get(name)
    origin = _decimal(old) if is_number(old) else Decimal(0)
    for value in sorted(met, key=lambda one: (abs(one - origin), one)):
        if abs(value) <= MAX_NUMBER:
            yield _number(value)


def _thresholds(
    rules: Slice, name: str, found: Sequence[Leaf], given: Mapping[str, JsonValue]
) -> Iterator[Decimal]:
    for constant in _constants(found):
        if is_number(constant):
            yield _decimal(constant)
    for leaf in found:
        if leaf.of and name in (leaf.field, leaf.of):
            yield from _ratio(leaf, name, given)
    for scale in rules.scales:
        if scale.field == name:
            targets = [_decimal(one) for one in _constants(found) if is_number(one)]
            yield from _through(scale.scale.points, targets)


def _ratio(leaf: Leaf, name: str, given: Mapping[str, JsonValue]) -> Iterator[Decimal]:
    """Yield where a comparison of two numbers turns, the other one staying as it is."""
    times, plus = _decimal(leaf.times), _decimal(leaf.plus)
    other = given.get(leaf.of if name == leaf.field else leaf.field)
    if is_number(other):
        if name == leaf.field:
            yield _decimal(other) * times + plus
        if name == leaf.of and times:
            yield (_decimal(other) - plus) / times


def _through(
    points: Sequence[tuple[Decimal, Decimal]], targets: Sequence[Decimal]
) -> Iterator[Decimal]:
    """Yield the measured values at which a scale reaches a target, and its own points."""
    for value, _ in points:
        yield value
    for (x, y), (u, v) in pairwise(points):
        for target in targets:
            if min(y, v) <= target <= max(y, v) and y != v:
                yield x + (u - x) * (target - y) / (v - y)


def _grid(
    rules: Slice, name: str, found: Sequence[Leaf], given: Mapping[str, JsonValue]
) -> Decimal:
    """Return the step of a field: the finest decimals among its value and its thresholds."""
    numbers = [given[name]] if name in given else []
    numbers += [one for one in _constants(found) if is_number(one)]
    for scale in rules.scales:
        if scale.field == name:
            numbers += [float(value) for value, _ in scale.scale.points]
    places = [-int(_decimal(one).normalize().as_tuple().exponent) for one in numbers]
    return Decimal(1).scaleb(-min(max([0, *places]), MAX_DECIMALS))


def _decimal(value: Any) -> Decimal:
    return Decimal(repr(value))


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
