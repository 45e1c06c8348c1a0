"""A quarter's numbers are kept once, by whoever is there first, and bound by one entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text, update

from cases.plan_tables import plan_snapshot
from tests.yichuang.registry import Town, settings, template, town
from yichuang.verifying import check_plan

__all__ = ["settings", "template", "town"]

OVER = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
"""The third quarter begins in Beijing."""


def said(town: Town) -> dict[str, str]:
    return {one["obj"]["id"]: one["after"] for one in town.entries("sys:plan")}


async def test_a_quarter_is_kept_when_it_is_over_and_not_before(town: Town) -> None:
    watch = replace(town.shop.plan_watch, now=lambda: OVER - timedelta(seconds=1))
    assert watch.keep() == "2026Q1" and watch.keep() == ""
    assert replace(watch, now=lambda: OVER).keep() == "2026Q2"
    (entry, _) = town.entries("sys:plan")
    assert (entry["act"], entry["obj"]["id"], entry["obj"]["step"]) == (
        "plan_snapshot", "2026Q1", "17",
    )  # fmt: skip
    assert entry["who"]["id"] == "system"


async def test_nothing_is_kept_before_the_plan_begins(town: Town) -> None:
    early = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
    assert replace(town.shop.plan_watch, now=lambda: early).keep() == ""
    assert town.entries("sys:plan") == []


async def test_a_quarter_that_was_changed_past_us_is_named(town: Town) -> None:
    replace(town.shop.plan_watch, now=lambda: OVER).keep()
    entries = said(town)
    with town.shop.cases.begin() as connection:
        assert list(check_plan(connection, entries)) == []
        assert [one.case_id for one in check_plan(connection, {})] == ["plan:2026Q2"]
        connection.execute(text("DROP TRIGGER plan_snapshot_no_update"))
        where = plan_snapshot.c.kpi == "waste"
        connection.execute(update(plan_snapshot).where(where).values(light="green"))
        (wrong,) = check_plan(connection, entries)
        assert (wrong.case_id, wrong.column) == ("plan:2026Q2", "plan_snapshot")
        assert len(connection.execute(select(plan_snapshot)).all()) == 17
