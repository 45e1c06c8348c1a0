"""When milestones are to be reached: what waits for what, the critical path, how far it slipped.

Calendar days. A milestone begins when the last one that it waits for is planned to be reached, and
ends so many days later; what belongs to the end of a term is counted backwards from its last day.
Pure: a day is handed in where one is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Final, Literal, Protocol

from cases.settling import RuleForbids

Slippage = Literal["none", "green", "yellow", "red"]
GREEN_PERCENT: Final = 10
YELLOW_PERCENT: Final = 20
"""滞后: at most a tenth of its own planned length is green, at most a fifth yellow, more is red; on
the critical path every day is red. Our own design (YCJX-10)."""
ORDER: Final[Mapping[Slippage, int]] = {"none": 0, "green": 1, "yellow": 2, "red": 3}


class Planned(Protocol):
    """A milestone as the schedule asks for it."""

    @property
    def id(self) -> str: ...
    @property
    def days(self) -> int: ...
    @property
    def after(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Span:
    """From its first to its last planned day."""

    begins_on: date
    plan_on: date


def in_order(milestones: Iterable[Planned]) -> tuple[str, ...]:
    """Return the ids so that each stands behind what it waits for. Raises `RuleForbids`."""
    waits = {one.id: one.after for one in milestones}
    unknown = sorted({before for after in waits.values() for before in after} - waits.keys())
    if unknown:
        raise RuleForbids(
            "unknown_milestone", f"依赖的里程碑「{unknown[0]}」不存在", "YCJX-10", "body.milestones"
        )
    try:
        return tuple(TopologicalSorter(waits).static_order())
    except CycleError as circle:
        path = " → ".join(circle.args[1])
        raise RuleForbids(
            "circle", f"里程碑互相等待，成了环：{path}；请去掉其中一个依赖", "YCJX-10",
            "body.milestones",
        ) from circle  # fmt: skip


def laid_out(
    milestones: Sequence[Planned],
    starts_on: date,
    fixed: Mapping[str, date],
    ends_on: date | None = None,
    at_end: frozenset[str] = frozenset(),
) -> dict[str, Span]:
    """Return the span of every milestone. Raises `RuleForbids` for a circle.

    `fixed`: days that a person planned. `at_end`: those that end with the term (`ends_on`), the
    last of them on its last day; without a term they follow like the others.
    """
    by_id = {one.id: one for one in milestones}
    order = in_order(milestones)
    found: dict[str, Span] = {}
    backwards = _backwards(by_id, order, ends_on, at_end) if ends_on is not None else {}
    for key in order:
        one = by_id[key]
        ready = max((found[before].plan_on for before in one.after), default=starts_on)
        plan = fixed.get(key) or backwards.get(key) or ready + timedelta(days=one.days)
        begins = min(ready, plan) if key not in backwards else plan - timedelta(days=one.days)
        found[key] = Span(max(begins, starts_on) if begins < starts_on <= plan else begins, plan)
    return found


def _backwards(
    by_id: Mapping[str, Planned], order: Sequence[str], ends_on: date, at_end: frozenset[str]
) -> dict[str, date]:
    """Return the planned days of what ends with the term, the last first."""
    found: dict[str, date] = {}
    for key in reversed(order):
        if key not in at_end:
            continue
        followers = [one for one in by_id.values() if key in one.after and one.id in found]
        found[key] = min(
            (found[one.id] - timedelta(days=one.days) for one in followers), default=ends_on
        )
    return found


def critical(milestones: Sequence[Planned], spans: Mapping[str, Span]) -> frozenset[str]:
    """Return the milestones on the critical path: a day lost there is lost at the end.

    By days that are free: how much later a milestone may be reached without moving what follows it
    (or, where nothing does, the project's last day).
    """
    if not spans:
        return frozenset()
    last = max(span.plan_on for span in spans.values())
    latest: dict[str, date] = {}
    by_id = {one.id: one for one in milestones}
    followers: dict[str, list[str]] = {key: [] for key in by_id}
    for one in milestones:
        for before in one.after:
            followers[before].append(one.id)
    for key in reversed(in_order(milestones)):
        latest[key] = min(
            (latest[after] - (spans[after].plan_on - spans[after].begins_on)
             for after in followers[key]),
            default=last,
        )  # fmt: skip
    return frozenset(key for key, span in spans.items() if latest[key] <= span.plan_on)


def slipped(plan_on: date, days: int, expected_on: date, is_critical: bool) -> Slippage:
    """Return the class of a slippage: `expected_on` is the forecast, the actual day, or today."""
    late = (expected_on - plan_on).days
    if late <= 0:
        return "none"
    if is_critical or late * 100 > days * YELLOW_PERCENT:
        return "red"
    return "green" if late * 100 <= days * GREEN_PERCENT else "yellow"


def turns(plan_on: date, days: int, is_critical: bool) -> tuple[date, ...]:
    """Return the days on which the class changes while nothing is reached: the first late one, and
    the first of each further class."""
    if is_critical:
        return (plan_on + timedelta(days=1),)
    first = [1, days * GREEN_PERCENT // 100 + 1, days * YELLOW_PERCENT // 100 + 1]
    return tuple(plan_on + timedelta(days=n) for n in sorted(set(first)))
