"""The lines of a worklist: which rows they stand for, how they sort, when they are late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    true,
    union,
)
from sqlalchemy import case as when

from cases.each_case import asked_each
from cases.masking import mask_name
from cases.messages import Person
from cases.projection import NEVER, NOT_DUE, WARN_BEFORE
from cases.tables import case, timer
from cases.tables import task as task_table
from cases.views import Pill

task = task_table.alias("line")
"""The task a line stands for. Policy's conditions name the table itself and must not meet it."""

MOST_COUNTED = 1000
"""Lines of a list that are counted unasked: forty pages, more than anybody turns. Counting to the
end asks policy's condition of every case (at a million cases 3 s; benchmarks/README.md)."""

MOST_WALKED = 20_000
"""Lines that are looked at one after the other, due soonest first, for a page of a long list. Where
that many hold no page, whatever index leads to them finds and sorts them."""

ENDED_STAGES = NOT_DUE
"""办结: what remains is at most the applicant's rating."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose worklist it is: the person (and whom they act for), and their departments."""

    persons: tuple[str, ...]
    departments: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """`r:<role>:<department>` of every grant: how notices to whoever holds a role are addressed."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a line stands for: a case, or one open task of it."""

    source: Any
    where: ColumnElement[bool]
    walk: ColumnElement[bool]
    """The same, for a reader who goes along the order of the list."""
    step: ColumnElement[str]
    department: ColumnElement[str]
    holder: ColumnElement[str]
    due: ColumnElement[datetime | None]
    sort: ColumnElement[datetime]
    alert: ColumnElement[datetime]
    """From when a line is 预警; where its period has ended it is 超期 instead."""
    clock: ColumnElement[str]
    provisional: ColumnElement[bool]

    @classmethod
    def of(cls, scope: str, desk: Desk) -> Lines:
        if scope == "all":
            return cls(
                case,
                true(),
                true(),
                case.c.step,
                case.c.department,
                case.c.holder,
                case.c.due_at,
                case.c.sort_at,
                case.c.alert_at,
                case.c.due_clock,
                case.c.provisional,
            )
        if scope == "mine":
            # First in the join, so that the few tasks of a person lead to their cases.
            mine = _tasks_of(desk.persons).subquery("mine")
            ours = and_(task.c.case_id == mine.c.case_id, task.c.key == mine.c.key)
            source = mine.join(task, ours).join(case, task.c.case_id == case.c.id)
            whose: ColumnElement[bool] = true()
        else:
            source = case.join(task, task.c.case_id == case.c.id)
            whose = task.c.department.in_(desk.departments)
        is_open = task.c.state == "open"
        several = scope == "team" and len(desk.departments) > 1
        own = task.c.due_at.is_not(None)
        key = literal("step:").concat(task.c.key)
        # The period of the task itself; the case's flag tells of the one that ends first.
        its_own = (
            select(timer.c.provisional)
            .where(timer.c.case_id == task.c.case_id, timer.c.key == key)
            .scalar_subquery()
        )
        return cls(
            source,
            and_(is_open, whose),
            and_(is_open, unled(whose) if several else whose),
            task.c.key,
            task.c.department,
            task.c.holder,
            func.coalesce(task.c.due_at, case.c.due_at),
            task.c.sort_at,
            task.c.alert_at,
            when((own, key), else_=case.c.due_clock),
            when((own, func.coalesce(its_own, case.c.provisional)), else_=case.c.provisional),
        )

    def may(self, where: ColumnElement[bool]) -> ColumnElement[bool]:
        """Return policy's condition: where open tasks lead to their cases, each of these is asked
        for its own."""
        return where if self.source is case else asked_each(where)

    def select(self, condition: ColumnElement[bool]) -> Select[Any]:
        return (
            select(
                case,
                self.step.label("line_step"),
                self.department.label("line_department"),
                self.holder.label("line_holder"),
                self.due.label("line_due"),
                self.clock.label("line_clock"),
                self.provisional.label("line_provisional"),
            )
            .select_from(self.source)
            .where(condition)
        )

    def order(self) -> tuple[ColumnElement[Any], ...]:
        """What is due first on top; what has no period, or has ended, last.

        As an index has them, so that a page is read and no list is sorted.
        """
        if self.source is case:
            return self.sort, case.c.id
        return self.sort, task.c.case_id, task.c.key

    def is_overdue(self, now: datetime) -> ColumnElement[bool]:
        ends = case.c.due_at if self.source is case else self.sort
        return and_(ends <= now, in_hand())

    def is_warning(self, now: datetime) -> ColumnElement[bool]:
        # By `alert` an index leads to them; to all that is not late yet it must not.
        return and_(self.alert <= now, unled(self.sort > now), in_hand())


