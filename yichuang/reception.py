"""The one way from any door to a case: find it, ask policy, have its workflow settle, answer.

A refusal by policy or by the workflow's validator leaves no trace in Temporal; the door writes its
entry itself, in its own store. The stored outcome of a command is looked up before anything is
asked and again before a *no* is given: the answer may exist already, for a year and more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import String, bindparam, select
from sqlalchemy.exc import OperationalError
from temporalio.client import Client

from cases import approval, census, messages
from cases.approval import articles
from cases.database import StoreUnwritable, reading
from cases.facts import CaseFacts
from cases.messages import BODIES, NAMESPACE, Actor, Command, Outcome, Source, case_id_for
from cases.orders import ApprovalInput
from cases.queries import Queries, facts_of
from cases.reception import NotNow, Request
from cases.settling import RuleForbids
from cases.sql import Prepared, look_up
from cases.state import CaseState
from cases.tables import command as command_table
from cases.tables import matter_version
from catalogue.load import Catalogue, MatterUnknown
from catalogue.matters import Matter
from policies.access import STALE, Access, AccessDenied
from policies.warrants import CLOCK_SKEW
from yichuang.asking import Asker, Refused
from yichuang.filled_in import body_of, check_corrections, check_filing
from yichuang.refusals import RefusalLog

AT_ONCE = 50
"""Orders in one update: far below Temporal's two megabytes."""


NOT_FINAL = frozenset({"no_warrant", "wrong_warrant", "warrant_expired", "nothing_ordered"})
"""Refusals that are about the door's own papers, not about the order: another try may differ."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a batch of orders goes."""

    case_id: str
    state: CaseState | None
    matter: Matter | None = None
    """The version that a filing is for."""


