"""A request for money through the real doors: judged once, kept with its rulings, told, bound."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from audit.tables import audit_outbox
from benchmarks import ground
from benchmarks.step import SOURCE
from cases import payment_rows, tables
from cases.database import open_engine
from cases.messages import Actor, Grant
from cases.payment_tables import payment, payment_ruling
from cases.payments import MOST_FEN, PaymentAnswer, RequestPayment, payment_id
from cases.reception import NotNow, Request
from rules.evaluate import again
from tests.cases.test_payments import FUND, PPP, SME, body
from tests.yichuang.registry import Town, city, settings, template, town
from yichuang import asyncapi
from yichuang.events import EventInvalid
from yichuang.orders import order_event, request_of
from yichuang.payment_door import PaymentDoor, WithPayments
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.subjects import parse_order

__all__ = ["settings", "template", "town"]


def clerk(department: str = "fgw", role: str = "section_clerk", name: str = "qian") -> Actor:
    return Actor(
        id=f"u:{name}", department=department, grants=(Grant(role=role, department=department),)
    )


def payments_of(town: Town) -> PaymentDoor:
    release = town.door
    return PaymentDoor(
        release._client,
        release._task_queue,
        access=town.access,
        engine=open_engine(town.settings.store_url("cases"), read_only=True),
        refusals=release._refusals,
    )


def asked(**changes: Any) -> RequestPayment:
    return RequestPayment.model_validate(body(department="fgw") | changes)


async def ask(town: Town, who: Actor | None = None, key: str = "", **changes: Any) -> PaymentAnswer:
    one = asked(**changes)
    ground.admit(town.settings, who or clerk())
    return await payments_of(town).request(who or clerk(), SOURCE, key or str(uuid4()), one)


def rows(town: Town, table: Any = payment) -> list[Any]:
    with town.shop.cases.connect() as connection:
        return list(connection.execute(select(table)))


def day(days_ago: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=8) - timedelta(days=days_ago)).date().isoformat()


async def test_a_request_is_kept_with_its_rulings_its_entry_and_its_event(town: Town) -> None:
    facts = {"fund": FUND, "ppp": PPP, "sme_payment": SME}
    made = await ask(town, facts=facts, delivered_on=day(31), amount_fen=50_000_00)
    assert (made.status, made.reason) == ("done", "")
    assert made.verdict is not None and made.verdict.outcome == "may_pay"
    assert (made.verdict.overdue_days, made.verdict.interest_fen) == (1, 25_00)
    (row,) = rows(town)
    assert (row.id, row.amount_fen, row.department) == (made.payment, 50_000_00, "fgw")
    with town.shop.cases.connect() as connection:
        rulings = payment_rows.rulings_of(connection, made.payment)
    assert [one.pack for one in rulings] == ["fund", "ppp", "sme_payment"]
    for one in rulings:
        pack = town.released.rule_versions()[one.digest]
        assert again(pack, one) == one
    (entry,) = town.entries(f"payment:{made.payment}")
    assert (entry["act"], entry["why"], entry["id"]) == (
        "payment_request", "may_pay", made.entry
    )  # fmt: skip
    assert entry["rule"]["id"] == "fund"
    told = [one for one in rows(town, tables.outbox) if ".payment.judged" in one.subject]
    event = orjson.loads(told[0].event)
    assert len(told) == 1 and told[0].subject.endswith(".fgw.payment.judged")
    assert (event["data"]["outcome"], event["data"]["amount_fen"]) == ("may_pay", 50_000_00)
    assert "云川建设" not in told[0].event and "云川建设" not in orjson.dumps(entry).decode()


async def test_a_request_beyond_a_red_line_is_stopped_with_rule_and_article(town: Town) -> None:
    made = await ask(town, amount_fen=100_000_01)
    assert made.status == "done" and made.verdict is not None
    assert made.verdict.outcome == "stopped"
    (stop,) = made.verdict.stops
    assert (stop.rule, stop.basis, stop.reasons) == (
        "FUND-PROJECT", "YCYX-12", ("beyond_allotment",)
    )  # fmt: skip
    (entry,) = town.entries(f"payment:{made.payment}")
    assert (entry["res"], entry["why"]) == ("ok", "stopped")


async def test_the_same_command_gets_the_same_answer_and_one_row(town: Town) -> None:
    first = await ask(town, key="a-payment")
    again_ = await ask(town, key="a-payment")
    assert again_.repeated and again_.verdict == first.verdict
    assert again_.payment == first.payment == payment_id("a-payment")
    other = await ask(town, key="a-payment", amount_fen=2)
    assert (other.status, other.code) == ("refused", "id_reused")
    stranger = await ask(town, clerk(name="sun"), key="a-payment")
    assert (stranger.status, stranger.code) == ("refused", "id_reused")
    assert len(rows(town)) == 1 and len(town.entries(f"payment:{first.payment}")) == 1


async def test_many_at_once_under_one_id_are_one_and_under_two_are_two(town: Town) -> None:
    same = await asyncio.gather(*(ask(town, key="at-once") for _ in range(6)))
    assert len({one.payment for one in same}) == 1
    assert {one.status for one in same} == {"done"}
    await asyncio.gather(ask(town, key="one"), ask(town, key="two"))
    assert len(rows(town)) == 3 and len(rows(town, payment_ruling)) == 3


STRANGERS = (
    clerk("gaj"),
    clerk("fgw", "window_clerk"),
    clerk("fgw", "organ_head"),
    clerk("*", "supervisor"),
    clerk("*", "sysadmin"),
    Actor(id="citizen:0123456789", kind="citizen"),
    Actor(id="u:nobody"),
)


async def test_who_may_not_is_refused_by_policy_and_leaves_no_row(town: Town) -> None:
    answers = [await ask(town, who) for who in STRANGERS]
    assert [one.status for one in answers] == ["refused"] * len(STRANGERS)
    # To an administrator it is forbidden whatever else they hold; the others have no such right.
    assert {one.code for one in answers[:4] + answers[5:]} == {"no_right"}
    assert answers[4].code == "forbidden"
    assert rows(town) == []
    with town.web.connect() as connection:
        query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:web")
        bodies = [orjson.loads(one) for one in connection.execute(query).scalars()]
    said = [(one["obj"]["type"], one["res"]) for one in bodies if one["act"] == "payment_request"]
    assert said == [("payment", "deny")] * len(STRANGERS)


async def test_a_warrant_for_another_body_is_refused_by_the_worker(town: Town) -> None:
    """What a door signed for one sum pays no other: the digest of the command is in the warrant."""
    door = payments_of(town)
    sent: list[Any] = []
    asking = door._ask

    async def altered(command: Any) -> PaymentAnswer:
        sent.append(command)
        larger = command.model_copy(update={"body": command.body | {"amount_fen": 9}})
        return await asking(larger)

    door._ask = altered  # type: ignore[method-assign]
    await door.request(clerk(), SOURCE, str(uuid4()), asked())
    assert len(sent) == 1 and rows(town) == []
    (entry,) = town.entries("payment:-")
    assert (entry["res"], entry["act"]) == ("deny", "payment_request")


UNJUDGED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"facts": {"fund": {**FUND, "allotted_fen": -1}}}, "body.facts.fund.allotted_fen"),
    ({"facts": {"fund": {"fund_total_fen": 1}}}, "body.facts.fund.allotted_fen"),
    ({"facts": {"no-such": {"a": 1}}}, "body.facts.no-such"),
    ({"facts": {"noise": {"station": "x"}}}, "body.facts.noise"),
    ({"facts": {"sme_payment": SME}}, "body.delivered_on"),
    ({"facts": {"sme_payment": SME}, "delivered_on": day(-30)}, "body.delivered_on"),
    ({"facts": {"sme_payment": SME}, "delivered_on": "2025-05-31"}, "body.facts.sme_payment"),
    ({"facts": {"sme_payment": {"payer": "nobody"}}, "delivered_on": day(1)}, "body.facts"),
    ({"department": "no-such"}, "body.department"),
)


async def test_a_request_that_the_rules_cannot_judge_is_refused_by_name(town: Town) -> None:
    for changes, field in UNJUDGED:
        made = await ask(town, clerk("*"), **changes)
        assert (made.status, made.field) == ("refused", field), made
        assert made.reason
    assert rows(town) == [] and len(town.entries("payment:-")) == len(UNJUDGED)


async def test_the_largest_sum_is_kept_to_the_fen(town: Town) -> None:
    fund = {"allotted_fen": MOST_FEN, "allotted_total_fen": 1, "fund_total_fen": 1}
    made = await ask(town, facts={"fund": fund}, amount_fen=MOST_FEN)
    assert made.verdict is not None and made.verdict.outcome == "may_pay"
    assert rows(town)[0].amount_fen == MOST_FEN
    over = await ask(town, facts={"fund": fund}, amount_fen=MOST_FEN, paid_before_fen=1)
    assert over.verdict is not None and over.verdict.outcome == "stopped"


async def test_a_system_asks_over_nats_in_the_words_of_every_order(town: Town) -> None:
    reception = WithPayments(town.reception, payments_of(town))
    system = Actor(
        id="s:finance", kind="service", department="fgw",
        grants=(Grant(role="service_intake", department="fgw"),),
    )  # fmt: skip
    ground.admit(town.settings, system)
    data = asked(amount_fen=100_000_01).model_dump(mode="json")
    request = Request(id="m:1", verb="payment_request", body=data)
    (outcome,) = await reception.handle(system, SOURCE, (request,))
    assert (outcome.status, outcome.stage) == ("done", "stopped")
    assert (outcome.code, outcome.basis) == ("FUND-PROJECT", "YCYX-12")
    assert outcome.case_no.startswith("FK")
    (again_,) = await reception.handle(system, SOURCE, (request,))
    assert again_.repeated and again_.case_no == outcome.case_no


async def test_without_a_worker_it_is_not_now_and_later_the_same(settings: Settings) -> None:
    async with city(settings) as (town, working):
        door = payments_of(town)
        ground.admit(town.settings, clerk())
        waiting = asyncio.create_task(door.request(clerk(), SOURCE, "later", asked()))
        await asyncio.sleep(0.5)
        assert not waiting.done() and rows(town) == []
        async with working():
            assert (await waiting).status == "done"
    dead = open_engine("sqlite:////nowhere/at/all.sqlite", read_only=True)
    away = PaymentDoor(
        town.door._client, "town", access=town.access, engine=dead,
        refusals=RefusalLog(town.web, "web", str),
    )  # fmt: skip
    with pytest.raises(NotNow):
        await away.request(clerk(), SOURCE, "x", asked())


async def test_nobody_changes_a_judged_request_not_even_by_sql(town: Town) -> None:
    made = await ask(town)
    (row,) = rows(town)
    for statement in (
        update(payment).values(amount_fen=1),
        delete(payment_ruling),
        delete(payment).where(payment.c.id == made.payment),
        update(payment_ruling).values(outcome="{}"),
        insert(payment).values({**row._mapping, "id": str(uuid4())}).prefix_with("OR REPLACE"),
    ):
        with pytest.raises(DatabaseError), town.shop.cases.begin() as connection:
            connection.execute(statement)
    assert rows(town) == [row]


async def test_the_database_itself_refuses_another_currency_and_a_sum_that_is_none(
    town: Town,
) -> None:
    await ask(town)
    (row,) = rows(town)
    fresh = {**row._mapping, "id": "x", "number": "x", "command_id": "x"}
    for wrong in ({"amount_fen": 0}, {"amount_fen": -5}, {"currency": "USD"}, {"outcome": "paid"},
                  {"amount_fen": MOST_FEN + 1}):  # fmt: skip
        with pytest.raises(IntegrityError), town.shop.cases.begin() as connection:
            connection.execute(insert(payment).values(fresh | wrong))


async def test_a_row_that_was_changed_past_us_is_named_by_its_column(
    town: Town, tmp_path: Path
) -> None:
    made = await ask(town)
    entries = town.entries(f"payment:{made.payment}")
    said = {one["obj"]["id"]: one["after"] for one in entries}
    with town.shop.cases.begin() as connection:
        assert list(payment_rows.check(connection, said)) == []
        connection.execute(text("DROP TRIGGER payment_no_update"))
        connection.execute(update(payment).values(amount_fen=7))
        (wrong,) = payment_rows.check(connection, said)
        assert wrong.column == "payment.amount_fen"
        connection.execute(update(payment).values(amount_fen=50_000_00))
        connection.execute(text("DROP TRIGGER payment_ruling_no_update"))
        connection.execute(update(payment_ruling).values(outcome='{"refused":[]}'))
        (wrong,) = payment_rows.check(connection, said)
        assert wrong.column == "payment_ruling[fund]"
        (wrong,) = payment_rows.check(connection, {})
        assert "no entry" in wrong.expected


async def test_what_is_told_passes_its_published_schema(town: Town) -> None:
    await ask(town, facts={"fund": FUND, "sme_payment": SME}, delivered_on=day(31))
    await ask(town, amount_fen=100_000_01)
    told = [one for one in rows(town, tables.outbox) if ".payment.judged" in one.subject]
    validator = Draft202012Validator(asyncapi.judged_schema())
    for one in told:
        assert list(validator.iter_errors(orjson.loads(one.event)["data"])) == []
    assert len(told) == 2
    sent = Draft202012Validator(asyncapi.payment_schema())
    assert sent.is_valid({"body": asked().model_dump(mode="json")})
    assert not sent.is_valid({"body": asked().model_dump(mode="json") | {"amount_fen": -1}})


def test_an_order_for_money_is_understood_by_its_subject_and_refused_by_its_field() -> None:
    subject = parse_order("cmd.yunchuan.fgw.finance.payment.request")
    assert subject is not None and str(subject).endswith(".payment.request")
    data: dict[str, Any] = {"body": asked().model_dump(mode="json")}
    event = order_event("yunchuan", "request", data, source="/x", event_id="1", thing="payment")
    request = request_of(event, subject)
    assert (request.verb, request.body["amount_fen"]) == ("payment_request", 50_000_00)
    for wrong, field in (
        ({"body": data["body"] | {"amount_fen": -1}}, "data.body.amount_fen"),
        ({"body": data["body"] | {"currency": "USD"}}, "data.body.currency"),
        ({**data, "occurred_at": "2020-01-01T00:00:00Z"}, "data.occurred_at"),
        ({}, "data.body"),
    ):
        bad = order_event("yunchuan", "request", wrong, source="/x", thing="payment")
        with pytest.raises(EventInvalid) as no:
            request_of(bad, subject)
        assert no.value.field == field
    case = parse_order("cmd.yunchuan.fgw.finance.case.request")
    assert case is not None
    with pytest.raises(EventInvalid):
        request_of(event, case)
    other = parse_order("cmd.yunchuan.fgw.finance.payment.file")
    assert other is not None
    with pytest.raises(EventInvalid):
        request_of(order_event("yunchuan", "file", data, source="/x", thing="payment"), other)
