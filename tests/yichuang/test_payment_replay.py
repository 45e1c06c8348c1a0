"""Payments of the past by a changed pack: which differ, whose, from what to what, and how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from cases import payment_rows, releases
from cases.database import open_engine
from cases.dossier import SAME_PAYMENTS, Dossier
from cases.payment_rows import Judged
from cases.payment_tables import payment_ruling
from cases.payments import asked_instant, context_of, payment_id, payment_number, verdict_of
from cases.releases import Proposal
from catalogue.load import Catalogue, load_catalogue
from rules.evaluate import evaluate
from rules.pack import Pack
from tests.cases.test_payments import FUND, PACKS, PPP, SME, asked
from yichuang.payment_rules import terms_of
from yichuang.rule_orders import simulate as command
from yichuang.simulating import Past, simulate, span_of
from yichuang.stores import migrate

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
TODAY = date(2026, 11, 20)


@dataclass
class Known:
    """The shipped packs in force, and the shipped matters."""

    matters: Catalogue

    def pack_at(self, name: str, at: datetime) -> Pack | None:
        return PACKS.get(name)

    def catalogue(self) -> Catalogue:
        return self.matters


def pay(engine: Engine, key: str, **changes: Any) -> str:
    """Put a request into the store as the worker would have judged it; return its number."""
    body = asked(**changes)
    number = payment_number(payment_id(key), TODAY)
    rulings = []
    for name in sorted(body.facts):
        terms = terms_of(PACKS[name])
        assert terms is not None
        at = asked_instant(name, body, NOW, "Asia/Shanghai")
        rulings.append((terms, evaluate(PACKS[name], context_of(terms, body, number, NOW), at)))
    verdict = verdict_of(body, TODAY, rulings)
    one = Judged(
        payment_id(key), number, key, "", "u:qian", body, NOW, NOW, verdict,
        tuple(ruling for _, ruling in rulings), "e",
    )  # fmt: skip
    with engine.begin() as connection:
        payment_rows.put(connection, one)
    return number


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    with engine.begin() as connection:
        for pack in (PACKS["fund"], PACKS["ppp"], PACKS["sme_payment"]):
            seed = Proposal("rules", pack.id, pack.version, pack.stored)
            releases.seed(connection, seed, NOW, datetime(2020, 1, 1, tzinfo=UTC))
    yield engine
    engine.dispose()


@pytest.fixture
def numbers(store: Engine) -> dict[str, str]:
    facts = {"fund": FUND, "sme_payment": SME}
    return {
        "small": pay(store, "small", amount_fen=20_000_00),
        "large": pay(store, "large", amount_fen=60_000_00, department="gaj"),
        "over": pay(store, "over", amount_fen=100_000_01),
        "late": pay(store, "late", amount_fen=10_000_00, facts=facts, delivered_on="2026-10-01"),
        "ppp": pay(store, "ppp", facts={"ppp": PPP}),
    }


def tried(store: Engine, pack: Pack, months: int = 6) -> Dossier:
    past = Past(store, lambda _: [], Known(load_catalogue()), {})
    one = Proposal("rules", pack.id, pack.version, pack.stored)
    return simulate(past, one, "", span_of(months, NOW))


def changed(name: str, rule: str, **fields: object) -> Pack:
    whole = PACKS[name].definition
    rules = tuple(one.model_copy(update=fields) if one.id == rule else one for one in whole.rules)
    made = Pack.of(whole.model_copy(update={"version": "2026.3", "rules": rules}))
    return Pack.from_stored(made.stored)


def halved() -> Pack:
    """The fund's pack where half of what is allotted may be paid."""
    rule = next(one for one in PACKS["fund"].definition.rules if one.id == "FUND-PROJECT")
    return changed("fund", "FUND-PROJECT", when=rule.when.model_copy(update={"times": 0.5}))


def checked(made: Dossier) -> bool:
    (found,) = (one for one in made.checks if one.name == SAME_PAYMENTS)
    return found.passed


