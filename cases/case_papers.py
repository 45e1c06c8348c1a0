"""The papers of a case: what was handed in, what was issued, and how the decision was served."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from cases import tables
from cases.approval.served_again import GRANTS, unserved
from cases.masking import ERASED, mask_file_name, mask_name
from cases.state import CaseState
from cases.views import DocumentView, MaterialFile, MaterialView, ServiceView
from catalogue.matters import Matter


def materials_of(
    matter: Matter,
    rows: Sequence[Any],
    opened: Mapping[Any, bytes | None],
    named: bool,
    at: Mapping[int, datetime],
) -> Iterator[MaterialView]:
    """Yield each material that the matter knows, and every handing-in of it.

    `at`: when each step happened.
    """
    by_code: dict[str, list[MaterialFile]] = {}
    for row in rows:
        name = opened.get(("material", row.seq, row.n))
        by_code.setdefault(row.code, []).append(
            MaterialFile(
                seq=row.seq,
                at=at[row.seq],
                originals=row.originals,
                copies=row.copies,
                upload=row.upload,
                file_name=ERASED if name is None else _file_name(name.decode(), named),
                digest=row.digest,
            )
        )
    for known in matter.materials:
        files = by_code.get(known.code, [])[::-1]
        newest = files[0] if files else None
        yield MaterialView(
            code=known.code,
            name=known.name,
            required=known.required,
            tolerable=known.tolerable,
            received=newest is not None,
            originals=newest.originals if newest else 0,
            copies=newest.copies if newest else 0,
            upload=newest.upload if newest else "",
            file_name=newest.file_name if newest else "",
            digest=newest.digest if newest else "",
            handed_in=tuple(files),
        )


def _file_name(name: str, named: bool) -> str:
    return name if named else mask_file_name(name)


def document_view(row: Any) -> DocumentView:
    return DocumentView(
        id=row.id,
        kind=row.kind,
        number=row.number,
        digest=row.digest,
        code=row.code,
        issued_at=row.issued_at,
        seq=row.seq,
    )


ANEW: Mapping[str, str] = {"hearing_notice": "hearing_notice"}
"""Kinds of which a later one says the same thing anew: a hearing that was put off."""
TAKERS = frozenset({"revoke_licence", "check_afterwards"})
"""Verbs that may take away what was granted (行政许可法第六十九条)."""


def documents_of(
    rows: Sequence[Any], state: CaseState, steps: Sequence[Any]
) -> tuple[DocumentView, ...]:
    """Return the documents in the order of their issue, each with what became of it."""
    newest = {row.kind: row for row in rows}
    anew = {(one.step, one.kind): one for one in state.reissues}
    former = {row.id: row for row in rows}
    later = {one.document: row for row in rows if (one := anew.get((row.seq, row.kind)))}
    taken = 0
    if state.ending == "revoked":
        taken = max((step.seq for step in steps if step.verb in TAKERS), default=0)
    found = []
    for row in rows:
        view = document_view(row)
        last = newest[row.kind]
        if row.kind in ANEW and last.id != row.id:
            view = view.model_copy(update={"replaced_by": last.number, "void": True})
        if row.id in later:
            view = view.model_copy(update={"replaced_by": later[row.id].number, "void": True})
        one = anew.get((row.seq, row.kind))
        if one is not None:
            replaced = former.get(one.document)
            said = {
                "version": one.version,
                "ground": one.ground,
                "replaces": replaced.number if replaced is not None else "",
                "served_again_at": one.served_at,
                "waits": any(waiting.step == one.step for waiting in unserved(state)),
            }
            view = view.model_copy(update=said)
        if row.kind in GRANTS and taken > row.seq:
            view = view.model_copy(update={"voided_by": taken, "void": True})
        found.append(view)
    return tuple(found)


def documents_with_fate(connection: Connection, state: CaseState) -> tuple[DocumentView, ...]:
    """Return the documents of a case as `documents_of` does, read anew and without their files."""
    document, step = tables.document.c, tables.step.c
    shown = [column for column in tables.document.c if column.name != "file_sealed"]
    rows = connection.execute(
        select(*shown)
        .where(document.case_id == state.case_id)
        .order_by(document.seq, document.number)
    ).all()
    taken = select(step.seq, step.verb).where(step.case_id == state.case_id, step.verb.in_(TAKERS))
    return documents_of(rows, state, connection.execute(taken).all())


DECISIONS = ("grant", "refusal")
RECIPIENT = "service.recipient"
"""How a reveal names whom a decision was served on."""


def service_of(
    steps: Sequence[Any],
    bodies: Mapping[int, Mapping[str, Any]],
    documents: Sequence[DocumentView],
    revealed: Collection[str] = (),
) -> ServiceView | None:
    """Return how the decision was served; None: it was not yet."""
    step = next((one for one in reversed(steps) if one.verb == "serve"), None)
    if step is None:
        return None
    earlier = (d for d in reversed(documents) if d.kind in DECISIONS and d.seq < step.seq)
    return _service(step, bodies[step.seq], next(earlier, None), documents, revealed)


def served_again(
    steps: Sequence[Any],
    bodies: Mapping[int, Mapping[str, Any]],
    documents: Sequence[DocumentView],
    revealed: Collection[str] = (),
) -> tuple[ServiceView, ...]:
    """Return how what was issued again was served, the newest first."""
    return tuple(
        _service(
            step,
            bodies[step.seq],
            next(
                (
                    d for d in documents
                    if d.version > 1 and str(d.seq) == str(bodies[step.seq].get("of_step"))
                ),
                None,
            ),
            documents,
            revealed,
        )
        for step in reversed(steps)
        if step.verb == "serve_reissued"
    )  # fmt: skip


def _service(
    step: Any,
    body: Mapping[str, Any],
    served: DocumentView | None,
    documents: Sequence[DocumentView],
    revealed: Collection[str],
) -> ServiceView:
    recipient = str(body.get("recipient", "")) or ERASED
    record = next((d for d in documents if d.kind == "service_record" and d.seq == step.seq), None)
    return ServiceView(
        seq=step.seq,
        method=str(body.get("method", "")),
        served_at=body.get("served_at") or step.occurred_at,
        recipient=recipient if body == {} or RECIPIENT in revealed else mask_name(recipient),
        relation=str(body.get("relation", "")),
        place=str(body.get("place", "")),
        refusal=str(body.get("refusal", "")),
        witnesses=len(body.get("witnesses") or ()),
        by=step.on_behalf or step.actor,
        served=served.number if served else "",
        record=record.id if record else "",
    )
