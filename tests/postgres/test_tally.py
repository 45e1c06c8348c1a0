"""Kept sums on PostgreSQL: while clerks settle and the worker sums, each moment says from sums what
it says from rows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from cases.database import bounded, one_moment, reading
from cases.seen import Seen
from cases.tables import case
from cases.tally import mark
from cases.tally_check import checked
from cases.tally_tables import tally_mark
from tests.activities import test_tally as boards
from tests.activities import test_tally_process as process
from tests.activities import test_tally_running as running
from tests.activities.conftest import START, Town
from tests.activities.test_metrics import ACCEPT, AGREE, GRANT, STEP, ZONE, filled, told
from tests.activities.test_tally import EVERYBODY, PEOPLE, access, summed
from yichuang.stores import open_to_pages
from yichuang.tallying import Tallying

pytestmark = pytest.mark.long

ROLE = "yichuang_page"
EACH = 3


def equal(town: Town, seen: Seen) -> None:
    """Hold everything that sums tell to the rows, all in its own moment."""
    boards.equal(town, seen)
    process.equal(town, seen)
    running.equal(town, seen, START + timedelta(days=11))


def test_while_cases_move_and_are_summed_every_moment_is_that_of_the_rows(town: Town) -> None:
    filled(town, 办理环节=(STEP,))
    summed(town)
    over, lagging = threading.Event(), list[int]()

    def settle(clerk: int) -> None:
        for n in range(EACH):
            told(town, f"busy{clerk}-{n}", [ACCEPT, AGREE, *([GRANT] if n % 2 else [])])
            with reading(town.engine) as connection:
                lagging.append(len(connection.execute(select(tally_mark.c.id)).all()))

    def work() -> None:
        while not over.wait(0.5):
            Tallying(town.engine, ZONE, "here", lambda: process.NOW).look()

    judge, rounds = access(town), 0
    with ThreadPoolExecutor(3) as pool:
        clerks = [pool.submit(settle, one) for one in range(2)]
        worker = pool.submit(work)
        try:
            while not all(one.done() for one in clerks) or rounds < 3:
                equal(town, judge.seen(PEOPLE[rounds % len(PEOPLE)], "list"))
                equal(town, EVERYBODY)
                rounds += 1
        finally:
            over.set()
        for one in (*clerks, worker):
            one.result()
    summed(town)
    with one_moment(town.engine) as connection:
        found = checked(connection, ZONE)
    assert found.is_well and found.is_whole
    assert (found.cases, found.marked) == (8 + 2 * EACH, 0)
    assert any(lagging), "the worker was behind at times"
    equal(town, EVERYBODY)
    rows, sums = process.figures(town, process.NOW)
    assert sums == rows


def test_as_the_role_of_the_pages_each_reader_s_sums_are_their_rows(town: Town) -> None:
    """Behind policy's condition stands the database's own, over rows and over sums."""
    filled(town, 办理环节=(STEP,))
    with town.engine.begin() as connection:
        connection.execute(text(
            f"DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN;"
            " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        ))  # fmt: skip
        connection.execute(text(f"GRANT USAGE ON SCHEMA cases TO {ROLE}"))
        one, other, *_ = connection.execute(select(case.c.id).order_by(case.c.case_no)).scalars()
    open_to_pages(town.engine, ROLE)
    judge, counted = access(town), set[str]()
    summed(town)
    # After the sums were made one case leaves its department, another its label.
    with town.engine.begin() as connection:
        for id, values in ((one, {"department": "xf"}), (other, {"label_level": 3})):
            connection.execute(update(case).where(case.c.id == id).values(values))
            mark(connection, id)
    for person in (PEOPLE[n] for n in (0, 2, 3, 4)):
        bound = replace(town, engine=bounded(town.engine, ROLE, judge.bounds(person)))
        seen = judge.seen(person, "list")
        equal(bound, seen)
        counted.add(str(sorted(boards.both(bound, seen)[0]["counted"].items())))
    assert len(counted) > 2, "they see different things"