@pytest.mark.parametrize(("name", "looked_at"), [("fund", 4), ("ppp", 1), ("sme_payment", 1)])
def test_the_version_in_force_differs_from_itself_in_nothing(
    store: Engine, numbers: dict[str, str], name: str, looked_at: int
) -> None:
    made = tried(store, PACKS[name])
    assert made.payments.compared and made.payments.looked_at == looked_at
    assert made.payments.changes == () and checked(made)


def test_a_harder_limit_stops_what_lay_above_it_and_nothing_else(
    store: Engine, numbers: dict[str, str]
) -> None:
    made = tried(store, halved())
    (one,) = made.payments.changes
    assert (one.case_no, one.kind, one.department) == (numbers["large"], "now_stopped", "gaj")
    assert one.rule == "FUND-PROJECT" and one.amount_fen == 60_000_00
    assert '"payment":"may_pay"' in one.before and '"payment":"stopped"' in one.after
    assert made.payments.departments == {"gaj": 1}
    assert made.payments.amounts == {"gaj": 60_000_00}
    assert made.payments.counts["改为停付金额（分）"] == 60_000_00
    assert made.payments.counts["改为可付"] == 0 and "付费不同 1" in made.words


def test_a_rule_taken_out_lets_go_what_it_stopped(store: Engine, numbers: dict[str, str]) -> None:
    whole = PACKS["fund"].definition
    rules = tuple(one for one in whole.rules if one.id != "FUND-PROJECT")
    made = tried(store, Pack.of(whole.model_copy(update={"version": "2026.3", "rules": rules})))
    (one,) = made.payments.changes
    assert (one.case_no, one.kind) == (numbers["over"], "no_longer_stopped")
    assert made.payments.counts["改为可付金额（分）"] == 100_000_01


def test_a_longer_term_moves_the_due_day_and_the_interest(
    store: Engine, numbers: dict[str, str]
) -> None:
    rule = PACKS["sme_payment"].definition.rules[0]
    longer = changed("sme_payment", rule.id, then={"limit_days": 40})
    (one,) = tried(store, longer).payments.changes
    assert (one.case_no, one.kind) == (numbers["late"], "later")
    assert '"due_on":"2026-10-31"' in one.before and '"due_on":"2026-11-10"' in one.after
    assert '"interest_fen":10000' in one.before and '"interest_fen":5000' in one.after


def test_a_ruling_that_was_altered_keeps_the_version_from_being_signed(
    store: Engine, numbers: dict[str, str]
) -> None:
    with store.begin() as connection:
        connection.execute(text("DROP TRIGGER payment_ruling_no_update"))
        connection.execute(update(payment_ruling).values(outcome='{"refused":["x"]}'))
    made = tried(store, PACKS["fund"])
    assert not checked(made) and not made.passed


def test_what_was_asked_outside_the_span_is_not_replayed(
    store: Engine, numbers: dict[str, str]
) -> None:
    past = Past(store, lambda _: [], Known(load_catalogue()), {})
    pack = PACKS["fund"]
    one = Proposal("rules", pack.id, pack.version, pack.stored)
    before = datetime(2026, 11, 20, 3, 59, tzinfo=UTC)
    assert simulate(past, one, "", span_of(6, before)).payments.looked_at == 0
    assert simulate(past, one, "", span_of(6, NOW)).payments.looked_at == 4


def test_a_pack_that_is_not_about_money_has_no_payments(store: Engine) -> None:
    section = tried(store, PACKS["noise"]).payments
    assert not section.compared and "付费" in section.reason


def test_made_again_it_has_the_same_digest_and_a_dossier_without_money_tells_none(
    store: Engine, numbers: dict[str, str]
) -> None:
    assert tried(store, halved()).digest == tried(store, halved()).digest
    assert "amount_fen" not in tried(store, PACKS["fund"]).content


def test_the_command_shows_departments_amounts_and_both_sides(
    store: Engine, numbers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = tried(store, halved())
    command._show(made, Proposal("rules", "fund", "2026.3", "{}"), [], 20)
    said = capsys.readouterr().out
    for part in ("付费：看过 4，不同 1", "gaj 1，60,000.00 元", "改为停付", numbers["large"]):
        assert part in said, part
