"""A page of a long list is read along its order; it is the page that finding and sorting gives."""

from datetime import datetime, timedelta
from importlib import import_module
from itertools import product

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import ColumnElement, Connection, and_, null, select, true, update

from cases.database import reading
from cases.each_case import asked_each
from cases.messages import Actor
from cases.queries import Desk
from cases.tables import case, task
from cases.worklists import ENDED_STAGES, Lines, at_most, many, page_of_many
from tests.activities.conftest import START, Town
from tests.activities.test_queries import reviewed
from tests.activities.test_tally import PEOPLE, access

DESKS = {"all": Desk(("u:x",)), "team": Desk(("u:x",), ("scjg",)),
         "several": Desk(("u:x",), ("scjg", "zjj"))}  # fmt: skip


@pytest.fixture
def full(town: Town) -> Town:
    """Cases in several stages, some of which are due at the same instant."""
    for n in range(9):
        town.filed(f"c{n}", at=START + timedelta(days=n // 2))
    for n in range(3):
        reviewed(town, f"r{n}")
    return town


def _plainly(connection: Connection, lines: Lines, where: object) -> list[tuple[str, str]]:
    query = lines.select(and_(lines.where, where)).order_by(*lines.order())  # type: ignore[arg-type]
    return [(row.id, row.line_step) for row in connection.execute(query)]


@pytest.mark.parametrize("most", [1, 3, 20_000])
@pytest.mark.parametrize("desk", DESKS)
def test_every_page_is_the_one_that_sorting_gives(full: Town, desk: str, most: int) -> None:
    lines = Lines.of(desk.replace("several", "team"), DESKS[desk])
    late = START + timedelta(days=6)
    states = {"": true(), "warning": lines.is_warning(late), "overdue": lines.is_overdue(late)}
    seen = 0
    with reading(full.engine) as connection:
        for (state, where), offset in product(states.items(), range(0, 12, 3)):
            whole = _plainly(connection, lines, where)
            page = page_of_many(connection, lines, where, state, late, 3, offset, most)
            assert [(row.id, row.line_step) for row in page] == whole[offset : offset + 3]
            seen += len(page)
    assert seen > 12


def _sets(where: ColumnElement[bool]) -> int:
    return " ".join(str(where).split()).count("IN (SELECT task.case_id")


@pytest.mark.parametrize("who", PEOPLE, ids=lambda one: one.id)
def test_a_case_asked_for_its_tasks_is_seen_by_whom_the_set_says(full: Town, who: Actor) -> None:
    where = access(full).where(who, "list")
    each = asked_each(where)
    assert _sets(where) > 0 or not who.department
    assert _sets(each) == 0
    with reading(full.engine) as connection:
        of = [
            set(connection.execute(select(case.c.id).where(one)).scalars()) for one in (where, each)
        ]
    assert of[0] == of[1]


def test_that_there_are_many_is_told_by_the_first_lines_alone(full: Town) -> None:
    lines, late = Lines.of("all", DESKS["all"]), START + timedelta(days=6)
    states = {"": true(), "warning": lines.is_warning(late), "overdue": lines.is_overdue(late),
              "ended": case.c.stage.in_(ENDED_STAGES)}  # fmt: skip
    told = 0
    with reading(full.engine) as connection:
        for who, (state, of_state) in product(PEOPLE, states.items()):
            where = and_(access(full).where(who, "list"), of_state)
            whole = len(_plainly(connection, lines, where))
            for most, walked in product(range(4), (1, 3, 7, 20_000)):
                found = many(connection, lines, where, state, late, most, walked)
                assert not found or whole > most
                assert at_most(connection, lines, where, state, late, most) == min(whole, most + 1)
                told += found
    assert told > 10


def test_a_task_without_a_period_of_its_own_moves_with_its_case(town: Town) -> None:
    state = town.filed("c1")
    before = _of_tasks(town)
    town.settle(state, town.order("accept", {"mode": "plain"}, case="c1", by="u:a"))
    after = _of_tasks(town)
    with reading(town.engine) as connection:
        row = connection.execute(select(case.c.sort_at, case.c.alert_at)).one()
    assert before != after
    assert {(sort, alert) for own, sort, alert in after if own is None} == {tuple(row)}


def test_the_migration_gives_rows_what_they_would_have_been_written_with(full: Town) -> None:
    migration = import_module("migrations.cases.0033_lists_in_their_order")
    before = _of_tasks(full)
    with full.engine.begin() as connection:
        cases = connection.execute(select(case.c.id, case.c.alert_at).order_by(case.c.id)).all()
        connection.execute(update(case).values(alert_at=null()))
        connection.execute(update(task).values(sort_at=null(), alert_at=null()))
        with Operations.context(MigrationContext.configure(connection)):
            migration.fill()
        assert (
            connection.execute(select(case.c.id, case.c.alert_at).order_by(case.c.id)).all()
            == cases
        )
    assert any(alert for _, alert in cases)
    assert _of_tasks(full) == before


def _of_tasks(town: Town) -> list[tuple[datetime | None, datetime, datetime]]:
    """Return own period, place in the list and beginning of 预警 of every open task."""
    columns = task.c.due_at, task.c.sort_at, task.c.alert_at
    with reading(town.engine) as connection:
        query = select(*columns).where(task.c.state == "open")
        found = connection.execute(query.order_by(task.c.case_id, task.c.key))
        return [(row[0], row[1], row[2]) for row in found]
