"""One case put together from its rows: what the page of a case shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, select

from cases import card_tables, tables
from cases.approval.reissuing import corrected
from cases.approval.waiting import pauses_of
from cases.card_views import cards_from
from cases.case_papers import (
    RECIPIENT,
    document_view,
    documents_of,
    materials_of,
    served_again,
    service_of,
)
from cases.case_timeline import seen_fields, timeline_of
from cases.masking import (
    ERASED,
    FILE_NAMES,
    differing,
    mask_form,
    mask_person,
)
from cases.messages import Person
from cases.state import CaseState, ClockEvent, Reissue
from cases.store import place
from cases.views import (
    CaseRow,
    CaseView,
    DocumentView,
    OpinionView,
    RulingView,
)
from catalogue.matters import Matter


@dataclass(frozen=True, slots=True)
class DocumentContent:
    """A document with its file; `content` is None once the subject's data was erased."""

    view: DocumentView
    case_id: str
    case_no: str
    matter_name: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of one case, read in one moment."""

    case: Any
    state: str
    matter: str
    steps: Sequence[Any]
    clock: Sequence[Any]
    opinions: Sequence[Any]
    materials: Sequence[Any]
    documents: Sequence[Any]
    rulings: Sequence[Any]
    cards: Sequence[Any]
    card_marks: Sequence[Any]

    @classmethod
    def of(cls, connection: Connection, row: Any) -> Read:
        def rows(table: Any, *columns: Any) -> Sequence[Any]:
            query = select(*(columns or (table,))).where(table.c.case_id == row.id)
            order = [c for c in table.primary_key.columns if c.name != "case_id"]
            return connection.execute(query.order_by(*order)).all()

        def text(column: Any, key: Any, value: str) -> str:
            return str(connection.execute(select(column).where(key == value)).scalar_one())

        document = tables.document
        shown = [c for c in document.c if c.name != "file_sealed"]
        return cls(
            row,
            text(tables.state.c.state, tables.state.c.case_id, row.id),
            text(tables.matter_version.c.matter, tables.matter_version.c.digest, row.matter_digest),
            rows(tables.step),
            rows(tables.clock_event),
            rows(tables.opinion),
            rows(tables.material),
            sorted(rows(document, *shown), key=lambda one: (one.seq, one.number)),
            rows(tables.ruling),
            rows(card_tables.card),
            rows(card_tables.card_mark),
        )

    def keys(self) -> list[Any]:
        return [
            "applicant",
            "form",
            *(("body", step.seq) for step in self.steps),
            *(("opinion", opinion.seq) for opinion in self.opinions),
            *(("material", one.seq, one.n) for one in self.materials),
        ]

    def sealed(self) -> list[tuple[str, bytes, bytes]]:
        row = self.case
        return [
            (row.subject, row.applicant_sealed, place("case", "applicant", row.id)),
            (row.subject, row.form_sealed, place("case", "form", row.id)),
            *((s.subject, s.body_sealed, place("step", "body", row.id, s.seq)) for s in self.steps),
            *(
                (o.subject, o.words_sealed, place("step", "words", row.id, o.seq))
                for o in self.opinions
            ),
            *(
                (m.subject, m.name_sealed, place("material", "name", row.id, m.seq, m.n))
                for m in self.materials
            ),
        ]


def _personal(
    person: Person | None,
    form: Mapping[str, JsonValue],
    matter: Matter,
    opened: Mapping[Any, bytes | None],
) -> tuple[str, ...]:
    """Return the names of the fields that masking changes: what a reveal can name."""
    found = list(differing("form", form, mask_form(form, matter.form)))
    if person is not None:
        plain = person.model_dump(mode="json")
        found = [*differing("applicant", plain, mask_person(person)), *found]
    files = any(key[0] == "material" and name for key, name in opened.items())
    return (*found, FILE_NAMES) if files else tuple(found)


def opinions_of(
    matter: Matter, rows: Sequence[Any], opened: Mapping[Any, bytes | None]
) -> Iterator[OpinionView]:
    names = {f"review-{step.code}": step.name for step in matter.steps}
    for row in rows:
        words = opened["opinion", row.seq]
        yield OpinionView(
            task=row.task,
            step_name=names.get(row.task, row.task),
            department=row.department,
            signer=row.signer,
            result=row.result,
            text=ERASED if words is None else word_of(words, "text"),
            conditions="" if words is None else word_of(words, "conditions"),
            at=row.at,
        )


def clock_event_of(row: Any) -> ClockEvent:
    return ClockEvent(
        id=f"{row.seq}.{row.n}",
        kind=row.kind,
        at=row.at,
        article=row.article,
        detail=orjson.loads(row.detail),
    )


def document_content(row: Any, content: bytes | None) -> DocumentContent:
    return DocumentContent(document_view(row), row.case_id, row.case_no, row.matter_name, content)


def ruling_view(row: Any) -> RulingView:
    return RulingView(
        seq=row.seq,
        pack=row.pack,
        version=row.version,
        engine=row.engine,
        fired=tuple(orjson.loads(row.fired)),
        outcome=orjson.loads(row.outcome),
    )


def notice_of(
    steps: Sequence[Any], bodies: Mapping[int, Mapping[str, Any]], reissues: Sequence[Reissue]
) -> Sequence[dict[str, JsonValue]]:
    """Return the items of the one-time notice, as they read since they were corrected."""
    asked = [
        bodies[step.seq].get("lacking") or []
        for step in steps
        if step.verb in ("ask_supplement", "pre_review") and bodies[step.seq].get("lacking")
    ]
    body: dict[str, Any] = {"lacking": asked[-1] if asked else []}
    for one in sorted(reissues, key=lambda one: one.step):
        if one.kind == "supplement_notice":
            body = corrected(body, bodies.get(one.step, {}).get("texts") or {})
    return list(body["lacking"])


def word_of(text: bytes, name: str) -> str:
    return str(orjson.loads(text).get(name, "")) if text else ""


def assembled(
    read: Read,
    opened: Mapping[Any, bytes | None],
    state: CaseState,
    revealed: Collection[str],
    row: Callable[[str], CaseRow],
) -> CaseView:
    """Return the view of a case from its rows and what was opened of them.

    `row` makes the case's line from the name to show. Masked but for the fields `revealed`.
    """
    matter = Matter.model_validate_json(read.matter)
    applicant = opened["applicant"]
    person = None if applicant is None else Person.model_validate_json(applicant)
    form = orjson.loads(opened["form"] or b"{}")
    bodies = {step.seq: orjson.loads(opened["body", step.seq] or b"{}") for step in read.steps}
    documents = documents_of(read.documents, state, read.steps)
    service = service_of(read.steps, bodies, documents, revealed)
    again = served_again(read.steps, bodies, documents, revealed)
    shown: dict[str, JsonValue] = {"name": ERASED}
    if person is not None:
        shown = mask_person(person, revealed)
    return CaseView(
        row=row(str(shown["name"])),
        plan=state.plan.model_dump(mode="json"),
        matter=matter.model_dump(mode="json"),
        form=mask_form(form, matter.form, revealed),
        applicant=shown,
        personal=(
            *_personal(person, form, matter, opened),
            *([RECIPIENT] if (service or again) and person is not None else []),
        ),
        revealed=tuple(sorted(revealed)),
        materials=tuple(
            materials_of(
                matter,
                read.materials,
                opened,
                FILE_NAMES in revealed,
                {step.seq: step.occurred_at for step in read.steps},
            )
        ),
        tasks=state.tasks,
        opinions=tuple(opinions_of(matter, read.opinions, opened)),
        procedures=state.procedures,
        waits=state.waits,
        hearing=state.hearing,
        disallowed=state.disallowed,
        pauses=pauses_of(state),
        requested_late=state.requested_late,
        timers=tuple(timer for timer in state.timers if not timer.is_card),
        clock=tuple(clock_event_of(event) for event in read.clock),
        documents=documents,
        rulings=tuple(ruling_view(ruling) for ruling in read.rulings),
        timeline=tuple(timeline_of(read, state, bodies, seen_fields(matter, revealed))),
        service=service,
        served_again=again,
        notice=tuple(notice_of(read.steps, bodies, state.reissues)),
        cards=cards_from(read.cards, read.card_marks, bodies),
    )
