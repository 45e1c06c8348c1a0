"""Sums made ahead are what the rows say, for everybody, whatever moved since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, true, update

from cases import counting, plan_values, tally
from cases.counting import Question
from cases.database import one_moment, reading
from cases.delay_shares import ShareLine, ShareQuery, shares
from cases.messages import Actor, Grant
from cases.months import months_before, span_of
from cases.seen import Seen
from cases.tables import case, clock, hand
from cases.tallied import Tally, opened
from cases.tally_tables import tally_mark, tally_state
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner
from tests.activities.conftest import Town, town_in
from tests.activities.test_metrics import ACCEPT, NOW, STEP, ZONE, filled, told
from yichuang.tallying import Tallying

EVERYBODY = Seen(true(), lambda _group: True)
SPAN = span_of("2025-12", "2026-03", ZONE)
SHARES = ShareQuery("2026-02", "2026-03")
MIDDAY = plan_values.Window(
    datetime(2025, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)
)
"""It ends in the evening of the day on which the cases came in."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One town for all: no test here needs the rows to be as another found them."""
    found = filled(town_in(tmp_path_factory.mktemp("tally")), 办理环节=(STEP,))
    with found.engine.begin() as connection:
        one, other, *_ = connection.execute(select(case.c.id).order_by(case.c.case_no)).scalars()
        for id, values in ((one, {"department": "xf"}), (other, {"label_level": 3})):
            connection.execute(update(case).where(case.c.id == id).values(values))
    yield found
    found.engine.dispose()


def summed(town: Town) -> None:
    while Tallying(town.engine, ZONE, "here", lambda: NOW).look():
        pass


