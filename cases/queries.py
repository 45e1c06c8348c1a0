"""Reading cases: for pages, doors and policy. Takes no lock and writes nothing.

Who may see what is decided before: `where` is the condition that policy made of the reader's
rows, `revealed` names the fields whose disclosure was warranted and its entry has committed. Sealed
columns come through `Opener`, which gives None where the subject's key was destroyed.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from uuid import uuid5
from zoneinfo import ZoneInfo

import orjson
from pydantic import JsonValue
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
)

from cases import card_tables, tables
from cases.acceptance import order_of_acceptance, standing_of
from cases.blind_index import Sought
from cases.card_lists import card_list
from cases.card_views import CardList, CardQuery
from cases.case_papers import documents_with_fate
from cases.case_view import (
    DocumentContent,
    Read,
    assembled,
    document_content,
    word_of,
)
from cases.clock import working_days_between
from cases.database import one_moment, reading
from cases.facts import CaseFacts
from cases.few import led, page_of_few, tally_few, ways
from cases.incident_cases import cases_of, incidents_of, numbers_by_step, own_links
from cases.masking import ERASED
from cases.messages import NAMESPACE, Outcome
from cases.seen import Seen
from cases.separations import HOST_HEARING, groups, hosts
from cases.sql import Prepared, look_up
from cases.state import CaseState
from cases.store import place
from cases.tables import case, task
from cases.tallied import opened
from cases.views import (
    CaseRow,
    CaseView,
    LinkedCases,
    Notice,
    Order,
    PublicStatus,
    Related,
    Worklist,
    WorklistQuery,
)
from cases.worklists import (
    ENDED_STAGES,
    MOST_COUNTED,
    Desk,
    Lines,
    at_most,
    count_by_stage,
    counted,
    in_hand,
    masked_applicant,
    page_of_many,
    pill_of,
    tally,
)
from catalogue.working_days import NONE, BeyondCalendar, Calendar

Opener = Callable[[Sequence[tuple[str, bytes, bytes]]], Sequence[bytes | None]]
"""Opens sealed columns (subject, sealed, associated data), in order; None where erased."""

_STATE = Prepared(
    select(tables.state.c.state).where(tables.state.c.case_id == bindparam("case_id"))
)


MOST_RELATED = 10
"""Related cases of each sort on the page of a case; more are found in the lists."""


MOST_LINKED = 20
"""Cases of an incident on one page of it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many lines each list has; a number above `MOST_COUNTED` says "at least"."""

    mine: int = 0
    team: int = 0
    all: int = 0
    by_stage: Mapping[str, int] = field(default_factory=dict)
    """Of all that are open; empty where they are more than were counted."""


@dataclass(frozen=True, slots=True)
class Step:
    """One settled step as exported."""

    case_id: str
    case_no: str
    seq: int
    verb: str
    actor: str
    occurred_at: datetime
    recorded_at: datetime
    backfill: bool
    command_id: str
    entry_id: str
    events: list[dict[str, JsonValue]]


def _state_of(query: WorklistQuery) -> Literal["", "warning", "overdue", "open", "ended"]:
    """Return of which state all lines of a list are: a stage may say it."""
    return query.state or ("ended" if query.stage in ENDED_STAGES else "")


def _is_long(query: WorklistQuery, total: int) -> bool:
    """Whether a page of it is found along its order: it stands among the first few thousand."""
    return total > MOST_COUNTED and query.scope != "mine" and not query.text


@dataclass(frozen=True)
class Queries:
    """The readers of one cases store. Safe in any number of threads."""

    engine: Engine
    open: Opener
    sought: Callable[[str], Sought]
    """By which stand-ins an exact name, number or telephone is found (activities/indexing.py)."""
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    zone: str = "Asia/Shanghai"
    """The city's, in which a day of a filter begins."""

    # --- lists -----------------------------------------------------------------------------------

    def worklist(
        self,
        where: ColumnElement[bool],
        desk: Desk,
        query: WorklistQuery,
        now: datetime,
        personal: ColumnElement[bool] | None = None,
    ) -> Worklist:
        """Return one page of a list, what is due first on top, and the counts of the whole list.

        `personal`: of which cases the reader may see personal data; None: of none. Only those are
        found by a name: a list that answers to names tells whose case it is, masked or not.
        """
        lines = Lines.of(query.scope, desk)
        seen = and_(lines.may(where), *self._filters(query, lines, now, personal))
        condition = and_(lines.where, seen)
        chosen = lines.select(condition).order_by(*lines.order())
        state = _state_of(query)
        with reading(self.engine) as connection:
            few = self._few(connection, query, seen)
            if few is not None:
                found = tally_few(connection, lines, few, now)
            else:
                most = 0 if query.exact else MOST_COUNTED
                found = tally(connection, lines, condition, now, most, state)
            pages, page = max(1, -(-found.total // query.size)), query.page
            is_long = _is_long(query, found.total)

            def lines_of(page: int) -> Sequence[Any]:
                limit, offset = query.size + 1, (page - 1) * query.size
                if few is not None:
                    return page_of_few(connection, lines, few, limit, offset)
                if is_long:
                    at = (state, now, limit, offset)
                    return page_of_many(connection, lines, seen, *at)
                return connection.execute(chosen.limit(limit).offset(offset)).all()

            rows = lines_of(page)
            if not rows and page > 1:
                page = min(page, pages)
                rows = lines_of(page)
        further = len(rows) > query.size
        return Worklist(
            rows=tuple(self._rows(rows[: query.size], now)),
            total=found.total,
            warning=found.warning,
            overdue=found.overdue,
            page=page,
            pages=max(pages, page + further),
            by_stage=dict(found.by_stage),
            counted_to=found.to,
        )

    def export(
        self,
        where: ColumnElement[bool],
        desk: Desk,
        query: WorklistQuery,
        now: datetime,
        personal: ColumnElement[bool] | None,
        most: int,
    ) -> tuple[Worklist, int, str]:
        """Return the first `most` lines of a list, the highest label among them and their
        compartments (`|a|b|`): what leaves the house carries the label of its highest row.

        It is counted up to `most` lines and one, unless the query asks for the exact number.
        """
        lines = Lines.of(query.scope, desk)
        seen = and_(lines.may(where), *self._filters(query, lines, now, personal))
        condition = and_(lines.where, seen)
        with reading(self.engine) as connection:
            few, state = self._few(connection, query, seen), _state_of(query)
            to = 0 if query.exact or few is not None else most
            if few is not None:
                total = tally_few(connection, lines, few, now).total
            elif to:
                total = at_most(connection, lines, condition, state, now, to)
            else:
                every = select(func.count()).select_from(lines.source).where(condition)
                total = connection.execute(every).scalar_one()
            if few is not None:
                rows = page_of_few(connection, lines, few, most, 0)
            elif _is_long(query, total):
                rows = page_of_many(connection, lines, seen, state, now, most, 0)
            else:
                chosen = lines.select(condition).order_by(*lines.order()).limit(most)
                rows = connection.execute(chosen).all()
        compartments = {one for row in rows for one in row.compartments.split("|")} - {""}
        listed = Worklist(
            rows=tuple(self._rows(rows, now)), total=total, warning=0, overdue=0, page=1, pages=1,
            counted_to=to,
        )  # fmt: skip
        return (
            listed,
            max((row.label_level for row in rows), default=1),
            "|".join(sorted(compartments)),
        )

    def counts(self, where: ColumnElement[bool], desk: Desk, now: datetime) -> Counts:
        """Return the numbers of the lists on the left of the page, each up to `MOST_COUNTED`."""
        with reading(self.engine) as connection:
            # A case that has ended may have a document to serve again: a task like any other.
            mine, team = (
                counted(connection, lines, and_(lines.where, lines.may(where)), MOST_COUNTED)
                for lines in (Lines.of("mine", desk), Lines.of("team", desk))
            )
            lines = Lines.of("all", desk)
            condition = and_(where, case.c.is_open)
            everything = at_most(connection, lines, condition, "", now, MOST_COUNTED)
            stages = (
                {}
                if everything > MOST_COUNTED
                else {
                    row.stage: int(row.n)
                    for row in connection.execute(
                        count_by_stage(lines, condition, now, MOST_COUNTED)
                    )
                }
            )
        return Counts(mine, team, everything, stages)

    def notices(
        self, desk: Desk, limit: int = 50, where: ColumnElement[bool] | None = None
    ) -> list[Notice]:
        """Return what the person, their departments or roles were told, newest first.

        `where` is the condition that policy made of the cases that the reader may list.
        """
        told = tables.notification
        # Each is asked of its own case: joined, a store of many cases begins with all that policy
        # shows (400 ms for fourteen notices in 100,000 cases).
        own = select(case.c.case_no).where(case.c.id == told.c.case_id)
        seen = [] if where is None else [own.where(where).correlate(told).exists()]
        query = (
            select(
                told,
                own.correlate(told).scalar_subquery().label("case_no"),
                card_tables.card.c.level,
                card_tables.card.c.title,
            )
            .outerjoin(card_tables.card, card_tables.card.c.number == told.c.task)
            .where(_told_to(desk), *seen)
            .order_by(told.c.at.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            found = connection.execute(query).all()
        # Once, who is told in person and as the holder of a role.
        rows = list({(row.case_id, row.seq): row for row in reversed(found)}.values())[::-1]
        words = self._texts(
            [(r.subject, r.words_sealed, place("step", "words", r.case_id, r.seq)) for r in rows]
        )
        return [
            Notice(
                id=notice_id(r.case_id, r.seq),
                case_id=r.case_id,
                case_no=r.case_no,
                kind=r.kind,
                sender=r.sender,
                task=r.task,
                at=r.at,
                text=word_of(text, "text"),
                level=r.level or "",
                title=r.title or "",
            )
            for r, text in zip(rows, words, strict=True)
        ]

    def notice_ids(
        self, desk: Desk, since: datetime, limit: int, where: ColumnElement[bool] | None = None
    ) -> list[str]:
        """Return the ids of what the person, their departments or roles were told since then."""
        told = tables.notification
        query = (
            select(told.c.case_id, told.c.seq)
            .join(case, case.c.id == told.c.case_id)
            .where(_told_to(desk), told.c.at >= since, *([] if where is None else [where]))
            .order_by(told.c.at.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return list(
                dict.fromkeys(notice_id(r.case_id, r.seq) for r in connection.execute(query))
            )

    def _filters(
        self,
        query: WorklistQuery,
        lines: Lines,
        now: datetime,
        personal: ColumnElement[bool] | None,
    ) -> Iterator[ColumnElement[bool]]:
        if query.matter:
            yield case.c.matter == query.matter
        if query.stage:
            yield case.c.stage == query.stage
        if query.department:
            yield or_(
                case.c.department == query.department,
                exists().where(task.c.case_id == case.c.id, task.c.department == query.department),
            )
        yield from self._received(query)
        if query.numbers:
            yield case.c.case_no.in_(query.numbers)
        if query.text:
            text = query.text.strip()
            may = false() if personal is None else personal
            named = and_(self.sought(text).condition(), may)
            yield or_(case.c.case_no == text.upper(), named)
        if query.state == "overdue":
            yield lines.is_overdue(now)
        elif query.state == "warning":
            yield lines.is_warning(now)
        elif query.state == "open":
            yield in_hand()
        elif query.state == "ended":
            yield case.c.stage.in_(ENDED_STAGES)

    def _received(self, query: WorklistQuery) -> Iterator[ColumnElement[bool]]:
        since, until = self._days(query)
        if since is not None:
            yield case.c.received_at >= since
        if until is not None:
            yield case.c.received_at < until

    def _days(self, query: WorklistQuery) -> tuple[datetime | None, datetime | None]:
        """Return from when, and until before when, a case of the list came in; None: whenever."""
        first, last = query.received_from, query.received_until
        return (
            None if first is None else self._midnight(first),
            None if last is None else self._midnight(last + timedelta(days=1)),
        )

    def _few(
        self, connection: Connection, query: WorklistQuery, seen: ColumnElement[bool]
    ) -> ColumnElement[bool] | None:
        """Return the condition of a list of cases of which a filter leaves few; None: of none."""
        if query.scope != "all" or query.text or query.numbers:
            return None
        return led(connection, ways(query, *self._days(query)), seen)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone))

    def _rows(self, rows: Sequence[Any], now: datetime) -> Iterator[CaseRow]:
        opened = self.open(
            [(r.subject, r.applicant_sealed, place("case", "applicant", r.id)) for r in rows]
        )
        for row, text in zip(rows, opened, strict=True):
            yield self._row(row, ERASED if text is None else masked_applicant(text), now)

    def _row(self, row: Any, applicant: str, now: datetime) -> CaseRow:
        return CaseRow(
            case_id=row.id,
            case_no=row.case_no,
            matter=row.matter,
            matter_name=row.matter_name,
            applicant=applicant,
            stage=row.stage,
            step=row.line_step,
            department=row.line_department,
            holder=row.line_holder,
            departments_out=row.departments_out,
            departments_all=row.departments_all,
            received_at=row.received_at,
            accepted_at=row.accepted_at,
            due_at=row.line_due,
            due_clock=row.line_clock,
            provisional=row.line_provisional,
            pill=pill_of(row, now),
            days_left=self._days_left(row, now),
            backfilled=row.backfilled,
            ending=row.ending,
        )

    def _days_left(self, row: Any, now: datetime) -> int | None:
        if row.line_due is None:
            return None
        calendar = self.calendars.get(row.calendar, NONE)
        try:
            return working_days_between(now, row.line_due, calendar, row.zone)
        except BeyondCalendar:
            return None

    # --- one case --------------------------------------------------------------------------------

    def case_view(
        self,
        case_id: str,
        now: datetime,
        revealed: Collection[str] = (),
        within: Engine | None = None,
    ) -> CaseView | None:
        """Return a case, whole; None where there is none. `revealed`: fields shown unmasked.

        `within` is the engine of one reader (`cases.database.bounded`): None too where the database
        does not let them see it. A place in the order of acceptance is counted over all cases.
        """
        with reading(within or self.engine) as connection:
            lines = Lines.of("all", Desk(()))
            row = connection.execute(lines.select(case.c.id == case_id)).one_or_none()
            if row is None:
                return None
            read = Read.of(connection, row)
            state = CaseState.model_validate_json(read.state)
        standing = None
        if state.plan.scarcity is not None and state.plan.scarcity.by_acceptance:
            with reading(self.engine) as connection:
                standing = standing_of(connection, state)
        opened = dict(zip(read.keys(), self.open(read.sealed()), strict=True))
        view = assembled(read, opened, state, revealed, lambda name: self._row(row, name, now))
        return view.model_copy(update={"standing": standing})

    def related(
        self,
        where: ColumnElement[bool],
        personal: ColumnElement[bool] | None,
        incidents: ColumnElement[bool],
        case_id: str,
        now: datetime,
    ) -> Related:
        """Return other cases of the same applicant, of the same project, and of the same incident.

        `incidents`: which of them the reader may list; through another no case is told of.

        `personal`: of which cases the reader may see personal data; None: of none. That two cases
        are one person's is such data of both of them, so both must be among those.
        """
        with reading(self.engine) as connection:
            own = connection.execute(
                select(case.c.subject, case.c.project_code).where(case.c.id == case_id, where)
            ).one_or_none()
            if own is None:
                return Related()
            known = (
                personal is not None
                and connection.execute(
                    select(case.c.id).where(case.c.id == case_id, personal)
                ).scalar()
            )
            whose = case.c.subject == own.subject if known else None
            same = case.c.project_code == own.project_code if own.project_code else None
            told, ids = incidents_of(connection, case_id, incidents, MOST_RELATED + 1)
            through = case.c.id.in_(cases_of(ids, incidents)) if ids else None
            found = [
                [] if alike is None else self._alike(connection, [alike, where, *more], case_id)
                for alike, more in ((whose, [personal]), (same, []), (through, []))
            ]
        lines = [tuple(self._row(row, "", now) for row in rows[:MOST_RELATED]) for rows in found]
        return Related(
            applicant=lines[0],
            project=lines[1],
            incidents=tuple(told[:MOST_RELATED]),
            incident=lines[2],
            more=any(len(rows) > MOST_RELATED for rows in (*found, told)),
        )

    def of_incident(
        self,
        where: ColumnElement[bool],
        incidents: ColumnElement[bool],
        incident_id: str,
        page: int,
        now: datetime,
    ) -> LinkedCases:
        """Return a page of the cases of an incident that the reader may list, the newest first."""
        with reading(self.engine) as connection:
            condition = and_(case.c.id.in_(cases_of([incident_id], incidents)), where)
            total = connection.execute(select(func.count()).where(condition)).scalar_one()
            pages = max(1, -(-total // MOST_LINKED))
            page = min(max(page, 1), pages)
            query = Lines.of("all", Desk(())).select(condition)
            newest = query.order_by(case.c.received_at.desc(), case.c.id)
            rows = connection.execute(
                newest.limit(MOST_LINKED).offset((page - 1) * MOST_LINKED)
            ).all()
            steps = numbers_by_step(connection, incident_id, where)
            own = own_links(connection, incident_id)
        lines = tuple(self._row(row, "", now) for row in rows)
        linked = frozenset(one.case_id for one in lines if one.case_id in own)
        return LinkedCases(
            rows=lines, total=total, page=page, pages=pages, steps=steps, linked=linked
        )

    def readable(self, where: ColumnElement[bool], case_no: str) -> str:
        """Return the id of the case with that number if the reader may read it; empty: no."""
        query = select(case.c.id).where(case.c.case_no == case_no.strip().upper(), where)
        with reading(self.engine) as connection:
            return connection.execute(query).scalar() or ""

    def earlier(self, where: ColumnElement[bool], number: str, most: int) -> Sequence[str]:
        """Return numbers of cases whose applicant has this very number of identity, the newest
        first. `where`: of which cases the reader may know whose they are."""
        query = (
            select(case.c.case_no)
            .where(self.sought(number).condition(), where)
            .order_by(case.c.received_at.desc(), case.c.id)
            .limit(most)
        )
        with reading(self.engine) as connection:
            return list(connection.execute(query).scalars())

    def _alike(
        self, connection: Connection, conditions: Sequence[Any], case_id: str
    ) -> Sequence[Any]:
        lines = Lines.of("all", Desk(()))
        query = lines.select(and_(case.c.id != case_id, *conditions))
        newest = query.order_by(case.c.received_at.desc(), case.c.id).limit(MOST_RELATED + 1)
        return connection.execute(newest).all()

    def acceptance(self, where: ColumnElement[bool], matter: str, page: int) -> Order:
        """Return a page of the order of acceptance, of the cases that the reader may list."""
        with reading(self.engine) as connection:
            return order_of_acceptance(connection, matter, page, where)

    def cards(self, seen: Seen, query: CardQuery) -> CardList:
        """Return one page of the supervision cards of the cases that the reader may list."""
        with one_moment(self.engine) as connection:
            kept = opened(connection, seen, self.zone)
            return card_list(connection, seen.where, query, self.zone, kept)

    def case_facts(self, case_id: str) -> CaseFacts | None:
        """Return what policy may know of a case; None where there is none."""
        state = self.state(case_id)
        return None if state is None else facts_of(state)

    def state(self, case_id: str) -> CaseState | None:
        """Return the newest state as the rows hold it."""
        found = look_up(self.engine, _STATE, {"case_id": case_id})
        return CaseState.model_validate_json(found[0][0]) if found else None

    def find_case(self, case_no: str) -> str | None:
        """Return the id of a case by its number. By reference: `messages.case_id_for`."""
        query = select(case.c.id).where(case.c.case_no == case_no.strip().upper())
        with reading(self.engine) as connection:
            return connection.execute(query).scalar()

    def outcome_of(self, command_id: str) -> Outcome | None:
        """Return the final answer to a command, however old; None where it was never settled."""
        table = tables.command.c
        with reading(self.engine) as connection:
            text = connection.execute(select(table.outcome).where(table.id == command_id)).scalar()
        return None if text is None else Outcome.model_validate_json(text)

    def command_digest(self, command_id: str) -> str | None:
        """Return the digest of the order that the id was first used for."""
        table = tables.command.c
        with reading(self.engine) as connection:
            return connection.execute(select(table.digest).where(table.id == command_id)).scalar()

    def public_status(self, case_no: str, code: str) -> PublicStatus | None:
        """Return what the holder of number and code may see; None when either is wrong."""
        query = select(case).where(case.c.case_no == case_no.strip().upper())
        with reading(self.engine) as connection:
            row = connection.execute(query).one_or_none()
        given = code.strip().upper().encode()
        if row is None or not hmac.compare_digest(row.public_code.encode(), given):
            return None
        return PublicStatus(
            case_no=row.case_no,
            matter_name=row.matter_name,
            stage=row.stage,
            received_at=row.received_at,
            accepted_at=row.accepted_at,
            due_at=row.due_at,
            provisional=row.provisional,
            ending=row.ending,
        )

    def public_code(self, case_id: str) -> str | None:
        """Return the code that the applicant is given with the case number."""
        query = select(case.c.public_code).where(case.c.id == case_id)
        with reading(self.engine) as connection:
            return connection.execute(query).scalar()

    # --- documents -------------------------------------------------------------------------------

    def document_file(
        self, document_id: str, within: Engine | None = None
    ) -> DocumentContent | None:
        """Return a document with its bytes and what became of it. `within`: as for `case_view`."""
        found = self._document(tables.document.c.id == document_id, within)
        if found is None:
            return None
        where = place("document", "file", found.case_id, found.id)
        (content,) = self.open([(found.subject, found.file_sealed, where)])
        return self._with_fate(found, content)

    def document_by_code(self, code: str) -> DocumentContent | None:
        """Return a document, without its bytes, by the code printed on it: and what became of it
        since, for whoever holds the paper."""
        found = self._document(tables.document.c.code == code.strip().upper())
        if found is None:
            return None
        return self._with_fate(found, None)

    def _with_fate(self, found: Any, content: bytes | None) -> DocumentContent:
        state = self.state(found.case_id)
        assert state is not None
        with reading(self.engine) as connection:
            views = documents_with_fate(connection, state)
        one = document_content(found, content)
        return replace(one, view=next(view for view in views if view.id == found.id))

    def _document(self, condition: ColumnElement[bool], within: Engine | None = None) -> Any:
        query = (
            select(tables.document, case.c.case_no, case.c.matter_name)
            .join(case, case.c.id == tables.document.c.case_id)
            .where(condition)
        )
        with reading(within or self.engine) as connection:
            return connection.execute(query).one_or_none()

    # --- export ----------------------------------------------------------------------------------

    def steps(self, case_id: str = "") -> Iterator[Step]:
        """Yield the settled steps of a case (of every case), by case and sequence."""
        columns = tables.step.c
        query = select(tables.step, case.c.case_no).join(case, case.c.id == columns.case_id)
        if case_id:
            query = query.where(columns.case_id == case_id)
        with reading(self.engine) as connection:
            streamed = connection.execution_options(yield_per=500)
            for row in streamed.execute(query.order_by(columns.case_id, columns.seq)):
                yield Step(
                    case_id=row.case_id,
                    case_no=row.case_no,
                    seq=row.seq,
                    verb=row.verb,
                    actor=row.actor,
                    occurred_at=row.occurred_at,
                    recorded_at=row.recorded_at,
                    backfill=row.backfill,
                    command_id=row.command_id,
                    entry_id=row.entry_id,
                    events=orjson.loads(row.events),
                )

    def totals(self) -> dict[str, int]:
        """Return how many cases stand in each stage."""
        query = select(case.c.stage, func.count()).group_by(case.c.stage)
        with reading(self.engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _texts(self, sealed: Sequence[tuple[str, bytes, bytes]]) -> list[bytes]:
        return [text if text is not None else b"" for text in self.open(sealed)]


def notice_id(case_id: str, seq: int) -> str:
    """Return the id of a notice of a case's step: the same for everybody who was told."""
    return str(uuid5(NAMESPACE, f"notification\n{case_id}\n{seq}"))


def _told_to(desk: Desk) -> ColumnElement[bool]:
    recipients = [*desk.persons, *(f"d:{code}" for code in desk.departments), *desk.roles]
    return tables.notification.c.recipient.in_(recipients)


def facts_in(connection: Connection, case_id: str) -> CaseFacts | None:
    """Return what policy may know of a case; None where there is none."""
    query = select(tables.state.c.state).where(tables.state.c.case_id == case_id)
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else facts_of(CaseState.model_validate_json(found))


def facts_by(engine: Engine) -> Callable[[str], CaseFacts | None]:
    """Return what finds the facts of a case by its id, as `facts_in`."""

    def found(case_id: str) -> CaseFacts | None:
        with reading(engine) as connection:
            return facts_in(connection, case_id)

    return found


def facts_of(state: CaseState) -> CaseFacts:
    """Return what policy may know of a case in this state."""
    plan = state.plan
    open_tasks = [one for one in state.tasks if one.state == "open"]
    assigned = (
        person for one in open_tasks for person in (one.holder, *one.signers, *one.added) if person
    )
    presiding = hosts(state)
    hands = state.hands | {HOST_HEARING: presiding} if presiding else state.hands
    apart = [one for _, one in groups(plan)]
    return CaseFacts(
        id=state.case_id,
        matter=plan.matter,
        department=plan.department,
        departments=tuple(dict.fromkeys(one.department for one in state.tasks)),
        label_level=plan.label.level,
        compartments=plan.label.compartments,
        stage=state.stage,
        closed=state.stage == "ended",
        applicant=state.subject,
        holder=open_tasks[0].holder if open_tasks else "",
        assignees=tuple(dict.fromkeys(assigned)),
        recused=state.hands.get("recused", ()),
        hands=hands,
        separations=tuple(one.acts for one in apart),
        separation_bases=tuple(one.basis for one in apart),
        task_departments={one.key: one.department for one in open_tasks},
    )


__all__ = ["Counts", "Desk", "DocumentContent", "Notice", "Opener", "Queries", "Step", "facts_of"]
