"""What the map and its lists read of cases that were really settled."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, pairwise
from typing import Any

import pytest
from sqlalchemy import false, true

from cases.database import reading
from cases.process_rows import Sought, happened, held, held_cases, how_many, passages
from cases.tables import case
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import MARCH, filled

SOUGHT = Sought("case", MARCH.since, MARCH.until)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town that tests of this module only read."""
    return filled(town_in(tmp_path_factory.mktemp("busy")))


def test_the_steps_of_a_thing_come_together_and_in_order(busy: Town) -> None:
    with reading(busy.engine) as connection:
        steps = list(happened(connection, true(), SOUGHT))
        count = how_many(connection, true(), SOUGHT)
    runs = [(thing, [one.act for one in some]) for thing, some in groupby(steps, lambda s: s.thing)]
    assert len({thing for thing, _ in runs}) == len(runs) == count > 5
    assert all(acts[0] == "file" for _, acts in runs)
    assert "timer_fired" not in {one.act for one in steps}


def test_of_many_the_newest_are_read(busy: Town) -> None:
    with reading(busy.engine) as connection:
        some = {one.thing for one in happened(connection, true(), SOUGHT, most=2)}
    assert len(some) == 2


def test_of_what_one_may_not_see_nothing_is_read(busy: Town) -> None:
    with reading(busy.engine) as connection:
        assert how_many(connection, false(), SOUGHT) == 0
        assert list(happened(connection, false(), SOUGHT)) == []
        assert held(connection, false(), SOUGHT) == []
        assert passages(connection, case.c.id == "", SOUGHT, "file", "accept", 9) == ([], 0)


def test_the_number_of_an_arrow_is_that_of_its_list(busy: Town) -> None:
    with reading(busy.engine) as connection:
        shown, n = passages(connection, true(), SOUGHT, "accept", "opine", 3)
        all_of_them, same = passages(connection, true(), SOUGHT, "accept", "opine", 1000)
    assert n == same == len(all_of_them) > 3
    assert [one.id for one in shown] == [one.id for one in all_of_them[:3]]
    assert [one.seconds for one in all_of_them] == sorted(
        (one.seconds for one in all_of_them), reverse=True
    )


def test_every_passage_is_that_of_the_steps_one_after_the_other(busy: Town) -> None:
    wanted = defaultdict[Any, list[Any]](list)
    with reading(busy.engine) as connection:
        steps = happened(connection, true(), SOUGHT)
        for thing, some in groupby(steps, lambda one: one.thing):
            for one, following in pairwise(sorted(some, key=lambda one: one.at)):
                wanted[one.act, following.act].append((thing, one.at, following.at))
        assert len(wanted) > 5
        for (source, target), expected in wanted.items():
            found, n = passages(connection, true(), SOUGHT, source, target, 1000)
            assert n == len(expected)
            assert {(one.id, one.began_at, one.ended_at) for one in found} == set(expected)


def test_who_held_decided_cases_sums_to_what_their_list_says(busy: Town) -> None:
    with reading(busy.engine) as connection:
        found = held(connection, true(), SOUGHT)
        first = found[0]
        cases, n = held_cases(connection, true(), SOUGHT, (first.kind, first.name), 1000)
        late, late_n = held_cases(
            connection, true(), SOUGHT, (first.kind, first.name), 1000, late=True
        )
    assert (first.kind, first.name) == ("department", "scjg")
    assert n == len(cases) == first.cases
    assert sum(one.used for one in cases) == pytest.approx(first.used)
    assert late_n == len(late) == first.late_cases > 0
    assert not any(one.on_time for one in late)