def both(town: Town, seen: Seen, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return everything that boards count: by rows, and from sums."""
    with one_moment(town.engine) as connection:
        found = opened(connection, seen, ZONE)
        assert found is not None
        return (
            counts(connection, Question(seen.where, SPAN, NOW, **more)),
            counts(connection, Question(seen.where, SPAN, NOW, **more, kept=found)),
        )


def counts(connection: Connection, question: Question) -> dict[str, Any]:
    return {
        "counted": bare(counting.counted(connection, question)),
        "steps": bare(counting.steps_by_department(connection, question)),
        "cards": bare(counting.cards_by_department(connection, question)),
        "shares": {
            holder: round(n, 6)
            for holder, n in counting.shares_by_holder(connection, question).items()
            if n
        },
        "behind": behind(connection, question),
    }


def behind(connection: Connection, question: Question) -> dict[Any, Any]:
    """Return how many lines stand behind the plan's numbers: the reader's, and everybody's."""
    year, kept = plan_values.window_of(NOW.date(), ZONE, NOW), question.kept
    assert kept is None or isinstance(kept, Tally)
    sums = None if kept is None else (kept, kept.everybodys(), ZONE)
    found = {
        (source, window): plan_values.behind(connection, source, window, question.where, 1, sums)
        for source in plan_values.OF_CASES
        for window in (year, MIDDAY)
    }
    return {key: (one.seen, one.every) for key, one in found.items()}


def bare(groups: Mapping[Any, Mapping[str, int]]) -> dict[Any, dict[str, int]]:
    """Leave out what counted nothing."""
    left = {key: {name: n for name, n in one.items() if n} for key, one in groups.items()}
    return {key: one for key, one in left.items() if one}


def equal(town: Town, seen: Seen = EVERYBODY, **more: Any) -> None:
    rows, sums = both(town, seen, **more)
    assert sums == rows


def lines(town: Town, seen: Seen, query: ShareQuery, *, kept: bool) -> Sequence[ShareLine]:
    with one_moment(town.engine) as connection:
        found = opened(connection, seen, ZONE) if kept else None
        assert (found is not None) is kept
        return shares(connection, seen.where, query, ZONE, found)


def test_sums_are_what_rows_say(town: Town) -> None:
    summed(town)
    equal(town)
    rows, _ = both(town, EVERYBODY)
    assert rows["counted"]["food", "scjg", "2026-03"]["closed"] > 1, "there is something to count"
    assert rows["shares"] and rows["steps"]
    assert all(n for (_, window), (_, n) in rows["behind"].items() if window != MIDDAY)
    assert rows["behind"]["online", MIDDAY][1], "and on the day that the window cuts"
    equal(town, matter="food")
    equal(town, department="scjg")
    equal(town, department="xf")


def test_whose_time_it_was_is_the_same_from_sums(town: Town) -> None:
    summed(town)
    for query in (
        SHARES,
        ShareQuery("2026-03", "2026-03", late=True),
        ShareQuery("2026-03", "2026-03", clock="statutory", holder="department:scjg"),
        ShareQuery("2026-03", "2026-03", article="xkf-42"),
    ):
        rows = lines(town, EVERYBODY, query, kept=False)
        assert [rounded(one) for one in lines(town, EVERYBODY, query, kept=True)] == [
            rounded(one) for one in rows
        ]
    assert lines(town, EVERYBODY, SHARES, kept=True)


def rounded(line: ShareLine) -> tuple[Any, ...]:
    return (line.kind, line.name, line.article, line.clocks, round(line.used, 6),
            round(line.paused, 6), line.late_clocks, round(line.late_used, 6))  # fmt: skip


def test_a_step_counts_at_once_though_nobody_has_summed_it(town: Town) -> None:
    summed(town)
    told(town, "another", [ACCEPT])
    with reading(town.engine) as connection:
        assert connection.execute(select(tally_mark.c.id)).all(), "the step marked its case"
    equal(town)
    summed(town)
    with reading(town.engine) as connection:
        assert not connection.execute(select(tally_mark.c.id)).all()
    equal(town)


def test_before_all_cases_are_in_there_are_no_sums(town: Town) -> None:
    with town.engine.begin() as connection:
        tally.begin(connection, ZONE)
        tally.fold(connection, ZONE, most=3)
    with one_moment(town.engine) as connection:
        assert opened(connection, EVERYBODY, ZONE) is None
    summed(town)
    with one_moment(town.engine) as connection:
        assert opened(connection, EVERYBODY, ZONE) is not None
        assert opened(connection, EVERYBODY, "Europe/Paris") is None, "its months are others"


def test_of_other_rules_all_is_summed_anew(town: Town) -> None:
    summed(town)
    with town.engine.begin() as connection:
        connection.execute(update(tally_state).values(rules="0 Asia/Shanghai"))
    with one_moment(town.engine) as connection:
        assert opened(connection, EVERYBODY, ZONE) is None
    summed(town)
    equal(town)


def test_a_mark_made_while_its_case_is_summed_stays(town: Town) -> None:
    summed(town)
    with town.engine.begin() as connection:
        (id,) = connection.execute(select(case.c.id).limit(1)).one()
        tally.mark(connection, id)
        before = connection.execute(select(tally_mark.c.id)).scalars().all()
        tally.mark(connection, id)
        connection.execute(delete(tally_mark).where(tally_mark.c.id.in_(before)))
        assert connection.execute(select(tally_mark.c.case_id)).scalars().all() == [id]


def test_what_no_mark_explains_is_found_and_put_right(town: Town) -> None:
    summed(town)
    with town.engine.begin() as connection:
        connection.execute(update(clock).where(clock.c.key == "promised").values(on_time=False))
    rows, sums = both(town, EVERYBODY)
    assert sums != rows, "changed behind the sums' back"
    watch = Tallying(town.engine, ZONE, "here", lambda: NOW)
    watch.look()
    equal(town)
    watch.look()
    with reading(town.engine) as connection:
        assert not connection.execute(select(tally_mark.c.id)).all()
        assert tally.unequal_sums(connection) == []
    equal(town)


def test_only_who_holds_the_lease_sums(town: Town) -> None:
    summed(town)
    told(town, "leased", [])
    assert Tallying(town.engine, ZONE, "other", lambda: NOW).look() == 0, "`here` has the lease"
    assert Tallying(town.engine, ZONE, "here", lambda: NOW).look() == 1


# --- each sees their own -------------------------------------------------------------------------


def access(town: Town) -> Access:
    departments = {"city": "", "scjg": "city", "xf": "city", "zjj": "city"}
    return Access(load_policy(), departments, WarrantSigner("door", Ed25519PrivateKey.generate()))


def actor(id: str, *grants: tuple[str, str], **more: Any) -> Actor:
    held = tuple(Grant(role=role, department=department) for role, department in grants)
    return Actor(id=id, kind="human", grants=held, **({"clearance": 4} | more))


PEOPLE = (
    actor("u:all", ("supervisor", "*")),
    actor("u:none", ("supervisor", "xf")),
    actor("u:head", ("section_head", "scjg")),
    actor("u:other", ("section_head", "xf")),
    actor("u:window", ("window_clerk", "scjg"), clearance=1),
    actor("u:a", ("section_clerk", "zjj"), ("supervisor", "scjg")),
    actor("u:rev", ("section_head", "zjj")),
)
"""Who sees all, nothing, one department, by tasks, below a label, or by name."""
IDS = st.integers(0, 7)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("label", "department", "holder", "recused", "on_time", "ended", "grade")),
        IDS, st.integers(0, 3),
    ),
    max_size=6,
)  # fmt: skip