def page_of_many(
    connection: Connection,
    lines: Lines,
    where: ColumnElement[bool],
    state: str,
    now: datetime,
    limit: int,
    offset: int,
    most: int = MOST_WALKED,
) -> Sequence[Any]:
    """Return a page of a list of which many lines are known to be there, in its order.

    Along the order, each line asked whether it is one of them: a page stands within the first few
    thousand, where finding all and sorting them would read every one. `where` holds policy's
    condition and the filters, `state` what of them the walk may begin behind.
    """
    chosen = [lines.walk, unled(asked_each(where))]
    if state == "warning":
        chosen.append(lines.sort > now)
    if state == "ended" and lines.source is case:
        chosen.append(lines.sort >= NEVER)
    else:
        until = _until(connection, lines, chosen[2:], most)
        if until is not None:
            chosen.append(lines.sort < until)
    query = lines.select(and_(*chosen)).order_by(*lines.order()).limit(limit).offset(offset)
    found = connection.execute(query).all()
    if len(found) == limit:
        return found
    query = lines.select(and_(lines.where, where)).order_by(*lines.order())
    return connection.execute(query.limit(limit).offset(offset)).all()


def _until(
    connection: Connection, lines: Lines, since: Sequence[ColumnElement[bool]], most: int
) -> datetime | None:
    """Return before which instant at most so many lines sort; None: there are no more."""
    table = case if lines.source is case else task
    chosen = () if lines.source is case else (task.c.state == "open",)
    nth = select(lines.sort).select_from(table).where(*chosen, *since).order_by(lines.sort)
    found: datetime | None = connection.execute(nth.offset(most).limit(1)).scalar()
    return found


def many(
    connection: Connection,
    lines: Lines,
    where: ColumnElement[bool],
    state: str,
    now: datetime,
    most: int,
    walked: int = MOST_WALKED,
) -> bool:
    """Return whether there are more than `most` of all that one may see among the first lines in
    their order. False says nothing: there are few, they stand further down, or it is a small city.

    Whoever may see a good part of a large city is told so by a few thousand lines; the set of all
    that their department ever had a task in is not made for it.
    """
    if lines.source is not case:
        return False
    if state == "ended":  # all of them sort at one instant
        first = select(case.c.id).where(lines.sort >= NEVER).order_by(*lines.order()).limit(walked)
        chosen = and_(case.c.id.in_(first), unled(asked_each(where)))
        return counted(connection, lines, chosen, most) > most
    since = [lines.sort > now] if state == "warning" else []
    until = _until(connection, lines, since, walked)
    if until is None:
        return False
    chosen = and_(lines.walk, unled(asked_each(where)), lines.sort < until, *since)
    return counted(connection, lines, chosen, most) > most


