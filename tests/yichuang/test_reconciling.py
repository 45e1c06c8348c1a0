"""Histories of the real server against the log: what is missing, forged or doubled is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from activities.entries import stream_of
from audit.entry import ERASED, EntryDraft, What, Who, WorkflowRef
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer
from audit.tables import audit_outbox
from benchmarks import ground as ground_of
from benchmarks.step import steps_of_a_case
from cases import reconciled
from cases.database import open_engine, reading
from cases.incidents.personal import personal_key
from cases.messages import Actor
from cases.orders import ApprovalInput
from cases.projects.messages import project_id_for
from cases.projects.orders import project_workflow
from cases.reconciled import Watermark
from tests.projects.town import CLERK, LEAD, SOURCE, concession, paper
from tests.yichuang.censused import ALARMS, Ground, Town, served, town
from tests.yichuang.test_census_backfilled import told
from workflows.approval import ApprovalWorkflow, workflow_id
from yichuang import joining
from yichuang.audit_orders import reconcile as order
from yichuang.history_steps import STEPS, read_run
from yichuang.log_entries import draft_of_the_log
from yichuang.personal_ends import end_entry
from yichuang.project_door import ProjectDoor
from yichuang.reconciling import BEHIND, STREAM, Reconciler, case_of
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.signer import KEY_FILE, STATE_FILE
from yichuang.worker import workshop

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with served() as there:
        yield there


@pytest.fixture
def own_ground() -> Iterator[Ground]:
    """A ground of its own: what is altered there is altered for good."""
    with served() as there:
        yield there


class Compared:
    """A town and what holds its histories against its log."""

    def __init__(self, there: Town) -> None:
        self.there = there
        self.log = open_engine(there.settings.store_url("log"))
        self.reconciler = self.at()

    def at(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Reconciler:
        there = self.there
        return Reconciler(there.engine, lambda: (self.log,), there.client, ALARMS, now)

    def drain(self) -> None:
        """Let the sequencer take what waits."""
        folder = self.there.settings.signer_path
        with closing(Signer(folder / KEY_FILE, folder / STATE_FILE)) as signer:
            Sequencer(self.log, {"cases": self.there.engine}, signer).drain()

    async def worked(self) -> str:
        """Return a case with two steps."""
        case = await self.there.filed()
        await self.there.accept(case)
        return case

    def entry(self, case: str, act: str) -> str:
        """Return the id of an entry of a case."""
        with reading(self.there.engine) as connection:
            bodies = connection.execute(
                select(audit_outbox.c.body).where(audit_outbox.c.stream == stream_of(case))
            ).scalars()
            found = [json.loads(bytes(body)) for body in bodies]
        return str(next(one["id"] for one in found if one["act"] == act))

    def evidence(self, entries: list[str]) -> set[str]:
        """Return those of the entries that history stands behind and the log was not read up to."""
        with reading(self.there.engine) as connection:
            return set(reconciled.evidence(connection, entries))

    def forge(self, stream: str, act: str, wf: WorkflowRef | None = None) -> str:
        """Write an entry that no workflow has ordered; return its id."""
        key = str(uuid4())
        draft = EntryDraft(
            id=key, stream=stream, at=datetime.now(UTC), who=Who("account:x", "human"),
            act=act, obj=What("case", stream.split(":", 1)[1], "3"), wf=wf,
        )  # fmt: skip
        with self.there.engine.begin() as connection:
            record(connection, draft)
        self.drain()
        return key

    def reported(self) -> list[tuple[str, str, str]]:
        """Return act, kind and entry of what the log itself says of differences."""
        with reading(self.there.engine) as connection:
            waiting = connection.execute(
                text("SELECT body FROM audit_outbox WHERE stream = :s ORDER BY seq"), {"s": STREAM}
            ).scalars()
            bodies = [json.loads(bytes(body)) for body in waiting]
        return [(one["act"], one.get("why", ""), one["obj"]["id"]) for one in bodies]


@asynccontextmanager
async def compared(settings: Settings) -> AsyncIterator[Compared]:
    async with town(settings) as there:
        one = Compared(there)
        try:
            yield one
        finally:
            one.log.dispose()


def test_every_activity_of_the_worker_says_what_its_entries_are(ground: Ground) -> None:
    with workshop(ground.settings) as shop:
        names = {one.__temporal_activity_definition.name for one in shop.activities()}  # type: ignore[attr-defined]  # the library's own mark
    assert names == STEPS.keys()


async def test_steps_and_entries_agree_and_are_not_read_twice(own_ground: Ground) -> None:
    async with compared(own_ground.settings) as one:
        case = await one.worked()
        first = await one.reconciler.round()
        assert (first.activities, first.found) == (2, [])
        keys = [one.entry(case, "file"), one.entry(case, "accept")]
        assert one.evidence(keys) == set(keys)
        one.drain()
        second = await one.reconciler.round()
        assert (second.activities, second.standing) == (0, [])
        assert second.entries > 2
        await one.there.accept(await one.there.filed())
        third = await one.reconciler.round()
        assert (third.activities, third.entries, third.standing) == (2, 0, [])
        assert not third.behind
        assert one.evidence(keys) == set()


async def test_a_step_that_was_never_reported_is_named_with_case_event_and_entry(
    own_ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    async with compared(own_ground.settings) as one:
        case = await one.worked()
        gone = one.entry(case, "accept")
        with one.there.engine.begin() as connection:
            row = connection.execute(
                select(audit_outbox).where(audit_outbox.c.entry_id == gone)
            ).one()
            for table in ("audit_outbox", "audit_recorded"):
                connection.execute(text(f"DELETE FROM {table} WHERE entry_id = :e"), {"e": gone})
        figures = await one.reconciler.round()
        (found,) = figures.found
        assert (found.kind, found.entry_id, case_of(found)) == ("no_entry", gone, case)
        run = await read_run(one.there.client, found.workflow_id, found.run_id)
        assert [e.event_id for e in run.evidence if e.entry_id == gone and e.needed] == [
            found.event_id
        ]
        assert one.reported() == [("reconcile_differs", "no_entry", gone)]
        (alarm,) = [a for a in one.there.alarms() if a.kind == "reconcile"]
        assert (alarm.case_id, alarm.detail["entry"]) == (case, gone)
        again = await one.reconciler.round()
        assert (again.found, again.standing) == ([], [found])
        assert len(one.reported()) == 1
    said = await asyncio.to_thread(_ordered, own_ground.settings, capsys)
    assert said["exit_code"] == 1
    (named,) = said["differences"]
    assert (named["case"], named["entry"], named["event"]) == (case, gone, found.event_id)
    async with compared(own_ground.settings) as one:
        with one.there.engine.begin() as connection:
            kept = {name: value for name, value in row._mapping.items() if name != "pos"}
            connection.execute(audit_outbox.insert(), kept)
        assert (await one.reconciler.round()).standing == []
        assert [act for act, _, _ in one.reported()] == [
            "reconcile_differs", "reconciled", "reconcile_agrees",
        ]  # fmt: skip
        assert [a for a in one.there.alarms() if a.kind == "reconcile"] == []


def _ordered(settings: Settings, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    code = order.run(_Args(), settings)  # type: ignore[arg-type]  # it has what is asked for
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == code
    return said


class _Args:
    json = True


async def test_an_incident_whose_history_was_destroyed_at_its_end_differs_in_nothing_before_it(
    own_ground: Ground,
) -> None:
    async with compared(own_ground.settings) as one:
        gone, kept = str(uuid4()), str(uuid4())
        run = WorkflowRef(one.there.client.namespace, f"incident-{gone}", str(uuid4()), act="1")
        one.forge(f"incident:{gone}", "close", run)
        named = {one.forge(f"incident:{kept}", "close", run)}
        end = draft_of_the_log(
            act=ERASED, obj=What("subject", personal_key(gone)), command_id=f"{gone}:personal"
        )
        assert end.id == end_entry(gone)
        with one.there.engine.begin() as connection:
            record(connection, end)
        named.add(one.forge(f"incident:{gone}", "evaluate", run))
        figures = await one.reconciler.round()
        assert {d.entry_id for d in figures.found} == named
        assert figures.ended == 1


async def test_each_order_of_a_project_has_its_entry_and_each_entry_its_order(
    own_ground: Ground,
) -> None:
    async with compared(own_ground.settings) as one:
        door, project = _projects(one.there), project_id_for(str(uuid4()))
        today = datetime.now(UTC).date()
        for who, verb, body in _ended(today):
            outcome = await door.order(who, SOURCE, str(uuid4()), project, verb, body)
            assert outcome.status == "done", outcome
        # Refused by the machine, in the same history: its entry is there as well.
        late = await door.order(LEAD, SOURCE, str(uuid4()), project, "finish", {"summary": "再结"})
        assert late.code == "finished"
        first = await one.reconciler.round()
        assert (first.activities, first.found) == (4, [])
        one.drain()
        second = await one.reconciler.round()
        assert second.standing == [] and second.entries >= 4
        risk = {"title": "管线不明", "level": "high"}
        other = project_id_for(str(uuid4()))
        await door.order(CLERK, SOURCE, str(uuid4()), other, "establish", concession(today))
        lost = await door.order(CLERK, SOURCE, str(uuid4()), other, "add_risk", risk)
        with one.there.engine.begin() as connection:
            for table in ("audit_outbox", "audit_recorded"):
                gone = text(f"DELETE FROM {table} WHERE entry_id = :e")
                connection.execute(gone, {"e": lost.entry})
        run = WorkflowRef(one.there.client.namespace, project_workflow(project), act="1")
        forged = one.forge(f"project:{project}", "terminate", run)
        third = await one.reconciler.round()
        assert {(d.kind, d.entry_id) for d in third.found} == {
            ("no_entry", lost.entry), ("no_history", forged),
        }  # fmt: skip


def _projects(there: Town) -> ProjectDoor:
    ground_of.admit(there.settings, CLERK, LEAD)
    sealer = joining.sealer_of(there.settings, joining.vault_of(there.settings))
    return ProjectDoor(
        there.client,
        there.settings.temporal_task_queue,
        access=joining.access_of(there.settings, "web"),
        engine=open_engine(there.settings.store_url("cases"), read_only=True),
        refusals=RefusalLog(open_engine(there.settings.store_url("web")), "web", sealer.who),
    )


def _ended(today: date) -> tuple[tuple[Actor, str, dict[str, Any]], ...]:
    """A whole short life: established, given up, closed."""
    end = {
        "ground": "agreed",
        "reason": "双方协商",
        "on": today.isoformat(),
        "paper": paper("协议"),
    }
    return (
        (CLERK, "establish", concession(today)),
        (LEAD, "terminate", end),
        (LEAD, "finish", {"summary": "了结"}),
    )


async def test_an_entry_without_history_is_named_whatever_it_claims(own_ground: Ground) -> None:
    async with compared(own_ground.settings) as one:
        case = await one.worked()
        run = (await one.there.handle(case).describe()).run_id
        space = one.there.client.namespace
        real = WorkflowRef(space, workflow_id(case), run, act="1", att=1)
        other = WorkflowRef(space, f"case-{uuid4()}", str(uuid4()), act="1")
        forged = {
            one.forge(stream_of(case), "decide", real): "no_history",
            one.forge(stream_of(case), "decide", other): "no_history",
            one.forge(stream_of(case), "decide"): "no_history",
            one.forge("sys:alarms", "alarm_raised", real): "other_workflow",
            one.forge("release:matter:x", "release_sign", real): "no_history",
        }
        beside = one.forge(stream_of(case), "void_number", real)
        astray = one.forge(stream_of(case), "void_number", other)
        figures = await one.reconciler.round()
        assert {d.entry_id: d.kind for d in figures.found} == forged | {astray: "no_history"}
        assert beside not in {d.entry_id for d in figures.found}


async def test_a_second_entry_of_a_step_is_named(own_ground: Ground) -> None:
    async with compared(own_ground.settings) as one:
        case = await one.worked()
        key = one.entry(case, "accept")
        one.drain()
        with one.there.engine.begin() as connection:
            body = f'{{"s":{{"id":"{stream_of(case)}"}}}}'.encode()
            values = {"entry_id": key, "stream": "x:y", "seq": 1, "leaf": b"", "body": body}
            connection.execute(audit_outbox.insert(), values)
        figures = await one.reconciler.round()
        assert [(d.kind, d.entry_id) for d in figures.found] == [("twice", key)]


async def test_runs_that_go_on_or_are_set_back_keep_one_entry_a_step(own_ground: Ground) -> None:
    async with compared(own_ground.settings) as one:
        there, case = one.there, str(uuid4())
        await there.client.start_workflow(
            ApprovalWorkflow.run,
            ApprovalInput(case_id=case, steps_per_run=1),
            id=workflow_id(case),
            task_queue=there.settings.temporal_task_queue,
        )
        who, verb, body = steps_of_a_case()[0]
        await there.order(who, verb, body, case)
        await there.accept(case)
        back = await one.worked()
        await there.client.workflow_service.reset_workflow_execution(
            ResetWorkflowExecutionRequest(
                namespace=there.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=workflow_id(back)),
                reason="a test",
                request_id=back,
                workflow_task_finish_event_id=4,
            )
        )
        await asyncio.sleep(1.5)  # the run that was set back settles again what it finds settled
        figures = await one.reconciler.round()
        assert figures.found == []
        assert figures.runs >= 5
        one.drain()
        figures = await one.reconciler.round()
        assert figures.standing == []
        assert figures.entries >= 4


async def test_a_backfilled_case_agrees_like_any_other(own_ground: Ground) -> None:
    async with compared(own_ground.settings) as one:
        await told(one.there)
        one.drain()
        figures = await one.reconciler.round()
        assert (figures.activities, figures.standing) == (1, [])


async def test_a_watermark_near_the_end_of_the_retention_rings_before_it_is_lost(
    own_ground: Ground,
) -> None:
    async with compared(own_ground.settings) as one:
        await one.worked()
        kept = (await one.reconciler.round()).retention
        now = datetime.now(UTC)
        _set(one.there.engine, now - kept * 0.4)
        assert not (await one.reconciler.round()).behind
        _set(one.there.engine, now - kept * 0.6)
        one.reconciler._tell_behind()
        assert BEHIND in {alarm.key for alarm in one.there.alarms()}
        figures = await one.reconciler.round()
        assert (figures.behind, figures.lost) == (True, False)
        assert BEHIND not in {alarm.key for alarm in one.there.alarms()}
        _set(one.there.engine, now - kept * 1.1)
        assert (await one.reconciler.round()).lost
        assert BEHIND in {alarm.key for alarm in one.there.alarms()}


def _set(engine: Engine, closed_until: datetime) -> None:
    with engine.begin() as connection:
        last = reconciled.watermark(connection)
        assert last is not None
        mark = Watermark(closed_until, last.log_size, last.origin)
        reconciled.move(connection, mark, closed_until)
