"""What runs now, from kept sums: the same as the rows say, at every instant and for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from cases import tally
from cases.database import one_moment
from cases.forecast import Forecast, forecast
from cases.messages import Actor
from cases.oversight import WATCHED, Wanted, Watch, WatchCounts, counts, watched
from cases.seen import Seen
from cases.tables import case, clock
from cases.tallied import opened
from tests.activities.conftest import START, Town, town_in
from tests.activities.test_metrics import (
    ACCEPT,
    AGREE,
    CALENDARS,
    STEP,
    ZONE,
    at,
    filled,
    told,
)
from tests.activities.test_tally import EVERYBODY, PEOPLE, access, summed

NOW = START + timedelta(days=11)
WATCHES: tuple[Watch, ...] = ("", "warning", "overdue", "standing", "provisional")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A department that takes six days at the median where it has five, and two that run."""
    found = filled(town_in(tmp_path_factory.mktemp("running")), 办理环节=(STEP,))
    for n, days in enumerate((6, 7, 7, 8, 9, 9, 9, 9)):
        told(found, f"past{n}", [ACCEPT, at(AGREE, days)])
    for n in range(3):
        told(found, f"running{n}", [at(ACCEPT, 10 - n)], filed=10 - n)
    yield found
    found.engine.dispose()


Said = tuple[WatchCounts, Mapping[Any, Any], Mapping[Any, Any], Sequence[Forecast]]


def said(connection: Connection, wanted: Wanted) -> Said:
    """Return all that boards tell of what runs."""
    numbers, lists = {}, {}
    for watch in WATCHES:
        for kind in ("", *WATCHED):
            one = Wanted(wanted.where, wanted.now, watch, kind, wanted.matter, wanted.department,
                         wanted.kept)  # fmt: skip
            first, n = watched(connection, one, CALENDARS, limit=1, divided=False)
            numbers[watch, kind] = n, [(row.case_id, row.key) for row in first]
        every = replace(wanted, watch=watch)
        for page in range(3):
            rows, _ = watched(connection, every, CALENDARS, limit=5, offset=5 * page, divided=False)
            lists[watch, page] = [(row.case_id, row.key, row.due_at, row.warned) for row in rows]
    return (
        counts(connection, wanted),
        numbers,
        lists,
        forecast(connection, wanted, CALENDARS, limit=2),
    )


def both(town: Town, seen: Seen, now: datetime, **more: Any) -> tuple[Said, Said]:
    with one_moment(town.engine) as connection:
        kept = opened(connection, seen, ZONE)
        assert kept is not None
        return (
            said(connection, Wanted(seen.where, now, **more)),
            said(connection, Wanted(seen.where, now, **more, kept=kept)),
        )


def equal(town: Town, seen: Seen = EVERYBODY, now: datetime = NOW, **more: Any) -> Said:
    rows, sums = both(town, seen, now, **more)
    assert sums == rows, now
    return rows


def instants(town: Town) -> list[datetime]:
    """Return every instant at which something becomes late or is warned of."""
    with one_moment(town.engine) as connection:
        rows = connection.execute(select(clock.c.due_at, clock.c.warn_at)).all()
    return sorted({at for row in rows for at in row if at is not None})


def test_at_every_instant_and_before_it_sums_say_what_rows_say(town: Town) -> None:
    summed(town)
    found = set()
    for each in instants(town):
        for now in (each - timedelta(microseconds=1), each):
            state, numbers, _, foreseen = equal(town, now=now)
            found.add((state, len(foreseen)))
            assert numbers["", ""][0] > 0
    assert len({state.overdue for state, _ in found}) > 3 and len(found) > 6
    assert {n for _, n in found} == {0, 1, 2}, "and some break"


def test_a_department_is_asked_for_its_cases_and_for_its_clocks_in_others(town: Town) -> None:
    summed(town)
    with town.engine.begin() as connection:
        ids = list(connection.execute(select(case.c.id).order_by(case.c.case_no)).scalars())
        for id in ids[::2]:
            connection.execute(
                update(clock).where(clock.c.case_id == id, clock.c.clock == "step")
                .values(department="xf")
            )  # fmt: skip
            tally.mark(connection, id)
    for put_in in (False, True):
        if put_in:
            summed(town)
        for department in ("scjg", "xf", "zjj"):
            equal(town, department=department)
        rows, _ = both(town, EVERYBODY, NOW, department="xf")
        assert 0 < rows[0].total < equal(town)[0].total
        equal(town, matter="food", department="xf")


def test_of_many_that_break_the_worst_are_looked_up(town: Town) -> None:
    summed(town)
    with one_moment(town.engine) as connection:
        kept = opened(connection, EVERYBODY, ZONE)
        for limit in (1, 2, 3, 10):
            rows, sums = (
                forecast(connection, Wanted(EVERYBODY.where, NOW, kept=one), CALENDARS, limit=limit)
                for one in (None, kept)
            )
            assert sums == rows and len(rows) == min(limit, 3)


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            ("due", "warn", "standing", "provisional", "open", "department", "holder", "label",
             "ended", "limit")
        ),
        st.integers(0, 20), st.integers(0, 3),
    ),
    max_size=6,
)  # fmt: skip


def change(connection: Connection, ids: Sequence[str], what: str, n: int, value: int) -> None:
    """Change a case as no step would, and mark it as every step does."""
    id, day = ids[n % len(ids)], START + timedelta(days=5 * value, hours=value, microseconds=value)
    of_clock: dict[str, dict[str, Any]] = {
        "due": {"due_at": day if value else None},
        "warn": {"warn_at": day if value else None},
        "standing": {"standing": bool(value % 2)},
        "provisional": {"provisional": bool(value % 2)},
        "ended": {"ended_at": day if value % 2 else None},
        "limit": {"limit_n": 3 + value},
    }
    of_case: dict[str, dict[str, Any]] = {
        "open": {"is_open": bool(value % 2)},
        "department": {"department": ("scjg", "xf", "zjj", "city")[value]},
        "holder": {"holder": PEOPLE[value].id},
        "label": {"label_level": value + 1},
    }
    if what in of_clock:
        kind = ("promised", "step", "statutory")[value % 3]
        mine = (clock.c.case_id == id, clock.c.clock == kind)
        connection.execute(update(clock).where(*mine).values(of_clock[what]))
    else:
        connection.execute(update(case).where(case.c.id == id).values(of_case[what]))
    tally.mark(connection, id)


@settings(max_examples=12, deadline=None, phases=(Phase.generate,))
@given(
    CHANGES, st.sampled_from(PEOPLE), st.booleans(), st.integers(0, 40),
    st.sampled_from(("", "scjg", "xf", "zjj")),
)  # fmt: skip
def test_whatever_moves_and_whenever_it_is_asked(
    town: Town,
    changes: list[tuple[str, int, int]],
    who: Actor,
    put_in: bool,
    days: int,
    department: str,
) -> None:
    """Never undone between examples: each goes on from what the ones before have left."""
    summed(town)
    with town.engine.begin() as connection:
        ids = list(connection.execute(select(case.c.id).order_by(case.c.case_no)).scalars())
        for what, n, value in changes:
            change(connection, ids, what, n, value)
    if put_in:
        summed(town)
    now = START + timedelta(days=days, hours=15)
    equal(town, access(town).seen(who, "list"), now, department=department)
    equal(town, EVERYBODY, now, department=department)
