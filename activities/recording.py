"""The record of a step, whole: words sealed, papers rendered, lines of clocks, events to tell.

What comes out is written by one transaction (`cases.store`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import orjson
from pydantic import JsonValue
from sqlalchemy import Engine, select

from activities.announcing import Announcer
from activities.entries import STEP
from activities.glyphs import FontsMissing, GlyphMissing
from activities.instants import Instants
from activities.papers import DocumentOrder, Press
from activities.reissuing import REISSUE_SERVED, REISSUED, Reissuing, served_document
from activities.sealing import Sealer, merged_form
from audit.entry import entry_id
from audit.vault import KeyDestroyed
from cases import approval, messages, numbers
from cases.case_papers import DECISIONS
from cases.clocks.lines import ClockLine, lines
from cases.database import reading
from cases.messages import NAMESPACE, Command, DocumentRef, Outcome, Person
from cases.rulings import Ruling
from cases.settling import DocumentWish, RuleForbids
from cases.state import CaseState, ClockEvent, Event, Plan
from cases.store import DocumentFile, StepRecord, place
from cases.tables import case, document, matter_version
from catalogue.form_schema import torn
from catalogue.matters import Matter


@dataclass(slots=True)
class Walked:
    """The case while the batch is planned: the newest state, and what was read of the rows."""

    state: CaseState | None
    form: dict[str, Any] | None = None
    applicant: Person | None = None
    clock: tuple[ClockEvent, ...] | None = None
    """Clock events up to `state.seq`; None: not read yet."""
    decision: str | None = None
    """Number of the written decision; None: not read yet, empty: there is none."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What law has made of a command, before anything is sealed or rendered."""

    command: Command
    body: messages.Frozen
    at: datetime
    before: CaseState | None
    after: CaseState
    events: tuple[Event, ...]
    rulings: Mapping[str, Ruling]


Names = Callable[[Sequence[str]], Mapping[str, str]]
"""User ids → names of those who are known."""


def nobody_is_named(_users: Sequence[str]) -> Mapping[str, str]:
    """Where there are no accounts: a document prints ids."""
    return {}


