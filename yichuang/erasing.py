"""Erasing one person's data: whether it may be, and carrying it through every store.

个人信息保护法第四十七条. Two people: one asks, another approves, both signed in at the pages. The
order of the writes, and what a crash leaves, is told in `audit.erasing`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Engine, Row, delete, select

from audit.entry import ERASED, EntryDraft, What, Where, Who, entry_id
from audit.erasing import blank_payloads, overwrite, shed_old_pages
from audit.outbox import record
from audit.vault import KeyDestroyed, SubjectVault, UnknownSubject
from cases import erasures
from cases.database import reading
from cases.erasures import Erasure, Kind, NotAsked
from cases.gateway_tables import dead_letter
from cases.store import place
from cases.tables import case, matter_version
from cases.web_tables import upload
from catalogue.archive import Archive, type_code_of
from yichuang.index_keys import forget
from yichuang.log_entries import draft_of_the_log

GROUNDS: Final = tuple(f"GXF-47-1-{n}" for n in range(1, 6))
"""What an erasure may rest on: the five items of 个人信息保护法第四十七条第一款."""

STORING: Final = "GXF-47-2"
"""What stopping everything but storage rests on: the period still runs (第四十七条第二款)."""

STREAM: Final = "sys:erase"
"""What people ask and approve, in the web store. The erasure itself is in `sys:log`."""

ACTS: Final[Mapping[str, str]] = {
    "asked": "payload.erase_asked",
    "approved": "payload.erase_approved",
    "refused": "payload.erase_refused",
}
RESTRICTED: Final = "payload.restricted"
"""Act of the entry by which a person's data is from now on only stored."""


class Barred(Exception):
    """Law forbids the erasure: a statutory period still runs. The sentence names the article and
    the day from which it may be erased."""

    def __init__(self, sentence: str, basis: str, may_from: date | None) -> None:
        super().__init__(sentence)
        self.sentence, self.basis, self.may_from = sentence, basis, may_from


class NobodyKnown(LookupError):
    """No case has this number, or no data is kept about this subject."""


class NotApproved(Exception):
    """No approved order stands for this subject and ground."""


@dataclass(frozen=True, slots=True)
class KeptCase:
    """One case of the person, and how long its file must be kept."""

    id: str
    case_no: str
    matter_name: str
    archive: str
    """Name of its archive class, in Chinese."""
    archive_en: str
    closed_on: date | None
    """In the city's zone; None while it is open."""
    until: date | None
    """First day on which the period is over; None: open, or kept for ever."""

    def bars(self, today: date) -> bool:
        """Tell whether the file must still be kept."""
        return self.until is None or today < self.until


@dataclass(frozen=True, slots=True)
class Plan:
    """What an erasure would reach, and what stands against it."""

    subject: str
    cases: tuple[KeptCase, ...]
    today: date
    basis: str
    """Article by which the files are kept."""

    @property
    def barring(self) -> tuple[KeptCase, ...]:
        """The cases whose files must still be kept."""
        return tuple(one for one in self.cases if one.bars(self.today))

    @property
    def may_from(self) -> date | None:
        """The first day on which nothing bars; None: no such day is known."""
        days = [one.until for one in self.barring]
        if not days:
            return self.today
        known = [day for day in days if day is not None]
        return max(known) if len(known) == len(days) else None

    def demand(self) -> None:
        """Raise `Barred` if a statutory period still runs."""
        if not self.barring:
            return
        first = self.barring[0]
        if first.closed_on is None:
            why = f"办件 {first.case_no} 尚未办结"
        elif first.until is None:
            why = f"办件 {first.case_no} 的保管期限为永久"
        else:
            why = f"办件 {first.case_no} 的保管期限（{first.archive}）未届满"
        day = f"，{self.may_from.isoformat()} 起可以删除" if self.may_from else ""
        sentence = f"{why}{day}；在此之前只能停止除存储和安全保护之外的处理"
        raise Barred(sentence, STORING, self.may_from)


@dataclass(frozen=True)
class Stores:
    """The stores that hold copies, open to write, and the vaults over their keys."""

    cases: Engine
    web: Engine
    gateway: Engine
    log: Engine
    keys: Engine
    vault: SubjectVault
    gateway_vault: SubjectVault

    @property
    def with_payloads(self) -> tuple[Engine, ...]:
        return (self.cases, self.web, self.gateway, self.log)


class Elsewhere(Protocol):
    """Copies that no database of ours holds."""

    def histories(self, cases: Sequence[str]) -> int:
        """Delete the histories of these cases in Temporal; return how many."""
        ...

    def messages(self, said: Sequence[bytes]) -> int:
        """Delete stored messages that hold any of these; return how many."""
        ...


