"""A process that reviews and pays whatever it finds, in an order of its own, until it is killed.

    python -m benchmarks.fund_payer URL SEED

Every payer gives the same commands: who is first settles one, the others find its answer.
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
from cases.messages import Actor, Command, Source
from cases.payment_tables import payment

ACHIEVED = f.MilestoneSeen("m1", datetime(2026, 1, 1, tzinfo=UTC).date(), 1)
PEOPLE = {f.REVIEW: "u:b", f.PAY: "u:c"}


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


def main(url: str, seed: int) -> None:
    engine = open_engine(url)
    funding, keys = funding_of(engine), keys_of(engine)
    random.Random(seed).shuffle(keys)  # noqa: S311 -- an order, no secret
    for key in keys:
        for verb in (f.REVIEW, f.PAY):
            settle(funding, verb, key)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