class CityReception:
    """`cases.reception.Reception` of this city, for one door. Safe in any number of tasks."""

    def __init__(
        self,
        client: Client,
        task_queue: str,
        *,
        access: Access,
        queries: Queries,
        catalogue: Callable[[], Catalogue],
        refusals: RefusalLog,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._asker = Asker(client, task_queue)
        self._access = access
        self._queries = queries
        self._catalogue = catalogue
        self._refusals = refusals
        self._now = now

    async def handle(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[Outcome, ...]:
        """Settle the requests, all of one case, in order; return their outcomes in order.

        Raises `NotNow` when it cannot be known whether they were settled; repeat with the ids.
        """
        answers: dict[str, Outcome] = {}
        try:
            answers.update(await asyncio.to_thread(self._stored, actor, requests))
            while left := [one for one in requests if one.id not in answers][:AT_ONCE]:
                answers.update(await self._round(actor, source, left))
        except (OperationalError, StoreUnwritable) as away:
            raise NotNow("办件库暂时不能使用，请用同一编号重试") from away
        return tuple(answers[one.id] for one in requests)

    async def _round(
        self, actor: Actor, source: Source, requests: Sequence[Request], *, again: bool = False
    ) -> dict[str, Outcome]:
        """Settle as many as can be warranted with what is known now; at least one is answered."""
        commands, refused = await asyncio.to_thread(self._warranted, actor, source, requests)
        if not commands:
            assert refused is not None
            return {refused.command_id: refused}
        try:
            settled = await self._asker.ask(commands, self._carried(commands[0]))
        except Refused as no:
            if no.code == "warrant_expired" and not again:
                # It waited too long for Temporal to come back: signed anew, the same id.
                return await self._round(actor, source, requests, again=True)
            first = commands[0]
            known = await asyncio.to_thread(self._stored, actor, [requests[0]])
            if first.id in known:
                return known
            if no.code == "case_gone":
                no = await asyncio.to_thread(self._gone, first)
            outcome = self._no(first.id, first.case_id, no.as_rule())
            final = no.code not in NOT_FINAL
            await asyncio.to_thread(self._refusals.note, first, outcome, self._now(), final=final)
            return {first.id: outcome}
        return {outcome.command_id: outcome for outcome in settled}

    # --- what was answered before ---

    def _stored(self, actor: Actor, requests: Sequence[Request]) -> dict[str, Outcome]:
        """Return the outcomes that exist. An id that another person has used is refused."""
        if not requests:
            return {}
        ids = {f"id_{n}": one.id for n, one in enumerate(requests)}
        found = look_up(self._queries.engine, _answers(len(ids)), ids)
        rows = {command_id: row for command_id, *row in found}
        refused = [one.id for one in requests if one.id not in rows]
        rows |= {one[0]: list(one[1:]) for one in self._refusals.kept(refused)}
        answers = {}
        for one in requests:
            row = rows.get(one.id)
            if row is None:
                continue
            by, verb, outcome = row
            if (by, verb) == (actor.id, one.verb):
                stored = Outcome.model_validate_json(outcome)
                answers[one.id] = stored.model_copy(update={"repeated": True})
            else:
                no = RuleForbids("id_reused", "这个命令编号已用于另一命令，请换新编号", "", "id")
                answers[one.id] = self._no(one.id, "", no)
        return answers

    def _gone(self, command: Command) -> Refused:
        """Say what has become of a case that has no workflow any more.

        Raises `NotNow` for an open one: its workflow was ended behind its back and is mended.
        """
        state = self._queries.state(command.case_id)
        if state is None:
            return Refused("unknown_case", "没有这个办件，请核对编号", "", "case_id")
        if state.stage != "ended":
            raise NotNow("本件的流程正在恢复，请稍候用同一编号重试")
        basis = articles.broken_by(state.plan, command.verb, granted=state.decision == "grant")
        return Refused("case_ended", "本件已经归档，不能再办理", basis, "")

    def _carried(self, command: Command) -> Callable[[], ApprovalInput | None]:
        """Return how to read that from which a lost workflow may go on."""

        def carried() -> ApprovalInput | None:
            with reading(self._queries.engine) as connection:
                held = census.held_input(connection, command.case_id)
            return held or self._archived(command)

        return carried

    def _archived(self, command: Command) -> ApprovalInput | None:
        """What may come to an archived case begins its workflow once more, for that one order."""
        state = self._queries.state(command.case_id)
        if state is None or state.stage != "ended" or approval.impossible(state, command):
            return None
        return ApprovalInput(case_id=command.case_id, state=state)

    # --- warrants ---

    def _warranted(
        self, actor: Actor, source: Source, requests: Sequence[Request]
    ) -> tuple[list[Command], Outcome | None]:
        """Return the commands up to the first that must be refused, or that first one's refusal.

        What stands behind a refusal is asked again when those before it are settled: they may
        open the very task that it is about.
        """
        commands: list[Command] = []
        facts: CaseFacts | None = None
        place: _Place | None = None
        now = self._now()
        for request in requests:
            command: Command | None = None
            try:
                if place is None:
                    place = self._place(actor, request)
                command = self._command(actor, source, request, place, now)
                facts = facts or self._facts(actor, place)
                warrant = self._access.warrant(command, facts, now, now)
                commands.append(command.model_copy(update={"warrant": warrant}))
            except (RuleForbids, AccessDenied) as no:
                if commands:
                    break
                if no.code == STALE:
                    raise NotNow(no.reason) from no
                return [], self._refused(actor, source, request, command, place, no)
        return commands, None

    def _is_hidden(self, actor: Actor, place: _Place | None) -> bool:
        """Return whether a case exists of which the sender may not even know that."""
        if place is None or place.state is None:
            return False
        return not may_know(self._access, actor, facts_of(place.state), self._now())

    def _place(self, actor: Actor, request: Request) -> _Place:
        """Find the case. Raises `RuleForbids` when there is none of that name."""
        if request.verb == "file":
            return self._new_place(actor, request)
        case_id: str | None = request.case_id
        if request.case_no:
            case_id = self._queries.find_case(request.case_no)
        elif request.reference:
            case_id = case_id_for(actor.id, request.reference)
        state = self._queries.state(case_id) if case_id else None
        if state is None or case_id is None:
            raise no_such_case(request)
        return _Place(case_id, state)

    def _new_place(self, actor: Actor, request: Request) -> _Place:
        body = body_of("file", request.body)
        assert isinstance(body, messages.File)
        case_id = request.case_id
        if request.reference or body.reference:
            case_id = case_id_for(actor.id, request.reference or body.reference)
        elif not case_id:
            case_id = str(uuid5(NAMESPACE, f"case of\n{actor.id}\n{request.id}"))
        elif not _is_uuid(case_id):
            raise RuleForbids("invalid", "case_id 应是 UUID，或者不填", "", "case_id")
        state = self._queries.state(case_id)
        if self._is_hidden(actor, _Place(case_id, state)):
            # Somebody else's: neither its number nor what it is may be told.
            raise RuleForbids("invalid", "这个 case_id 不能使用，请不填或另换一个", "", "case_id")
        if state is not None:
            # Its workflow may be over: an order would begin a second life of the case.
            raise RuleForbids(
                "already_filed",
                f"本件已经收件，编号 {state.case_no}，请勿重复提交",
                articles.APPLICATION,
            )
        at = request.occurred_at or self._now()
        return _Place(case_id, None, self._matter(body, at))

    def _filed_under(self, digest: str) -> Matter:
        """Return the version that a case was filed under, as its rows keep it."""
        table = matter_version.c
        with reading(self._queries.engine) as connection:
            text = connection.execute(
                select(table.matter).where(table.digest == digest)
            ).scalar_one()
        return Matter.model_validate_json(text)

    def _matter(self, body: messages.File, at: datetime) -> Matter:
        catalogue = self._catalogue()
        try:
            if body.version:
                return catalogue.matter(body.matter, body.version)
            return catalogue.matter_at(body.matter, at)
        except MatterUnknown as unknown:
            raise RuleForbids("unknown_matter", str(unknown), "", "body.matter") from unknown

    def _command(
        self, actor: Actor, source: Source, request: Request, place: _Place, now: datetime
    ) -> Command:
        body = body_of(request.verb, request.body)
        more: dict[str, Any] = {}
        backfill = request.occurred_at is not None and now - request.occurred_at > CLOCK_SKEW
        if isinstance(body, messages.File):
            assert place.matter is not None
            check_filing(place.matter, body)
            more = {"version": place.matter.version}
            backfill = backfill or body.received_at is not None
        elif isinstance(body, messages.Supply | messages.CorrectOnSpot) and place.state:
            check_corrections(self._filed_under(place.state.plan.digest), body.form)
        return Command(
            id=request.id,
            verb=request.verb,
            case_id=place.case_id,
            body=body.model_dump(mode="json", exclude_unset=True) | more,
            actor=actor,
            source=source,
            occurred_at=request.occurred_at or now,
            backfill=backfill,
        )

    def _facts(self, actor: Actor, place: _Place) -> CaseFacts:
        if place.state is not None:
            return facts_of(place.state)
        assert place.matter is not None
        return future_facts(place.case_id, place.matter, actor)

    # --- refusals ---

    def _refused(
        self,
        actor: Actor,
        source: Source,
        request: Request,
        command: Command | None,
        place: _Place | None,
        no: RuleForbids | AccessDenied,
    ) -> Outcome:
        case_id = real = place.case_id if place else request.case_id
        noted = no.code
        if self._is_hidden(actor, place):
            # To the letter what is answered where there is no case; the log is told which it was.
            case_id, no = request.case_id, no_such_case(request)
        elif isinstance(no, AccessDenied):
            reason = "；".join(part for part in (no.reason, no.remedy) if part)
            no = RuleForbids(no.code, reason, no.basis)
        outcome = self._no(request.id, case_id, no)
        attempted = command or Command(
            id=request.id,
            verb=request.verb if request.verb in BODIES else "unknown",
            case_id=real,
            body={},
            actor=actor,
            source=source,
            occurred_at=self._now(),
        )
        self._refusals.note(attempted, outcome.model_copy(update={"code": noted}), self._now())
        return outcome

    def _no(self, command_id: str, case_id: str, no: RuleForbids) -> Outcome:
        return Outcome(
            command_id=command_id,
            case_id=case_id,
            status="refused",
            code=no.code,
            reason=no.reason,
            basis=no.basis,
            field=no.field,
            recorded_at=self._now(),
        )


def may_know(access: Access, actor: Actor, facts: CaseFacts, at: datetime) -> bool:
    """Return whether an actor may know that a case exists: may list it or read it."""
    return any(access.decide(actor, act, facts, at).allowed for act in ("list", "read"))


def no_such_case(request: Request) -> RuleForbids:
    """Return the *no* to a request for a case that is not there, or is not the sender's to know."""
    named = "case_no" if request.case_no else "reference" if request.reference else "case_id"
    return RuleForbids("unknown_case", "没有这个办件，请核对编号", "", named)


@cache
def _answers(count: int) -> Prepared:
    table = command_table.c
    return Prepared(
        select(table.id, table.actor, table.verb, table.outcome).where(
            table.id.in_([bindparam(f"id_{n}", type_=String) for n in range(count)])
        )
    )


def future_facts(case_id: str, matter: Matter, actor: Actor) -> CaseFacts:
    """Return what policy may know of a case that is only now being filed."""
    return CaseFacts(
        id=case_id,
        matter=matter.code,
        department=matter.department,
        label_level=matter.label.level,
        compartments=matter.label.compartments,
        applicant=actor.id if actor.kind == "citizen" else "",
        separations=tuple(separation.acts for separation in matter.separations),
        separation_bases=tuple(separation.basis for separation in matter.separations),
    )


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