@dataclass(frozen=True)
class Planner:
    """Says what is kept about whom and until when."""

    cases: Engine
    archive: Archive
    zone: str
    now: Callable[[], datetime]

    def by_case(self, case_no: str) -> Plan:
        """Return the plan for the applicant of a case. Raises `NobodyKnown`."""
        query = select(case.c.subject).where(case.c.case_no == case_no.strip().upper())
        with reading(self.cases) as connection:
            subject = connection.execute(query).scalar()
        if subject is None:
            raise NobodyKnown(case_no)
        return self.of(subject)

    def of(self, subject: str) -> Plan:
        """Return the plan for a subject; without cases nothing bars."""
        columns = (
            case.c.id, case.c.case_no, case.c.matter, case.c.matter_name, case.c.closed_at,
            case.c.is_open, matter_version.c.matter.label("whole"),
        )  # fmt: skip
        query = (
            select(*columns)
            .outerjoin(matter_version, matter_version.c.digest == case.c.matter_digest)
            .where(case.c.subject == subject)
            .order_by(case.c.received_at)
        )
        with reading(self.cases) as connection:
            rows = connection.execute(query).all()
        zone = ZoneInfo(self.zone)
        kept = []
        for row in rows:
            type_code = type_code_of(row.whole)
            kind = self.archive.of(row.matter, type_code)
            closed = row.closed_at if not row.is_open else None
            day = closed.astimezone(zone).date() if closed else None
            until = kind.kept_until(day) if day else None
            kept.append(
                KeptCase(row.id, row.case_no, row.matter_name, kind.name, kind.name_en, day, until)
            )
        today = self.now().astimezone(zone).date()
        return Plan(subject, tuple(kept), today, self.archive.basis)


@dataclass(frozen=True)
class Register:
    """The orders of people, in the web store, each change with its entry."""

    web: Engine
    planner: Planner
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    def ask(self, by: str, plan: Plan, case_no: str, kind: Kind, ground: str, ip: str) -> Erasure:
        """Write the order. Raises `Barred` for an erasure whose period still runs."""
        if kind == "erase":
            plan.demand()
            if ground not in GROUNDS:
                raise Barred("删除须写明个人信息保护法第四十七条第一款的一项", "GXF-47", None)
        ground = ground if kind == "erase" else STORING
        order = Erasure(
            str(uuid4()), kind, plan.subject, case_no, ground, "asked", by, self.now(), "", None,
            None, {},
        )  # fmt: skip
        with self.web.begin() as connection:
            erasures.ask(connection, order)
            record(connection, self._entry(order, ACTS["asked"], by, ip))
        return order

    def approve(self, by: str, order_id: str, ip: str) -> Erasure:
        """Approve what somebody else asked for. Raises `NotAsked`, `Barred`: the period may have
        changed since, by another case of the same person."""
        order = self._open(order_id)
        if order.kind == "erase":
            self.planner.of(order.subject).demand()
        now = self.now()
        with self.web.begin() as connection:
            erasures.settle(connection, order_id, "approved", by, now)
            record(connection, self._entry(order, ACTS["approved"], by, ip))
            if order.kind == "restrict":
                record(connection, self._entry(order, RESTRICTED, by, ip))
                erasures.finish(connection, order_id, {}, now)
        return replace(order, state="approved", settled_by=by, settled_at=now)

    def refuse(self, by: str, order_id: str, ip: str) -> None:
        """Refuse what somebody else asked for. Raises `NotAsked`."""
        order = self._open(order_id)
        with self.web.begin() as connection:
            erasures.settle(connection, order_id, "refused", by, self.now())
            record(connection, self._entry(order, ACTS["refused"], by, ip))

    def listing(self) -> Sequence[Erasure]:
        with reading(self.web) as connection:
            return erasures.listing(connection)

    def unfinished(self) -> Sequence[Erasure]:
        """Return what is approved and not yet done: never begun, or begun and cut short."""
        with reading(self.web) as connection:
            return erasures.listing(connection, ("approved",))

    def undone(self, vault: SubjectVault) -> Sequence[Erasure]:
        """Return the erasures to carry through: unfinished ones, and those that were done and
        whose key is there again, out of an old backup."""
        with reading(self.web) as connection:
            found = erasures.listing(connection, ("approved", "done"))
        return [
            one
            for one in found
            if one.kind == "erase"
            and (one.state == "approved" or not vault.is_destroyed(one.subject))
        ]

    def approved(self, subject: str, ground: str) -> Erasure:
        """Return the approved order for this subject and ground. Raises `NotApproved`."""
        with reading(self.web) as connection:
            found = erasures.of_subject(connection, subject, "erase", ("approved", "done"))
        for one in found:
            if one.ground == ground:
                return one
        raise NotApproved(subject)

    def is_restricted(self, subject: str) -> bool:
        """Tell whether this person's data is only stored."""
        with reading(self.web) as connection:
            return bool(erasures.of_subject(connection, subject, "restrict", ("done",)))

    def _open(self, order_id: str) -> Erasure:
        with reading(self.web) as connection:
            order = erasures.find(connection, order_id)
        if order is None or order.state != "asked":
            raise NotAsked(order_id)
        return order

    def _entry(self, order: Erasure, act: str, by: str, ip: str) -> EntryDraft:
        return EntryDraft(
            id=entry_id(order.id, act),
            stream=STREAM,
            at=self.now(),
            who=Who(self.pseudonym_of(by), "human"),
            act=act,
            obj=What("subject", order.subject),
            why=order.ground,
            where=Where(ip=ip or None, svc="web"),
        )


