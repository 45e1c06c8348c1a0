"""A process that reviews and pays whatever it finds, in an order of its own, until it is killed.

    python -m benchmarks.fund_payer URL SEED

Every payer gives the same commands: who is first settles one, the others find its answer. One that
begins after another was killed knows what is settled and gives a tenth of it once more.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import Engine, select

from activities.forging import Forgeries
from activities.funding import Funding
from activities.sealing import Sealer
from cases import fund as f
from cases.database import open_engine, reading
from cases.fund_orders import Grounds
from cases.fund_tables import fund_order
from cases.messages import Actor, Command, Source
from cases.payment_tables import payment

ACHIEVED = f.MilestoneSeen("m1", datetime(2026, 1, 1, tzinfo=UTC).date(), 1)
PEOPLE = {f.REVIEW: "u:b", f.PAY: "u:c"}
AGAIN = 0.1
"""Share of what is settled that a new payer gives once more."""


class Named:
    """Names people as they are: what is tried is money."""

    def who(self, user: str) -> str:
        return user


def funding_of(engine: Engine) -> Funding:
    """Return the real activity over a store, without doors and policy before it."""
    grounds = Grounds(milestone=lambda *_: ACHIEVED)
    return Funding(
        engine, cast(Sealer, Named()), lambda *_: None, lambda *_: None,
        cast(Forgeries, None), grounds, frozenset, "demo", "https://bench.test/schemas",
        "Asia/Shanghai", lambda: datetime.now(UTC),
    )  # fmt: skip


def settle(funding: Funding, verb: str, key: str) -> f.FundAnswer:
    """Give the one command that does this step of this payment."""
    at = datetime.now(UTC)
    body = {"opinion": "同意"} if verb == f.REVIEW else {"voucher": "GK"}
    command = Command(
        id=f"{verb}-{key}", verb=verb, case_id=key, body=dict(body),
        actor=Actor(id=PEOPLE[verb], department="zjj"), source=Source(door="web"), occurred_at=at,
    )  # fmt: skip
    return funding.settle(f.FundOrder(command=command, admitted_at=at))


def keys_of(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(select(payment.c.id).order_by(payment.c.id)).scalars())


def settled_of(engine: Engine) -> set[tuple[str, str]]:
    """Return the steps of payments that were settled by now: payment and verb."""
    query = select(fund_order.c.payment_id, fund_order.c.verb).where(fund_order.c.verb.in_(PEOPLE))
    with reading(engine) as connection:
        return {(row.payment_id, row.verb) for row in connection.execute(query)}


def main(url: str, seed: int) -> None:
    engine, chance = open_engine(url), random.Random(seed)  # noqa: S311 -- an order, no secret
    funding, keys, before = funding_of(engine), keys_of(engine), settled_of(engine)
    chance.shuffle(keys)
    for key in keys:
        for verb in PEOPLE:
            if (key, verb) not in before or chance.random() < AGAIN:
                settle(funding, verb, key)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
