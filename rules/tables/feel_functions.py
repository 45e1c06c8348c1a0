"""The built-in functions of FEEL that are known here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from rules.tables.feel_values import DIGITS, FeelRefused, kind_of, temporal


def _numbers(values: tuple[Any, ...]) -> list[Any]:
    return values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)


def _least(*values: Any) -> Any:
    items = _numbers(values)
    return min(items) if len({kind_of(item) for item in items}) == 1 else None


def _greatest(*values: Any) -> Any:
    items = _numbers(values)
    return max(items) if len({kind_of(item) for item in items}) == 1 else None


def _sum(*values: Any) -> Any:
    items = _numbers(values)
    if not items or not all(isinstance(item, Decimal) for item in items):
        return None
    total = Decimal(0)
    for item in items:
        total = DIGITS.add(total, item)
    return total


def _mean(*values: Any) -> Any:
    total = _sum(*values)
    return None if total is None else DIGITS.divide(total, Decimal(len(_numbers(values))))


def _scaled(value: Any, places: Any, rounding: str) -> Any:
    if not isinstance(value, Decimal) or not isinstance(places, Decimal) or abs(places) > 30:
        return None
    return value.quantize(Decimal(1).scaleb(-int(places)), rounding)


def string_of(value: Any) -> Any:
    """Return a value as FEEL writes it; a missing one has no text."""
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value.normalize(DIGITS):f}"
        case date() | time():
            return value.isoformat()
        case _:
            raise FeelRefused(f"string() 不支持 {kind_of(value)}")


def _flat(items: Any) -> list[Any]:
    return [one for item in items for one in (_flat(item) if isinstance(item, list) else [item])]


def _substring(text: str, start: Decimal, length: Decimal | None = None) -> str:
    first = int(start) - 1 if start > 0 else len(text) + int(start)
    return text[first:] if length is None else text[first : first + int(length)]


def _not(value: Any) -> Any:
    return not value if isinstance(value, bool) else None


def _date(*parts: Any) -> Any:
    match parts:
        case (str() as text,):
            return temporal(text, "date")
        case (datetime() as moment,):
            return moment.date()
        case (Decimal() as year, Decimal() as month, Decimal() as day):
            return date(int(year), int(month), int(day))
    return None


def _sort(*_: Any) -> Any:
    """Stands for `sort`, which needs the scope and is done where functions are called."""
    return None


BUILT_IN: Mapping[str, Callable[..., Any]] = {
    "not": _not,
    "min": _least,
    "max": _greatest,
    "sum": _sum,
    "mean": _mean,
    "count": lambda items: Decimal(len(items)) if isinstance(items, list) else Decimal(1),
    "abs": lambda n: abs(n) if isinstance(n, Decimal | timedelta) else None,
    "floor": lambda n, places=Decimal(0): _scaled(n, places, "ROUND_FLOOR"),
    "ceiling": lambda n, places=Decimal(0): _scaled(n, places, "ROUND_CEILING"),
    "decimal": lambda n, places: _scaled(n, places, "ROUND_HALF_EVEN"),
    "round half up": lambda n, places: _scaled(n, places, "ROUND_HALF_UP"),
    "round half down": lambda n, places: _scaled(n, places, "ROUND_HALF_DOWN"),
    "round up": lambda n, places: _scaled(n, places, "ROUND_UP"),
    "round down": lambda n, places: _scaled(n, places, "ROUND_DOWN"),
    "modulo": lambda a, b: a - b * (a / b).to_integral_value("ROUND_FLOOR"),
    "sqrt": lambda n: DIGITS.sqrt(n),
    "number": lambda text: Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None,
    "string": string_of,
    "string length": lambda text: Decimal(len(text)) if isinstance(text, str) else None,
    "substring": _substring,
    "upper case": lambda text: text.upper(),
    "lower case": lambda text: text.lower(),
    "contains": lambda text, part: part in text if isinstance(text, str) else None,
    "starts with": lambda text, part: text.startswith(part),
    "ends with": lambda text, part: text.endswith(part),
    "list contains": lambda items, item: item in items if isinstance(items, list) else None,
    "append": lambda items, *more: [*items, *more],
    "concatenate": lambda *lists: [item for items in lists for item in items],
    "remove": lambda items, place: [x for n, x in enumerate(items, 1) if n != place],
    "reverse": lambda items: list(reversed(items)),
    "flatten": _flat,
    "sort": _sort,
    "distinct values": lambda items: [x for n, x in enumerate(items) if x not in items[:n]],
    "date": _date,
    "time": lambda text: temporal(text, "time") if isinstance(text, str) else None,
    "date and time": lambda text: temporal(text, "moment") if isinstance(text, str) else None,
    "duration": lambda text: temporal(text, "duration") if isinstance(text, str) else None,
}
"""Functions of FEEL that are known here."""
