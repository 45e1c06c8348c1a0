"""Payments a second by many processes that are killed, against one that is left alone.

Every payer gives the same commands in its own order and is killed again and again; at the end all
commands are given once more. Then the journal must balance, every cap hold, nothing be paid twice,
and whatever was refused must not have fitted.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from benchmarks.fund_book import Book
from benchmarks.fund_payer import funding_of, keys_of, settle
from cases import fund as f
from cases import fund_rows as rows
from cases.database import open_engine, reading
from cases.payment_tables import payment
from yichuang.commands.fund import verified
from yichuang.settings import CHECKOUT
from yichuang.stores import migrate

PAYMENTS = 10_000
PAYERS = 4
CONTRACTS = 5
KILL_EVERY_S = 1.0
KILLS = 20


@dataclass(frozen=True)
class Tried:
    """What came of it."""

    paid: int
    refused: int
    kills: int
    seconds: float
    faults: tuple[str, ...]


def run(payments: int = PAYMENTS, payers: int = PAYERS) -> dict[str, Any]:
    """Return payments a second under fire, and of one payer alone."""
    with tempfile.TemporaryDirectory() as folder:
        found = under_fire(store(Path(folder) / "fire.sqlite"), payments, payers)
        alone = max(1, payments // 10)
        quiet = under_fire(store(Path(folder) / "alone.sqlite"), alone, 1, kills=0)
    value, baseline = payments / found.seconds, alone / quiet.seconds
    return {
        "name": "fund", "unit": "payments/s", "value": round(value, 1),
        "baseline": round(baseline, 1), "ratio": round(value / baseline, 2),
        "payments": payments, "paid": found.paid, "refused": found.refused,
        "kills": found.kills, "faults": len(found.faults),
    }  # fmt: skip


def store(path: Path) -> str:
    """Return the address of a new cases store of the embedded form."""
    url = f"sqlite:///{path}"
    engine = open_engine(url)
    migrate(engine, "cases")
    engine.dispose()
    return url


def under_fire(url: str, payments: int, payers: int, kills: int = KILLS) -> Tried:
    """Make a city's requests of which a fifth does not fit, and let the payers at them. `url`: of a
    cases store that is migrated and has no fund yet."""
    engine = open_engine(url)
    _requests(engine, payments)
    began, killed = time.monotonic(), 0
    chance = random.Random(7)  # noqa: S311 -- whom to kill, no secret
    running = [_payer(url, seed) for seed in range(payers)]
    seed = payers
    while running:
        time.sleep(KILL_EVERY_S)
        running = [one for one in running if one.poll() is None]
        if running and killed < kills:
            victim = running.pop(chance.randrange(len(running)))
            victim.kill()
            victim.wait()
            killed, seed = killed + 1, seed + 1
            running.append(_payer(url, seed))
    faults = tuple(_faults(engine))
    seconds = time.monotonic() - began
    with reading(engine) as connection:
        paid = len(rows.orders(connection, verb=f.PAY))
    engine.dispose()
    return Tried(paid, payments - paid, killed, seconds, faults)


def _payer(url: str, seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.fund_payer", url, str(seed)]
    return subprocess.Popen(command, cwd=CHECKOUT)


def _requests(engine: Engine, payments: int) -> None:
    book, chance = Book(engine), random.Random(payments)  # noqa: S311 -- sums, no secret
    amounts = [chance.randint(1, 100_000) for _ in range(payments)]
    book.open()
    book.allot(sum(amounts) * 4 // 5)
    contracts = [book.contract(sum(amounts), retention_bp=300) for _ in range(CONTRACTS)]
    book.requests([(contracts[n % CONTRACTS], amount) for n, amount in enumerate(amounts)])


def _faults(engine: Engine) -> Sequence[str]:
    """Give every command once more; return what is not as it must be."""
    funding = funding_of(engine)
    answers = {key: settle(funding, f.PAY, key) for key in keys_of(engine)}
    with reading(engine) as connection:
        faults = list(verified(connection)[0])
        sums = rows.sums(connection, "fund", f.FUND)
        amounts = {
            row.id: row.amount_fen
            for row in connection.execute(select(payment.c.id, payment.c.amount_fen))
        }
    done = {key for key, one in answers.items() if one.status == "done"}
    if sum(amounts[key] for key in done) != sums.paid_fen + sums.retained_fen:
        faults.append("what was answered is not what was booked")
    faults += [
        f"{key} would have fitted" for key in answers.keys() - done
        if amounts[key] <= sums.available_fen
    ]  # fmt: skip
    return faults
