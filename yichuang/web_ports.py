"""What the pages read and keep, over the real stores: `forms.ports` made of `cases` and `audit`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import Engine, and_, select

from activities.stamping import Stamps
from audit.entry import EntryDraft, What, Who, entry_id
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.payloads import Payload, seal_payloads
from audit.vault import SubjectVault
from cases.accounts import Accounts
from cases.card_views import CardList, CardQuery
from cases.census_view import CensusView, census_view
from cases.database import bounded, reading
from cases.desk import MOST_DRAFTS, DraftMoved, TooManyDrafts, Upload
from cases.desk import Desk as DeskStore
from cases.desk import Draft as SealedDraft
from cases.facts import CaseFacts
from cases.incoming import Coming, Incoming, TooManyComing
from cases.messages import Actor, Command, Outcome
from cases.passages import Change
from cases.published import granted_decisions
from cases.queries import Queries
from cases.state import CaseState
from cases.tables import case
from cases.views import (
    CaseView,
    Granted,
    LinkedCases,
    Notice,
    Order,
    PublicStatus,
    Related,
    Standing,
    Worklist,
    WorklistQuery,
)
from cases.worklists import MOST_COUNTED, Desk
from catalogue.law import Article
from catalogue.load import Catalogue
from catalogue.matters import LICENCE, Matter
from catalogue.told import Told
from catalogue.working_days import NONE, Calendar
from forms.access_ports import Thing, Verdict
from forms.disclosure_ports import Shown
from forms.draft_ports import Draft, SavedDraft
from forms.entrance_ports import Visitor, Where
from forms.reader_ports import Counts, File, Purpose, VerifiedDocument
from forms.upload_ports import ComingFile, Kept
from forms.words import Language
from policies.access import Access, Decision
from policies.access import Thing as PolicyThing
from policies.delegation import IN_PERSON
from policies.refusing import GROUNDED
from policies.vocabulary import ROLES
from yichuang.case_reach import CaseReach
from yichuang.log_index import LogIndex

READ_STREAM = "sys:read"
"""Every reading of personal data by a person, in the order of the entries."""
REFUSED_STREAM = "sys:refused"
"""Every request to the web that was turned away before it was an order."""
STRANGER = Who("unknown", "citizen")
"""Whoever has no session: holds a case's code, or tries."""
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/{}-]{0,119}|/[A-Za-z0-9._:/{}-]{0,119}|-")


SHOWING = ("read_personal", "print")
"""Acts that show an applicant's data or papers."""

NOT_FOR_ANOTHER = "这件事须由本人办理，不得代理"

RESTRICTED = (
    "申请人的个人信息已限制处理，只存储，不显示、不打印"
    "（《中华人民共和国个人信息保护法》第四十七条第二款）"
)


@dataclass(frozen=True)
class WebAccess:
    """`forms.access_ports.Access` over the policy."""

    access: Access
    now: Callable[[], datetime]
    is_restricted: Callable[[str], bool] = lambda _subject: False
    """Whether the data of a subject is only stored (个人信息保护法第四十七条第二款)."""

    def may(self, actor: Actor, act: str, thing: CaseFacts | Thing | str) -> Verdict:
        if actor.on_behalf and act in IN_PERSON:
            return Verdict(False, NOT_FOR_ANOTHER, "请先回到本人名义，或者由有权的人办理")
        if isinstance(thing, CaseFacts) and act in SHOWING and self.is_restricted(thing.applicant):
            return Verdict(False, RESTRICTED)
        if isinstance(thing, str):
            found = self.access.ever(actor, act, thing)
        elif isinstance(thing, Thing):
            known = PolicyThing(
                thing.type,
                thing.id,
                about=thing.about,
                proposed_by=thing.proposed_by,
                department=thing.department,
                departments=thing.departments,
                hands=thing.hands,
            )
            found = self.access.decide(actor, act, known, self.now())
        else:
            found = self.access.decide(actor, act, thing, self.now())
        return _verdict(found)

    def would(self, command: Command, facts: CaseFacts) -> Verdict:
        first = self.may(command.actor, command.verb, facts)
        if not first.allowed:
            return first
        return _verdict(self.access.again(command, command.actor, facts, command.verb, self.now()))


