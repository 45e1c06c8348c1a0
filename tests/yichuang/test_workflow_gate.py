"""Workflow code that would not go on with what runs here does not start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter

from audit.tables import audit_outbox, outbox_metadata
from cases import proved_workflows
from cases.database import open_engine, reading
from cases.tables import cases_metadata
from tests.histories.changed import ChangedWorkflow
from tests.stores import lay_out
from workflows.approval import ApprovalWorkflow
from workflows.payments import PaymentWorkflow
from yichuang.temporal import WORKFLOWS
from yichuang.workflow_code import code_digest, sources_of
from yichuang.workflow_gate import WorkflowGate, WorkflowRefused

HISTORIES = Path(__file__).parent.parent / "histories"
NOW = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


@dataclass
class Stored:
    """Histories that lie in files, and how often they were asked for."""

    names: Sequence[str] = ("plain-grant.1", "withdrawal.1")
    asked: int = 0
    broken: list[str] = field(default_factory=list)

    async def histories(self) -> AsyncIterator[WorkflowHistory]:
        self.asked += 1
        for name in self.names:
            yield WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text("utf-8"))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    lay_out(made, cases_metadata, outbox_metadata)
    return made


def gate(engine: Engine, stored: Stored, *workflows: type) -> WorkflowGate:
    return WorkflowGate(
        engine, workflows or (ApprovalWorkflow,), pydantic_data_converter, stored.histories,
        lambda: stored.broken, lambda: NOW,
    )  # fmt: skip


def told(engine: Engine) -> list[tuple[str, str, str]]:
    """Return act, result and step of every entry of the gate."""
    query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:workflows")
    with reading(engine) as connection:
        bodies: list[dict[str, Any]] = [
            json.loads(bytes(one))
            for one in connection.execute(query.order_by(audit_outbox.c.pos)).scalars()
        ]
    return [(one["act"], one["res"], one["obj"]["step"]) for one in bodies]


def proved(engine: Engine) -> str:
    with reading(engine) as connection:
        last = proved_workflows.newest(connection)
    return "" if last is None else last.digest


async def test_code_that_replays_is_noted_with_its_entry_and_not_tried_again(
    engine: Engine,
) -> None:
    stored = Stored()
    assert await gate(engine, stored).pass_through() == 2
    assert proved(engine) == gate(engine, stored).digest
    assert told(engine) == [("workflow_proved", "ok", "2")]
    assert await gate(engine, stored).pass_through() == 0
    assert stored.asked == 1 and len(told(engine)) == 1


async def test_code_that_does_not_replay_is_refused_with_one_entry_however_often_it_starts(
    engine: Engine,
) -> None:
    stored = Stored()
    await gate(engine, stored).pass_through()
    before = proved(engine)
    for _ in range(2):
        with pytest.raises(WorkflowRefused, match=r"plain-grant\.1") as refused:
            await gate(engine, stored, ChangedWorkflow).pass_through()
        assert len(refused.value.faults) == 2
    assert told(engine) == [("workflow_proved", "ok", "2"), ("workflow_refused", "deny", "2")]
    assert proved(engine) == before


async def test_code_that_is_put_back_is_proved_again(engine: Engine) -> None:
    stored = Stored()
    for workflows in ((ApprovalWorkflow,), (ApprovalWorkflow, PaymentWorkflow)) * 2:
        await gate(engine, stored, *workflows).pass_through()
    assert stored.asked == 4
    assert [act for act, _, _ in told(engine)] == ["workflow_proved"] * 4


async def test_a_policy_that_lets_one_person_do_both_steps_stops_changed_code(
    engine: Engine,
) -> None:
    stored = Stored(broken=["角色「甲」：受理、决定"])
    with pytest.raises(WorkflowRefused, match="角色「甲」"):
        await gate(engine, stored).pass_through()
    stored.broken.clear()
    assert await gate(engine, stored).pass_through() == 2


async def test_in_a_city_where_nothing_runs_the_code_is_proved_by_nothing(engine: Engine) -> None:
    assert await gate(engine, Stored(names=())).pass_through() == 0
    assert told(engine) == [("workflow_proved", "ok", "0")]


async def test_of_two_workers_that_start_at_once_one_notes_it(engine: Engine) -> None:
    stored = Stored()
    slow = gate(engine, stored)
    fast = replace(slow, invariants=list)
    count, faults = await slow.tried()
    await fast.pass_through()
    slow._note(slow.digest, count, faults)
    assert told(engine) == [("workflow_proved", "ok", "2")]


# --- what counts as the code ---------------------------------------------------------------------


def test_every_module_of_ours_that_a_workflow_loads_is_in_the_digest() -> None:
    modules = sorted({one.__module__ for one in WORKFLOWS})
    script = f"import {', '.join(modules)}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    ).stdout.split()  # fmt: skip
    rooms = ("activities", "audit", "cases", "catalogue", "policies", "rules", "workflows")
    ours = {one for one in loaded if one.split(".")[0] in rooms}
    assert len(ours) > 20
    assert ours <= set(sources_of(modules))


def test_the_digest_is_of_what_is_reached_and_not_of_pages() -> None:
    sources = sources_of(["workflows.approval"])
    assert "cases.approval.machine" in sources
    assert not any(one.split(".")[0] in ("forms", "yichuang") for one in sources)
    assert code_digest(["workflows.approval"]) != code_digest(["workflows.payments"])
    assert code_digest(["workflows.approval"]) == code_digest(["workflows.approval"])
