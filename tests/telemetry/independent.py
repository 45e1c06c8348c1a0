"""Alarms worked out a second time, from the words of docs/telemetry.md and nothing of ours.

No fold and no machine: each rule gets the stretches of hours in which its alarm is open, by looking
for unbroken runs; the stretches of a group are laid over one another. Decimal arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import yaml

LEVELS = ["yellow", "orange", "red"]
Hours = Mapping[int, Decimal | None]
"""Hours with data → the hour's mean, None where it is invalid."""


@dataclass(frozen=True)
class Found:
    """One alarm: when it was raised, what stood from when on, and when it ended."""

    group: str
    raised_at: int
    course: tuple[tuple[int, str, str], ...]
    cleared_at: int | None


def feature(name: str, hours: Hours, h: int, above: Decimal | None) -> Decimal | None:
    """Return one window at one hour, None when it is invalid."""
    here = hours[h]
    if name == "mean_1h":
        return here
    if name in ("mean_24h", "mean_8h"):
        length, needed = (24, 20) if name == "mean_24h" else (8, 6)
        found = [hours[x] for x in range(h - length + 1, h + 1) if hours.get(x) is not None]
        if len(found) < needed:
            return None
        mean = sum((x for x in found if x is not None), Decimal(0)) / len(found)
        return mean.quantize(Decimal("0.000001"), ROUND_HALF_UP)
    if name == "rate":
        before = hours.get(h - 1)
        return None if here is None or before is None else here - before
    if name == "hours_above":
        if here is None or above is None:
            return None
        count = 0
        while count < 96 and (value := hours.get(h - count)) is not None and value > above:
            count += 1
        return Decimal(count)
    raise LookupError(name)


OPS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def holds(condition: Mapping[str, Any], hours: Hours, h: int, above: Decimal | None) -> bool | None:
    value = feature(condition["field"], hours, h, above)
    if value is None:
        return None
    return OPS[condition["op"]](value, Decimal(str(condition["value"])))


def _hours_of(text: str) -> int:
    return max(1, int(text.removeprefix("PT").removesuffix("H").removesuffix("S") or 0))


def stretches(
    rule: Mapping[str, Any], hours: Hours, above: Decimal | None
) -> list[tuple[int, int]]:
    """Return from which hour to before which one a rule's alarm is open."""
    alarm = rule["alarm"]
    hold, quiet = _hours_of(alarm.get("hold", "PT1H")), _hours_of(alarm.get("clear_hold", "PT1H"))
    held = {h: holds(rule["when"], hours, h, above) for h in hours}
    clear = {
        h: (holds(alarm["clear"], hours, h, above) if "clear" in alarm else held[h] is False)
        and held[h] is not True
        for h in hours
    }
    found: list[tuple[int, int]] = []
    ordered = sorted(hours)
    position = 0
    while position < len(ordered):
        h = ordered[position]
        position += 1
        floor = found[-1][1] if found else -1
        if not all(held.get(h - k) is True and h - k > floor for k in range(hold)):
            continue
        end = next(
            (u for u in ordered[position:]
             if all(clear.get(u - k) is True and u - k > h for k in range(quiet))),
            10**9,
        )  # fmt: skip
        found.append((h, end))
        while position < len(ordered) and ordered[position] <= end:
            position += 1
    return found


def alarms(pack_text: str, item: str, hours: Hours, above: Decimal | None) -> list[Found]:
    """Return every alarm of one series under a pack of the plain form that the trials use."""
    groups: dict[str, list[tuple[Mapping[str, Any], list[tuple[int, int]]]]] = {}
    for rule in yaml.safe_load(pack_text)["rules"]:
        if item not in rule["applies_to"]["item"]:
            continue
        group = rule["alarm"].get("precedence_group", rule["id"])
        groups.setdefault(group, []).append((rule, stretches(rule, hours, above)))
    found: list[Found] = []
    for group, members in groups.items():
        edges = sorted({edge for _, spans in members for span in spans for edge in span})
        course: list[tuple[int, str, str]] = []
        raised = None
        for edge in edges:
            open_now = [r for r, spans in members if any(a <= edge < b for a, b in spans)]
            if not open_now:
                if raised is not None:
                    end = None if edge == 10**9 else edge
                    found.append(Found(group, raised, tuple(course), end))
                raised, course = None, []
                continue
            top = max(open_now, key=lambda r: LEVELS.index(r["then"]["level"]))
            raised = edge if raised is None else raised
            if not course or course[-1][1] != top["id"]:
                course.append((edge, top["id"], top["then"]["level"]))
    return sorted(found, key=lambda one: (one.group, one.raised_at))
