"""A fund's book for trials: orders written as rows, past every check but the database's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, insert, select

from cases import fund as f
from cases import fund_rows as rows
from cases.apart_tables import payment_hand
from cases.database import reading
from cases.payment_tables import payment
from cases.payments import RequestPayment
from cases.projection import json_text

AT = datetime(2026, 11, 20, 4, tzinfo=UTC)
PROJECT, DEPARTMENT, YEAR = "P1", "zjj", 2026


def body_of(contract: str, amount_fen: int, year: int) -> str:
    """Return what the row of such a request says."""
    asked = RequestPayment(
        department=DEPARTMENT, project=PROJECT, purpose="进度款", payee="云川建设有限公司",
        payee_code="91440300708461136T", amount_fen=amount_fen, budget_year=year,
        contract=contract, milestone="m1",
    )  # fmt: skip
    return json_text(asked.said())


@dataclass
class Book:
    """Writes as the worker would, had it no check of its own."""

    engine: Engine
    numbers: Any = field(default_factory=count)
    at: datetime = AT
    """When what is ordered next is recorded."""

    def order(self, verb: str, body: f.Body, actor: str = "u:li", **more: Any) -> str:
        """Write one order; return the id of its thing. Raises what the database raises."""
        key = str(uuid4())
        more.setdefault("thing", f.thing_id(key))
        one = rows.Ordered(
            str(uuid4()), key, "0" * 64, verb, actor=actor, body=body, recorded_at=self.at,
            entry_id=str(uuid4()), **more,
        )  # fmt: skip
        with self.engine.begin() as connection:
            rows.put(connection, one, rows.lock(connection))
        return one.thing

    def open(self, limit_fen: int = f.FUND_LIMIT_FEN) -> None:
        self.order(f.OPEN, f.OpenFund(title="专项基金", limit_fen=limit_fen), thing=f.FUND)

    def allot(
        self,
        amount_fen: int,
        project: str = PROJECT,
        year: int = YEAR,
        department: str = DEPARTMENT,
    ) -> str:
        body = f.Allot(
            project=project, department=department, budget_year=year, amount_fen=amount_fen,
            document="云财〔2026〕1号",
        )  # fmt: skip
        return self.order(
            f.ALLOT, body, project=project, department=department, budget_year=year,
            amount_fen=amount_fen, lines=f.allotted(amount_fen),
        )  # fmt: skip

    def contract(self, amount_fen: int, project: str = PROJECT, **changes: Any) -> str:
        body = f.MakeContract.model_validate(
            {
                "project": project, "department": DEPARTMENT, "number": f"HT-{next(self.numbers)}",
                "title": "数据中心一期", "payee": "云川建设有限公司",
                "payee_code": "91440300708461136T", "amount_fen": amount_fen,
                "signed_on": date(2026, 1, 5),
            } | changes
        )  # fmt: skip
        key = str(uuid4())
        thing = f.thing_id(key)
        return self.order(
            f.CONTRACT, body, thing=thing, contract=thing, project=project,
            department=DEPARTMENT, amount_fen=amount_fen,
        )  # fmt: skip

    def request(
        self,
        contract: str,
        amount_fen: int,
        year: int = YEAR,
        actor: str = "u:a",
        due_on: str = "",
    ) -> str:
        """Write a request that the rules let pass, by its rows alone."""
        (key,) = self.requests([(contract, amount_fen)], year, actor, due_on)
        return key

    def requests(
        self,
        asked: Sequence[tuple[str, int]],
        year: int = YEAR,
        actor: str = "u:a",
        due_on: str = "",
    ) -> list[str]:
        """Write such requests, contract and sum, in one transaction; return their ids."""
        keys = [str(uuid4()) for _ in asked]
        with self.engine.begin() as connection:
            for key, (contract, amount_fen) in zip(keys, asked, strict=True):
                row = {
                    "id": key, "number": f"FK{key[:18]}", "command_id": key,
                    "order_digest": "0" * 64, "actor": actor, "department": DEPARTMENT,
                    "project": PROJECT, "payee_code": "91440300708461136T",
                    "amount_fen": amount_fen, "currency": "CNY", "budget_year": year,
                    "body": body_of(contract, amount_fen, year), "asked_at": AT,
                    "recorded_at": AT, "outcome": "may_pay",
                    "due_on": due_on, "verdict": '{"outcome":"may_pay"}', "entry_id": "e",
                    "digests": "{}",
                }  # fmt: skip
                connection.execute(insert(payment).values(row))
                hand = {"payment_id": key, "act": "payment_request", "person": actor}
                connection.execute(insert(payment_hand).values(hand))
                rows.claim(connection, key, contract, "m1")
        return keys

    def step(
        self, verb: str, key: str, body: f.Body, actor: str, lines: tuple[f.Line, ...] = ()
    ) -> None:
        with reading(self.engine) as connection:
            claim = rows.claim_of(connection, key)
            asked = connection.execute(select(payment).where(payment.c.id == key)).one()
        assert claim is not None
        self.order(
            verb, body, actor, thing=key, payment=key, contract=claim.contract.id,
            project=claim.contract.project, department=claim.contract.department,
            budget_year=asked.budget_year, amount_fen=asked.amount_fen, lines=lines,
        )  # fmt: skip

    def review(self, key: str, actor: str = "u:b") -> None:
        self.step(f.REVIEW, key, f.Review(opinion="同意"), actor)

    def give_back(self, key: str, actor: str = "u:b") -> None:
        self.step(f.RETURN, key, f.Return(reason="佐证不全"), actor)

    def pay(self, key: str, actor: str = "u:c", retained: int = 0, interest: int = 0) -> None:
        with reading(self.engine) as connection:
            asked = connection.execute(select(payment).where(payment.c.id == key)).one()
        self.step(
            f.PAY, key, f.Pay(voucher="GK-1"), actor,
            f.paid(asked.amount_fen, retained, interest),
        )  # fmt: skip

    def whole(self, contract: str, amount_fen: int, **more: Any) -> str:
        """Request, review and pay."""
        key = self.request(contract, amount_fen)
        self.review(key)
        self.pay(key, **more)
        return key

    def release(self, key: str, retained: int, actor: str = "u:c") -> None:
        self.step(f.RELEASE, key, f.Release(voucher="GK-2"), actor, f.released(retained))

    def reverse(self, key: str, actor: str = "u:b") -> None:
        with reading(self.engine) as connection:
            before = rows.lines_of_payment(connection, key)
        self.step(f.REVERSE, key, f.Reverse(reason="付错"), actor, f.reversed_(before))

    def use(self, contract: str, amount_fen: int, year: int = YEAR) -> str:
        body = f.Use(
            contract=contract, budget_year=year, amount_fen=amount_fen,
            used_on=date(2026, 11, 1), purpose="设备",
        )  # fmt: skip
        return self.order(
            f.USE, body, contract=contract, project=PROJECT, department=DEPARTMENT,
            budget_year=year, amount_fen=amount_fen, lines=f.used(amount_fen),
        )  # fmt: skip

    def sums(self, scope: str = "fund", key: str = f.FUND) -> f.Sums:
        with reading(self.engine) as connection:
            return rows.sums(connection, scope, key)
