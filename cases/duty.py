"""The rota in the web store: who is on duty now, who stands in, who hands over to whom.

Every function works inside the caller's transaction; who changes something writes the entry into
the same one. What reads for another process (`on_duty`, `turns_between`) reads the view `duty_now`
alone. All instants are handed in, aware.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from cases import rota
from cases.duty_tables import (
    duty_contact,
    duty_handover,
    duty_now,
    duty_override,
    duty_shift,
    notice_mark,
)
from cases.rota import LONGEST_SHIFT, OnDuty, Override, Shift, Turn

__all__ = ["OnDuty", "RotaRefused", "on_duty"]


class RotaRefused(Exception):
    """The rota does not allow it; `code` is English and stable, the text says why in Chinese."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Handover:
    """A hand-over as it stands in the store, the note still sealed."""

    id: str
    department: str
    given_by: str
    given_at: datetime
    shift: str
    incidents: tuple[tuple[str, str, str], ...]
    """Id, number and stage of each incident that was open then."""
    note_sealed: bytes
    taken_by: str = ""
    taken_at: datetime | None = None


# --- what other processes read ----------------------------------------------------------------


def on_duty(connection: Connection, department: str, at: datetime) -> tuple[OnDuty, ...]:
    """Return who is on duty for a department at a moment: who answers first, then who leads.

    Empty: nobody is, and whoever wanted to tell them must turn to somebody else.
    """
    return rota.at_moment(_rows(connection, [department], at, at), at)


def turns_between(
    connection: Connection, departments: Collection[str], begin: datetime, end: datetime
) -> list[Turn]:
    """Return the turns that touch [begin, end), overrides counted in."""
    found = rota.turns(_rows(connection, departments, begin, end))
    return [one for one in found if one.ends_at > begin and one.starts_at < end]


def kept(connection: Connection) -> set[str]:
    """Return the departments that keep a rota: for whom there was ever a turn that stands."""
    return set(connection.execute(select(duty_now.c.department).distinct()).scalars())