@dataclass(frozen=True, slots=True)
class Recording:
    """Makes records of steps. Holds what is needed to, and no state of its own."""

    engine: Engine
    sealer: Sealer
    press: Press
    announcer: Announcer
    instants: Instants
    names: Names = nobody_is_named
    reissuing: Reissuing | None = None
    """None: nothing is ever issued again."""

    def record(
        self,
        draft: Draft,
        walked: Walked,
        wishes: Sequence[DocumentWish],
        reserved: Sequence[numbers.Number],
        matter: Matter | None,
    ) -> StepRecord:
        """Return the record, and let `walked` know the form that it leaves.

        Raises `RuleForbids`: erased, or a character that no font has.
        """
        command, after = draft.command, draft.after
        form = self._form(walked, command, draft.body, after.plan)
        try:
            sealed = self.sealer.step(
                command, draft.body, after.subject, after.seq, draft.rulings, form
            )
            files = tuple(
                self._document(draft, walked, wish, number, matter)
                for wish, number in zip(wishes, reserved, strict=True)
            )
        except KeyDestroyed as gone:
            raise erased() from gone
        entry = entry_id(command.id, STEP)
        walked.decision = next(
            (file.ref.number for file in files if file.ref.kind in DECISIONS), walked.decision
        )
        if form is not None:
            walked.form = form
        told = approval.clock_events(draft.events, after.seq)
        return StepRecord(
            command=command,
            body=draft.body,
            recorded_at=draft.at,
            before=draft.before,
            after=after,
            events=draft.events,
            clock=told,
            rulings=draft.rulings,
            sealed=sealed,
            entry_id=entry,
            outcome=Outcome(
                command_id=command.id,
                case_id=command.case_id,
                status="done",
                case_no=after.case_no,
                seq=after.seq,
                stage=after.stage,
                documents=tuple(file.ref for file in files),
                entry=entry,
                recorded_at=draft.at,
            ),
            documents=files,
            messages=self.announcer.messages(command, after, draft.events),
            lines=self._lines(walked.clock or (), told, after.plan, draft.events),
        )

    def _lines(
        self,
        earlier: Sequence[ClockEvent],
        told: Sequence[ClockEvent],
        plan: Plan,
        of_step: Sequence[Event],
    ) -> tuple[ClockLine, ...]:
        """Return the lines of the clocks that this step began, changed or ended; all, if retimed"""
        again = any(event.kind == "retimed" for event in of_step)
        if not told and not again:
            return ()
        events = (*earlier, *told)
        rules, calendar = approval.clock_rules(plan), self.instants.calendar(plan.calendar)
        return lines(rules, events, calendar, plan, already=0 if again else len(earlier))

    def _document(
        self,
        draft: Draft,
        walked: Walked,
        wish: DocumentWish,
        number: numbers.Number,
        matter: Matter | None,
    ) -> DocumentFile:
        command, after = draft.command, draft.after
        document_id = str(uuid5(_root(command.id), f"document:{number.text}"))
        plan = after.plan
        order = DocumentOrder(
            kind=wish.kind,
            number=number.text,
            code=self.sealer.code("document", document_id),
            issued_at=draft.at,
            department=self.instants.catalogue().city.department(wish.department),
            matter=matter or self.instants.catalogue().matter(plan.matter, plan.version),
            case=after,
            applicant=self._applicant(walked, command.case_id),
            command=command,
            facts={
                **wish.facts,
                **self._people(command),
                **self._served(wish, walked, after),
                **self._looked_up(wish, command),
            },
        )
        if self.reissuing is not None and wish.facts.get("event") == REISSUED:
            first = self.reissuing.first(after, wish, command.body.get("texts", {}))
            order = replace(
                order,
                case=first.case,
                command=first.command,
                facts={
                    **first.facts,
                    **self._people(first.command),
                    **self._looked_up(wish, command),
                },
            )
        content = self._printed(order)
        ref = DocumentRef(
            id=document_id,
            kind=wish.kind,
            number=number.text,
            digest=sha256(content).hexdigest(),
            code=order.code,
        )
        sealed = self.sealer.document(content, after.subject, command.case_id, document_id)
        return DocumentFile(ref, wish.department, number, sealed)

    def _looked_up(self, wish: DocumentWish, command: Command) -> dict[str, JsonValue]:
        """Return what the applicant looks the case up by, which stands on what they are handed."""
        if wish.kind != "receipt":
            return {}
        return {"public_code": self.sealer.code("case", command.case_id)}

    def _served(self, wish: DocumentWish, walked: Walked, after: CaseState) -> dict[str, JsonValue]:
        """Return the number of the decision whose service a record of service is about."""
        if wish.kind != "service_record":
            return {}
        if wish.facts.get("event") == REISSUE_SERVED:
            return served_document(self.engine, after, wish)
        if walked.decision is None:  # decided in an earlier batch
            newest = (
                select(document.c.number)
                .where(document.c.case_id == after.case_id, document.c.kind.in_(DECISIONS))
                .order_by(document.c.seq.desc())
                .limit(1)
            )
            with reading(self.engine) as connection:
                walked.decision = connection.execute(newest).scalar() or ""
        return {"served_number": walked.decision} if walked.decision else {}

    def _people(self, command: Command) -> dict[str, JsonValue]:
        """Return who acted, and in whose name, as a document prints them."""
        actor = command.actor
        if actor.kind != "human":
            return {}
        known = self.names([one for one in (actor.id, actor.on_behalf) if one])
        people: dict[str, JsonValue] = {"actor_name": known.get(actor.id, actor.id)}
        if actor.on_behalf:
            people["behalf_name"] = known.get(actor.on_behalf, actor.on_behalf)
        return people

    def _printed(self, order: DocumentOrder) -> bytes:
        """Return the file. A character that no font has is a *no*: whoever typed it must see it.

        A machine without any Chinese font is the world being away: `FontsMissing` rises.
        """
        try:
            return self.press.render(order)
        except FontsMissing:
            raise
        except GlyphMissing as missing:
            raise RuleForbids(
                "glyph_missing",
                f"文书字库没有这些字：{missing.characters}。姓名不必改写："
                "请系统管理员安装含有这些字的字体（如 fonts-hanazono）后重新提交",
                "GB 18030-2022",
            ) from missing

    def _form(
        self, walked: Walked, command: Command, body: messages.Frozen, plan: Plan
    ) -> dict[str, Any] | None:
        if merged_form({}, body) is None:
            return None
        if walked.form is None:
            walked.form = orjson.loads(self._opened(command.case_id, "form"))
        merged = merged_form(walked.form, body)
        if merged is not None and not isinstance(body, messages.File):
            self._still_whole(plan, walked.form, merged)
        return merged

    def _still_whole(self, plan: Plan, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Raise `RuleForbids` where a correction tears apart what the matter's form ties together.

        A filing was checked whole at the door; of a correction the door sees some fields only.
        """
        with reading(self.engine) as connection:
            row = connection.execute(
                select(matter_version.c.matter).where(matter_version.c.digest == plan.digest)
            ).first()
        if row is None:
            return
        schema = Matter.model_validate_json(row.matter).form
        known = torn(schema, before)
        for name, sentence in torn(schema, after).items():
            if name not in known:
                said = f"更正以后，{sentence}（与更正的项目一起填）"
                raise RuleForbids("form_torn", said, plan.matter, f"body.form.{name}")

    def _applicant(self, walked: Walked, case_id: str) -> Person:
        if walked.applicant is None:
            walked.applicant = Person.model_validate_json(self._opened(case_id, "applicant"))
        return walked.applicant

    def _opened(self, case_id: str, column: str) -> bytes:
        sealed = case.c[f"{column}_sealed"]
        with reading(self.engine) as connection:
            row = connection.execute(
                select(case.c.subject, sealed).where(case.c.id == case_id)
            ).one()
        return self.sealer.vault.open(row[0], row[1], place("case", column, case_id))


def erased() -> RuleForbids:
    """Return the *no* of a case whose personal data was erased."""
    return RuleForbids(
        "erased", "申请人的个人信息已依法删除，本件不能再办理", "个人信息保护法第四十七条"
    )


def _root(command_id: str) -> UUID:
    return uuid5(NAMESPACE, f"command\n{command_id}")