def _verdict(found: Decision) -> Verdict:
    reason = found.reason
    if found.basis:
        reason = Told(GROUNDED, reason=found.reason, basis=found.basis)
    return Verdict(found.allowed, reason, found.remedy)


@dataclass(frozen=True)
class WebCensus:
    """`forms.supervision_ports.Census` over the cases store."""

    reach: CaseReach
    now: Callable[[], datetime]

    def view(self, actor: Actor) -> CensusView:
        with reading(self.reach.engine) as connection:
            found = census_view(connection, self.now())
        return found.without(self.reach.hidden(actor, found.named, "census"))


@dataclass(frozen=True)
class WebReader:
    """`forms.reader_ports.Reader` over the cases store; cut to what policy lets one see."""

    queries: Queries
    access: Access
    accounts: Accounts
    index: LogIndex
    now: Callable[[], datetime]
    stamps: Stamps
    zone: str = "Asia/Shanghai"
    """The city's, in which a day of a filter begins."""
    page_role: str = ""
    """Role of PostgreSQL under which lists and cases are read; empty: as who the store was
    opened."""

    def _lists(self, actor: Actor) -> Queries:
        """Return the readers of lists: within what the database itself lets the reader see."""
        return replace(self.queries, engine=self._engine(actor), zone=self.zone)

    def _engine(self, actor: Actor) -> Engine:
        return bounded(self.queries.engine, self.page_role, self.access.bounds(actor))

    def counts(self, actor: Actor) -> Counts:
        where, desk = self.access.where(actor, "list"), _desk(actor)
        found = self._lists(actor).counts(where, desk, self.now())
        return Counts(found.mine, found.team, found.all, found.by_stage, MOST_COUNTED)

    def worklist(self, actor: Actor, query: WorklistQuery) -> Worklist:
        where = self.access.where(actor, "list")
        personal = self.access.where(actor, "read_personal")
        found = self._lists(actor).worklist(where, _desk(actor), query, self.now(), personal)
        names = self.accounts.names([row.holder for row in found.rows if row.holder])
        rows = tuple(
            row.model_copy(update={"holder_name": names.get(row.holder, "")}) for row in found.rows
        )
        return found.model_copy(update={"rows": rows})

    def export(self, actor: Actor, query: WorklistQuery, most: int) -> tuple[Worklist, int, str]:
        where = self.access.where(actor, "list")
        personal = self.access.where(actor, "read_personal")
        return self._lists(actor).export(where, _desk(actor), query, self.now(), personal, most)

    def acceptance(self, actor: Actor, matter: str, page: int) -> Order:
        found = self._lists(actor).acceptance(self.access.where(actor, "list"), matter, page)
        leaves = self.index.leaves([one.entry for one in found.places])
        places = tuple(
            one.model_copy(update={"leaf": leaves.get(one.entry)}) for one in found.places
        )
        return found.model_copy(update={"places": places})

    def find(self, case_no: str) -> CaseFacts | None:
        found = self.queries.find_case(case_no)
        return None if found is None else self.queries.case_facts(found)

    def notice_ids(self, actor: Actor, since: datetime, most: int) -> Sequence[str]:
        where = self.access.where(actor, "list")
        return self._lists(actor).notice_ids(_desk(actor), since, most, where)

    def hidden(self, actor: Actor, ids: Collection[str], purpose: Purpose) -> frozenset[str]:
        return CaseReach(self.queries.engine, self.access).hidden(actor, ids, purpose)

    def state(self, case_id: str) -> CaseState | None:
        return self.queries.state(case_id)

    def case(self, actor: Actor, case_id: str, revealed: Collection[str] = ()) -> CaseView | None:
        found = self.queries.case_view(case_id, self.now(), revealed, within=self._engine(actor))
        if found is None:
            return None
        people = {item.who for item in found.timeline} | {o.signer for o in found.opinions}
        people |= {item.on_behalf for item in found.timeline}
        people |= {one.issued_by for one in found.cards}
        people |= {one for item in found.timeline for c in item.changes for one in _persons(c)}
        people |= {found.service.by} if found.service else set()
        people |= {one.by for one in found.served_again}
        names = self.accounts.names(sorted(people - {""}))
        leaves = self.index.leaves([item.entry for item in found.timeline if item.entry])
        timeline = tuple(
            item.model_copy(
                update={
                    "who_name": names.get(item.who, ""),
                    "on_behalf_name": names.get(item.on_behalf, ""),
                    "leaf": leaves.get(item.entry),
                    "changes": tuple(_named(one, names) for one in item.changes),
                }
            )
            for item in found.timeline
        )
        opinions = tuple(
            one.model_copy(update={"signer_name": names.get(one.signer, "")})
            for one in found.opinions
        )
        standing = found.standing and self._standing(actor, found.standing)
        service = found.service and found.service.model_copy(
            update={"by_name": names.get(found.service.by, "")}
        )
        again = tuple(
            one.model_copy(update={"by_name": names.get(one.by, "")}) for one in found.served_again
        )
        more = {
            "timeline": timeline, "opinions": opinions, "standing": standing, "service": service,
            "served_again": again,
        }  # fmt: skip
        return found.model_copy(update=more)

    def related(self, actor: Actor, case_id: str, whose: bool) -> Related:
        personal = self.access.where(actor, "read_personal") if whose else None
        where = self.access.where(actor, "list")
        incidents = self.access.where(actor, "list", "incident")
        return self._lists(actor).related(where, personal, incidents, case_id, self.now())

    def of_incident(self, actor: Actor, incident_id: str, page: int) -> LinkedCases:
        where = self.access.where(actor, "list")
        incidents = self.access.where(actor, "list", "incident")
        return self._lists(actor).of_incident(where, incidents, incident_id, page, self.now())

    def readable(self, actor: Actor, case_no: str) -> str:
        return self._lists(actor).readable(self.access.where(actor, "read"), case_no)

    def earlier(self, actor: Actor, number: str, most: int) -> Sequence[str]:
        may = and_(self.access.where(actor, "list"), self.access.where(actor, "read_personal"))
        return self._lists(actor).earlier(may, number, most)

    def _standing(self, actor: Actor, one: Standing) -> Standing:
        """Return the place in the order with those cases before it that the reader may list."""
        query = select(case.c.case_no).where(
            case.c.case_no.in_(one.undecided), self.access.where(actor, "list")
        )
        with reading(self._engine(actor)) as connection:
            known = set(connection.execute(query).scalars())
        named = tuple(no for no in one.undecided if no in known)
        return one.model_copy(update={"undecided": named})

    def outcome(self, command_id: str) -> Outcome | None:
        return self.queries.outcome_of(command_id)

    def cards(self, actor: Actor, query: CardQuery) -> CardList:
        return self._lists(actor).cards(self.access.seen(actor, "list"), query)

    def notices(self, actor: Actor) -> Sequence[Notice]:
        where = self.access.where(actor, "list")
        return self._lists(actor).notices(_desk(actor), where=where)

    def public_code(self, case_id: str) -> str:
        return self.queries.public_code(case_id) or ""

    def document(self, actor: Actor, case_id: str, document_id: str) -> File | None:
        found = self.queries.document_file(document_id, within=self._engine(actor))
        if found is None or found.case_id != case_id or found.content is None:
            return None
        name = f"{found.view.number or found.view.kind}.pdf"
        view = found.view
        content = self.stamps.copy(found.content, view.void, view.replaced_by)
        return File(name, "application/pdf", content)

    def public_status(self, case_no: str, code: str) -> PublicStatus | None:
        return self.queries.public_status(case_no, code)

    def granted(self, matters: Collection[str], page: int) -> Granted:
        today = self.now().astimezone(ZoneInfo(self.zone)).date()
        with reading(self.queries.engine) as connection:
            return granted_decisions(connection, self.queries.open, matters, today, page)

    def verify(self, code: str) -> VerifiedDocument | None:
        found = self.queries.document_by_code(code)
        if found is None:
            return None
        view = found.view
        return VerifiedDocument(
            view.kind,
            view.number,
            view.issued_at,
            view.digest,
            view.void,
            found.matter_name,
            self.index.leaf_of_document(view.id),
            view.replaced_by,
            view.version,
            view.replaces,
        )

    def colleagues(self, department: str) -> Sequence[tuple[str, str]]:
        return self.accounts.colleagues(department)


