"""Many open cases at once: rows copied from one that came through the door, each with a number of
its own and its earliest instant where it is wanted; and workflows begun from those rows, as a
mending begins them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import Connection, Engine, Table, insert, select
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import ground
from benchmarks.step import PEOPLE, SOURCE, catalogue, steps_of_a_case
from cases import apart_tables, tables
from cases.census import open_instants
from cases.database import open_engine, reading
from cases.orders import ApprovalInput
from cases.projection import json_text
from cases.reception import Request
from cases.state import CaseState
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang import joining, temporal
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings

AT_ONCE = 32
PORTION = 1000
COPIED = (
    tables.case,
    tables.case_compartment,
    tables.state,
    tables.step,
    tables.command,
    tables.clock_event,
    tables.clock,
    tables.task,
    tables.timer,
    tables.hand,
    tables.separation,
    apart_tables.separated,
)
"""What an open case consists of, for whatever comes next in it."""

SEEN = (tables.case, tables.state, tables.step, tables.clock_event, tables.timer)
"""What of a case the census reads."""

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copied case: its id, its state as it is stored, and its earliest instant."""

    case_id: str
    state: str
    due_at: datetime


async def pattern(settings: Settings, client: Client, steps: int) -> str:
    """Take one case through its first steps by the door; return its id."""
    sealer = joining.sealer_of(settings, joining.vault_of(settings))
    reception = CityReception(
        client,
        settings.temporal_task_queue,
        access=joining.access_of(settings, "web"),
        queries=joining.queries_of(settings, sealer),
        catalogue=catalogue,
        refusals=RefusalLog(open_engine(settings.store_url("web")), "web", sealer.who),
    )
    case_id = str(uuid4())
    ground.admit(settings, *PEOPLE)
    for who, verb, body in steps_of_a_case()[:steps]:
        request = Request(id=str(uuid4()), verb=verb, body=body, case_id=case_id)
        (outcome,) = await reception.handle(who, SOURCE, (request,))
        assert outcome.status == "done", outcome
    return case_id


def copied(
    engine: Engine,
    case_id: str,
    count: int,
    due_at: Callable[[int], datetime],
    first_number: int = 0,
    only: Sequence[Table] = COPIED,
) -> list[Copy]:
    """Copy the case so many times; the earliest instant of the n-th copy is `due_at(n)`.

    Copies have numbers from `first_number` on, which nobody else may use.
    """
    with reading(engine) as connection:
        rows = {table.name: _rows(connection, table, case_id) for table in only}
    made: list[Copy] = []
    for start in range(0, count, PORTION):
        numbers = range(start, min(start + PORTION, count))
        copies = [_copy(rows, first_number + n, due_at(n)) for n in numbers]
        with engine.begin() as connection:
            for table in only:
                fresh = [row for _, each in copies for row in each[table.name]]
                if fresh:
                    connection.execute(insert(table), fresh)
        made += [copy for copy, _ in copies]
    return made


def _rows(connection: Connection, table: Table, case_id: str) -> list[dict[str, Any]]:
    key = table.c.id if table is tables.case else table.c.case_id
    found = connection.execute(select(table).where(key == case_id)).mappings()
    return [dict(row) for row in found]


def _copy(rows: Rows, number: int, due_at: datetime) -> tuple[Copy, Rows]:
    case_id, case_no = str(uuid4()), f"COPY{number:08d}"
    (case,), (state,) = rows["case_file"], rows["case_state"]
    instants = open_instants(state["state"])
    first = next(one.key for one in instants if not _is_card(one.key))
    held = orjson.loads(state["state"]) | {"case_id": case_id, "case_no": case_no}
    # Forecast cards stay behind: they are derived anew at a case's next step.
    held["timers"] = [timer for timer in held["timers"] if not _is_card(timer["key"])]
    for timer in held["timers"]:
        if timer["key"] == first:
            timer["due_at"] = due_at.isoformat()
    stored = json_text(held)
    own: Rows = {name: [row | {"case_id": case_id} for row in each] for name, each in rows.items()}
    named = case | {"id": case_id, "case_no": case_no, "due_at": due_at, "sort_at": due_at}
    own["case_file"] = [named]
    own["case_state"] = [state | {"case_id": case_id, "state": stored}]
    own["timer"] = [
        row | ({"due_at": due_at} if row["key"] == first else {})
        for row in own["timer"]
        if not _is_card(row["key"])
    ]
    if "task" in own:
        own["task"] = [
            row | ({"sort_at": row["due_at"] or due_at} if row["state"] == "open" else {})
            for row in own["task"]
        ]
    own["step"] = [
        row | {"command_id": f"{case_id}-{row['seq']}", "entry_id": str(uuid4())}
        for row in own["step"]
    ]
    if "command" in own:
        own["command"] = [row | {"id": f"{case_id}-{row['seq']}"} for row in own["command"]]
    return Copy(case_id, stored, due_at), own


def _is_card(key: str) -> bool:
    return key.startswith("card:")


async def begun(settings: Settings, client: Client, copies: Sequence[Copy]) -> None:
    """Start the workflow of each copy from its rows."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(copy: Copy) -> None:
        state = CaseState.model_validate_json(copy.state)
        async with gate:
            await client.start_workflow(
                ApprovalWorkflow.run,
                ApprovalInput(case_id=copy.case_id, state=state),
                id=workflow_id(copy.case_id),
                task_queue=settings.temporal_task_queue,
            )

    await asyncio.gather(*map(one, copies))


async def clients(settings: Settings) -> tuple[Client, Client]:
    """Return a client with our codec, and a plain one for the baseline."""
    plain = await Client.connect(
        settings.temporal,
        namespace=settings.temporal_namespace,
        data_converter=pydantic_data_converter,
    )
    return await temporal.connect(settings), plain
