"""Whether each clause of the compliance tables is met, judged by tests that have just run.

Nothing is met without a test that ran and passed; a test that failed, was skipped or is not there
makes its clause red.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from catalogue.clauses import Clause, ClauseTable
from yichuang.gates import WORKERS
from yichuang.settings import CHECKOUT, environment

Outcome = Literal["passed", "failed", "skipped", "missing"]
Verdict = Literal["met", "partly", "red", "operator", "none", "unrun"]

WORDS: Mapping[Verdict, str] = {
    "met": "符合",
    "partly": "部分符合",
    "red": "不符合",
    "operator": "由运行单位落实",
    "none": "不适用",
    "unrun": "未测",
}
OUTCOMES: Mapping[str, str] = {
    "passed": "通过", "failed": "未通过", "skipped": "跳过", "missing": "没有这项测试",
}  # fmt: skip


class TestsNotRun(Exception):
    """The tests could not be started at all; the text says why."""

    __test__ = False


@dataclass(frozen=True, slots=True)
class Judged:
    """One clause with what became of its tests."""

    clause: Clause
    verdict: Verdict
    outcomes: Mapping[str, Outcome]

    @property
    def wrong(self) -> tuple[str, ...]:
        """The tests that prove nothing: failed, skipped or missing."""
        return tuple(id for id, outcome in self.outcomes.items() if outcome != "passed")


def verdict_of(clause: Clause, outcomes: Mapping[str, Outcome] | None) -> Verdict:
    """Return how a clause stands; `outcomes` is None when no test was run."""
    if clause.holder == "none":
        return "none"
    if clause.holder == "operator":
        return "operator"
    ids = clause.node_ids()
    if not ids:
        return "red"
    if outcomes is None:
        return "unrun"
    if any(outcomes.get(id) != "passed" for id in ids):
        return "red"
    return "partly" if clause.gap else "met"


def judged(table: ClauseTable, outcomes: Mapping[str, Outcome] | None) -> tuple[Judged, ...]:
    """Return every clause of a table with its verdict."""
    return tuple(
        Judged(
            one,
            verdict_of(one, outcomes),
            {} if outcomes is None else {id: outcomes.get(id, "missing") for id in one.node_ids()},
        )
        for one in table.clauses
    )


def counted(clauses: Iterable[Judged]) -> Mapping[Verdict, int]:
    """Return how many clauses stand how, in the order of `WORDS`; what is none is left out."""
    found = Counter(one.verdict for one in clauses)
    return {verdict: found[verdict] for verdict in WORDS if found[verdict]}


def run_tests(
    ids: Iterable[str], *, root: Path = CHECKOUT, workers: int = WORKERS
) -> Mapping[str, Outcome]:
    """Run tests by name, the long ones too, and return what became of each.

    `ids`: pytest's names without parameters; of several parameters the worst counts. What pytest
    does not find is missing. Raises `TestsNotRun`.
    """
    wanted = sorted(set(ids))
    if not any((root / id.split("::")[0]).exists() for id in wanted):
        return dict.fromkeys(wanted, "missing")
    with tempfile.TemporaryDirectory() as folder:
        names, answer = Path(folder, "names.json"), Path(folder, "answer.json")
        names.write_text(json.dumps(wanted), "utf-8")
        words = [sys.executable, "-m", "yichuang.compliance_child", str(names), str(answer)]
        done = subprocess.run(  # noqa: S603 -- our own module
            [*words, str(workers)],
            cwd=root,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not answer.exists():
            raise TestsNotRun(f"测试没有运行（退出码 {done.returncode}）：{done.stdout[-2000:]}")
        found: dict[str, Outcome] = json.loads(answer.read_text("utf-8"))
    return {id: found.get(id, "missing") for id in wanted}


def _environment() -> dict[str, str]:
    """Return this process's surroundings without any setting of a city: tests have their own."""
    kept = {k: v for k, v in environment().items() if not k.startswith("YICHUANG_")}
    return {**kept, "PYTHONPATH": str(CHECKOUT)}


def as_json(table: ClauseTable, clauses: Iterable[Judged]) -> dict[str, object]:
    """Return a table with its verdicts for a program."""
    rows = tuple(clauses)
    return {
        "code": table.code,
        "name": table.name,
        "counts": dict(counted(rows)),
        "clauses": [
            {
                "id": one.clause.id,
                "wording": one.clause.wording,
                "force": one.clause.force,
                "source": one.clause.source,
                "verified": one.clause.verified,
                "holder": one.clause.holder,
                "verdict": one.verdict,
                "software": one.clause.software,
                "operator": one.clause.operator,
                "gap": one.clause.gap,
                "why_not": one.clause.why_not,
                "tests": dict(one.outcomes) or dict.fromkeys(one.clause.node_ids(), "unrun"),
            }
            for one in rows
        ],
    }