def _persons(change: Change) -> tuple[str, ...]:
    """Return the accounts that a change names."""
    named = change.what in ("holder", "signer")
    return tuple(filter(None, (change.before, change.after))) if named else ()


def _named(change: Change, names: Mapping[str, str]) -> Change:
    if not _persons(change):
        return change
    before, after = (names.get(one, one) for one in (change.before, change.after))
    return change.model_copy(update={"before": before, "after": after})


def _desk(actor: Actor) -> Desk:
    """Return whose lists these are: the person, whom they act for, and where they hold a role."""
    persons = tuple(filter(None, (actor.id, actor.on_behalf)))
    held = [grant.department for grant in actor.grants if grant.department != "*"]
    departments = tuple(dict.fromkeys(filter(None, (actor.department, *held))))
    roles = tuple(f"r:{grant.role}:{grant.department}" for grant in actor.grants)
    return Desk(persons, departments, roles)


@dataclass(frozen=True)
class WebCatalogue:
    """`forms.catalogue_ports.Catalogue` over the catalogue in force."""

    catalogue: Callable[[], Catalogue]
    now: Callable[[], datetime]

    def matters(self) -> Sequence[Matter]:
        return self.catalogue().matters_at(self.now())

    def licences(self) -> frozenset[str]:
        return frozenset(one.code for one in self.catalogue().matters if one.type_code == LICENCE)

    def departments(self, language: Language = "zh") -> Mapping[str, str]:
        city = self.catalogue().city
        every = city.departments
        if language == "en":  # short as in Chinese: the city stands above every page
            place = city.name_en.removeprefix("City of ") + " "
            return {one.code: one.name_en.removeprefix(place) for one in every}
        return {one.code: one.short or one.name for one in every}

    def name_en(self, department: str) -> str:
        every = self.catalogue().city.departments
        return next((one.name_en for one in every if one.code == department), "")

    def calendar(self, name: str) -> Calendar:
        return self.catalogue().calendars.get(name, NONE)

    def article(self, basis: str) -> Article | None:
        return self.catalogue().law.get(basis)

    def cited(self, basis: str) -> str:
        article = self.catalogue().law.get(basis)
        return basis if article is None else article.cited

    def roles(self) -> Mapping[str, str]:
        return {code: role.title for code, role in ROLES.items() if code != "citizen"}


