"""A city to measure pages in: the demo city as it told itself, one of its cases grown heavy, and
sessions of its people. `benchmarks.pages_copies` gives it more cases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, insert, select, update

from activities.sealing import Sealer
from benchmarks import ground
from benchmarks.pages_copies import FIRST
from cases.accounts import Place as From
from cases.database import open_engine
from cases.factor_tables import recovery_code
from cases.store import place
from cases.tables import case, material, step
from cases.web_tables import account
from yichuang import joining, way_in
from yichuang.settings import CHECKOUT, Settings, as_environment, environment

ALL_PARTS: Final = ""
WEB_PARTS: Final = "temporal,nats,gateway,web"
READY: Final = "一窗已就绪"
WAIT_SECONDS: Final = 900.0


@contextmanager
def city(settings: Settings, parts: str = WEB_PARTS) -> Iterator[ground.Process]:
    """Run the city, or these parts of it, until it is left."""
    only = ["--only", parts] if parts else []
    words = [sys.executable, "-u", "-m", "yichuang.cli", "up", *only]
    running = ground.Process(settings, "up", words)
    try:
        running.start()
        running.until_it_says(READY, WAIT_SECONDS)
        yield running
    finally:
        running.stop()


def lived(settings: Settings, cases: int, then: Callable[[ground.Process], list[str]]) -> list[str]:
    """Let the demo city tell its incidents, projects and so many cases, and do what comes then;
    return what that returns. The city is stopped."""
    with city(settings, ALL_PARTS) as running:
        told = subprocess.run(
            [sys.executable, "-m", "yichuang.cli", "demo", "--cases", str(cases)],
            cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS,
            env={**environment(), **as_environment(settings)},
        )  # fmt: skip
        assert told.returncode == 0, (told.stdout + told.stderr)[-4000:]
        return then(running)


# --- people --------------------------------------------------------------------------------------


def signed_in(settings: Settings) -> dict[str, str]:
    """Return a session's secret by login, of one person for each set of roles."""
    web = open_engine(settings.store_url("web"))
    sessions = way_in.sign_in_of(settings, web, sealer_of(settings)).sessions
    now, found = datetime.now(UTC), {}
    with web.begin() as connection:
        people = connection.execute(
            select(account.c.id, account.c.login, account.c.grants)
            .where(account.c.kind == "human")
            .order_by(account.c.created_at, account.c.login)
        ).all()
        one_of = {
            frozenset(role for role, _ in grants): (id, login)
            for id, login, grants in reversed(people)
        }
        for id, login in reversed(one_of.values()):
            _keeps_codes(connection, id, now)
            found[login] = sessions.open(connection, id, now, From("127.0.0.1", "bench")).secret
    web.dispose()
    return found


def _keeps_codes(connection: Connection, id: str, now: datetime) -> None:
    connection.execute(update(account).where(account.c.id == id).values(password_changed_at=now))
    kept = select(recovery_code.c.digest).where(
        recovery_code.c.account_id == id, recovery_code.c.kept_at.is_not(None)
    )
    if connection.execute(kept.limit(1)).first() is None:
        connection.execute(
            insert(recovery_code).values(
                digest=uuid4().hex * 2,
                account_id=id, made_at=now - timedelta(days=1), kept_at=now,
            )
        )  # fmt: skip


def sealer_of(settings: Settings) -> Sealer:
    keys = open_engine(settings.store_url("keys"))
    return joining.sealer_of(settings, joining.vault_of(settings, keys))


# --- a case of many steps ------------------------------------------------------------------------


def heavy(engine: Engine, sealer: Sealer, steps: int, materials: int) -> str:
    """Give one case in review so many more steps and handed-in files; return its number.

    A step is its last one once more, its body sealed anew, an hour later each; a file is a row with
    a sealed name, as if it had been handed in with that step. Nothing of the case's state moves.
    """
    with engine.begin() as connection:
        there = select(case.c.id, case.c.case_no, case.c.subject, func.max(step.c.seq))
        chosen = connection.execute(
            there.join(step, step.c.case_id == case.c.id)
            .where(case.c.case_no.not_like(f"{FIRST}%"), case.c.stage == "review")
            .group_by(case.c.id, case.c.case_no, case.c.subject)
            .order_by(func.max(step.c.seq).desc(), case.c.id)
            .limit(1)
        ).one()
        case_id, case_no, subject, last = chosen
        newest = select(step).where(step.c.case_id == case_id, step.c.seq == last)
        row = dict(connection.execute(newest).mappings().one())
        body = sealer.vault.open(
            row["subject"], row["body_sealed"], place("step", "body", case_id, last)
        )
        codes = connection.execute(
            select(material.c.code).where(material.c.case_id == case_id).distinct()
        ).scalars()
        known = list(codes) or ["m1"]
        seqs = range(last + 1, last + 1 + steps)
        sealed = sealer.vault.seal_many(
            [(row["subject"], body, place("step", "body", case_id, seq)) for seq in seqs]
        )
        connection.execute(
            insert(step),
            [
                row
                | {
                    "seq": seq, "command_id": f"heavy-{seq}", "entry_id": str(uuid4()),
                    "occurred_at": row["occurred_at"] + timedelta(hours=seq - last),
                    "recorded_at": row["recorded_at"] + timedelta(hours=seq - last),
                    "body_sealed": one,
                }
                for seq, one in zip(seqs, sealed, strict=True)
            ],
        )  # fmt: skip
        names = sealer.vault.seal_many(
            [
                (subject, f"附件第{n}号图纸.pdf".encode(),
                 place("material", "name", case_id, seqs[n % len(seqs)], n))
                for n in range(materials)
            ]
        )  # fmt: skip
        connection.execute(
            insert(material),
            [
                {
                    "case_id": case_id, "seq": seqs[n % len(seqs)], "n": n,
                    "code": known[n % len(known)], "originals": 0, "copies": 1,
                    "upload": f"u{n}", "digest": "0" * 64, "subject": subject, "name_sealed": one,
                }
                for n, one in enumerate(names)
            ],
        )  # fmt: skip
    return str(case_no)
