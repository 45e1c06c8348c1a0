"""The rows of an act on many cases: which cases and tasks, what would come of each, what came.

Each row is an order of its own, with an id made of the whole order's: the same order sent twice
names the same commands, so a double click or a reload does nothing twice.
"""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid5

from cases import approval
from cases.facts import CaseFacts
from cases.messages import NAMESPACE, Command, Outcome, Source
from cases.reception import NotNow, Request
from cases.settling import RuleForbids
from cases.state import CaseState, Task
from forms.access_ports import Thing
from forms.act_scene import name_of_task
from forms.bulk_fields import BulkAct
from forms.case import knows
from forms.claims import doable
from forms.visit import Visit
from forms.words import N_

MOST_ROWS = 200
"""Rows of one order: what one person can still look over, and the answer comes within a minute."""
AT_ONCE = 8
"""Rows that are asked or settled side by side, so that one order leaves room for others."""
LONGEST = 64
"""Characters of a number, or of a task's key; more is no number of ours."""
_BETWEEN = re.compile(r"[\s,，、;；]+")


NOT_THEIRS = N_("这项任务不由您的岗位办理，签收了只会压住它")
"""Policy lets everybody of a department sign for its tasks; see `forms.claims`."""


@dataclass(frozen=True)
class Pick:
    """A case that was ticked or whose number was pasted; of a list of tasks, the task too."""

    number: str
    task: str = ""

    @property
    def text(self) -> str:
        """As it travels in a form."""
        return f"{self.number}|{self.task}" if self.task else self.number


@dataclass(frozen=True)
class Row:
    """One row of the dry run, or of what came of it."""

    pick: Pick
    state: Literal["ready", "done", "again", "refused", "unknown"]
    """ready: would succeed; again: had been done by this very order; unknown: ask once more."""
    known: bool = False
    """There is such a case, and the reader may know of it."""
    matter: str = ""
    stage: str = ""
    task_name: str = ""
    reason: str = ""
    remedy: str = ""


def picked(ticked: Sequence[str], pasted: str) -> tuple[Pick, ...]:
    """Return what was ticked and pasted, each once, in order; however many."""
    found: dict[Pick, None] = {}
    for text in [*ticked, *_BETWEEN.split(unicodedata.normalize("NFKC", pasted))]:
        number, _, task = text.strip().partition("|")
        if number:
            found[Pick(number.upper()[:LONGEST], task[:LONGEST])] = None
    return tuple(found)


def command_id(visit: Visit, order: str, act: BulkAct, body: Mapping[str, Any], pick: Pick) -> str:
    """Return the id of one row's command: the order's, the person's, and what is to be done."""
    said = json.dumps(body, ensure_ascii=False, sort_keys=True)
    who = (visit.actor.id, visit.actor.on_behalf or "")
    parts = ("bulk", order, *who, act.verb, pick.number, pick.task, said)
    return str(uuid5(NAMESPACE, "\n".join(parts)))


def body_for(act: BulkAct, body: Mapping[str, Any], pick: Pick) -> dict[str, Any]:
    return {**body, "task": pick.task} if act.about_task else dict(body)


# --- the dry run -----------------------------------------------------------------------------


async def tried(
    visit: Visit, act: BulkAct, body: Mapping[str, Any], picks: Sequence[Pick], order: str
) -> tuple[Row, ...]:
    """Return what would come of each row now: nothing is done, nothing reserved."""
    room = asyncio.Semaphore(AT_ONCE)
    may_do = await doable(visit, "case") if act.verb == "claim" else None

    async def one(pick: Pick) -> tuple[Row, ...]:
        async with room:
            return await _tried(visit, act, body, pick, order, may_do)

    found = await asyncio.gather(*(one(pick) for pick in picks))
    return tuple(dict.fromkeys(row for rows in found for row in rows))


async def _tried(
    visit: Visit,
    act: BulkAct,
    body: Mapping[str, Any],
    pick: Pick,
    order: str,
    may_do: Callable[[str], bool] | None,
) -> tuple[Row, ...]:
    facts = await visit.ask(visit.ports.reader.find, pick.number)
    if facts is None or not await knows(visit, facts):
        if facts is not None:  # there is one, which they may not know: the log is told
            thing = Thing("case", facts.id)
            await visit.ask(visit.ports.disclosures.refused, visit.actor, visit.where, act.verb,
                            thing, "no_permission")  # fmt: skip
        return (Row(pick, "refused", reason=visit.say(N_("没有这个办件，或您无权查看"))),)
    state = await visit.ask(visit.ports.reader.state, facts.id)
    if state is None:
        return (Row(pick, "refused", reason=visit.say(N_("没有这个办件，或您无权查看"))),)
    shown = Row(pick, "ready", True, state.plan.name, state.stage)
    if not act.about_task:
        return (await _judged(visit, act, body, facts, state, shown, order),)
    tasks = _tasks(visit, act, state, pick)
    if not tasks:
        return (replace(shown, state="refused", reason=_no_task(visit, act)),)
    rows = []
    theirs = [task for task in tasks if may_do is None or may_do(task.key)]
    for task in (theirs or tasks) if not pick.task else tasks:
        row = replace(shown, pick=Pick(pick.number, task.key), task_name=_name(visit, state, task))
        if task not in theirs:
            rows.append(replace(row, state="refused", reason=visit.say(NOT_THEIRS)))
            continue
        rows.append(await _judged(visit, act, body, facts, state, row, order))
    return tuple(rows)


