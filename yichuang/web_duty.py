"""The rota for the pages over the web store; each change and refusal an entry of `sys:duty`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, delete, insert, select

from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.vault import SubjectVault
from cases import deliveries, duty, notices_out, rota
from cases.database import reading
from cases.deliveries import OFFICE
from cases.duty import Handover, RotaRefused
from cases.duty_tables import duty_contact, duty_override, duty_shift
from cases.messages import Actor
from cases.notices_out import KeptNotice
from cases.rota import AHEAD_DAYS, Override, Pattern, Shift, Turn
from cases.web_tables import account
from forms.duty_ports import (
    AskedOverride,
    Contact,
    Desk,
    DutyDay,
    DutyOverview,
    DutyWeek,
    Laying,
    Person,
    ShownDelivery,
    ShownHandover,
    ShownHole,
    ShownNotice,
    ShownTurn,
    StandIn,
)
from policies.access import Access
from policies.scopes import Thing

STREAM = "sys:duty"
"""The stream of the rota. Only the web store has it."""
OBJECT = "duty"
AFTERWARDS = timedelta(hours=2)
"""How long after their turn somebody may still hand over. The house's rule."""
BEFORE = timedelta(hours=1)
"""How long before their turn somebody may take over. The house's rule."""
LONGEST_LAYING = 62
"""Days that are laid out at once: two months."""
LONGEST_NOTE = 4_000

_ADDRESSES = {
    "email": (re.compile(r"[^@\s]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,}"), "邮箱地址"),
    "sms": (re.compile(r"1\d{10}"), "十一位手机号码"),
    "im": (re.compile(r"[A-Za-z0-9._@-]{2,64}"), "即时消息账号（字母、数字、. _ @ -）"),
}

Incidents = Callable[[str], Sequence[tuple[str, str, str]]]