def _rows(
    connection: Connection, departments: Collection[str], begin: datetime, end: datetime
) -> list[rota.Row]:
    # Nothing is longer than a day: so much around holds every piece of the turns asked for.
    view = duty_now.c
    query = (
        select(duty_now)
        .where(view.department.in_(sorted(departments)))
        .where(view.ends_at > begin - LONGEST_SHIFT)
        .where(view.starts_at < end + LONGEST_SHIFT)
    )
    return [
        rota.Row(
            row.shift, row.override, row.department, row.part, row.person, row.starts_at,
            row.ends_at, bool(row.is_open), row.valid_until,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


# --- turns ------------------------------------------------------------------------------------


def make_shift(connection: Connection, new: Shift, by: str, at: datetime) -> None:
    """Write a turn. Raises `RotaRefused`: too long, or the person has a turn then already."""
    if not new.starts_at < new.ends_at <= new.starts_at + LONGEST_SHIFT:
        raise RotaRefused("length", "一个班次须在 24 小时以内，止晚于起")
    if new.ends_at <= at:
        raise RotaRefused("past", "班次已经结束，不能补排")
    clash = connection.execute(
        select(duty_shift.c.id)
        .where(duty_shift.c.person == new.person, duty_shift.c.withdrawn_at.is_(None))
        .where(duty_shift.c.starts_at < new.ends_at, duty_shift.c.ends_at > new.starts_at)
        .limit(1)
    ).first()
    if clash is not None:
        raise RotaRefused("clash", "此人在这段时间已有班次")
    connection.execute(
        insert(duty_shift).values(
            id=new.id, department=new.department, part=new.part, person=new.person,
            starts_at=new.starts_at, ends_at=new.ends_at, made_by=by, made_at=at, withdrawn_by="",
        )
    )  # fmt: skip


def withdraw_shift(connection: Connection, id: str, by: str, at: datetime) -> Shift:
    """Take a turn back that has not ended. Raises `RotaRefused`."""
    changed = connection.execute(
        update(duty_shift)
        .where(duty_shift.c.id == id, duty_shift.c.withdrawn_at.is_(None))
        .where(duty_shift.c.ends_at > at)
        .values(withdrawn_by=by, withdrawn_at=at)
    )
    found = find_shift(connection, id)
    if changed.rowcount != 1 or found is None:
        raise RotaRefused("not_open", "没有这个班次，或者已经结束、已经撤回")
    return found


def find_shift(connection: Connection, id: str) -> Shift | None:
    """Return a turn as it was planned, withdrawn or not."""
    row = connection.execute(select(duty_shift).where(duty_shift.c.id == id)).first()
    return None if row is None else _shift(row)


def shifts_between(
    connection: Connection, department: str, begin: datetime, end: datetime
) -> list[Shift]:
    """Return the turns of a department as planned that touch [begin, end), the first first."""
    rows = connection.execute(
        select(duty_shift)
        .where(duty_shift.c.department == department, duty_shift.c.withdrawn_at.is_(None))
        .where(duty_shift.c.ends_at > begin, duty_shift.c.starts_at < end)
        .order_by(duty_shift.c.starts_at, duty_shift.c.part, duty_shift.c.person)
    )
    return [_shift(row) for row in rows]


# --- who stands in ----------------------------------------------------------------------------


def ask_override(connection: Connection, new: Override) -> Shift:
    """Write down that another is to stand in; it counts when it is accepted.

    Raises `RotaRefused`: outside the turn, over already, or somebody stands in then already.
    """
    shift = _locked_shift(connection, new.shift)
    if new.person == shift.person:
        raise RotaRefused("same_person", "顶班人不能是本人")
    if not (shift.starts_at <= new.starts_at < new.ends_at <= shift.ends_at):
        raise RotaRefused("outside", "顶班时间须在该班次之内")
    if new.ends_at <= new.asked_at:
        raise RotaRefused("past", "这段时间已经过去")
    other = connection.execute(
        select(duty_override.c.id)
        .where(duty_override.c.shift == new.shift, duty_override.c.ended_at.is_(None))
        .where(duty_override.c.starts_at < new.ends_at, duty_override.c.ends_at > new.starts_at)
        .limit(1)
    ).first()
    if other is not None:
        raise RotaRefused("taken", "这段时间已有人顶班或正待接受，请先终止原来的")
    connection.execute(
        insert(duty_override).values(
            id=new.id, shift=new.shift, person=new.person, starts_at=new.starts_at,
            ends_at=new.ends_at, reason=new.reason, asked_by=new.asked_by, asked_at=new.asked_at,
            accepted_by="", ended_by="",
        )
    )  # fmt: skip
    return shift


def accept_override(connection: Connection, id: str, by: str, at: datetime) -> Override:
    """Let an override count from now on; `by` is who stands in, or who plans the rota.

    Raises `RotaRefused`.
    """
    changed = connection.execute(
        update(duty_override)
        .where(duty_override.c.id == id, duty_override.c.accepted_at.is_(None))
        .where(duty_override.c.ended_at.is_(None), duty_override.c.ends_at > at)
        .values(accepted_by=by, accepted_at=at)
    )
    return _changed_override(connection, id, changed.rowcount)


def end_override(connection: Connection, id: str, by: str, at: datetime) -> Override:
    """End or decline an override; whose turn it is has it again. Raises `RotaRefused`."""
    changed = connection.execute(
        update(duty_override)
        .where(duty_override.c.id == id, duty_override.c.ended_at.is_(None))
        .values(ended_by=by, ended_at=at)
    )
    return _changed_override(connection, id, changed.rowcount)


def find_override(connection: Connection, id: str) -> Override | None:
    """Return an override, ended or not."""
    row = connection.execute(select(duty_override).where(duty_override.c.id == id)).first()
    return None if row is None else _override(row)


def open_overrides(
    connection: Connection, shifts: Collection[str], at: datetime
) -> Sequence[Override]:
    """Return what has not ended of those turns' overrides: agreed to, or still asked."""
    rows = connection.execute(
        select(duty_override)
        .where(duty_override.c.shift.in_(sorted(shifts)), duty_override.c.ended_at.is_(None))
        .where(or_(duty_override.c.ends_at > at, duty_override.c.accepted_at.is_not(None)))
        .order_by(duty_override.c.starts_at, duty_override.c.id)
    )
    return [_override(row) for row in rows]


# --- hand-over --------------------------------------------------------------------------------


def hand_over(connection: Connection, new: Handover) -> None:
    """Write what the shift that leaves tells the next."""
    connection.execute(
        insert(duty_handover).values(
            id=new.id, department=new.department, given_by=new.given_by, given_at=new.given_at,
            shift=new.shift, incidents=[list(one) for one in new.incidents],
            note_sealed=new.note_sealed, taken_by="",
        )
    )  # fmt: skip


def take_over(connection: Connection, id: str, by: str, at: datetime) -> Handover:
    """Acknowledge a hand-over: from now on they are responsible. Raises `RotaRefused`."""
    found = find_handover(connection, id)
    if found is not None and found.given_by == by:
        raise RotaRefused("same_person", "交班人不能自己接班")
    changed = connection.execute(
        update(duty_handover)
        .where(duty_handover.c.id == id, duty_handover.c.taken_at.is_(None))
        .values(taken_by=by, taken_at=at)
    )
    found = find_handover(connection, id)
    if changed.rowcount != 1 or found is None:
        raise RotaRefused("not_open", "没有这份交班记录，或者已经接班")
    return found


def find_handover(connection: Connection, id: str) -> Handover | None:
    """Return one hand-over."""
    row = connection.execute(select(duty_handover).where(duty_handover.c.id == id)).first()
    return None if row is None else _handover(row)


def handovers(connection: Connection, department: str, most: int = 20) -> Sequence[Handover]:
    """Return the newest hand-overs of a department, the newest first."""
    rows = connection.execute(
        select(duty_handover)
        .where(duty_handover.c.department == department)
        .order_by(duty_handover.c.given_at.desc(), duty_handover.c.id)
        .limit(most)
    )
    return [_handover(row) for row in rows]


# --- where somebody is reached, what they have read --------------------------------------------


def contacts(connection: Connection, people: Collection[str]) -> dict[tuple[str, str], bytes]:
    """Return the sealed addresses by person and channel."""
    rows = connection.execute(select(duty_contact).where(duty_contact.c.person.in_(sorted(people))))
    return {(row.person, row.channel): row.address_sealed for row in rows}


def read_marks(connection: Connection, person: str, notices: Collection[str]) -> set[str]:
    """Return which of these notices the person has read."""
    query = select(notice_mark.c.notice).where(
        notice_mark.c.person == person, notice_mark.c.notice.in_(sorted(notices))
    )
    return set(connection.execute(query).scalars())


def mark_read(connection: Connection, person: str, notice: str, at: datetime) -> bool:
    """Note that a person has read a notice; False when they had already."""
    if read_marks(connection, person, [notice]):
        return False
    connection.execute(insert(notice_mark).values(person=person, notice=notice, read_at=at))
    return True


def _locked_shift(connection: Connection, id: str) -> Shift:
    """Return a turn that stands; on PostgreSQL no second override is asked for meanwhile."""
    row = connection.execute(
        select(duty_shift)
        .where(duty_shift.c.id == id, duty_shift.c.withdrawn_at.is_(None))
        .with_for_update()
    ).first()
    if row is None:
        raise RotaRefused("not_open", "没有这个班次，或者已经撤回")
    return _shift(row)


def _changed_override(connection: Connection, id: str, changed: int) -> Override:
    found = find_override(connection, id)
    if changed != 1 or found is None:
        raise RotaRefused("not_open", "没有这项顶班，或者已经办过、已经过去")
    return found


def _shift(row: Row[Any]) -> Shift:
    return Shift(row.id, row.department, row.part, row.person, row.starts_at, row.ends_at)


def _override(row: Row[Any]) -> Override:
    return Override(
        row.id, row.shift, row.person, row.starts_at, row.ends_at, row.reason, row.asked_by,
        row.asked_at, row.accepted_by,
    )  # fmt: skip


def _handover(row: Row[Any]) -> Handover:
    told = tuple((one[0], one[1], one[2]) for one in row.incidents)
    return Handover(
        row.id, row.department, row.given_by, row.given_at, row.shift, told, row.note_sealed,
        row.taken_by, row.taken_at,
    )  # fmt: skip
