"""A filter that leaves few cases leads to them: the list is the one that finding all would give."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from activities.indexing import BlindIndex
from cases.database import reading
from cases.few import led, page_of_few, tally_few, ways
from cases.messages import Actor
from cases.queries import Desk, Queries
from cases.tables import case, task
from cases.views import WorklistQuery
from cases.worklists import Lines, tally
from tests.activities.conftest import START, Town, town_in
from tests.activities.test_queries import reviewed
from tests.activities.test_tally import PEOPLE, access
from yichuang.unsealing import opener

SINCE, UNTIL = START + timedelta(days=1), START + timedelta(days=3)
LATE = START + timedelta(days=6)
LINES = Lines.of("all", Desk(("u:x",)))

Few = tuple[WorklistQuery, tuple[datetime | None, datetime | None], ColumnElement[bool]]
FILTERS: dict[str, Callable[[], Few]] = {
    "days": lambda: (
        WorklistQuery(), (SINCE, UNTIL),
        and_(case.c.received_at >= SINCE, case.c.received_at < UNTIL),
    ),
    "since": lambda: (WorklistQuery(), (SINCE, None), case.c.received_at >= SINCE),
    "matter": lambda: (WorklistQuery(matter="food"), (None, None), case.c.matter == "food"),
    "stage": lambda: (
        WorklistQuery(stage="decision"), (None, None), case.c.stage == "decision"
    ),
    "matter and stage": lambda: (
        WorklistQuery(matter="food", stage="received"), (None, None),
        and_(case.c.matter == "food", case.c.stage == "received"),
    ),
    "department": lambda: (
        WorklistQuery(department="scjg"), (None, None),
        or_(
            case.c.department == "scjg",
            case.c.id.in_(select(task.c.case_id).where(task.c.department == "scjg")),
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Town:
    town = town_in(tmp_path_factory.mktemp("few"))
    for n in range(9):
        town.filed(f"c{n}", at=START + timedelta(days=n // 2))
    for n in range(3):
        reviewed(town, f"r{n}")
    return town


def _plainly(connection: Connection, where: ColumnElement[bool]) -> list[str]:
    return [row.id for row in connection.execute(LINES.select(where).order_by(*LINES.order()))]


@pytest.mark.parametrize("name", FILTERS)
def test_pages_and_counts_are_those_of_the_whole_list(full: Town, name: str) -> None:
    query, days, condition = FILTERS[name]()
    states = (true(), LINES.is_warning(LATE), LINES.is_overdue(LATE))
    found = 0
    with reading(full.engine) as connection:
        for who, state in product(PEOPLE, states):
            where = and_(access(full).where(who, "list"), condition, state)
            few = led(connection, ways(query, *days), where)
            assert few is not None
            whole = _plainly(connection, where)
            for offset in range(0, len(whole) + 1, 2):
                page = page_of_few(connection, LINES, few, 2, offset)
                assert [row.id for row in page] == whole[offset : offset + 2]
            assert tally_few(connection, LINES, few, LATE) == tally(
                connection, LINES, where, LATE, 0
            )
            found += len(whole)
    assert found > 0


@pytest.mark.parametrize("name", FILTERS)
def test_only_a_filter_of_few_cases_leads(full: Town, name: str) -> None:
    query, days, condition = FILTERS[name]()
    with reading(full.engine) as connection:
        all_of_it = set(_plainly(connection, condition))
        assert all_of_it
        assert led(connection, ways(query, *days), condition, len(all_of_it) - 1) is None
        assert led(connection, ways(query, *days), condition, 9 * len(all_of_it)) is not None
        assert led(connection, ways(WorklistQuery(), None, None), condition) is None


def test_the_index_of_days_leads_and_not_the_order_of_the_list(full: Town) -> None:
    query, days, condition = FILTERS["days"]()
    said: list[str] = []
    with reading(full.engine) as connection:
        where = and_(access(full).where(PEOPLE[2], "list"), condition)
        few = led(connection, ways(query, *days), where)
        assert few is not None
        chosen = LINES.select(few)
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN "
            + str(chosen.compile(connection, compile_kwargs={"literal_binds": True}))
        )
        said = [row[-1] for row in plan]
    assert "ix_case_received" in said[0], said


class Unled(Queries):
    """The same readers, to whom no filter is known to leave few."""

    def _few(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("who", (PEOPLE[0], PEOPLE[2], PEOPLE[3]), ids=lambda one: one.id)
def test_a_reader_gets_the_same_list_as_without(full: Town, who: Actor) -> None:
    where, desk = access(full).where(who, "list"), Desk(("u:x",))
    first = date.fromordinal(START.toordinal() + 1)
    asked = [
        WorklistQuery(scope="all", size=25, **one)
        for one in (
            {"received_from": first}, {"received_until": first}, {"matter": "food"},
            {"stage": "decision"}, {"stage": "ended"}, {"department": "zjj"},
            {"department": "scjg", "stage": "received", "received_from": first},
            {"received_from": first, "state": "overdue"}, {"received_from": first, "exact": True},
            {"received_from": first, "page": 7},
        )
    ]  # fmt: skip

    def answers(kind: type[Queries]) -> list[object]:
        sought = BlindIndex(full.engine, full.sealer).sought
        queries = kind(full.engine, opener(full.vault), sought)
        lists = [queries.worklist(where, desk, one, LATE) for one in asked]
        assert any(one.rows for one in lists) or who is PEOPLE[3]
        return [
            *(one.model_dump(exclude={"counted_to"}) for one in lists),
            *(queries.export(where, desk, one, LATE, None, 5)[0].rows for one in asked),
        ]

    assert answers(Queries) == answers(Unled)
