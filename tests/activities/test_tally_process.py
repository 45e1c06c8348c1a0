"""The map, who held the cases and the plan's numbers from kept sums: the same as the rows'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from cases import plan_values, tally
from cases.database import one_moment
from cases.messages import Actor
from cases.months import span_of
from cases.process import ProcessMap, mapped, told_as
from cases.process_rows import Held, HeldCase, Sought, happened, held, held_cases
from cases.seen import Seen
from cases.tables import case, clock, clock_share, step
from cases.tallied import EVERYBODY, opened
from catalogue.kpis import load_kpis
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import STEP, ZONE, filled
from tests.activities.test_tally import PEOPLE, access, change, summed

SPAN = span_of("2026-02", "2026-03", ZONE)
NOW = datetime(2026, 3, 31, 1, 0, tzinfo=UTC)
KPIS = load_kpis()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = filled(town_in(tmp_path_factory.mktemp("process")), 办理环节=(STEP,))
    with found.engine.begin() as connection:
        mine = (clock_share.c.key == "promised", ~clock_share.c.paused)
        rows = connection.execute(select(clock_share).where(*mine)).mappings().all()
        for n, row in enumerate(rows):
            stood = {"holder_kind": "applicant", "holder": "", "paused": True,
                     "amount": n + 1 / 3, "together": n + 1 / 3}  # fmt: skip
            more = {"paused": True, "amount": n / 7, "together": None}
            connection.execute(insert(clock_share), [dict(row) | stood, dict(row) | more])
        migration = import_module("migrations.cases.0038_longest_shares")
        with Operations.context(MigrationContext.configure(connection)):
            migration.fill()
    yield found
    found.engine.dispose()


def both(
    town: Town, seen: Seen, matter: str = "", department: str = ""
) -> tuple[tuple[ProcessMap, Sequence[Held]], tuple[ProcessMap, Sequence[Held]]]:
    sought = Sought("case", SPAN.since, SPAN.until, matter, department)
    with one_moment(town.engine) as connection:
        kept = opened(connection, seen, ZONE)
        assert kept is not None
        return (
            (
                mapped(happened(connection, seen.where, sought)),
                held(connection, seen.where, sought),
            ),
            kept.process([name for name, _, _ in SPAN.months], matter, department),
        )


def equal(town: Town, seen: Seen = EVERYBODY, **more: Any) -> ProcessMap:
    (rows, rows_held), (sums, sums_held) = both(town, seen, **more)
    assert plain(sums) == plain(rows)
    for one, other in zip(sums.boxes, rows.boxes, strict=True):
        assert one.place == pytest.approx(other.place)
    for arrow, like in zip(sums.arrows, rows.arrows, strict=True):
        for name in ("median", "nine_in_ten", "longest"):
            exact = getattr(like, name)
            assert getattr(arrow, name) == pytest.approx(exact, abs=1, rel=0.05), (name, like)
        assert arrow.whole == pytest.approx(like.whole, abs=1)
        assert arrow.longest == told_as(like.longest)
    assert [kept(one) for one in sums_held] == [kept(one) for one in rows_held]
    return rows


def plain(drawn: ProcessMap) -> ProcessMap:
    """Leave out what is told to so many digits only."""
    arrows = tuple(
        replace(one, median=0, nine_in_ten=0, longest=0, whole=0) for one in drawn.arrows
    )
    return replace(drawn, arrows=arrows, boxes=tuple(replace(one, place=0) for one in drawn.boxes))


def kept(one: Held) -> tuple[Any, ...]:
    return (one.kind, one.name, one.cases, round(one.used, 6), round(one.paused, 6),
            round(one.late, 6), one.late_cases)  # fmt: skip


def test_the_map_of_all_cases_is_that_of_their_steps(town: Town) -> None:
    summed(town)
    found = equal(town)
    assert found.things > 5 and found.over > 0 and len(found.ways) == 3
    assert equal(town, matter="none").things == 0
    equal(town, matter="food", department="scjg")
    assert len(both(town, EVERYBODY)[0][1]) > 1, "somebody held them"


def behind(town: Town, one: Held, most: int, *, late: bool) -> tuple[Sequence[HeldCase], int]:
    sought = Sought("case", SPAN.since, SPAN.until)
    with one_moment(town.engine) as connection:
        return held_cases(
            connection, EVERYBODY.where, sought, (one.kind, one.name), most, late=late
        )


def test_behind_who_held_them_stand_those_cases_the_longest_first(town: Town) -> None:
    everybody = both(town, EVERYBODY)[0][1]
    assert any(one.late_cases for one in everybody)
    for one in everybody:
        rows, total = behind(town, one, 1_000, late=False)
        assert len(rows) == len({row.id for row in rows}) == total == one.cases
        assert sum(row.used for row in rows) == pytest.approx(one.used)
        assert sum(row.paused for row in rows) == pytest.approx(one.paused)
        days = [row.used + row.paused for row in rows]
        assert days == pytest.approx(sorted(days, reverse=True))
        assert behind(town, one, 2, late=False) == (rows[:2], total)
        late, late_total = behind(town, one, 1_000, late=True)
        assert len(late) == late_total == one.late_cases
        assert sum(row.used for row in late) == pytest.approx(one.late)


def test_a_time_is_as_precise_as_pages_tell_it() -> None:
    assert [told_as(one) for one in (0.4, 59.6, 63, 3599, 3700, 86_399, 90_000)] == [
        0, 60, 60, 3600, 3600, 86_400, 86_400,
    ]  # fmt: skip
    for seconds in range(0, 900_000, 97):
        least = 1 if seconds < 60 else 6 if seconds < 3600 else 360 if seconds < 86_400 else 8640
        assert abs(told_as(seconds) - seconds) <= least / 2 and told_as(seconds) % least == 0


def figures(town: Town, now: datetime) -> tuple[Any, Any]:
    found = []
    with one_moment(town.engine) as connection:
        for sums in (None, opened(connection, EVERYBODY, ZONE)):
            own = plan_values.own_figures(connection, KPIS, now.date(), ZONE, now, sums)
            found.append((own, plan_values.statistics(connection, ZONE, now, sums)))
    return found[0], found[1]


def test_the_plan_s_numbers_and_the_year_s_counts_are_the_same_from_whole_days(town: Town) -> None:
    summed(town)
    told = set()
    for now in (
        NOW, NOW - timedelta(days=20), NOW - timedelta(days=26, hours=5), NOW + timedelta(days=340),
        NOW + timedelta(days=350, hours=9), datetime(2026, 3, 31, 16, 0, tzinfo=UTC),
        datetime(2026, 3, 1, 16, 0, tzinfo=UTC), datetime(2026, 3, 2, 1, 0, 1, tzinfo=UTC),
    ):  # fmt: skip
        rows, sums = figures(town, now)
        assert sums == rows, now
        told.add((str(rows[0].get("approval_time")), rows[1]["received"]))
    assert len(told) > 3, "they differ by when one asks"
    assert figures(town, NOW)[0][1]["received"] == 8


@settings(max_examples=10, deadline=None, phases=(Phase.generate,))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ("label", "department", "holder", "recused", "on_time", "ended", "grade",
                 "received", "verb", "open", "budget")
            ),
            st.integers(0, 7), st.integers(0, 3),
        ),
        max_size=6,
    ),
    st.sampled_from(PEOPLE), st.booleans(),
)  # fmt: skip
def test_whatever_moves_the_map_and_the_numbers_are_those_of_the_rows(
    town: Town, changes: list[tuple[str, int, int]], who: Actor, put_in: bool
) -> None:
    """Never undone between examples: each goes on from what the ones before have left."""
    summed(town)
    with town.engine.begin() as connection:
        ids = list(connection.execute(select(case.c.id).order_by(case.c.case_no)).scalars())
        for what, n, value in changes:
            id, at = ids[n % len(ids)], SPAN.since + timedelta(days=11 * value, hours=value)
            if what == "received":
                values: dict[str, Any] = {"received_at": at}
                connection.execute(update(case).where(case.c.id == id).values(values))
            elif what == "open":
                here = update(case).where(case.c.id == id)
                connection.execute(here.values(is_open=bool(value % 2)))
            elif what == "verb":
                here = update(step).where(step.c.case_id == id, step.c.seq == value + 1)
                connection.execute(here.values(verb=("note", "accept")[value % 2], occurred_at=at))
            elif what == "budget":
                here = update(clock).where(clock.c.case_id == id, clock.c.key == "statutory")
                connection.execute(here.values(budget=value * 10, used=value or None))
            else:
                change(connection, ids, what, n, value)
            tally.mark(connection, id)
    if put_in:
        summed(town)
    equal(town, access(town).seen(who, "list"))
    rows, sums = figures(town, NOW)
    assert sums == rows
