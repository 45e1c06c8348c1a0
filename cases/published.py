"""公开: the licences granted and in force, for everybody to read (行政许可法第四十条).

What is refused, withdrawn or ended otherwise is no granting decision, and a licence revoked since
is in force no more: neither is listed. A file with a label above the ordinary one, or in a
compartment, stays out (第五条: 国家秘密、商业秘密、个人隐私除外). Of a natural person only the
masked name is told, of an organisation its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from cases.masking import ERASED
from cases.store import place
from cases.tables import case, document, step
from cases.views import Granted, GrantedDecision
from cases.worklists import masked_applicant

Opener = Callable[[Sequence[tuple[str, bytes, bytes]]], Sequence[bytes | None]]

PAGE = 50
OPEN_LEVEL = 2
"""Highest label of a file that is published: that of every ordinary application."""


def granted_decisions(
    connection: Connection, opened: Opener, matters: Collection[str], today: date, page: int = 1
) -> Granted:
    """Return a page of the granting decisions for these matters, the newest first.

    `today` is the city's day: a licence of which the last day lies before it has run out.
    """
    where = _is_published(matters)
    total = connection.execute(select(func.count()).select_from(case).where(where)).scalar_one()
    pages = max(1, -(-total // PAGE))
    page = min(max(page, 1), pages)
    rows = connection.execute(_rows(where, (page - 1) * PAGE)).all()
    names = opened(
        [(r.subject, r.applicant_sealed, place("case", "applicant", r.id)) for r in rows]
    )
    decided = [row for row in rows if row.body_sealed is not None]
    bodies = opened(
        [(r.step_subject, r.body_sealed, place("step", "body", r.id, r.seq)) for r in decided]
    )
    until = {row.id: _valid_until(body) for row, body in zip(decided, bodies, strict=True)}
    return Granted(
        decisions=tuple(
            _decision(row, name, until.get(row.id, ""), today)
            for row, name in zip(rows, names, strict=True)
        ),
        total=total,
        page=page,
        pages=pages,
    )


def _is_published(matters: Collection[str]) -> ColumnElement[bool]:
    return and_(
        case.c.ending == "granted",
        case.c.decided_at.is_not(None),
        case.c.matter.in_(sorted(matters)),
        case.c.label_level <= OPEN_LEVEL,
        case.c.compartments == "",
    )


def _rows(where: ColumnElement[bool], offset: int) -> Select[Any]:
    newest = (case.c.decided_at.desc(), case.c.id)
    # Found by the index alone, so that the last of many pages reads no row of those before it.
    shown = select(case.c.id).where(where).order_by(*newest).limit(PAGE).offset(offset)
    number = (
        select(document.c.number)
        .where(document.c.case_id == case.c.id, document.c.kind.in_(("grant", "deemed_renewal")))
        .order_by(document.c.seq.desc())  # one that was issued again takes the former's place
        .limit(1)
        .scalar_subquery()
    )
    decides = and_(step.c.case_id == case.c.id, step.c.verb == "decide")
    return (
        select(
            case.c.id, case.c.matter_name, case.c.department, case.c.decided_at, case.c.subject,
            case.c.applicant_sealed, number.label("number"), step.c.seq,
            step.c.subject.label("step_subject"), step.c.body_sealed,
        )
        .outerjoin(step, decides)
        .where(case.c.id.in_(shown))
        .order_by(*newest)
    )  # fmt: skip


def _valid_until(body: bytes | None) -> str:
    return "" if body is None else str(json.loads(body).get("valid_until") or "")


def _decision(row: Any, name: bytes | None, until: str, today: date) -> GrantedDecision:
    return GrantedDecision(
        number=row.number or "",
        matter_name=row.matter_name,
        department=row.department,
        holder=ERASED if name is None else masked_applicant(name),
        decided_at=row.decided_at,
        valid_until=until,
        run_out=bool(until) and date.fromisoformat(until) < today,
    )
