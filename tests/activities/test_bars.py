"""Who lied for a licence, or got it by fraud, may not apply again yet (第七十八、七十九条)."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cases.approval.bars import last_day
from cases.messages import Outcome
from cases.settling import Batch
from cases.state import Bar, CaseState
from tests.activities.conftest import START, Town, food, small_city

BEIJING = ZoneInfo("Asia/Shanghai")
REFUSED_ON = datetime(2026, 3, 2, 15, 0, tzinfo=BEIJING)
ONE_YEAR_LATER = datetime(2027, 3, 2, 23, 59, 59, tzinfo=BEIJING)
THE_NEXT_DAY = datetime(2027, 3, 3, 0, 0, tzinfo=BEIJING)
LIE = {"result": "refuse", "reasons": "提供虚假的场所证明", "ground": "false_materials"}
FRAUD = {"ground": "fraud", "reason": "以贿赂取得"}


def of_safety(town: Town, **changes: Any) -> Town:
    town.matters = replace(small_city(), matters=(food(直接关系安全=True, **changes),))
    return town


def decided(town: Town, body: dict[str, Any], case: str = "c1", **more: Any) -> CaseState:
    """File, accept and decide a case at 2026-03-02 15:00 in Beijing."""
    state = town.filed(case, at=REFUSED_ON, **more)
    steps = [
        ("accept", {"mode": "plain"}, "u:a"),
        ("opine", {"task": "review-check", "result": "agree", "text": "查实"}, "u:b"),
        ("decide", body, "u:c"),
    ]
    for verb, given, who in steps:
        state, settled = town.settle(
            state, town.order(verb, given, case=case, by=who, at=REFUSED_ON)
        )
        assert settled.steps[0].outcome.status == "done", settled.steps[0].outcome
    return state


def granted_and_served(town: Town, case: str = "c1") -> CaseState:
    state = decided(town, {"result": "grant"}, case)
    served = {"method": "direct", "recipient": "张三丰"}
    return town.settle(state, town.order("serve", served, case=case, by="u:d", at=REFUSED_ON))[0]


def asked_again(town: Town, at: datetime, case: str = "c2", **more: Any) -> Outcome:
    return town.outcome(None, town.file(case, at=at, **more))


def test_a_refusal_for_falsehood_bars_until_the_end_of_the_same_day_a_year_later(
    town: Town,
) -> None:
    decided(of_safety(town), LIE)
    no = asked_again(town, ONE_YEAR_LATER)
    assert (no.status, no.code, no.basis, no.field) == (
        "refused", "barred", "XKF-78", "body.applicant",
    )  # fmt: skip
    assert "2027-03-03" in no.reason
    assert asked_again(town, THE_NEXT_DAY, "c3").status == "done"


def test_the_same_command_gets_the_same_answer_when_the_year_is_over(town: Town) -> None:
    decided(of_safety(town), LIE)
    filing = town.file("c2", at=ONE_YEAR_LATER)
    first = town.outcome(None, filing)
    again = town.outcome(None, filing)
    assert again == first.model_copy(update={"repeated": True})


def test_a_refusal_on_another_ground_bars_nobody(town: Town) -> None:
    decided(of_safety(town), {"result": "refuse", "reasons": "面积不足"})
    assert asked_again(town, REFUSED_ON).status == "done"


def test_a_matter_that_does_not_concern_safety_bars_nobody(town: Town) -> None:
    decided(town, LIE)
    assert asked_again(town, REFUSED_ON).status == "done"


def test_a_refusal_of_acceptance_for_falsehood_bars_as_well(town: Town) -> None:
    state = of_safety(town).filed(at=REFUSED_ON)
    body = {"reason": "证明系伪造", "ground": "false_materials"}
    town.settle(state, town.order("refuse_acceptance", body, by="u:a", at=REFUSED_ON))
    assert asked_again(town, ONE_YEAR_LATER).basis == "XKF-78"
    assert asked_again(town, THE_NEXT_DAY, "c3").status == "done"


def test_a_licence_got_by_fraud_bars_for_three_years_from_its_revocation(town: Town) -> None:
    state = granted_and_served(of_safety(town))
    revoked, _ = town.settle(state, town.order("revoke_licence", FRAUD, by="u:e", at=REFUSED_ON))
    assert revoked.ending == "revoked"
    no = asked_again(town, ONE_YEAR_LATER.replace(year=2029))
    assert (no.code, no.basis) == ("barred", "XKF-79") and "2029-03-03" in no.reason
    assert asked_again(town, THE_NEXT_DAY.replace(year=2029), "c3").status == "done"


def test_a_licence_revoked_for_the_authoritys_own_fault_bars_nobody(town: Town) -> None:
    state = granted_and_served(of_safety(town))
    body = {"ground": "other", "reason": "超越法定职权"}
    town.settle(state, town.order("revoke_licence", body, by="u:e", at=REFUSED_ON))
    assert asked_again(town, REFUSED_ON).status == "done"


def test_an_archived_licence_can_still_be_revoked_and_only_once(town: Town) -> None:
    state = granted_and_served(of_safety(town))
    for verb, body in (("close", {}), ("rate", {"grade": 1})):
        state, _ = town.settle(state, town.order(verb, body, by="u:f", at=REFUSED_ON))
    assert state.stage == "ended"
    state, _ = town.settle(state, town.order("revoke_licence", FRAUD, by="u:e", at=REFUSED_ON))
    assert (state.stage, state.ending, state.timers) == ("ended", "revoked", ())
    again = town.order("revoke_licence", FRAUD, by="u:g", at=REFUSED_ON)
    no = town.outcome(state, again)
    assert (no.code, no.basis) == ("already_revoked", "XKF-69")


def test_who_is_somebody_else_may_apply(town: Town) -> None:
    decided(of_safety(town), LIE)
    filing = town.file("c2", at=REFUSED_ON)
    other = filing.body | {"applicant": {"name": "张三丰", "id_number": "110101199001011238"}}
    assert town.outcome(None, town.order("file", other, case="c2", at=REFUSED_ON)).status == "done"


def test_what_was_received_before_the_refusal_is_judged_as_it_then_was(town: Town) -> None:
    decided(of_safety(town), LIE)
    before = START
    assert before < REFUSED_ON
    assert asked_again(town, before, backfill=True).status == "done"


def test_a_backfilled_filing_is_judged_at_its_own_instant(town: Town) -> None:
    decided(of_safety(town), LIE)
    filing = town.file("c2", at=THE_NEXT_DAY, backfill=True)
    body = filing.body | {"received_at": ONE_YEAR_LATER.isoformat()}
    late = town.order("file", body, case="c2", at=THE_NEXT_DAY, backfill=True)
    assert town.outcome(None, late).code == "barred"
    assert asked_again(town, THE_NEXT_DAY, "c3", backfill=True).status == "done"


def test_an_admitted_filing_says_how_many_earlier_cases_were_looked_at(town: Town) -> None:
    decided(of_safety(town), LIE)
    _, settled = town.settle(None, town.file("c2", at=THE_NEXT_DAY))
    (judged,) = [one for one in settled.steps[0].events if one.kind == "bars_judged"]
    assert (judged.data["earlier"], judged.data["bars"]) == (1, 1)


def test_two_filings_at_once_are_both_refused(town: Town) -> None:
    decided(of_safety(town), LIE)
    commands = [town.file(f"c{n}", at=ONE_YEAR_LATER) for n in (2, 3)]
    found: list[str] = []
    ready = threading.Barrier(2)

    def file(n: int) -> None:
        ready.wait()
        settled = town.settlement.settle(Batch(state=None, commands=(commands[n],)))
        found.append(settled.steps[0].outcome.code)

    threads = [threading.Thread(target=file, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["barred", "barred"]


def test_a_falsehood_is_no_ground_for_a_grant(town: Town) -> None:
    state = of_safety(town).filed(at=REFUSED_ON)
    for verb, body, who in (
        ("accept", {"mode": "plain"}, "u:a"),
        ("opine", {"task": "review-check", "result": "agree", "text": "查实"}, "u:b"),
    ):
        state, _ = town.settle(state, town.order(verb, body, by=who, at=REFUSED_ON))
    no = town.outcome(
        state, town.order("decide", LIE | {"result": "grant"}, by="u:c", at=REFUSED_ON)
    )
    assert (no.code, no.basis) == ("not_a_refusal", "XKF-78")


@pytest.mark.parametrize(
    ("since", "years", "last"),
    [
        (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), 1, "2027-03-03"),  # past midnight in Beijing
        (datetime(2026, 3, 2, 15, 59, tzinfo=UTC), 1, "2027-03-02"),
        (datetime(2024, 2, 29, 4, 0, tzinfo=UTC), 1, "2025-02-28"),
        (datetime(2024, 2, 29, 4, 0, tzinfo=UTC), 3, "2027-02-28"),
        (datetime(2025, 12, 31, 4, 0, tzinfo=UTC), 3, "2028-12-31"),
    ],
)
def test_a_year_ends_on_the_day_of_the_same_date(since: datetime, years: int, last: str) -> None:
    bar = Bar(since=since, years=years, article="XKF-78")
    assert last_day(bar, "Asia/Shanghai").isoformat() == last