@dataclass(frozen=True)
class WebDisclosures:
    """`forms.disclosure_ports.Disclosures`: the reason sealed under the applicant's key."""

    engine: Engine
    """The web store."""
    vault: SubjectVault
    """The keys store, which the web only reads: the key of a filed case's applicant exists."""
    subject_of: Callable[[str], str]
    """Case id → pseudonym of the applicant."""
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    def record(
        self,
        visitor: Visitor,
        where: Where,
        act: str,
        case_id: str,
        reason: str,
        command_id: str,
        fields: Sequence[str] = (),
    ) -> None:
        entry = entry_id(command_id, act)
        said = Payload("reason", self.subject_of(case_id), reason.encode(), "text/plain")
        sealed = seal_payloads(self.vault, entry, [said])
        actor = visitor.actor
        draft = EntryDraft(
            id=entry,
            stream=READ_STREAM,
            at=self.now(),
            who=who_is(actor, self.pseudonym_of),
            act=act,
            obj=What("case", case_id, ",".join(fields) or None),
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )
        with self.engine.begin() as connection:
            record(connection, draft, sealed)

    def shown(self, actor: Actor | None, where: Where, seen: Shown) -> None:
        lines = None if seen.lines is None else str(seen.lines)
        self._note(READ_STREAM, actor, where, seen.act, What(seen.type, seen.id, lines))

    def refused(self, actor: Actor | None, where: Where, act: str, thing: Thing, code: str) -> None:
        # Ids of what is asked for may come out of an address: only what looks like one is said.
        named = thing.id if _NAMED.fullmatch(thing.id) else "-"
        self._note(REFUSED_STREAM, actor, where, act, What(thing.type, named), code)

    def _note(
        self,
        stream: str,
        actor: Actor | None,
        where: Where,
        act: str,
        thing: What,
        denied: str = "",
    ) -> None:
        """Record an entry of its own: reading the same twice is reading twice."""
        draft = EntryDraft(
            id=str(uuid4()),
            stream=stream,
            at=self.now(),
            who=STRANGER if actor is None else who_is(actor, self.pseudonym_of),
            act=act,
            obj=thing,
            res="deny" if denied else "ok",
            why=denied or None,
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )
        with self.engine.begin() as connection:
            record(connection, draft)


