"""The alarms of supervision: cards, notices and explanations that nobody is there to read.

A card goes to roles; a role may be empty, an account disabled, the accounts out of reach. The card
is given all the same, to the centre too, and while it waits for nobody this rings: until somebody
holds the role, or the card is answered or revoked, or its case has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import Connection, Engine

from activities.alarming import Alarms
from activities.supervising import Addressees
from cases import alarms, unheard
from cases.alarms import Alarm
from cases.database import reading
from cases.holders import EVERYWHERE, Holders
from cases.unheard import Missed, Unowned, Waiting
from catalogue.city import City
from forms.words import word

UNHEARD = "card_unheard"
"""Kind: somebody was to be told, and nobody is there."""
UNANSWERED = "card_unanswered"
"""Kind: an explanation is overdue; the cards that came of it have not brought it either."""
UNREAD = "accounts_unread"
"""Kind: the accounts cannot be read, so nobody knows whether somebody is there."""
KINDS = (UNHEARD, UNANSWERED, UNREAD)
SHOWN = 10
"""Cases named in an alarm's detail."""


@dataclass(slots=True)
class _Waits:
    """All that waits for one recipient."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(unheard.WHATS, 0))
    cases: set[str] = field(default_factory=set)

    def add(self, what: str, count: int, case_no: str) -> None:
        self.counts[what] += count
        self.cases.add(case_no)


@dataclass(frozen=True, slots=True)
class CardWatch:
    """Raises and clears the alarms. Only the worker may: it writes the cases store."""

    engine: Engine
    alarms: Alarms
    addressees: Addressees
    city: City
    now: Callable[[], datetime]

    def look(self) -> tuple[list[str], list[str]]:
        """Let the alarms be those that the rows and the accounts call for; return keys (new, gone).

        While the accounts cannot be read, what rang goes on ringing.
        """
        holders, now = self.addressees.look(), self.now()
        with reading(self.engine) as connection:
            owed = unheard.missed(connection)
            alone = self._unheard(connection, holders)
        wanted = {
            UNHEARD: alone,
            UNANSWERED: [self._unanswered(one) for one in owed],
            UNREAD: [] if holders is not None else [_UNREAD],
        }
        raised, cleared = [], []
        with self.engine.begin() as connection:
            for kind, those in wanted.items():
                by_key = {one.key: one for one in those}
                new, gone = self.alarms.agree(connection, kind, by_key, now)
                raised += new
                cleared += gone
        return raised, cleared

    def _unheard(self, connection: Connection, holders: Holders | None) -> list[Alarm]:
        if holders is None:
            return [one.alarm for one in alarms.open_alarms(connection, UNHEARD)]
        found: dict[str, _Waits] = {}
        for one in self._missing(unheard.waiting(connection), holders):
            found.setdefault(one.recipient, _Waits()).add(one.what, one.count, one.case_no)
        for role in unheard.unowned(connection):
            recipient = self._nobody_for(role, holders)
            if recipient:
                found.setdefault(recipient, _Waits()).add("cards", role.count, role.case_no)
        return [self._alarm(recipient, waits) for recipient, waits in sorted(found.items())]

    def _missing(self, waiting: Iterable[Waiting], holders: Holders) -> Iterable[Waiting]:
        for one in waiting:
            there = (
                holders.has(one.recipient)
                if one.told_at is None
                else holders.had(one.recipient, one.told_at)
            )
            if not there:
                yield one

    def _nobody_for(self, one: Unowned, holders: Holders) -> str:
        """Return the recipient that has nobody still; empty: somebody holds the role by now."""
        if one.role in ("handler", "discipline"):
            return ""  # told as a department, and looked at as one
        if one.role == "supervisor":
            levels: tuple[str, ...] = (EVERYWHERE,)
        else:
            levels = tuple(self.addressees.upwards(one.department))
        return "" if holders.nearest(one.role, levels) else f"r:{one.role}:{levels[0]}"

    def _alarm(self, recipient: str, waits: _Waits) -> Alarm:
        who, department = self._named(recipient)
        counts = waits.counts
        said = "、".join(
            f"{name} {counts[what]} {unit}"
            for what, name, unit in (
                ("cards", "监察牌", "张"),
                ("notices", "通知", "件"),
                ("tasks", "待写说明", "件"),
            )
            if counts[what]
        )
        cases: list[JsonValue] = [*sorted(waits.cases)[:SHOWN]]
        return Alarm(
            key=f"{UNHEARD}:{recipient}",
            kind=UNHEARD,
            text=f"{who}，{said}无人收（如办件 {cases[0]}）；请补授角色或启用账号，或由监察员办理",
            department=department,
            detail={"recipient": recipient, **counts, "cases": cases},
        )

    def _named(self, recipient: str) -> tuple[str, str]:
        """Return who is missing, in words, and the department that it is about."""
        if recipient.startswith("d:"):
            code = recipient[2:]
            return f"{self._short(code)}没有在岗人员", code
        if recipient.startswith("r:"):
            _, role, code = recipient.split(":", 2)
            where = "全市" if code == EVERYWHERE else self._short(code)
            name = word("card_recipient", role)
            return f"{where}没有{name}", "" if code == EVERYWHERE else code
        return "收件人的账号已停用", ""

    def _short(self, code: str) -> str:
        found = next((one for one in self.city.departments if one.code == code), None)
        return code if found is None else found.short or found.name

    def _unanswered(self, one: Missed) -> Alarm:
        return Alarm(
            key=f"{UNANSWERED}:{one.department}",
            kind=UNANSWERED,
            text=f"{self._short(one.department)}有 {one.count} 张监察牌逾期未书面说明"
            f"（如 {one.number}）；请监察员督促其说明，或查明后撤销",
            department=one.department,
            detail={"cards": one.count, "number": one.number},
        )


_UNREAD = Alarm(
    key=UNREAD,
    kind=UNREAD,
    text="办件进程读不到人员账号，不能核对监察牌送达的角色有没有人，各牌已另送电子监察中心；"
    "请检查 YICHUANG_WEB_URL 及其数据库权限",
)
