"""Decisions per second through Casbin as every door asks it, against a plain dict of the answers.

`Access.decide` is asked whole: who the subject is, the label, separations, the shard of (type,
act) through Casbin's matcher, and of a refusal its sentence. The questions are drawn by a fixed
seed over every staff role, three departments, every act on a case; the dict holds the answers to
those very questions, which is the least that an answer can cost. The same again with the policy
grown to 10,000 rows of its own vocabulary. The three take turns.
"""

from __future__ import annotations

import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cases.facts import CaseFacts
from cases.messages import Actor, Grant
from policies.access import Access
from policies.policy import Policy, load_policy, parse_policy
from policies.scopes import RELATIONS, SCOPES
from policies.vocabulary import ACTS, ROLES
from policies.warrants import WarrantSigner

ROWS = 10_000
QUESTIONS = 2_000
SECONDS, ROUNDS = 1.0, 7
"""Length of a turn, and turns of each side; the median counts."""
SEED = 20261126
AT = datetime(2026, 11, 26, tzinfo=UTC)
DEPARTMENTS = {"city": "", "scjg": "city", "zjj": "city", "xf": "city"}

Question = tuple[Actor, str, CaseFacts]
Key = tuple[str, str, str]


def run(seconds: float = SECONDS, rounds: int = ROUNDS, rows: int = ROWS) -> dict[str, Any]:
    """Return decisions per second: by the real policy, by one of `rows` rows, by the dict."""
    policy = load_policy()
    asked = questions()
    real, grown = access_of(policy), access_of(of_rows(policy, rows))
    answers = {_key(one): real.decide(*one, AT).allowed for one in asked}
    keys = [_key(one) for one in asked]
    allowed = sum(answers.values())
    sides: dict[str, Callable[[], Iterator[bool]]] = {
        "real": lambda: (real.decide(*one, AT).allowed for one in asked),
        "grown": lambda: (grown.decide(*one, AT).allowed for one in asked),
        "dict": lambda: (answers[key] for key in keys),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            rates[name].append(_rate(side, seconds))
    found = {name: statistics.median(each) for name, each in rates.items()}
    return {
        "name": "authorize",
        "value": round(found["real"]),
        "unit": "decisions/s",
        "baseline": round(found["dict"]),
        "ratio": round(found["real"] / found["dict"], 6),
        "microseconds": round(1e6 / found["real"], 1),
        "rows": len(policy.rows),
        "grown_rows": rows,
        "grown": round(found["grown"]),
        "grown_ratio": round(found["grown"] / found["dict"], 6),
        "grown_microseconds": round(1e6 / found["grown"], 1),
        "questions": len(asked),
        "allowed": allowed,
    }


def questions() -> Sequence[Question]:
    """Return the same questions each time: about cases, some closed, some labelled."""
    drawn = random.Random(SEED)  # noqa: S311 -- to be the same each time
    staff = sorted(code for code, role in ROLES.items() if "human" in role.kinds)
    cases = [_case(n, department) for n, department in enumerate(itertools.islice(_places(), 60))]
    return [
        (
            Actor(
                id=f"u:{n}",
                grants=(Grant(role=drawn.choice(staff), department=drawn.choice(("scjg", "zjj"))),),
                clearance=drawn.choice((1, 2, 3)),
            ),
            drawn.choice(ACTS["case"]),
            drawn.choice(cases),
        )
        for n in range(QUESTIONS)
    ]


def _places() -> Iterator[str]:
    return itertools.cycle(("scjg", "zjj", "xf"))


def _case(n: int, department: str) -> CaseFacts:
    return CaseFacts(
        id=f"case-{n}",
        matter="food-operation",
        department=department,
        departments=("xf",),
        label_level=1 + n % 2,
        closed=n % 5 == 0,
        hands={"accept": (f"u:{n}",)},
        separations=(("accept", "decide"),),
        task_departments={"review": department},
    )


def of_rows(policy: Policy, rows: int) -> Policy:
    """Return the policy with further rows of its own vocabulary, up to so many."""
    known = {row.fields()[:-1] for row in policy.rows}
    lines = [f"{row} # {row.note}" for row in policy.rows]
    words = itertools.product(
        sorted(code for code, role in ROLES.items() if "human" in role.kinds),
        sorted(name for name, one in RELATIONS.items() if "case" in one.types),
        ["case"],
        sorted(ACTS["case"]),
        sorted(name for name, one in SCOPES.items() if "case" in one.types),
    )
    more = [fields for fields in words if fields not in known]
    random.Random(SEED).shuffle(more)  # noqa: S311 -- to be the same each time
    lines += [f"{', '.join(fields)}, allow # 增" for fields in more[: rows - len(lines)]]
    return parse_policy(policy.model, "\n".join(lines))


def access_of(policy: Policy) -> Access:
    return Access(policy, DEPARTMENTS, WarrantSigner("web", Ed25519PrivateKey.generate()))


def _rate(side: Callable[[], Iterator[bool]], seconds: float) -> float:
    """Ask all the questions again and again for so long; return answers per second."""
    began, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - began) < seconds or not count:
        count += sum(1 for _ in side())
    return count / spent


def _key(one: Question) -> Key:
    actor, act, facts = one
    return actor.id, act, facts.id
