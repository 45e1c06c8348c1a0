"""Milliseconds of what the pages of projects ask, p95, at 1,000 and at 5,000 projects of 200
milestones.

Ours, as the pages ask it, policy's condition worked out anew each time: the leading group's
dashboard (classes of lateness, late and coming milestones, high risks, the fund), one page of 25
lines of the list, first and last, the dashboard of an operator that is engaged in a few, and a
project whole with its history, drawn as a Gantt picture of 200 rows. Bare: the same figures by the
driver alone, no policy, no typed values, nothing drawn.

Twelve lives are lived through the machine; the others are copies of them, whose rows are held
against the reducer before anything is measured (`benchmarks/project_ground.py`).
"""

from __future__ import annotations

import math
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.project_ground import DEPARTMENTS, TODAY, filled, id_of, insist_lived, instant
from cases.database import open_engine
from cases.messages import Actor, Grant, Outcome, Source
from cases.project_lists import Filters
from cases.projects.gantt import gantt_svg, rows_of
from catalogue.load import Catalogue, load_catalogue
from policies.access import Access
from policies.policy import load_policy
from policies.warrants import WarrantSigner
from yichuang.stores import migrate
from yichuang.web_projects import WebProjects

SIZES: Final = (1_000, 5_000)
STEPS: Final = 200
ROUNDS: Final = 40
LEADER = Actor(id="u:leader", department="gov", grants=(Grant(role="leader", department="gov"),))
OPERATOR = Actor(
    id="u:operator", department="spv7", grants=(Grant(role="operator", department="spv7"),)
)
BARE = (
    "SELECT slippage, count(*) FROM project WHERE is_open GROUP BY slippage",
    "SELECT count(*) FROM project_milestone m JOIN project p ON p.id = m.project_id "
    "WHERE p.stage = 'running' AND m.actual_on = '' AND m.plan_on < '{today}'",
    "SELECT p.id, p.number, p.title, m.title, m.plan_on FROM project_milestone m "
    "JOIN project p ON p.id = m.project_id WHERE p.stage = 'running' AND m.actual_on = '' "
    "AND m.plan_on < '{today}' ORDER BY m.plan_on, p.number, m.place LIMIT 50",
    "SELECT p.id, p.number, p.title, m.title, m.plan_on FROM project_milestone m "
    "JOIN project p ON p.id = m.project_id WHERE p.stage = 'running' AND m.actual_on = '' "
    "AND m.plan_on BETWEEN '{today}' AND '{soon}' ORDER BY m.plan_on, p.number, m.place LIMIT 50",
    "SELECT id, number, title, json_extract(state, '$.risks') FROM project "
    "WHERE is_open AND high_risks > 0 ORDER BY high_risks DESC, number LIMIT 50",
)
"""A leading group's dashboard by hand."""


class _NoDoor:
    """Nothing is ordered here."""

    async def order(
        self, actor: Actor, source: Source, command_id: str, project_id: str, verb: str,
        body: Mapping[str, Any], /,
    ) -> Outcome:  # fmt: skip
        raise AssertionError("the bench reads pages; it orders nothing")


class _NoNames:
    """Accounts with nobody: names are asked of another store."""

    def names(self, users: Sequence[str]) -> dict[str, str]:
        return dict.fromkeys(users, "")


def run(sizes: Sequence[int] = SIZES, steps: int = STEPS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the dashboard's p95 at the largest size, ours and bare, and how all of it grew."""
    found = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="yc-bench-") as folder:
            found[size] = _measured(Path(folder), size, steps, rounds)
    least, most = found[sizes[0]], found[sizes[-1]]
    names = [key for key in most if key.endswith("_p95")]
    return {
        "name": "project",
        "value": most["dashboard_p95"],
        "unit": "ms",
        "baseline": most["bare_p95"],
        "ratio": round(most["bare_p95"] / most["dashboard_p95"], 3),
        "projects": sizes[-1],
        "milestones": sizes[-1] * steps,
        "growth": {key[:-4]: round(most[key] / least[key], 2) for key in names},
        "sizes": {str(size): one for size, one in found.items()},
    }


def _measured(folder: Path, size: int, steps: int, rounds: int) -> dict[str, float]:
    store = open_engine(f"sqlite:///{folder / 'cases.sqlite'}")
    migrate(store, "cases")
    began = time.perf_counter()
    filled(store, size, steps)
    written = time.perf_counter() - began
    insist_lived(store, (0, size // 2, size - 1))
    pages = _pages(store)
    bare = sqlite3.connect(folder / "cases.sqlite")
    soon = (TODAY + timedelta(days=30)).isoformat()
    queries = [one.format(today=TODAY.isoformat(), soon=soon) for one in BARE]
    turn = iter(range(1_000_000))

    def drawn() -> int:
        shown = pages.project(LEADER, id_of(next(turn) * 37 % size))
        assert shown is not None
        return gantt_svg(rows_of(shown.state, linked=True), TODAY).count('class="row"')

    sides: dict[str, tuple[Callable[[], int], int]] = {
        "dashboard": (lambda: len(pages.dashboard(LEADER).overdue), 50),
        "engaged": (lambda: min(1, len(pages.dashboard(OPERATOR).overdue)), 1),
        "list": (lambda: len(pages.listing(LEADER, Filters(), 1, 25).rows), 25),
        "last": (lambda: len(pages.listing(LEADER, Filters(), size // 25, 25).rows), 25),
        "gantt": (drawn, steps),
        "bare": (lambda: len([bare.execute(one).fetchall() for one in queries][2]), 50),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for n in range(rounds + 2):
        for name, (ask, expected) in sides.items():
            at = time.perf_counter()
            assert ask() == expected, name
            if n >= 2:  # the first two find an empty page cache and uncompiled statements
                times[name].append((time.perf_counter() - at) * 1000)
    bare.close()
    store.dispose()
    figures = {f"{name}_p50": round(statistics.median(some), 2) for name, some in times.items()}
    figures |= {f"{name}_p95": round(_p95(some), 2) for name, some in times.items()}
    return figures | {"written_s": round(written, 1)}


def _pages(store: Any) -> WebProjects:
    loaded = load_catalogue()
    known = dict.fromkeys((*DEPARTMENTS, "zxb", "gov", *(f"spv{n}" for n in range(200))), "")
    signer = WarrantSigner("web", Ed25519PrivateKey.generate())
    access = Access(load_policy(), known, signer)

    def catalogue() -> Catalogue:
        return loaded

    return WebProjects(
        store, access, _NoNames(), catalogue, _NoDoor(), lambda: instant(TODAY),
        ZoneInfo("Asia/Shanghai"),
    )  # fmt: skip


def _p95(times: Sequence[float]) -> float:
    return sorted(times)[math.ceil(len(times) * 0.95) - 1]
