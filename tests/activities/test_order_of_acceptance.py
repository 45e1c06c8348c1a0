"""受理先后: one total order, and no grant over the head of whoever came before (第五十七条)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from activities.indexing import BlindIndex
from cases.acceptance import order_of_acceptance, standing_of
from cases.database import reading
from cases.messages import Outcome
from cases.queries import Queries
from cases.state import CaseState
from cases.views import Order, Standing
from tests.activities.conftest import START, Town, food, small_city
from yichuang.unsealing import opener

SCARCE = {"数量限制": {"按受理先后": True, "依据": "xkf-57"}}
MICROSECOND = timedelta(microseconds=1)


def scarce(town: Town, **changes: Any) -> Town:
    town.matters = replace(small_city(), matters=(food(**(SCARCE | changes)),))
    return town


def filed(town: Town, case: str, at: datetime = START) -> CaseState:
    """File for an applicant of the case's own."""
    filing = town.file(case, at=at)
    person = {"name": f"申请人{case}", "id_number": f"11010119900101{case[1:]:>04}"}
    command = town.order("file", filing.body | {"applicant": person}, case=case, at=at)
    return town.settle(None, command)[0]


def reviewed(town: Town, state: CaseState, case: str, accepted_at: datetime) -> CaseState:
    accept = town.order("accept", {"mode": "plain"}, case=case, by="u:a", at=accepted_at)
    state, _ = town.settle(state, accept)
    opinion = {"task": "review-check", "result": "agree", "text": "同意"}
    return town.settle(state, town.order("opine", opinion, case=case, by="u:b", at=accepted_at))[0]


def decide(town: Town, state: CaseState, case: str, result: str = "grant", n: int = 0) -> Outcome:
    body = {"result": result, "reasons": "依法"}
    command = town.order(
        "decide", body, case=case, by="u:c", id=f"{case}-decide-{n}", at=START + timedelta(days=2)
    )
    return town.outcome(state, command)


def order_in(town: Town) -> Order:
    with reading(town.engine) as connection:
        return order_of_acceptance(connection, "food")


def test_whoever_was_accepted_first_is_first_whoever_was_filed_first(town: Town) -> None:
    scarce(town)
    first, second = filed(town, "c1"), filed(town, "c2")
    reviewed(town, first, "c1", START + timedelta(hours=2))
    reviewed(town, second, "c2", START + timedelta(hours=2) - MICROSECOND)
    places = order_in(town).places
    assert [(one.place, one.case_no) for one in places] == [(1, second.case_no), (2, first.case_no)]
    assert [one.ahead for one in places] == [0, 1]
    assert len({one.entry for one in places}) == 2


def test_two_accepted_at_one_instant_have_an_order_all_the_same(town: Town) -> None:
    scarce(town)
    at = START + timedelta(hours=3)
    received_first = filed(town, "c1", START)
    received_last = filed(town, "c2", START + MICROSECOND)
    same_receipt = filed(town, "c3", START + MICROSECOND)
    for state, case in ((same_receipt, "c3"), (received_last, "c2"), (received_first, "c1")):
        reviewed(town, state, case, at)
    assert [one.case_no for one in order_in(town).places] == [
        received_first.case_no, received_last.case_no, same_receipt.case_no,
    ]  # fmt: skip
    assert received_last.case_no < same_receipt.case_no


def test_a_deemed_acceptance_takes_the_place_of_its_receipt(town: Town) -> None:
    scarce(town)
    silent, spoken = filed(town, "c1", START), filed(town, "c2", START + timedelta(hours=1))
    reviewed(town, spoken, "c2", START + timedelta(hours=2))
    assert [one.case_no for one in order_in(town).places] == [spoken.case_no]
    late = START + timedelta(days=30)
    town.settle(silent, town.order("urge", {"text": "请抓紧"}, case="c1", by="u:a", at=late))
    places = order_in(town).places
    assert [(one.case_no, one.deemed) for one in places] == [
        (silent.case_no, True), (spoken.case_no, False),
    ]  # fmt: skip


