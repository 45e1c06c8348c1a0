"""Milliseconds of a clerk's worklist under policy, p95, at 10,000 and at a million cases.

Ours: what the page asks of the store at each request, as the pages ask it: one page of 25 lines of
the team's list, due soonest first, with its counts (up to a thousand), and the numbers in brackets
on the left; `all`: of all open cases; `few`: of somebody who may see none. Policy's condition is
worked out anew, the applicants' names are opened and masked. Bare: the same 25 rows and their count
to the end by the driver alone, no policy, no label, no names.

Written by bulk insert, not settled: rows as the settlement leaves them, sealed under real keys, a
third of the cases open with one task each, over sixteen departments; one in fifty has a label
above the clerk's clearance, one in a hundred a compartment. Nothing is kept between two requests:
SQLite's page cache is the connection's own, and both sides have it.
"""

from __future__ import annotations

import math
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, insert

from audit.tables import keys_metadata
from audit.vault import SubjectVault
from cases.blind_index import Sought
from cases.database import open_engine
from cases.messages import Actor, Grant, Person
from cases.projection import NEVER, WARN_BEFORE
from cases.queries import Queries
from cases.store import place
from cases.tables import case, case_compartment, cases_metadata, task
from cases.views import WorklistQuery
from cases.worklists import Desk
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner
from yichuang.unsealing import opener

SIZES = (10_000, 1_000_000)
ROUNDS = 40
AT_ONCE = 20_000
SUBJECTS = 500
DEPARTMENTS = ("zjj", *(f"d{n}" for n in range(15)))
NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
STAGES = ("received", "review", "gather", "decision", "certificate", "service")
CLERK = Actor(
    id="u:clerk", department="zjj", clearance=2,
    grants=(Grant(role="section_clerk", department="zjj"),),
)  # fmt: skip
ELSEWHERE = Actor(
    id="u:elsewhere", department="d15", clearance=2,
    grants=(Grant(role="section_clerk", department="d15"),),
)  # fmt: skip
"""Of a department that has no case: what must be looked through to find none?"""
TEAM = WorklistQuery(scope="team")
ALL = WorklistQuery(scope="all", state="open")
BARE = (
    "SELECT c.* FROM case_file c JOIN task t ON t.case_id = c.id "
    "WHERE t.state = 'open' AND t.department = 'zjj' "
    "ORDER BY coalesce(t.due_at, c.sort_at), c.id, t.key LIMIT 25"
)
BARE_COUNT = (
    "SELECT c.stage, count(*) FROM case_file c JOIN task t ON t.case_id = c.id "
    "WHERE t.state = 'open' AND t.department = 'zjj' GROUP BY c.stage"
)


