"""A request for money: what may be asked, what the rules are told, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cases.payments import (
    MOST_FEN,
    NEEDED,
    FactRefused,
    RequestPayment,
    Terms,
    asked_instant,
    context_of,
    interest_fen,
    payment_id,
    payment_number,
    uscc_check,
    verdict_of,
)
from rules.evaluate import evaluate
from rules.load import load_packs
from rules.pack import Pack
from yichuang.payment_rules import terms_of

PACKS = load_packs()
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
"""Noon in Beijing."""
FUND: dict[str, Any] = {"allotted_fen": 100_000_00, "allotted_total_fen": 400_000_000_00,
        "fund_total_fen": 500_000_000_00}  # fmt: skip
SME: dict[str, Any] = {"payer": "organ"}
PPP: dict[str, Any] = {
    "regime": "new",
    "total_fen": 90,
    "approved_fen": 100,
    "contractor_prefinances": False,
}


def body(**changes: Any) -> dict[str, Any]:
    return {
        "department": "sjj", "project": "数据中心一期", "purpose": "第一期工程款",
        "payee": "云川建设有限公司", "payee_code": "91440300708461136T",
        "amount_fen": 50_000_00, "budget_year": 2026, "paid_before_fen": 0,
        "facts": {"fund": FUND},
    } | changes  # fmt: skip


def asked(**changes: Any) -> RequestPayment:
    return RequestPayment.model_validate(body(**changes))


def terms(name: str) -> Terms:
    found = terms_of(PACKS[name])
    assert found is not None
    return found


def judged(one: RequestPayment, at: datetime = NOON) -> Any:
    rulings = []
    for name in sorted(one.facts):
        known = terms(name)
        when = asked_instant(name, one, at, "Asia/Shanghai")
        rulings.append((known, evaluate(PACKS[name], context_of(known, one, "FK1", at), when)))
    return verdict_of(one, date(2026, 11, 20), rulings)


# --- what may be asked ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["91440300708461136T", "914403001922038216", "91330100799655058B"])
def test_codes_of_real_companies_are_codes(code: str) -> None:
    assert uscc_check(code[:17]) == code[17]
    assert asked(payee_code=code).payee_code == code


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_fen", 0), ("amount_fen", -1), ("amount_fen", 1.5), ("amount_fen", "100"),
        ("amount_fen", True), ("amount_fen", MOST_FEN + 1), ("amount_fen", 10**400),
        ("currency", "USD"), ("currency", "cny"), ("currency", ""),
        ("paid_before_fen", -1), ("paid_before_fen", 0.5), ("paid_before_fen", MOST_FEN + 1),
        ("budget_year", 1999), ("budget_year", 2101), ("budget_year", "2026"),
        ("payee_code", "914403001922038217"), ("payee_code", "91440300192203821"),
        ("payee_code", "91440300192203821I"),
        ("payee_code", "９１４４０３００１９２２０３８２１６"),
        ("project", "\u200b"), ("purpose", ""), ("department", "../x"), ("facts", {}),
        ("facts", {"fund": {"allotted_fen": float("nan")}}),
        ("facts", {"fund": {"allotted_fen": float("inf")}}),
        ("facts", {"fund": {"allotted_fen": [1]}}),
        ("facts", {"fund": {"allotted_fen": None}}),
        ("facts", {"fund": {"__class__": 1}}),
        ("facts", {"../fund": {}}),
        ("facts", {f"p{n}": {} for n in range(9)}),
        ("delivered_on", "2026-02-30"), ("more", 1),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        asked(**{field: value})


def test_the_largest_and_the_smallest_sum_are_requests() -> None:
    assert (asked(amount_fen=1).amount_fen, asked(amount_fen=MOST_FEN).amount_fen) == (1, MOST_FEN)


# --- what the rules are told ---------------------------------------------------------------------


def test_money_reaches_the_rules_in_yuan_and_to_the_fen() -> None:
    context = context_of(terms("fund"), asked(amount_fen=100_000_01), "FK1", NOON)
    assert context["paid_total_yuan"] == 100_000.01
    assert context["allotted_yuan"] == 100_000
    assert context["payment"] == "FK1"


@given(st.integers(1, 3 * MOST_FEN - 1))
def test_no_two_sums_of_fen_are_one_in_yuan(fen: int) -> None:
    assert fen / 100 < (fen + 1) / 100


def _refused_facts() -> Iterator[tuple[str, dict[str, Any], str]]:
    yield "fund", {**FUND, "allotted_yuan": 5}, "facts.fund.allotted_yuan"
    yield "fund", {**FUND, "allotted_fen": -1}, "facts.fund.allotted_fen"
    yield "fund", {**FUND, "allotted_fen": 1.5}, "facts.fund.allotted_fen"
    yield "fund", {**FUND, "allotted_fen": "1"}, "facts.fund.allotted_fen"
    yield "fund", {**FUND, "allotted_fen": True}, "facts.fund.allotted_fen"
    yield "fund", {**FUND, "allotted_fen": MOST_FEN + 1}, "facts.fund.allotted_fen"
    yield "fund", {**FUND, "paid_total_fen": 1}, "facts.fund.paid_total_fen"
    yield "fund", {**FUND, "payment": "x"}, "facts.fund.payment"
    yield "fund", {**FUND, "idle_days": 1.5}, "facts.fund.idle_days"
    yield "fund", {**FUND, "idle_fen": 1}, "facts.fund.idle_fen"
    yield "fund", {**FUND, "misspelt": 1}, "facts.fund.misspelt"
    yield "sme_payment", {**SME, "limit_days": 5}, "facts.sme_payment.limit_days"
    yield "sme_payment", {**SME, "days_since": 5}, "facts.sme_payment.days_since"
    yield "sme_payment", {**SME, "paid": True}, "facts.sme_payment.paid"


@pytest.mark.parametrize(("pack", "facts", "place"), list(_refused_facts()))
def test_a_fact_that_is_none_of_the_pack_is_refused_at_its_place(
    pack: str, facts: dict[str, Any], place: str
) -> None:
    one = asked(facts={pack: facts}, delivered_on="2026-11-01")
    with pytest.raises(FactRefused) as no:
        context_of(terms(pack), one, "FK1", NOON)
    assert no.value.field == place


@pytest.mark.parametrize("pack", sorted(NEEDED))
def test_a_number_that_a_red_line_needs_may_not_be_left_out(pack: str) -> None:
    whole = {"fund": FUND, "ppp": PPP, "sme_payment": SME}[pack]
    context_of(terms(pack), asked(facts={pack: whole}, delivered_on="2026-11-01"), "FK1", NOON)
    for name in whole:
        one = asked(
            facts={pack: {key: value for key, value in whole.items() if key != name}},
            delivered_on="2026-11-01",
        )
        with pytest.raises(FactRefused) as no:
            context_of(terms(pack), one, "FK1", NOON)
        assert no.value.field == f"facts.{pack}.{name}"


def test_what_was_paid_before_and_the_day_of_delivery_may_not_be_left_out() -> None:
    with pytest.raises(FactRefused) as no:
        context_of(terms("fund"), asked(paid_before_fen=None), "FK1", NOON)
    assert no.value.field == "paid_before_fen"
    with pytest.raises(FactRefused) as no:
        asked_instant("sme_payment", asked(facts={"sme_payment": SME}), NOON, "Asia/Shanghai")
    assert no.value.field == "delivered_on"


def test_a_delivery_of_tomorrow_is_refused_and_of_today_is_not() -> None:
    late = datetime(2026, 11, 20, 15, 59, tzinfo=UTC)  # a minute before midnight in Beijing
    one = asked(facts={"sme_payment": SME}, delivered_on="2026-11-21")
    with pytest.raises(FactRefused):
        asked_instant("sme_payment", one, late, "Asia/Shanghai")
    after = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
    found = asked_instant("sme_payment", one, after, "Asia/Shanghai")
    assert found == datetime(2026, 11, 20, 16, tzinfo=UTC)


def test_the_needed_facts_are_fields_of_the_shipped_packs() -> None:
    for pack, names in NEEDED.items():
        assert set(names) <= set(PACKS[pack].definition.fields)


def test_what_stops_a_payment_stands_in_the_packs() -> None:
    assert {name: terms(name).stops for name in NEEDED} == {
        "fund": {"refused"}, "ppp": {"forbidden"}, "sme_payment": frozenset()
    }  # fmt: skip


def test_a_pack_that_is_not_about_money_judges_none() -> None:
    assert [terms_of(PACKS[name]) for name in ("noise", "routing")] == [None, None]


# --- what follows --------------------------------------------------------------------------------


def test_a_payment_at_the_allotment_may_be_paid_and_a_fen_more_is_stopped() -> None:
    at = judged(asked(amount_fen=100_000_00))
    assert (at.outcome, at.stops) == ("may_pay", ())
    over = judged(asked(amount_fen=100_000_00, paid_before_fen=1))
    assert over.outcome == "stopped"
    assert [(s.pack, s.rule, s.basis, s.reasons) for s in over.stops] == [
        ("fund", "FUND-PROJECT", "YCYX-12", ("beyond_allotment",))
    ]


def test_every_red_line_that_is_crossed_is_named() -> None:
    facts = {"fund": {**FUND, "allotted_total_fen": 500_000_000_01, "applicant_is_payer": True},
             "ppp": {**PPP, "total_fen": 101, "contractor_prefinances": True}}  # fmt: skip
    stopped = judged(asked(facts=facts))
    assert {stop.rule for stop in stopped.stops} == {
        "FUND-TOTAL", "FUND-TOTAL-NOW", "FUND-SEPARATION", "ZFTZ-22", "ZFTZ-23"
    }  # fmt: skip


def test_an_investment_at_the_approved_budget_may_be_paid() -> None:
    assert judged(asked(facts={"ppp": {**PPP, "total_fen": 100}})).outcome == "may_pay"


def sme(delivered: str, amount: int = 100_000_00, **facts: Any) -> Any:
    return judged(
        asked(facts={"sme_payment": {**SME, **facts}}, delivered_on=delivered, amount_fen=amount)
    )


def test_an_organ_pays_within_thirty_days_and_each_day_later_costs_interest() -> None:
    last = sme("2026-10-21")
    assert (last.limit_days, last.due_on, last.overdue_days, last.interest_fen) == (
        30, date(2026, 11, 20), 0, 0
    )  # fmt: skip
    late = sme("2026-10-20")
    assert (late.due_on, late.overdue_days) == (date(2026, 11, 19), 1)
    assert (late.interest_percent_per_day, late.interest_fen) == ("0.05", 50_00)
    assert late.outcome == "may_pay"


def test_an_agreed_term_counts_up_to_sixty_days() -> None:
    assert sme("2026-10-01", agreed_days=45).due_on == date(2026, 11, 15)
    assert sme("2026-10-01", agreed_days=60).due_on == date(2026, 11, 30)
    assert sme("2026-10-01", agreed_days=90).due_on == date(2026, 11, 30)
    assert sme("2026-10-01", payer="large_enterprise", agreed_days=90).limit_days == 90


def test_where_interest_was_agreed_no_sum_is_made_up() -> None:
    late = sme("2026-10-01", interest_agreed=True)
    assert (late.overdue_days, late.interest_fen, late.interest_percent_per_day) == (20, None, "")


def test_what_nobody_says_of_last_year_s_list_is_no_breach() -> None:
    one = asked(facts={"sme_payment": SME}, delivered_on="2026-11-01")
    context = context_of(terms("sme_payment"), one, "FK1", NOON)
    assert "month_day" not in context
    said = asked(
        facts={"sme_payment": {**SME, "overdue_published": False}}, delivered_on="2026-11-01"
    )
    context = context_of(terms("sme_payment"), said, "FK1", NOON)
    assert context["month_day"] == 1120
    ruling = evaluate(PACKS["sme_payment"], context, NOON)
    assert ruling.outcome["unlawful"] == ["overdue_not_published"]


def test_a_delivery_before_the_regulation_has_no_term() -> None:
    assert (sme("2025-05-31").due_on, sme("2025-06-01").due_on) == (None, date(2025, 7, 1))


@pytest.mark.parametrize(
    ("fen", "days", "interest"),
    [(1, 1, 0), (999, 1, 0), (1000, 1, 1), (1001, 1, 1), (2999, 1, 1), (3000, 1, 2),
     (MOST_FEN, 36500, 182_500_000_000_000)],
)  # fmt: skip
def test_interest_is_rounded_half_up_to_the_fen(fen: int, days: int, interest: int) -> None:
    assert interest_fen(fen, Decimal("0.05"), days) == interest


def test_a_command_names_one_payment_for_ever() -> None:
    assert payment_id("a") == payment_id("a") != payment_id("b")
    assert payment_number(payment_id("a"), date(2026, 11, 20)).startswith("FK20261120")


def test_another_version_of_a_pack_may_forbid_the_same() -> None:
    rules = tuple(
        one.model_copy(update={"when": one.when.model_copy(update={"times": 0.5})})
        for one in PACKS["fund"].definition.rules
        if one.id == "FUND-PROJECT"
    )
    changed = Pack.of(PACKS["fund"].definition.model_copy(update={"rules": rules}))
    harder = Pack.from_stored(changed.stored)  # a copied rule remembers its old condition
    known = terms_of(harder)
    assert known is not None
    one = asked(amount_fen=60_000_00)
    ruling = evaluate(harder, context_of(known, one, "FK1", NOON), NOON)
    assert judged(one).outcome == "may_pay"
    assert verdict_of(one, date(2026, 11, 20), [(known, ruling)]).outcome == "stopped"