def change(connection: Connection, ids: Sequence[str], what: str, n: int, value: int) -> None:
    """Change a case as no step would, and mark it as every step does."""
    id = ids[n % len(ids)]
    person, department = PEOPLE[value % len(PEOPLE)].id, ("scjg", "xf", "zjj", "city")[value]
    values: dict[str, dict[str, Any]] = {
        "label": {"label_level": value + 1},
        "department": {"department": department},
        "holder": {"holder": person},
        "grade": {"grade": value + 1},
    }
    if what == "recused":
        row = {"case_id": id, "act": "recused", "person": person}
        known = select(hand.c.case_id).where(*(hand.c[k] == v for k, v in row.items()))
        if connection.execute(known).first() is None:
            connection.execute(hand.insert().values(row))
        return  # who stands back is asked at each reading: no mark
    if what in ("on_time", "ended"):
        new = {"on_time": bool(value % 2)} if what == "on_time" else {"ended_at": SPAN.since}
        connection.execute(
            update(clock).where(clock.c.case_id == id, clock.c.ended_at.is_not(None)).values(new)
        )
    else:
        connection.execute(update(case).where(case.c.id == id).values(values[what]))
    tally.mark(connection, id)


@settings(max_examples=8, deadline=None, phases=(Phase.generate,))
@given(CHANGES, st.sampled_from(PEOPLE), st.booleans())
def test_whatever_moves_everybody_s_sums_are_their_rows(
    town: Town, changes: list[tuple[str, int, int]], who: Actor, put_in: bool
) -> None:
    """Never undone between examples: each goes on from what the ones before have left, so nothing
    is shrunk."""
    summed(town)
    with town.engine.begin() as connection:
        ids = list(connection.execute(select(case.c.id).order_by(case.c.case_no)).scalars())
        for what, n, value in changes:
            change(connection, ids, what, n, value)
    if put_in:
        summed(town)
    equal(town, access(town).seen(who, "list"))


def test_the_people_here_see_different_cases(town: Town) -> None:
    summed(town)
    judge = access(town)
    found = [both(town, judge.seen(one, "list"))[1]["counted"] for one in PEOPLE]
    assert len({str(one) for one in found}) > 2


def test_sums_lag_no_month_behind(town: Town) -> None:
    """What was in hand when a month ended stays that month's, also of months long ago."""
    summed(town)
    past = span_of(months_before("2026-03", 8), "2026-03", ZONE)
    with one_moment(town.engine) as connection:
        found = opened(connection, EVERYBODY, ZONE)
        rows = counts(connection, Question(true(), past, NOW))
        assert counts(connection, Question(true(), past, NOW, kept=found)) == rows
