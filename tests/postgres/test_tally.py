"""Kept sums on PostgreSQL: while clerks settle and the worker sums, each moment says from sums what
it says from rows."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from cases.database import one_moment, reading
from cases.seen import Seen
from cases.tally_check import checked
from cases.tally_tables import tally_mark
from tests.activities import test_tally as boards
from tests.activities import test_tally_process as process
from tests.activities import test_tally_running as running
from tests.activities.conftest import START, Town
from tests.activities.test_metrics import ACCEPT, AGREE, GRANT, STEP, ZONE, filled, told
from tests.activities.test_tally import EVERYBODY, PEOPLE, access, summed
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