def who_is(actor: Actor, pseudonym_of: Callable[[str], str]) -> Who:
    """Return how the log names a person or service."""
    return Who(
        pseudonym_of(actor.id),
        actor.kind,
        org=actor.department or None,
        on_behalf=pseudonym_of(actor.on_behalf) if actor.on_behalf else None,
    )


@dataclass(frozen=True)
class WebUploads:
    """`forms.upload_ports.Uploads`: files sealed under the key of whoever handed them in."""

    desk: DeskStore
    vault: SubjectVault
    """Keys that stand in the web store itself, whose one writer the web is."""
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]
    arrived: Callable[[], None] | None = None
    """Called when a file waits for the scanner; None: there is no scanner, nothing is held."""

    def keep(self, actor: Actor, name: str, media_type: str, content: bytes) -> Kept:
        upload, subject = self.desk.new_upload_id(), self.pseudonym_of(actor.id)
        place = f"upload:{upload}".encode()
        sealed, sealed_name = self.vault.seal_many(
            [(subject, content, place), (subject, name.encode(), place + b":name")]
        )
        digest = hashlib.sha256(content).hexdigest()
        kept = Upload(
            upload, actor.id, digest, len(content), media_type, sealed_name, self.now(), "",
            is_held=self.arrived is not None,
        )  # fmt: skip
        self.desk.keep_upload(kept, sealed)
        if self.arrived is not None:
            self.arrived()
        return Kept(upload, name, media_type, digest, len(content))

    def known(self, actor: Actor, upload: str) -> Kept | None:
        found = self.desk.find_upload(upload)
        if found is None or found.owner != actor.id or found.case_id or found.thing:
            return None
        return Kept(
            found.id, self._name(found), found.media_type, found.digest, found.size,
            found.finding or "",
        )  # fmt: skip

    def held(self, upload: str, case_id: str) -> Literal["", "waiting", "infected"]:
        found = self.desk.find_upload(upload)
        if found is None or found.thing or not found.is_held:
            return ""
        if found.case_id not in ("", case_id):
            return ""
        return "infected" if found.finding else "waiting"

    def read(self, upload: str, case_id: str) -> File | None:
        found, sealed = self.desk.find_upload(upload), self.desk.read_upload(upload)
        # No case yet: a crash came between the order and the note of it.
        if found is None or sealed is None or found.thing:
            return None
        if found.case_id not in ("", case_id):
            return None
        place = f"upload:{upload}".encode()
        content = self.vault.open(self.pseudonym_of(found.owner), sealed, place)
        return File(self._name(found), found.media_type, content)

    def begin(self, actor: Actor, name: str, size: int) -> ComingFile | None:
        file = self.desk.new_upload_id()
        sealed = self.vault.seal(self.pseudonym_of(actor.id), name.encode(), _coming_place(file))
        try:
            self._incoming.begin(Coming(file, actor.id, sealed, size, self.now()))
        except TooManyComing:
            return None
        return ComingFile(file, name, size, 0)

    def coming(self, actor: Actor, file: str) -> ComingFile | None:
        found = self._incoming.find(actor.id, file)
        if found is None:
            return None
        name = self.vault.open(
            self.pseudonym_of(actor.id), found.name_sealed, _coming_place(found.id)
        )
        return ComingFile(found.id, name.decode(), found.size, found.came)

    def add(self, actor: Actor, file: ComingFile, start: int, content: bytes) -> int:
        found = self._incoming.find(actor.id, file.id)
        if found is None:
            return 0
        place = _coming_place(file.id, start)
        sealed = self.vault.seal(self.pseudonym_of(actor.id), content, place)
        return self._incoming.add(found, start, len(content), sealed)

    def whole(self, actor: Actor, file: ComingFile) -> bytes:
        subject = self.pseudonym_of(actor.id)
        return b"".join(
            self.vault.open(subject, sealed, _coming_place(file.id, start))
            for start, sealed in self._incoming.pieces(file.id)
        )

    def give_up(self, actor: Actor, file: str) -> None:
        self._incoming.drop(actor.id, file)

    @property
    def _incoming(self) -> Incoming:
        return Incoming(self.desk.engine)

    def hand_over(self, actor: Actor, uploads: Sequence[str], case_id: str) -> None:
        for upload in uploads:
            self.desk.hand_to_case(upload, actor.id, case_id)

    def _name(self, found: Upload) -> str:
        place = f"upload:{found.id}:name".encode()
        return self.vault.open(self.pseudonym_of(found.owner), found.name_sealed, place).decode()