@dataclass(frozen=True)
class WebDuty:
    """`forms.duty_ports.Duty` over the web store and the notices of the cases store."""

    web: Engine
    cases: Engine
    access: Access
    departments: Callable[[], Sequence[str]]
    is_off: Callable[[date], bool]
    """Whether a day is a day off by the city's calendar."""
    incidents: Incidents
    """Id, number, stage of what is open for a department."""
    words: Callable[[KeptNotice], str]
    vault: SubjectVault
    pseudonym_of: Callable[[str], str]
    carried: Collection[str]
    """Channels that are set up in this city."""
    now: Callable[[], datetime]
    recorded_at: Callable[[], datetime]
    """The instant at which an entry is written."""
    zone: str = "Asia/Shanghai"

    # --- looking ----------------------------------------------------------------------------

    def overview(self, own: Actor) -> DutyOverview:
        at = self.now()
        end = at + timedelta(days=AHEAD_DAYS)
        with reading(self.web) as connection:
            kept = duty.kept(connection)
            found = duty.turns_between(connection, kept, at, end)
            names = self._names(connection, {one.person for one in found})
            mine = [one for one in found if one.person == own.id and one.is_there]
            near = self._near(connection, own.id, at)
            told = [
                one for code in sorted(near) for one in duty.handovers(connection, code, most=5)
            ]
            shown = [self._handover(connection, one, near) for one in told]
            asked = self._asked(connection, own.id, at)
        now = [one for one in found if one.is_there and one.starts_at <= at < one.ends_at]
        now.sort(key=lambda one: (one.part != "duty", one.ends_at, one.person))
        desks = [
            Desk(code, [_shown(one, names) for one in now if one.department == code])
            for code in sorted(kept)
        ]
        return DutyOverview(
            desks,
            [ShownHole(one.department, one.starts_at, one.ends_at)
             for one in rota.holes(found, kept, at, end)],
            [_shown(one, names) for one in mine],
            asked,
            sorted(shown, key=lambda one: (one.taken_at is not None, -one.given_at.timestamp())),
            sorted(self._giving(near, at)),
        )  # fmt: skip

    def week(self, department: str, first: date) -> DutyWeek:
        zone, at = ZoneInfo(self.zone), self.now()
        begin = datetime.combine(first, time(), zone)
        end = begin + timedelta(days=7)
        with reading(self.web) as connection:
            found = duty.turns_between(connection, [department], begin, end)
            names = self._names(connection, {one.person for one in found})
            shifts = {one.shift for one in found}
            overrides = self._overrides(connection, duty.open_overrides(connection, shifts, at), "")
        days = []
        for n in range(7):
            day = first + timedelta(days=n)
            turns = [
                one for one in found if max(one.starts_at, begin).astimezone(zone).date() == day
            ]
            days.append(DutyDay(day, self.is_off(day), [_shown(one, names) for one in turns]))
        gaps = rota.holes(found, [department], max(begin, at), end) if end > at else []
        return DutyWeek(
            department,
            days,
            [ShownHole(one.department, one.starts_at, one.ends_at) for one in gaps],
            overrides,
        )

    def planned_by(self, actor: Actor) -> Sequence[str]:
        at = self.now()
        return [
            one
            for one in self.departments()
            if self.access.decide(actor, "duty_plan", Thing(OBJECT, department=one), at).allowed
        ]

    def people(self, department: str) -> Sequence[Person]:
        at = self.now()
        with reading(self.web) as connection:
            rows = connection.execute(
                select(account.c.id, account.c.name, account.c.login, account.c.department,
                       account.c.grants, account.c.valid_until)
                .where(account.c.kind == "human", account.c.disabled_at.is_(None))
                .order_by(account.c.name)
            ).all()  # fmt: skip
        return [
            Person(row.id, row.name, row.login)
            for row in rows
            if (row.department == department or any(where == department for _, where in row.grants))
            and (row.valid_until is None or row.valid_until > at)
        ]

    def department_of(self, shift: str) -> str:
        with reading(self.web) as connection:
            found = duty.find_shift(connection, shift)
        return "" if found is None else found.department

    def override_department(self, override: str) -> str:
        with reading(self.web) as connection:
            found = duty.find_override(connection, override)
            shift = None if found is None else duty.find_shift(connection, found.shift)
        return "" if shift is None else shift.department

    def names(self) -> Mapping[str, str]:
        with reading(self.web) as connection:
            return {code: code for code in sorted(duty.kept(connection))}

    # --- planning ---------------------------------------------------------------------------

    def lay_out(self, own: Actor, ip: str, asked: Laying) -> Sequence[str]:
        faults, crews, rest = self._read(asked)
        if faults:
            return faults
        days = [asked.first + timedelta(days=n) for n in range((asked.last - asked.first).days + 1)]
        off = {day for day in days if self.is_off(day)}
        pattern = Pattern(asked.department, asked.part, asked.hours, crews, rest)
        laid = rota.lay_out(pattern, asked.first, asked.last, off, self.zone)
        at, span = self.now(), f"{asked.first.isoformat()}/{asked.last.isoformat()}"
        said = f"{asked.part} {span} {len(laid)}"
        try:
            with self.web.begin() as connection:
                for person, starts, ends in laid:
                    if ends > at:
                        new = Shift(
                            str(uuid4()), asked.department, asked.part, person, starts, ends
                        )
                        self._make(connection, new, own, at)
                self._say(connection, "duty_laid_out", own, asked.department, said, ip)
        except RotaRefused as no:
            with self.web.begin() as connection:
                self._say(connection, "duty_laid_out", own, asked.department, said, ip, no.code)
            return [no.reason]
        return ()

    def _make(self, connection: Connection, new: Shift, own: Actor, at: datetime) -> None:
        try:
            duty.make_shift(connection, new, own.id, at)
        except RotaRefused as no:
            name = self._names(connection, {new.person}).get(new.person, new.person)
            when = new.starts_at.astimezone(ZoneInfo(self.zone))
            raise RotaRefused(no.code, f"{name} {when:%m-%d %H:%M}：{no.reason}") from no

    def _read(
        self, asked: Laying
    ) -> tuple[list[str], tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
        """Return what is wrong, and the crews as user ids."""
        faults: list[str] = []
        if asked.last < asked.first:
            faults.append("止日早于起日")
        if (asked.last - asked.first).days >= LONGEST_LAYING:
            faults.append(f"一次最多排 {LONGEST_LAYING} 天")
        if not asked.crews:
            faults.append("至少写一组值班人员")
        known: dict[str, list[str]] = {}
        for one in self.people(asked.department):
            known.setdefault(one.name, []).append(one.id)
            known.setdefault(one.login, []).append(one.id)

        def found(crews: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
            out = []
            for crew in crews:
                people = []
                for said in crew:
                    ids = sorted(set(known.get(said, ())))
                    if len(ids) == 1:
                        people.append(ids[0])
                    elif ids:
                        faults.append(f"“{said}”有 {len(ids)} 人，请写登录名")
                    else:
                        faults.append(f"本部门没有“{said}”")
                out.append(tuple(people))
            return tuple(out)

        return faults, found(asked.crews), found(asked.rest_crews)

    def withdraw(self, own: Actor, ip: str, shift: str) -> str:
        at = self.now()
        with self.web.begin() as connection:
            try:
                found = duty.withdraw_shift(connection, shift, own.id, at)
            except RotaRefused as no:
                self._say(connection, "duty_withdrawn", own, "-", shift, ip, no.code)
                return no.reason
            self._say(connection, "duty_withdrawn", own, found.department, shift, ip)
        return ""

    def stand_in(self, own: Actor, ip: str, asked: StandIn, plans: bool) -> str:
        at = self.now()
        new = Override(str(uuid4()), asked.shift, asked.person, asked.starts_at, asked.ends_at,
                       asked.reason, own.id, at)  # fmt: skip
        with self.web.begin() as connection:
            shift = duty.find_shift(connection, asked.shift)
            where = "-" if shift is None else shift.department
            try:
                if shift is not None and not plans and own.id != shift.person:
                    raise RotaRefused("not_mine", "只能为自己的班次找人顶班；他人的由排班人安排")
                if shift is not None and asked.person not in {
                    one.id for one in self.people(shift.department)
                }:
                    raise RotaRefused("stranger", "顶班人须是本部门在岗人员")
                duty.ask_override(connection, new)
                if plans:
                    duty.accept_override(connection, new.id, own.id, at)
            except RotaRefused as no:
                self._say(connection, "duty_override_asked", own, where, asked.shift, ip, no.code)
                return no.reason
            said = f"{asked.shift} {new.starts_at.isoformat()}/{new.ends_at.isoformat()}"
            self._say(connection, "duty_override_asked", own, where, said, ip)
            if plans:
                self._say(connection, "duty_override_accepted", own, where, new.id, ip)
        return ""

    def answer(self, own: Actor, ip: str, override: str, accept: bool, plans: bool) -> str:
        at = self.now()
        act = "duty_override_accepted" if accept else "duty_override_ended"
        with self.web.begin() as connection:
            found = duty.find_override(connection, override)
            shift = None if found is None else duty.find_shift(connection, found.shift)
            where = "-" if shift is None else shift.department
            try:
                if found is None or shift is None:
                    raise RotaRefused("not_open", "没有这项顶班")
                mine = {found.person} if accept else {found.person, shift.person, found.asked_by}
                if not plans and own.id not in mine:
                    raise RotaRefused("not_mine", "这项顶班不由您答复")
                if accept:
                    duty.accept_override(connection, override, own.id, at)
                else:
                    duty.end_override(connection, override, own.id, at)
            except RotaRefused as no:
                self._say(connection, act, own, where, override, ip, no.code)
                return no.reason
            self._say(connection, act, own, where, override, ip)
        return ""

    # --- handing over -----------------------------------------------------------------------

    def open_incidents(self, department: str) -> Sequence[tuple[str, str, str]]:
        return self.incidents(department)

    def hand_over(self, own: Actor, ip: str, department: str, note: str) -> str:
        at, id = self.now(), str(uuid4())
        told = tuple(self.incidents(department))
        sealed = self.vault.seal(self.pseudonym_of(own.id), note.encode(), _place(id))
        with self.web.begin() as connection:
            near = self._near(connection, own.id, at)
            shift = self._giving(near, at).get(department)
            if shift is None:
                self._say(connection, "duty_handed_over", own, department, "-", ip, "not_on_duty")
                return "只有正在值班、或者下班两小时以内的值班员才能交班"
            new = Handover(id, department, own.id, at, shift, told, sealed)
            duty.hand_over(connection, new)
            self._say(connection, "duty_handed_over", own, department, f"{id} {len(told)}", ip)
        return ""

    def handover(self, own: Actor, id: str) -> ShownHandover | None:
        at = self.now()
        with reading(self.web) as connection:
            found = duty.find_handover(connection, id)
            near = self._near(connection, own.id, at)
            mine = {own.department, *(one.department for one in own.grants)}
            if found is None or found.department not in {*near, *mine}:
                return None
            return self._handover(connection, found, near)

    def take_over(self, own: Actor, ip: str, id: str) -> str:
        at = self.now()
        with self.web.begin() as connection:
            found = duty.find_handover(connection, id)
            where = "-" if found is None else found.department
            try:
                if found is None or where not in self._near(connection, own.id, at):
                    raise RotaRefused("not_on_duty", "只有在班、或者一小时内接班的值班员才能接班")
                duty.take_over(connection, id, own.id, at)
            except RotaRefused as no:
                self._say(connection, "duty_taken_over", own, where, id, ip, no.code)
                return no.reason
            self._say(connection, "duty_taken_over", own, where, id, ip)
        return ""

    # --- where one is reached, what one was told --------------------------------------------

    def contacts(self, own: Actor) -> Sequence[Contact]:
        with reading(self.web) as connection:
            sealed = duty.contacts(connection, [own.id])
        return [
            Contact(
                channel,
                self._opened(own.id, channel, sealed.get((own.id, channel))),
                channel in self.carried,
            )
            for channel in _ADDRESSES
        ]

    def set_contact(self, own: Actor, ip: str, channel: str, address: str) -> str:
        if channel not in _ADDRESSES:
            return "没有这个渠道"
        form, what = _ADDRESSES[channel]
        if address and not form.fullmatch(address):
            return f"请填写{what}"
        who = self.pseudonym_of(own.id)
        sealed = self.vault.seal(who, address.encode(), contact_place(channel)) if address else b""
        with self.web.begin() as connection:
            connection.execute(
                delete(duty_contact).where(
                    duty_contact.c.person == own.id, duty_contact.c.channel == channel
                )
            )
            if address:
                connection.execute(
                    insert(duty_contact).values(
                        person=own.id, channel=channel, address_sealed=sealed,
                        changed_at=self.now(),
                    )
                )  # fmt: skip
            said = f"{channel} {'said' if address else 'taken back'}"
            self._say(connection, "duty_contact", own, "-", said, ip)
        return ""

    def _opened(self, person: str, channel: str, sealed: bytes | None) -> str:
        if sealed is None:
            return ""
        who = self.pseudonym_of(person)
        return self.vault.open(who, sealed, contact_place(channel)).decode()

    def tray(self, own: Actor) -> Sequence[ShownNotice]:
        with reading(self.web) as connection:
            ids = deliveries.tray(connection, own.id)
            read = duty.read_marks(connection, own.id, ids)
            alone = deliveries.nobody_of(connection, ids)
        with reading(self.cases) as connection:
            told = notices_out.with_ids(connection, ids)
        return [self._notice(one, alone, read=one.id in read) for one in told]

    def unread(self, own: Actor) -> int:
        with reading(self.web) as connection:
            return deliveries.unread(connection, own.id)

    def acknowledge(self, own: Actor, ip: str, notice: str) -> bool:
        with self.web.begin() as connection:
            if deliveries.one(connection, notice, own.id, "in_app") is None:
                self._say(connection, "notice_read", own, "-", "-", ip, "not_mine")
                return False
            if duty.mark_read(connection, own.id, notice, self.now()):
                self._say(connection, "notice_read", own, "-", notice, ip)
        return True

    def told(self, incident_id: str) -> Sequence[ShownNotice]:
        with reading(self.cases) as connection:
            told = notices_out.of_incident(connection, incident_id)
        ids = [one.id for one in told]
        with reading(self.web) as connection:
            found = deliveries.of_notices(connection, ids)
            alone = deliveries.nobody_of(connection, ids)
            people = {one.person for those in found.values() for one in those}
            names = self._names(connection, people)
        return [
            self._notice(
                one,
                alone,
                [
                    ShownDelivery(
                        names.get(each.person, each.person.removeprefix(OFFICE)),
                        each.channel, each.state, each.tries, each.changed_at, each.reason,
                    )
                    for each in found.get(one.id, ())
                ],
            )
            for one in told
        ]  # fmt: skip

    def _notice(
        self,
        one: KeptNotice,
        alone: Mapping[str, str],
        ways: Sequence[ShownDelivery] = (),
        read: bool = False,
    ) -> ShownNotice:
        return ShownNotice(
            one.id, one.incident_id, one.kind, self.words(one), one.told_at, one.urgent,
            alone.get(one.id, ""), ways, read,
        )  # fmt: skip

    # --- within -----------------------------------------------------------------------------

    def _near(self, connection: Connection, person: str, at: datetime) -> dict[str, list[Turn]]:
        """Return the departments in which a person is on duty, just was, or is about to be."""
        own = {
            *connection.execute(
                select(duty_shift.c.department).where(duty_shift.c.person == person).distinct()
            ).scalars(),
            *connection.execute(
                select(duty_shift.c.department)
                .join(duty_override, duty_override.c.shift == duty_shift.c.id)
                .where(duty_override.c.person == person)
                .distinct()
            ).scalars(),
        }
        out: dict[str, list[Turn]] = {}
        for one in duty.turns_between(connection, own, at - AFTERWARDS, at + BEFORE):
            if one.person == person and one.is_there:
                out.setdefault(one.department, []).append(one)
        return out

    def _giving(self, near: Mapping[str, Sequence[Turn]], at: datetime) -> dict[str, str]:
        """Return department → shift for which somebody may hand over now."""
        return {
            code: one.shift for code, turns in near.items() for one in turns if one.starts_at <= at
        }

    def _handover(
        self, connection: Connection, one: Handover, near: Collection[str]
    ) -> ShownHandover:
        names = self._names(connection, {one.given_by, one.taken_by})
        sealed, giver = one.note_sealed, self.pseudonym_of(one.given_by)
        return ShownHandover(
            one.id,
            one.department,
            names.get(one.given_by, ""),
            one.given_at,
            one.incidents,
            self.vault.open(giver, sealed, _place(one.id)).decode(),
            names.get(one.taken_by, ""),
            one.taken_at,
            one.taken_at is None and one.department in near,
        )

    def _asked(self, connection: Connection, person: str, at: datetime) -> list[AskedOverride]:
        rows = connection.execute(
            select(duty_override.c.id)
            .join(duty_shift, duty_shift.c.id == duty_override.c.shift)
            .where(duty_override.c.ended_at.is_(None), duty_override.c.ends_at > at)
            .where((duty_override.c.person == person) | (duty_shift.c.person == person))
            .order_by(duty_override.c.starts_at)
        ).scalars()
        found = [one for id in rows if (one := duty.find_override(connection, id)) is not None]
        return self._overrides(connection, found, person)

    def _overrides(
        self, connection: Connection, found: Sequence[Override], reader: str
    ) -> list[AskedOverride]:
        out = []
        for one in found:
            shift = duty.find_shift(connection, one.shift)
            if shift is None:
                continue
            names = self._names(connection, {one.person, shift.person})
            out.append(
                AskedOverride(
                    one.id, one.shift, shift.department, one.person,
                    names.get(one.person, ""), names.get(shift.person, ""), one.starts_at,
                    one.ends_at, one.reason, bool(one.accepted_by), one.person == reader,
                )
            )  # fmt: skip
        return out

    def _names(self, connection: Connection, people: Collection[str]) -> dict[str, str]:
        rows = connection.execute(
            select(account.c.id, account.c.name).where(account.c.id.in_(sorted(people)))
        )
        return {row.id: row.name for row in rows}

    def _say(
        self,
        connection: Connection,
        act: str,
        own: Actor,
        department: str,
        said: str,
        ip: str,
        denied: str = "",
    ) -> None:
        who = Who(self.pseudonym_of(own.id), "human", org=own.department or None)
        record(
            connection,
            EntryDraft(
                id=str(uuid4()),
                stream=STREAM,
                at=self.recorded_at(),
                who=who,
                act=act,
                obj=What(OBJECT, department, said),
                res="deny" if denied else "ok",
                why=denied or None,
                where=EntryWhere(ip=ip or None, svc="web"),
            ),
        )


def contact_place(channel: str) -> bytes:
    """Return what an address is bound to: moved to another channel, it does not open."""
    return f"duty_contact:{channel}".encode()


def _place(handover: str) -> bytes:
    return f"duty_handover:{handover}".encode()


def _shown(one: Turn, names: Mapping[str, str]) -> ShownTurn:
    return ShownTurn(
        one.shift, one.override, one.department, one.part, one.person,
        names.get(one.person, one.person), one.starts_at, one.ends_at, one.is_there,
    )  # fmt: skip