def carry_out(
    stores: Stores, order: Erasure, plan: Plan, elsewhere: Elsewhere,
    pseudonym_of: Callable[[str], str], now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Mapping[str, int]:  # fmt: skip
    """Destroy everything about the subject; return what was destroyed by kind of copy.

    May be called again after a crash at any place. Raises `Barred`, and whatever says that a store
    or server is away: the order then stays approved and the call is to be repeated.
    """
    if not stores.vault.is_destroyed(order.subject):
        plan.demand()
    # 1. The entry, committed: from here on the erasure is a fact that must be carried through.
    with stores.log.begin() as connection:
        record(
            connection,
            draft_of_the_log(
                act=ERASED,
                obj=What("subject", order.subject),
                command_id=order.id,
                why=order.ground,
                who=Who(pseudonym_of(order.settled_by), "human"),
            ),
        )
    # 2. Every copy that the person's key does not seal; names are still readable to find them.
    ids = [one.id for one in plan.cases]
    said = _said(stores, plan)
    counts = {
        "uploads": _uploads(stores.web, ids),
        "letters": _letters(stores, said),
        "histories": elsewhere.histories(ids),
        "messages": elsewhere.messages(said),
    }
    # 3. What the log's entries committed to.
    counts["payloads"] = 0
    for engine in stores.with_payloads:
        with engine.begin() as connection:
            counts["payloads"] += blank_payloads(connection, order.subject)
        shed_old_pages(engine)
    # 4. The key, last: with it go the salts and every sealed column of the cases.
    counts["keys"] = int(not stores.vault.is_destroyed(order.subject))
    stores.vault.destroy(order.subject)
    shed_old_pages(stores.keys)
    # Only now: whoever fills the index must find no key from here on.
    counts["index"] = forget(stores.cases, order.subject)
    shed_old_pages(stores.cases)
    # 5. Done.
    with stores.web.begin() as connection:
        erasures.finish(connection, order.id, counts, now())
    return counts


def _said(stores: Stores, plan: Plan) -> list[bytes]:
    """Return what a copy must hold to be about this person: case ids, numbers and names."""
    said = {text for one in plan.cases for text in (one.id, one.case_no)}
    with reading(stores.cases) as connection:
        query = select(case.c.id, case.c.applicant_sealed).where(case.c.subject == plan.subject)
        rows = connection.execute(query).all()
    for row in rows:
        where = place("case", "applicant", row.id)
        try:
            person = orjson.loads(stores.vault.open(plan.subject, row.applicant_sealed, where))
        except (KeyDestroyed, UnknownSubject):
            continue  # destroyed: then all that the names were needed for is done
        said |= {str(person.get(name, "")) for name in ("name", "id_number", "phone")}
    spelled = {text.encode() for text in said if len(text) > 1}
    # As a sender spells it who writes JSON in ASCII alone.
    return sorted(spelled | {json.dumps(text)[1:-1].encode() for text in said if len(text) > 1})


def _uploads(web: Engine, cases: Sequence[str]) -> int:
    gone = 0
    with web.begin() as connection:
        overwrite(connection)
        for case_id in cases:
            gone += connection.execute(delete(upload).where(upload.c.case_id == case_id)).rowcount
    shed_old_pages(web)
    return gone


def _letters(stores: Stores, said: Sequence[bytes]) -> int:
    """Delete dead letters that hold any of these; they are sealed under their sender's key."""
    columns = (
        dead_letter.c.id, dead_letter.c.stream, dead_letter.c.stream_seq,
        dead_letter.c.key_subject, dead_letter.c.raw_sealed, dead_letter.c.mended_sealed,
    )  # fmt: skip
    with reading(stores.gateway) as connection:
        rows = connection.execute(select(*columns)).all()
    found = [row.id for row in rows if _speaks(stores.gateway_vault, row, said)]
    with stores.gateway.begin() as connection:
        overwrite(connection)
        for number in found:
            connection.execute(delete(dead_letter).where(dead_letter.c.id == number))
    shed_old_pages(stores.gateway)
    return len(found)


def _speaks(vault: SubjectVault, row: Row[*tuple[Any, ...]], said: Sequence[bytes]) -> bool:
    where = f"{row.stream}:{row.stream_seq}"
    for sealed, at in ((row.raw_sealed, where), (row.mended_sealed, where + ":mended")):
        if sealed is None:
            continue
        try:
            text = vault.open(row.key_subject, bytes(sealed), at.encode())
        except (KeyDestroyed, UnknownSubject):
            continue
        if any(one in text for one in said):
            return True
    return False