def test_a_grant_over_the_head_of_an_earlier_one_is_refused_with_the_article(town: Town) -> None:
    scarce(town)
    first, second = filed(town, "c1"), filed(town, "c2")
    first = reviewed(town, first, "c1", START + timedelta(hours=1))
    second = reviewed(town, second, "c2", START + timedelta(hours=2))
    no = decide(town, second, "c2")
    assert (no.status, no.code, no.basis) == ("refused", "out_of_turn", "xkf-57")
    assert first.case_no in no.reason
    assert decide(town, first, "c1").status == "done"
    assert decide(town, second, "c2", n=1).status == "done"
    assert [one.overtook for one in order_in(town).places] == [(), ()]


def test_what_is_refused_or_withdrawn_stands_in_nobodys_way(town: Town) -> None:
    scarce(town)
    states = {case: filed(town, case) for case in ("c1", "c2", "c3")}
    for hours, case in enumerate(states, 1):
        states[case] = reviewed(town, states[case], case, START + timedelta(hours=hours))
    assert decide(town, states["c2"], "c2", "refuse").status == "done"
    withdraw = town.order("withdraw", {}, case="c1", by="u:d", at=START + timedelta(days=1))
    town.settle(states["c1"], withdraw)
    assert decide(town, states["c3"], "c3").status == "done"


def test_one_that_is_not_accepted_yet_stands_in_nobodys_way(town: Town) -> None:
    scarce(town)
    filed(town, "c1")
    second = reviewed(town, filed(town, "c2"), "c2", START + timedelta(hours=2))
    assert decide(town, second, "c2").status == "done"


def test_the_grant_says_its_place(town: Town) -> None:
    scarce(town)
    state = reviewed(town, filed(town, "c1"), "c1", START + timedelta(hours=1))
    body = {"result": "grant"}
    at = START + timedelta(days=2)
    _, settled = town.settle(state, town.order("decide", body, by="u:c", at=at))
    judged = [one for one in settled.steps[0].events if one.kind == "order_judged"]
    assert [one.data for one in judged] == [{"place": 1, "article": "xkf-57"}]


def test_where_another_law_says_otherwise_nobody_waits(town: Town) -> None:
    scarce(town, 数量限制={"按受理先后": False, "依据": "xkf-57"})
    first, second = filed(town, "c1"), filed(town, "c2")
    first = reviewed(town, first, "c1", START + timedelta(hours=1))
    second = reviewed(town, second, "c2", START + timedelta(hours=2))
    assert decide(town, second, "c2").status == "done"
    # The order is told for every matter, and names what was overtaken.
    assert [one.overtook for one in order_in(town).places] == [(), (first.case_no,)]


def test_a_case_that_is_not_accepted_has_no_place(town: Town) -> None:
    state = filed(scarce(town), "c1")
    with reading(town.engine) as connection:
        assert standing_of(connection, state) is None


def test_the_case_shows_its_place_and_who_is_undecided_before_it(town: Town) -> None:
    scarce(town)
    first, second = filed(town, "c1"), filed(town, "c2")
    first = reviewed(town, first, "c1", START + timedelta(hours=1))
    second = reviewed(town, second, "c2", START + timedelta(hours=2))
    queries = Queries(town.engine, opener(town.vault), BlindIndex(town.engine, town.sealer).sought)
    view = queries.case_view(second.case_id, START)
    assert view is not None
    assert view.standing == Standing(place=2, undecided=(first.case_no,))


def test_a_case_of_a_matter_without_limit_shows_no_place(town: Town) -> None:
    state = reviewed(town, filed(town, "c1"), "c1", START)
    queries = Queries(town.engine, opener(town.vault), BlindIndex(town.engine, town.sealer).sought)
    view = queries.case_view(state.case_id, START)
    assert view is not None and view.standing is None
