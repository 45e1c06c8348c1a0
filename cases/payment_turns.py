"""Which payment requests wait for one person: the step that is in turn is theirs to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, or_, select

from cases import fund as f
from cases.apart_tables import payment_hand
from cases.fund_tables import fund_order, payment_claim
from cases.payment_tables import payment

WAITED_FOR: Final = (f.REVIEW, f.RETURN, f.PAY)
"""Steps without which a request goes no further; what may follow a payment waits for nobody."""


def waits_for(person: str, where: Mapping[str, Collection[str]]) -> ColumnElement[bool]:
    """Return the condition on `payment`. `where`: step → departments in which it is theirs.

    A request that may be paid waits for its review, then for its payment, each by somebody who has
    no other hand in it; one that the rules stopped waits only to be returned. Without a contract
    nothing follows a request.
    """
    claimed = exists().where(payment_claim.c.payment_id == payment.c.id)
    reviewed, may_pay = _done(f.REVIEW), payment.c.outcome == "may_pay"

    def mine(verb: str) -> ColumnElement[bool]:
        return payment.c.department.in_(sorted(where.get(verb, ())))

    turn = or_(
        and_(mine(f.REVIEW), may_pay, ~reviewed, _apart(person, f.REVIEW)),
        and_(mine(f.RETURN), ~may_pay, ~reviewed),
        and_(mine(f.PAY), reviewed, _apart(person, f.PAY)),
    )
    return and_(claimed, ~_done(f.PAY), ~_done(f.RETURN), turn)


def _done(verb: str) -> ColumnElement[bool]:
    return exists(
        select(fund_order.c.id).where(
            fund_order.c.payment_id == payment.c.id, fund_order.c.verb == verb
        )
    )


def _apart(person: str, verb: str) -> ColumnElement[bool]:
    return ~exists(
        select(payment_hand.c.act).where(
            payment_hand.c.payment_id == payment.c.id,
            payment_hand.c.person == person,
            payment_hand.c.act != verb,
        )
    )