def run(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the p95 of the largest store, ours and bare, and how both grew from the smallest."""
    found = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="yc-bench-") as folder:
            found[size] = _measured(Path(folder), size, rounds)
    least, most = found[sizes[0]], found[sizes[-1]]
    return {
        "name": "worklist",
        "value": most["team_p95"],
        "unit": "ms",
        "baseline": most["bare_p95"],
        "ratio": round(most["bare_p95"] / most["team_p95"], 3),
        "cases": sizes[-1],
        "growth": round(most["team_p95"] / least["team_p95"], 2),
        "bare_growth": round(most["bare_p95"] / least["bare_p95"], 2),
        "sizes": {str(size): one for size, one in found.items()},
    }


def _measured(folder: Path, size: int, rounds: int) -> dict[str, float]:
    store = open_engine(f"sqlite:///{folder / 'cases.sqlite'}")
    keys = open_engine(f"sqlite:///{folder / 'keys.sqlite'}")
    cases_metadata.create_all(store)
    keys_metadata.create_all(keys)
    vault = SubjectVault(keys, b"m" * 32)
    began = time.perf_counter()
    _filled(store, vault, size)
    written = time.perf_counter() - began
    queries = Queries(store, opener(vault), lambda name: Sought(names=(name,)))
    known = dict.fromkeys((*DEPARTMENTS, ELSEWHERE.department), "")
    access = Access(load_policy(), known, WarrantSigner("web", _key()))

    def listed(query: WorklistQuery, who: Actor = CLERK) -> Callable[[], int]:
        desk = Desk((who.id,), (who.department,))

        def ask() -> int:
            where = access.where(who, "list")
            personal = access.where(who, "read_personal")
            page = queries.worklist(where, desk, query, NOW, personal)
            queries.counts(where, desk, NOW)
            return len(page.rows)

        return ask

    bare = sqlite3.connect(folder / "cases.sqlite")

    def plainly() -> int:
        bare.execute(BARE_COUNT).fetchall()
        return len(bare.execute(BARE).fetchall())

    sides = {
        "team": listed(TEAM), "all": listed(ALL), "few": listed(ALL, ELSEWHERE), "bare": plainly,
    }  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 2):
        for name, ask in sides.items():
            at = time.perf_counter()
            assert ask() == (0 if name == "few" else 25)
            if turn >= 2:  # the first two find an empty page cache and uncompiled statements
                times[name].append((time.perf_counter() - at) * 1000)
    bare.close()
    store.dispose()
    keys.dispose()
    figures = {f"{name}_p50": round(statistics.median(some), 2) for name, some in times.items()}
    figures |= {f"{name}_p95": round(_p95(some), 2) for name, some in times.items()}
    return figures | {"written_s": round(written, 1)}


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[math.ceil(len(times) * 0.95) - 1]


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


# --- rows ----------------------------------------------------------------------------------------


def _filled(store: Engine, vault: SubjectVault, size: int) -> None:
    dice = random.Random(size)  # noqa: S311  rows to measure with, no secret
    for start in range(0, size, AT_ONCE):
        rows = list(_cases(dice, vault, range(start, min(start + AT_ONCE, size))))
        tasks = [_task(row) for row in rows if row["is_open"]]
        apart = [
            {"case_id": row["id"], "compartment": "涉军"} for row in rows if row["compartments"]
        ]
        with store.begin() as connection:
            connection.execute(insert(case), rows)
            connection.execute(insert(task), tasks)
            if apart:
                connection.execute(insert(case_compartment), apart)


def _cases(dice: random.Random, vault: SubjectVault, numbers: range) -> Iterator[dict[str, Any]]:
    subjects = [f"citizen:{n % SUBJECTS}" for n in numbers]
    named = Person(kind="natural_person", name="张三丰").model_dump_json().encode()
    ids = [f"case-{n:07d}" for n in numbers]
    sealed = vault.seal_many(
        [(s, named, place("case", "applicant", i)) for s, i in zip(subjects, ids, strict=True)]
    )
    for n, id, subject, applicant in zip(numbers, ids, subjects, sealed, strict=True):
        is_open = dice.random() < 1 / 3
        due = NOW + timedelta(hours=dice.uniform(-100, 900))
        department = dice.choice(DEPARTMENTS)
        received = NOW - timedelta(hours=dice.uniform(1, 9000))
        yield {
            "id": id, "case_no": f"NO{n:08d}", "seq": 3, "matter": "permit",
            "matter_version": "1", "matter_digest": "0" * 64, "matter_name": "施工许可",
            "process": "approval", "department": department, "departments": f"|{department}|",
            "departments_all": 1, "departments_out": int(is_open),
            "label_level": 4 if n % 50 == 0 else 2,
            "compartments": "|涉军|" if n % 100 == 1 else "", "zone": "Asia/Shanghai",
            "calendar": "none", "channel": "window",
            "stage": dice.choice(STAGES) if is_open else "ended",
            "ending": "" if is_open else "granted", "is_open": is_open,
            "step": "review-check" if is_open else "",
            "holder": f"u:{dice.randrange(2000)}" if is_open and n % 2 else "", "subject": subject,
            "name_mac": f"m{n % 5000}", "project_code": "", "public_code": "A" * 12,
            "received_at": received, "accepted_at": received,
            "decided_at": None if is_open else NOW, "served_at": None,
            "closed_at": None if is_open else NOW, "last_at": received,
            "due_at": due if is_open else None, "sort_at": due if is_open else NEVER,
            "due_clock": "promised" if is_open else "", "warn_at": None,
            "alert_at": due - WARN_BEFORE if is_open else None, "provisional": False,
            "is_paused": False, "is_extended": False, "backfilled": False, "filed_by": "u:w",
            "accepted_by": "u:w", "decided_by": "", "is_separated": True, "grade": 0,
            "applicant_sealed": applicant, "form_sealed": b"",
        }  # fmt: skip


def _task(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "case_id": row["id"], "key": row["step"], "step": "check",
        "department": row["department"], "kind": "review", "state": "open",
        "holder": row["holder"],
        "signing": "one", "signers": "", "opinions": "", "inspectors_needed": 0,
        "inspected": False, "opened_at": row["received_at"], "due_at": None,
        "sort_at": row["sort_at"], "alert_at": row["alert_at"],
    }  # fmt: skip