@dataclass(frozen=True)
class WebDrafts:
    """`forms.draft_ports.Drafts`: begun forms, sealed under their author's key."""

    desk: DeskStore
    vault: SubjectVault
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    def save(
        self, actor: Actor, draft: str, matter: str, title: str, values: Mapping[str, JsonValue],
        seen: int,
    ) -> SavedDraft:  # fmt: skip
        text = json.dumps({"title": title, "values": values}, ensure_ascii=False).encode()
        sealed = self.vault.seal(self.pseudonym_of(actor.id), text, _draft_place(draft))
        at = self.now()
        try:
            version = self.desk.save_draft(actor.id, SealedDraft(draft, matter, sealed, at), seen)
        except TooManyDrafts:
            refused = f"草稿已满 {MOST_DRAFTS} 份，请先在草稿列表里删除不要的"
            return SavedDraft(refused=refused)
        except DraftMoved:
            theirs = self.find(actor, draft)
            if theirs is None:
                return SavedDraft(gone=True)
            if dict(theirs.values) == dict(values):
                # The answer to an earlier saving was lost on its way: it is what is kept.
                return SavedDraft(theirs.version, theirs.saved_at)
            return SavedDraft(theirs=theirs)
        return SavedDraft(version, at)

    def listing(self, actor: Actor) -> Sequence[Draft]:
        return [self._opened(actor, one) for one in self.desk.drafts(actor.id)]

    def find(self, actor: Actor, draft: str) -> Draft | None:
        found = self.desk.find_draft(actor.id, draft)
        return None if found is None else self._opened(actor, found)

    def remove(self, actor: Actor, draft: str) -> None:
        self.desk.remove_draft(actor.id, draft)

    def _opened(self, actor: Actor, one: SealedDraft) -> Draft:
        text = self.vault.open(self.pseudonym_of(actor.id), one.sealed, _draft_place(one.id))
        said = json.loads(text)
        return Draft(one.id, one.matter, said["title"], one.saved_at, said["values"], one.version)


def _coming_place(file: str, start: int | None = None) -> bytes:
    return f"coming:{file}{'' if start is None else f':{start}'}".encode()


def _draft_place(draft: str) -> bytes:
    return f"draft:{draft}".encode()
