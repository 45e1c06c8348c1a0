"""One case put together from its rows: what the page of a case shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import JsonValue
from sqlalchemy import Connection, select

from cases import tables
from cases.approval.waiting import pauses_of
from cases.armed import rings_at
from cases.card_views import cards_from
from cases.case_papers import (
    RECIPIENT,
    document_view,
    documents_of,
    materials_of,
    service_of,
)
from cases.masking import (
    ERASED,
    FILE_NAMES,
    differing,
    mask_form,
    mask_person,
)
from cases.messages import DocumentRef, Person
from cases.passages import Change, Passages, kinds_of
from cases.state import CaseState, ClockEvent
from cases.store import place
from cases.views import (
    CaseRow,
    CaseView,
    DocumentView,
    OpinionView,
    RulingView,
    TimelineItem,
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
            rows(tables.card),
            rows(tables.card_mark),
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


def _timeline(
    read: Read,
    bodies: Mapping[int, Mapping[str, Any]],
    known: Mapping[int, datetime],
    plain: frozenset[str],
) -> Iterator[TimelineItem]:
    walk = Passages()
    issued: dict[int, list[Any]] = {}
    for document in read.documents:
        issued.setdefault(document.seq, []).append(document)
    on_the_clock = {event.seq for event in read.clock if event.kind not in OF_THE_STEPS}
    for step in read.steps:
        body = bodies[step.seq]
        yield timeline_item(
            step,
            body,
            issued.get(step.seq, ()),
            known.get(step.seq - 1),
            walk.through(step.verb, orjson.loads(step.events), body, plain),
            step.seq in on_the_clock,
        )


OF_THE_STEPS = frozenset(
    {"step_opened", "step_done", "rated", "gathered", "rectified", "called_back", "checked"}
)
"""What is noted beside the clock and moves no period of the case."""


def _plain(matter: Matter, revealed: Collection[str]) -> frozenset[str]:
    """Return the names of the form's fields whose values the reader may see."""
    described = matter.form.get("properties")
    names = described if isinstance(described, dict) else {}
    # The same rule as for the form itself: what masking leaves alone may be read.
    seen = mask_form(dict.fromkeys(names, ""), matter.form, revealed)
    return frozenset(name for name, value in seen.items() if value == "")


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


SUMMARISED = ("reason", "text", "reasons", "ground", "findings", "remark", "undertaking", "cause")
"""Fields of an order's body that say in words what was done."""


def timeline_item(
    row: Any,
    body: Mapping[str, Any],
    documents: Sequence[Any],
    known_at: datetime | None = None,
    changes: tuple[Change, ...] = (),
    moved_clock: bool = False,
) -> TimelineItem:
    """Return one line of the timeline with the documents of its step; `known_at`: when the step
    before it was recorded, or its case's rest after that step."""
    summary = _summary(row.verb, body)
    issued = tuple(
        DocumentRef(id=d.id, kind=d.kind, number=d.number, digest=d.digest, code=d.code)
        for d in documents
    )
    moved = moved_clock or any(one.what == "due" for one in changes)
    return TimelineItem(
        seq=row.seq,
        verb=row.verb,
        at=row.occurred_at,
        recorded_at=row.recorded_at,
        who=row.actor,
        on_behalf=row.on_behalf,
        department=row.department,
        summary=summary,
        basis=row.basis,
        backfill=row.backfill,
        entry=row.entry_id,
        documents=issued,
        late_seconds=late_seconds(row, known_at) if row.verb == "timer_fired" else 0,
        changes=changes,
        kinds=kinds_of(row.verb, row.actor, bool(issued), moved),
    )


def late_seconds(row: Any, known_at: datetime | None) -> int:
    """Return how late the law's own step is, as `census.firings` counts it, in whole seconds."""
    since = row.occurred_at if known_at is None else max(row.occurred_at, known_at)
    return max(0, int((row.recorded_at - since).total_seconds()))


def _summary(verb: str, body: Mapping[str, Any]) -> str:
    recorded = body if verb == "record_step" else body.get("step")
    if isinstance(recorded, Mapping):
        return str(recorded.get("step", ""))
    return next((str(body[name]) for name in SUMMARISED if body.get(name)), "")


def notice_of(
    steps: Sequence[Any], bodies: Mapping[int, Mapping[str, Any]]
) -> Sequence[dict[str, JsonValue]]:
    asked = [
        bodies[step.seq].get("lacking") or []
        for step in steps
        if step.verb in ("ask_supplement", "pre_review") and bodies[step.seq].get("lacking")
    ]
    return list(asked[-1]) if asked else []


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
    shown: dict[str, JsonValue] = {"name": ERASED}
    if person is not None:
        shown = mask_person(person, revealed)
    known = {
        step.seq: rings_at(
            step.recorded_at, step.recorded_at if state.backfilled and step.backfill else None
        )
        for step in read.steps
    }
    return CaseView(
        row=row(str(shown["name"])),
        plan=state.plan.model_dump(mode="json"),
        matter=matter.model_dump(mode="json"),
        form=mask_form(form, matter.form, revealed),
        applicant=shown,
        personal=(
            *_personal(person, form, matter, opened),
            *([RECIPIENT] if service is not None and person is not None else []),
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
        timeline=tuple(_timeline(read, bodies, known, _plain(matter, revealed))),
        service=service,
        notice=tuple(notice_of(read.steps, bodies)),
        cards=cards_from(read.cards, read.card_marks, bodies),
    )