def _tasks(visit: Visit, act: BulkAct, state: CaseState, pick: Pick) -> tuple[Task, ...]:
    """Return the tasks that a row is about: the one named, else those that the act is for.

    To be claimed: of the person's departments, held by nobody. To be handed on: one's own, and
    where there is none, those of one's departments.
    """
    open_tasks = tuple(task for task in state.tasks if task.state == "open")
    if pick.task:
        return tuple(task for task in state.tasks if task.key == pick.task)
    held = {grant.department for grant in visit.actor.grants} | {visit.actor.department}
    ours = tuple(task for task in open_tasks if task.department in held)
    if act.verb == "claim":
        return tuple(task for task in ours if not task.holder)
    persons = {visit.actor.id, visit.actor.on_behalf}
    return tuple(task for task in open_tasks if task.holder in persons) or ours


def _no_task(visit: Visit, act: BulkAct) -> str:
    if act.verb == "claim":
        return visit.say(N_("本件没有等您所在部门签收的任务"))
    return visit.say(N_("本件没有您或您所在部门可以转办的任务"))


def _name(visit: Visit, state: CaseState, task: Task) -> str:
    matters = visit.ports.catalogue.matters()
    matter = next((one for one in matters if one.code == state.plan.matter), None)
    return name_of_task(task, matter, visit.language, visit.say)


async def _judged(
    visit: Visit,
    act: BulkAct,
    body: Mapping[str, Any],
    facts: CaseFacts,
    state: CaseState,
    row: Row,
    order: str,
) -> Row:
    """Return the row with what policy and the case itself say of its very order."""
    command = Command(
        id=command_id(visit, order, act, body, row.pick),
        verb=act.verb,
        case_id=facts.id,
        body=body_for(act, body, row.pick),
        actor=visit.actor,
        source=_source(visit),
        occurred_at=datetime.now(UTC),
    )
    verdict = await visit.ask(visit.ports.access.would, command, facts)
    if not verdict.allowed:
        return replace(
            row,
            state="refused",
            reason=visit.told(verdict.reason),
            remedy=visit.told(verdict.remedy),
        )
    no = await visit.ask(approval.impossible, state, command)
    if no is not None:
        return replace(row, state="refused", reason=_cited(visit, no))
    return row


def _cited(visit: Visit, no: RuleForbids | Outcome) -> str:
    cited = visit.ports.catalogue.cited(no.basis) if no.basis else ""
    said = visit.told(no.reason)
    return f"{said}（{cited}）" if cited else said


def _source(visit: Visit) -> Source:
    return Source(door="web", ip=visit.where.ip, session=visit.who.session)


# --- doing it --------------------------------------------------------------------------------


async def settled(
    visit: Visit, act: BulkAct, body: Mapping[str, Any], picks: Sequence[Pick], order: str
) -> tuple[Row, ...]:
    """Have each row settled, with a warrant of its own, and return what came of each."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(pick: Pick) -> Row:
        async with room:
            row = await _settled(visit, act, body, pick, order)
            return await _with_task(visit, row) if act.about_task and row.known else row

    return tuple(await asyncio.gather(*(one(pick) for pick in picks)))


async def _with_task(visit: Visit, row: Row) -> Row:
    """Return the row with its task's name, as the dry run had it."""
    facts = await visit.ask(visit.ports.reader.find, row.pick.number)
    if facts is None or not await knows(visit, facts):
        return row
    state = await visit.ask(visit.ports.reader.state, facts.id)
    tasks = state.tasks if state else ()
    task = next((one for one in tasks if one.key == row.pick.task), None)
    return replace(row, task_name=_name(visit, state, task)) if state and task else row


async def _settled(
    visit: Visit, act: BulkAct, body: Mapping[str, Any], pick: Pick, order: str
) -> Row:
    request = Request(
        id=command_id(visit, order, act, body, pick),
        verb=act.verb,
        body=body_for(act, body, pick),
        case_no=pick.number,
    )
    try:
        (outcome,) = await visit.ports.reception.handle(visit.actor, _source(visit), (request,))
    except NotNow:
        return Row(pick, "unknown", reason=visit.say(N_("系统暂时无法确认这一行，请再试一次")))
    if outcome.status == "refused":
        known = outcome.code != "unknown_case"
        return Row(pick, "refused", known, reason=_cited(visit, outcome))
    return Row(pick, "again" if outcome.repeated else "done", True, stage=outcome.stage)
