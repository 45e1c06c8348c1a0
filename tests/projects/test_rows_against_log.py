"""Projects' rows held against the log: what somebody changed in the file is named, by column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest_asyncio
from sqlalchemy import Engine, select

from cases.database import reading
from cases.project_tables import project as project_table
from tests import against_log
from tests.against_log import Log, wrong
from tests.projects.town import CLERK, GATE_ONE, GATE_TWO, LEAD, OUTSIDER, Town, paper

ATTACKS = {
    "UPDATE project SET state = CAST(replace(state, '\"seq\":', '\"seq\": ') AS TEXT)": (
        "project.state"
    ),
    "UPDATE project SET stage = 'terminated'": "project.stage",
    "UPDATE project SET title = '别的项目'": "project.title",
    "UPDATE project SET department = 'fgw'": "project.department",
    "UPDATE project SET operator = 'spv1'": "project.operator",
    "UPDATE project SET estimate_fen = 1": "project.estimate_fen",
    "UPDATE project SET slippage = 3": "project.slippage",
    "UPDATE project SET achieved = 9": "project.achieved",
    "UPDATE project SET due_at = '2036-03-02 01:00:01.000000'": "project.due_at",
    "UPDATE project_event SET kind = 'forecast' WHERE kind = 'achieve'": "project_event.kind",
    "UPDATE project_event SET recorded_at = '2026-03-02 01:00:01.000000' WHERE seq = 2": (
        "project_event.recorded_at"
    ),
    "UPDATE project_event SET after = 'x' WHERE seq = 2": "project_event.after",
    "UPDATE project_event SET entry_id = 'x' WHERE seq = 2": "project_event.entry_id",
    "UPDATE project_event SET command_id = 'x' WHERE seq = 2": "project_event.command_id",
    "UPDATE project_event SET role = 'leader' WHERE seq = 2": "project_event.role",
    "UPDATE project_event SET department = 'fgw' WHERE seq = 2": "project_event.department",
    "UPDATE project_event SET stage = 'finished' WHERE seq = 2": "project_event.stage",
    "UPDATE project_event SET order_digest = 'x' WHERE seq = 2": "project_event.order_digest",
    "UPDATE project_event SET actor = 'u:nobody' WHERE seq = 2": "project_event.order_digest",
    "UPDATE project_event SET on_behalf = 'u:nobody' WHERE seq = 2": "project_event.order_digest",
    "UPDATE project_event SET body = '{}' WHERE kind = 'achieve'": "project_event.order_digest",
    "UPDATE project_event SET at = '2026-03-02 01:00:01.000000' WHERE seq = 2": (
        "project_event.orders"
    ),
    "UPDATE project_event SET said = '{}' WHERE kind = 'achieve'": "project_event.orders",
    "DELETE FROM project_event WHERE kind = 'achieve'": "project_event",
    "UPDATE project_milestone SET actual_on = '' WHERE id = 'scheme'": (
        "project_milestone[scheme].actual_on"
    ),
    "UPDATE project_milestone SET plan_on = '2036-01-01' WHERE id = 'build'": (
        "project_milestone[build].plan_on"
    ),
    "UPDATE project_milestone SET gate_open = 0": "project_milestone[competition].gate_open",
    "DELETE FROM project_milestone WHERE id = 'company'": "project_milestone[company]",
    "DELETE FROM project_paper WHERE milestone = 'scheme'": "project_paper[",
    "UPDATE project_paper SET person = 'u:nobody'": "project_paper[",
    "DELETE FROM project_gate WHERE round = 1": f"project_gate[scheme_review/1/{GATE_ONE.id}]",
    f"UPDATE project_gate SET person = 'u:nobody' WHERE round = 2 AND person = '{GATE_TWO.id}'": (
        "project_gate[scheme_review/2/u:nobody]"
    ),
}
"""What somebody with the file does → the column that is named, or its beginning."""

# Body and digest changed alike still break the chain that the state binds.
CHAINED = (
    "UPDATE project_event SET body = (SELECT body FROM project_event AS other WHERE other.seq = 2),"
    " order_digest = (SELECT order_digest FROM project_event AS other WHERE other.seq = 2)"
    " WHERE seq = 4"
)

Copied = Callable[[str], Engine]


@pytest_asyncio.fixture
async def copied(town: Town, tmp_path: Path) -> Copied:
    """The store after a statement: one project with a gate that was returned once."""
    with reading(town.shop.cases) as connection:
        lived = connection.execute(select(project_table.c.id)).first()
    if lived is None:
        await _lived(town)
    return lambda sql: against_log.altered(town.shop.cases, tmp_path, sql)


async def _lived(town: Town) -> None:
    project = await town.established()
    for key in ("scheme", "feasibility"):
        await town.reach(project, key)
    gate = {"milestone": "scheme_review"}
    await town.done(CLERK, project, "add_evidence", gate | {"paper": paper("审核意见")})
    await town.done(GATE_ONE, project, "pass_gate", gate)
    await town.done(GATE_TWO, project, "return_gate", gate | {"reason": "意见不全"})
    for who in (GATE_ONE, GATE_TWO):
        await town.done(who, project, "pass_gate", gate)
    await town.done(LEAD, project, "achieve", gate | {"on": town.today.isoformat()})
    await town.refused(OUTSIDER, project, "achieve", gate | {"on": town.today.isoformat()})


async def test_rows_of_a_project_follow_from_its_entries_and_each_change_of_one_is_named(
    copied: Copied, trusted: Log
) -> None:
    assert wrong(copied(""), trusted, "project") == []
    attacks = {**ATTACKS, CHAINED: "project_event.orders"}
    found = {attack: wrong(copied(attack), trusted, "project") for attack in attacks}
    assert {
        attack: found[attack]
        for attack, column in attacks.items()
        if not any(one.column.startswith(column) for one in found[attack])
    } == {}


async def test_a_project_or_an_order_without_an_entry_is_named(
    copied: Copied, trusted: Log
) -> None:
    same = (
        "order_digest, kind, at, recorded_at, actor, on_behalf, role, department, stage, said,"
        " body, after"
    )
    forged = (
        f"INSERT INTO project_event (project_id, seq, command_id, entry_id, {same})"
        f" SELECT project_id, 99, 'forged', 'forged', {same} FROM project_event WHERE seq = 2"
    )
    found = wrong(copied(forged), trusted, "project")
    assert (99, "project_event") in [(one.seq, one.column) for one in found]
    store = copied("")
    with store.begin() as connection:
        names = [one.name for one in project_table.c if one.name not in ("id", "number")]
        taken = ", ".join(names)
        key = str(uuid4())
        connection.exec_driver_sql(
            f"INSERT INTO project (id, number, {taken})"
            f" SELECT '{key}', 'forged', {taken} FROM project LIMIT 1"
        )
    found = wrong(store, trusted, "project")
    assert [(one.case_id, one.column) for one in found] == [(f"project:{key}", "project")]
