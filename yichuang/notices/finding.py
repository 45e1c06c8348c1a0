"""Who is told: looked up at the moment a notice goes out, from the rota, the accounts, deputies.

Where nobody is on duty the next rung is told at once: who leads the duty, then the heads of the
department, then the duty of the command centre, then its commanders. Deputies of a person are told
beside the person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from cases import duty
from cases.delegation_tables import deputy_now
from cases.deliveries import OFFICE, Channel
from cases.duty_tables import duty_contact
from cases.notices_out import DUTY, LEADER, ROLE, KeptNotice
from cases.web_tables import account

CENTRE = "zhzx"
"""Code of the command centre in the city's departments (catalogue/city.yaml)."""

HEADS = ("commander", "organ_head", "section_head", "government_head")
"""Roles that answer for a department, in the order in which they are looked for there."""


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a notice goes to."""

    people: tuple[str, ...]
    office: str = ""
    """Department whose system may be told too."""
    nobody: str = ""
    """Department that had nobody on duty; empty: somebody was, or nobody had to be."""


@dataclass(frozen=True)
class Lookup:
    """Looks people up in the web store. `centre` is the command centre's department."""

    centre: str
    channels: Collection[Channel]
    """Those that are set up here, beside the tray."""
    offices: Collection[str] = ()
    """Departments whose systems are told by webhook."""
    upwards: Callable[[str], Iterable[str]] = lambda _code: ()
    """The departments above one, the nearest first."""

    def whom(self, connection: Connection, notice: KeptNotice, at: datetime) -> Whom:
        """Return whom a notice goes to at this moment; nobody in the whole city: an empty tuple."""
        kind, _, rest = notice.recipient.partition(":")
        prefix = f"{kind}:"
        if prefix in (DUTY, LEADER):
            return self._of_department(connection, rest, at, first=prefix)
        if prefix == ROLE:
            role, _, department = rest.partition(":")
            people = self._holders(connection, [role], department, at)
            if people:
                return Whom(self._with_deputies(connection, people, at), department)
            return self._next(connection, department, at, nobody="")
        people = self._open(connection, [notice.recipient], at)
        return Whom(self._with_deputies(connection, people, at))

    def ways(
        self, connection: Connection, notice: KeptNotice, whom: Whom
    ) -> list[tuple[str, Channel]]:
        """Return over which channels each of them is told.

        The tray always; e-mail and instant message where the person has said where; a text message
        only for what is urgent: whoever is rung for everything hears nothing.
        """
        out: list[tuple[str, Channel]] = [(person, "in_app") for person in whom.people]
        rows = connection.execute(
            select(duty_contact.c.person, duty_contact.c.channel).where(
                duty_contact.c.person.in_(sorted(whom.people))
            )
        )
        for row in rows:
            if row.channel in self.channels and (row.channel != "sms" or notice.urgent):
                out.append((row.person, row.channel))
        if whom.office in self.offices:
            out.append((f"{OFFICE}{whom.office}", "webhook"))
        return out

    # --- rung by rung ------------------------------------------------------------------------

    def _of_department(
        self, connection: Connection, department: str, at: datetime, first: str
    ) -> Whom:
        there = duty.on_duty(connection, department, at)
        wanted = "leader" if first == LEADER else "duty"
        people = [one.user for one in there if one.part == wanted]
        if people:
            return Whom(self._with_deputies(connection, people, at), department)
        if first == LEADER:
            # No turn was planned for who leads: the heads are the leaders.
            return self._next(connection, department, at, nobody="")
        leading = [one.user for one in there if one.part == "leader"]
        if leading:
            return Whom(self._with_deputies(connection, leading, at), department, department)
        return self._next(connection, department, at, nobody=department)

    def _next(self, connection: Connection, department: str, at: datetime, nobody: str) -> Whom:
        for code in (department, *self.upwards(department)):
            people = self._holders(connection, HEADS, code, at)
            if people:
                return Whom(self._with_deputies(connection, people, at), department, nobody)
        on = [one.user for one in duty.on_duty(connection, self.centre, at)]
        people = on or self._holders(connection, HEADS, self.centre, at)
        return Whom(self._with_deputies(connection, people, at), department, nobody)

    def _holders(
        self, connection: Connection, roles: Collection[str], department: str, at: datetime
    ) -> list[str]:
        """Return who holds the first of these roles that somebody holds there."""
        held = self._grants(connection, at)
        for role in roles:
            where = (department,) if department == "*" else (department, "*")
            for code in where:
                people = [who for who, grants in held.items() if (role, code) in grants]
                if people:
                    return people
        return []

    def _grants(
        self, connection: Connection, at: datetime
    ) -> Mapping[str, frozenset[tuple[str, str]]]:
        rows = connection.execute(
            select(account.c.id, account.c.grants, account.c.valid_until)
            .where(account.c.kind == "human", account.c.disabled_at.is_(None))
            .order_by(account.c.id)
        )
        return {
            row.id: frozenset((role, where) for role, where in row.grants)
            for row in rows
            if row.valid_until is None or row.valid_until > at
        }

    def _open(self, connection: Connection, people: Collection[str], at: datetime) -> list[str]:
        rows = connection.execute(
            select(account.c.id, account.c.valid_until)
            .where(account.c.id.in_(sorted(people)), account.c.kind == "human")
            .where(account.c.disabled_at.is_(None))
        )
        return [row.id for row in rows if row.valid_until is None or row.valid_until > at]

    def _with_deputies(
        self, connection: Connection, people: Collection[str], at: datetime
    ) -> tuple[str, ...]:
        rows = connection.execute(
            select(deputy_now.c.deputy)
            .where(deputy_now.c.delegator.in_(sorted(people)))
            .where(deputy_now.c.starts_at <= at, deputy_now.c.ends_at > at)
        )
        return tuple(dict.fromkeys((*people, *sorted(row.deputy for row in rows))))
