"""The values of FEEL: what an expression sees and answers, how values compare and are reckoned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any

from rules.evaluate import Match, plain_match

MAX_TEXT = 4000
MAX_DEPTH = 40
"""Parentheses within parentheses."""
MAX_CALLS = 60
"""Calls within calls, when a model is asked."""
MAX_STEPS = 20_000
"""Of reading one text, and of asking one model: names and values read, calls, filtered items."""
MAX_ITEMS = 2_000
"""Values in one value, all the way down; characters of a text that is put together."""

DIGITS = Context(prec=34, traps=[InvalidOperation, DivisionByZero, Overflow])


class FeelRefused(ValueError):
    """An expression that is not read here; the text says which part of it."""


@dataclass(frozen=True)
class Months:
    """A years and months duration."""

    count: int

    def __lt__(self, other: Months) -> bool:
        return self.count < other.count

    def __le__(self, other: Months) -> bool:
        return self.count <= other.count


@dataclass
class Budget:
    """Steps that are left; shared by all that is asked for one answer."""

    left: int = MAX_STEPS

    def spend(self) -> None:
        """Take one step. Raises `FeelRefused` when none is left."""
        self.left -= 1
        if self.left < 0:
            raise FeelRefused(f"超过 {MAX_STEPS} 步")


@dataclass(frozen=True)
class Scope:
    """What an expression sees: values by name, and who matches the rows of tables."""

    values: Mapping[str, Any]
    match: Match = plain_match
    calls: int = 0
    budget: Budget = field(default_factory=Budget)

    def with_values(self, more: Mapping[str, Any]) -> Scope:
        return replace(self, values={**self.values, **more})


Expr = Callable[[Scope], Any]
"""An expression that was read: asked with a scope, it answers a value."""


@dataclass(frozen=True)
class Function:
    """Something that can be called: parameters by name, and what it answers with them."""

    parameters: tuple[str, ...]
    body: Expr = field(repr=False)

    def call(self, scope: Scope, given: Mapping[str, Any]) -> Any:
        if scope.calls >= MAX_CALLS:
            raise FeelRefused(f"调用超过 {MAX_CALLS} 层")
        scope.budget.spend()
        inner = scope.with_values({name: given.get(name) for name in self.parameters})
        return self.body(replace(inner, calls=scope.calls + 1))


@dataclass(frozen=True)
class Names:
    """What may be named where an expression stands.

    `members`: names of components and context entries anywhere in the model.
    """

    known: frozenset[str]
    members: frozenset[str] = frozenset()

    def and_(self, more: Iterable[str]) -> Names:
        return Names(self.known | (frozenset(more) - {""}), self.members)


def kind_of(value: Any) -> str:
    """Return the kind of a value as far as comparing goes; a datetime is no date."""
    for kind, of in (("boolean", bool), ("number", Decimal), ("text", str), ("moment", datetime),
                     ("date", date), ("time", time), ("duration", timedelta), ("months", Months),
                     ("list", list), ("context", dict)):  # fmt: skip
        if isinstance(value, of):
            return kind
    return "nothing" if value is None else "other"


def equal(a: Any, b: Any) -> bool | None:
    """Return whether two values are equal; of different kinds, nobody knows."""
    if a is None or b is None:
        return a is None and b is None
    if kind_of(a) != kind_of(b):
        return None
    return bool(a == b)


def less(a: Any, b: Any, or_equal: bool) -> bool | None:
    """Return whether `a` is less; `None` where there is no order."""
    if kind_of(a) != kind_of(b) or kind_of(a) in ("boolean", "nothing", "list", "context", "other"):
        return None
    try:
        return bool(a <= b) if or_equal else bool(a < b)
    except TypeError:  # a time with a zone beside one without
        return None


def arithmetic(sign: str, a: Any, b: Any) -> Any:
    """Return the sum, difference, product, quotient or power; `None` where there is none."""
    if sign == "+" and isinstance(a, str) and isinstance(b, str):
        return a + b if len(a) + len(b) <= MAX_ITEMS else None
    if not (isinstance(a, Decimal) and isinstance(b, Decimal)):
        return None
    if sign == "**" and abs(b) > 9999:
        return None
    ways = {"+": DIGITS.add, "-": DIGITS.subtract, "*": DIGITS.multiply, "/": DIGITS.divide,
            "**": DIGITS.power}  # fmt: skip
    try:
        return ways[sign](a, b)
    except (InvalidOperation, DivisionByZero, Overflow):
        return None


_DURATION = re.compile(
    r"(?P<sign>-?)P(?:(?P<Y>\d+)Y)?(?:(?P<M>\d+)M)?(?:(?P<D>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?"
)


def temporal(text: str, kind: str = "") -> Any:
    """Return a date, time, moment or duration of its ISO text; `None` when it is none."""
    try:
        if kind == "duration" or (not kind and re.match("-?P", text)):
            return _duration(text)
        if kind == "time" or (not kind and re.match(r"\d\d:", text)):
            return time.fromisoformat(text)
        if kind == "moment" or (not kind and "T" in text):
            return datetime.fromisoformat(text)
        return date.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> timedelta | Months | None:
    found = _DURATION.fullmatch(text)
    if found is None or text.endswith(("P", "T")):
        return None
    parts = {key: float(value) for key, value in found.groupdict(0).items() if key != "sign"}
    sign = -1 if found["sign"] else 1
    if found["Y"] or found["M"]:
        if found["D"] or found["h"] or found["m"] or found["s"]:
            return None
        return Months(sign * int(parts["Y"] * 12 + parts["M"]))
    whole = timedelta(days=parts["D"], hours=parts["h"], minutes=parts["m"], seconds=parts["s"])
    return sign * whole


def compared(sign: str, a: Any, b: Any) -> bool | None:
    """Return what a comparison says; `None` where it says nothing."""
    match sign:
        case "=":
            return equal(a, b)
        case "!=":
            same = equal(a, b)
            return None if same is None else not same
        case "<" | "<=":
            return less(a, b, sign == "<=")
        case _:
            return less(b, a, sign == ">=")


def is_between(value: Any, low: Any, high: Any) -> bool | None:
    """Tell whether a value lies between two, themselves included."""
    return all_of((compared(">=", value, low), compared("<=", value, high)))


def all_of(parts: Iterable[Any]) -> bool | None:
    """Return FEEL's `and`."""
    found = [part if isinstance(part, bool) else None for part in parts]
    if False in found:
        return False
    return None if None in found else True


def any_of(parts: Iterable[Any]) -> bool | None:
    """Return FEEL's `or`."""
    found = [part if isinstance(part, bool) else None for part in parts]
    if True in found:
        return True
    return None if None in found else False


def bounded(value: Any) -> Any:
    """Return the value. Raises `FeelRefused` when it holds more values than any answer needs."""
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        count += 1
        if count > MAX_ITEMS:
            raise FeelRefused(f"一个值含 {MAX_ITEMS} 个以上的值")
        if isinstance(one, list | tuple):
            waiting.extend(one[: MAX_ITEMS + 1])
        elif isinstance(one, dict):
            waiting.extend(one.values())
    return value


def reached(value: Any, name: str) -> Any:
    """Return a member of a context, of each of a list."""
    if isinstance(value, list):
        return [item.get(name) if isinstance(item, dict) else None for item in value]
    return value.get(name) if isinstance(value, dict) else None
