"""A calendar signed for later, and one that lies over another: what counts when, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from benchmarks.step import CLERK
from catalogue.load import HERE
from tests.yichuang.registry import FILING, Town, settings, town
from tests.yichuang.test_retiming import (
    accepted,
    events_of,
    holiday,
    propose,
    rows,
    settled,
    sign,
    template,
    timers,
    whole,
    working_days,
)

__all__ = ["settings", "template", "town"]

FOOD = (HERE / "matters" / "food-operation-2026.1.yaml").read_text("utf-8")


def overlay(version: str, days: Iterable[date]) -> str:
    """Return a calendar of a region that has these days off besides the country's."""
    by_year: dict[int, list[str]] = {}
    for day in days:
        by_year.setdefault(day.year, []).append(day.isoformat())
    years = ""
    for year, some in by_year.items():
        named = ", ".join(some)
        years += f'  {year}:\n    放假: [{named}]\n    节名: {{"地方节日": [{named}]}}\n'
    return (
        f'名称: autonomous\n版本: "{version}"\n来源: 测试\n基准: cn\n'
        f"起始: {min(by_year)}-01-01\n截止: {max(by_year)}-12-31\n"
        f'作息: ["09:00-12:00", "13:30-17:30"]\n年份:\n{years}'
    )


async def in_the_region(town: Town, days: Iterable[date]) -> str:
    """Let the region have its calendar and the matter count by it; return an accepted case."""
    made = await propose(town, overlay("1", days))
    assert (await sign(town, made)).state == "active"
    text = FOOD.replace("日历: cn", "日历: autonomous").replace('"2026.1"', '"2026.9"', 1)
    signed = await town.activate("matter", text)
    assert signed.state == "active", signed
    filed = await town.order(CLERK, "file", FILING)
    await town.order(CLERK, "accept", {}, filed.case_id)
    return filed.case_id


async def test_a_calendar_signed_for_later_moves_nothing_before_its_instant(town: Town) -> None:
    began = datetime.now(UTC)
    case = await accepted(town)
    before = timers(town, case)
    made = await propose(town)
    _, moves = rows(town, made)
    # Two orders have yet to come before it: the three until now say how long this machine takes.
    since = datetime.now(UTC) + max(timedelta(seconds=4), 4 * (datetime.now(UTC) - began))
    signed = await sign(town, made, in_force_from=since)
    assert (signed.status, signed.in_force_from) == ("done", since)
    # A step in between counts by what is in force then.
    await town.order(CLERK, "urge", {"text": "请抓紧"}, case)
    assert datetime.now(UTC) < since
    kept = timers(town, case)
    assert {key: one.due_at for key, one in kept.items()} == {
        key: one.due_at for key, one in before.items()
    }
    await settled(lambda: events_of(town, case)[-1]["verb"] == "retimed")
    assert datetime.now(UTC) >= since
    now = timers(town, case)
    assert {one.key: now[one.key].due_at for one in moves} == {
        one.key: one.due_after for one in moves
    }
    whole(town, case)


async def test_a_case_on_an_overlay_moves_with_its_base(town: Town) -> None:
    _, *days = working_days(5)  # without the next: at midnight it would be the day of acceptance
    case = await in_the_region(town, days[2:3])
    plain = timers(town, case)
    assert {one.calendar_version.partition("+")[0] for one in plain.values()} == {"1"}
    made = await propose(town, holiday("2026-extra", days[:1]))
    _, moves = rows(town, made)
    assert {one.case_id for one in moves} == {case}
    assert (await sign(town, made)).state == "active"
    await settled(lambda: events_of(town, case)[-1]["verb"] == "retimed")
    now = timers(town, case)
    assert {one.calendar_version for one in now.values()} == {"1+2026-extra"}
    assert all(now[one.key].due_at == one.due_after for one in moves)
    assert now["statutory"].due_at > plain["statutory"].due_at
    whole(town, case)


async def test_another_version_of_an_overlay_moves_no_case_of_its_base(town: Town) -> None:
    days = working_days(4)
    inland = await accepted(town)
    case = await in_the_region(town, days[2:3])
    before, moved_from = timers(town, inland), timers(town, case)
    made = await propose(town, overlay("2", days[1:3]))
    _, moves = rows(town, made)
    assert {one.case_id for one in moves} == {case}
    assert (await sign(town, made)).state == "active"
    await settled(lambda: events_of(town, case)[-1]["verb"] == "retimed")
    assert timers(town, case)["statutory"].due_at > moved_from["statutory"].due_at
    assert timers(town, inland) == before
    assert events_of(town, inland)[-1]["verb"] == "accept"