def unled(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the same condition, so that no index is looked up by it: another shall lead."""
    return when((condition, 1), else_=0) == 1


def in_hand() -> ColumnElement[bool]:
    """在办. Of these every case is open; the flag is said too, since an index begins with it."""
    return and_(case.c.is_open, case.c.stage.notin_(ENDED_STAGES))


def _tasks_of(persons: Sequence[str]) -> CompoundSelect[Any]:
    """Open tasks that somebody holds, and those to which they were named as signer.

    Two halves with an index each: an OR over both would read every open task.
    """
    table = task_table.c
    own = select(table.case_id, table.key).where(table.state == "open")
    named = [table.signers.contains(f"|{one}|", autoescape=True) for one in persons]
    return union(
        own.where(table.holder.in_(persons)),
        own.where(table.signers != "", or_(*named)),
    )


def count_by_stage(
    lines: Lines, condition: ColumnElement[bool], now: datetime, most: int = 0
) -> Select[tuple[str, int, int, int]]:
    """Count by stage what is at most `most` lines, 0: however many.

    The limit stands inside, so that few lines are found as they are counted, by whatever leads to
    them; grouped at once, they would be looked for stage by stage in the index of all cases.
    """
    found = (
        select(
            case.c.stage,
            when((lines.is_warning(now), 1), else_=0).label("warning"),
            when((lines.is_overdue(now), 1), else_=0).label("overdue"),
        )
        .select_from(lines.source)
        .where(condition)
    )
    each = (found.limit(most) if most else found).subquery().c
    return select(
        each.stage,
        func.count().label("n"),
        func.coalesce(func.sum(each.warning), 0).label("warning"),
        func.coalesce(func.sum(each.overdue), 0).label("overdue"),
    ).group_by(each.stage)


@dataclass(frozen=True, slots=True)
class Tally:
    """The numbers of a list. One above `to` means "at least"; 0: counted to the end."""

    total: int
    warning: int
    overdue: int
    by_stage: Mapping[str, int]
    """Empty where the list is longer than was counted."""
    to: int


def tally(
    connection: Connection,
    lines: Lines,
    condition: ColumnElement[bool],
    now: datetime,
    most: int = MOST_COUNTED,
    state: str = "",
) -> Tally:
    """Count a list up to `most` lines, and one; 0: to the end. `state`: of which these all are."""
    if most:
        total = at_most(connection, lines, condition, state, now, most)
        if total > most:
            known = {"warning": (total, 0), "overdue": (0, total), "ended": (0, 0)}
            each = asked_each(condition)  # who has so many would wait for the set of them
            warned = and_(each, lines.is_warning(now), lines.sort > now)
            late = and_(each, lines.is_overdue(now))
            warning, overdue = known.get(state) or (
                at_most(connection, lines, warned, "warning", now, most),
                at_most(connection, lines, late, "overdue", now, most),
            )
            return Tally(total, warning, overdue, {}, most)
    return tally_of(connection.execute(count_by_stage(lines, condition, now, most)).all(), most)


def tally_of(stages: Sequence[Any], to: int) -> Tally:
    """Return the numbers of a list that was counted by stage."""
    return Tally(
        sum(row.n for row in stages),
        sum(row.warning for row in stages),
        sum(row.overdue for row in stages),
        {row.stage: int(row.n) for row in stages},
        to,
    )


def at_most(
    connection: Connection,
    lines: Lines,
    condition: ColumnElement[bool],
    state: str,
    now: datetime,
    most: int,
) -> int:
    """Return how many lines there are, all of them of `state`; `most` + 1 where there are more."""
    if many(connection, lines, condition, state, now, most):
        return most + 1
    return counted(connection, lines, condition, most)


def counted(connection: Connection, lines: Lines, condition: ColumnElement[bool], most: int) -> int:
    """Return how many lines there are; `most` + 1 where there are more than `most`."""
    some = select(literal(1)).select_from(lines.source).where(condition).limit(most + 1)
    return int(connection.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def pill_of(row: Any, now: datetime) -> Pill:
    if row.stage in ENDED_STAGES:
        return "ended"
    due = row.line_due
    if due is not None and due <= now:
        return "overdue"
    if row.is_paused:
        return "paused"
    if due is not None and (due - WARN_BEFORE <= now or (row.warn_at and row.warn_at <= now)):
        return "warning"
    return "extended" if row.is_extended else "normal"


def masked_applicant(applicant: bytes) -> str:
    person = Person.model_validate_json(applicant)
    return mask_name(person.name) if person.kind == "natural_person" else person.name
