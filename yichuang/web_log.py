"""The log's pages over the real stores: finding entries, showing one, verifying all."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Engine, select

from audit.entry import EntryDraft, What, Where
from audit.logstore import LogReader, StoredEntry
from audit.outbox import record
from audit.payloads import PayloadAltered, open_payload
from audit.proofs import NotSealed, prove
from audit.shards import holding, reading_all
from audit.tables import audit_entry, audit_payload
from audit.vault import KeyDestroyed, SealBroken, SubjectVault, UnknownSubject
from cases import log_lines, verifications
from cases.accounts import Accounts, normal_login
from cases.database import reading
from cases.log_lines import Line, LineQuery
from cases.masking import ERASED
from cases.messages import Actor
from cases.queries import Queries
from cases.tables import case
from cases.verifications import AlreadyRunning
from forms.log_ports import LogLine, LogPageFound, LogQuery, ShownEntry, ShownVerification
from yichuang.case_reach import CaseReach
from yichuang.web_ports import who_is

STREAM: Final = "sys:search"
"""Who looked for what in the log, in the web store."""

SEARCHED: Final = "audit.searched"

READS: Final = ("read", "read_personal", "print", "print_card")
"""Acts by which somebody looks at a case."""

MOST_PASSES = 20
"""Pages of lines that one search reads at most to fill one page of what the reader may see."""

AT_ONCE = 2_000
"""Entries taken into the lines by one transaction."""


@dataclass
class Finder:
    """Keeps the lines of the web store up with the log; one per process."""

    log: Engine
    web: Engine
    _lock: Lock = field(default_factory=Lock)
    _through: dict[str, int] = field(default_factory=dict)
    """Shard → entries that were looked at, purged ones too."""

    def catch_up(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Write a line for each entry that has none yet; return how many."""
        with self._lock:
            added = 0
            while not stop():
                found = self._next()
                added += found
                if not found:
                    break
            return added

    def bodies(self, lines: Sequence[Line]) -> Mapping[str, Mapping[str, Any]]:
        """Return the bodies of the lines' entries by entry id; purged ones have none."""
        query = select(audit_entry.c.entry_id, audit_entry.c.body)
        found: dict[str, Mapping[str, Any]] = {}
        with reading_all(self.log) as shards:
            for shard in shards:
                origin = LogReader(shard).state().origin
                places = [one.seq for one in lines if one.origin == origin]
                if places:
                    rows = shard.execute(query.where(audit_entry.c.seq.in_(places)))
                    found |= {r.entry_id: orjson.loads(bytes(r.body)) for r in rows if r.body}
        return found

    def _next(self) -> int:
        with self.web.begin() as connection, reading_all(self.log) as shards:
            for shard in shards:
                reader = LogReader(shard)
                state = reader.state()
                start = self._through.get(state.origin)
                if start is None:
                    start = log_lines.known_until(connection, state.origin)
                if start >= state.size:
                    continue
                entries = list(reader.entries(start, min(start + AT_ONCE, state.size)))
                rows = [_row(state.origin, one) for one in entries if one.body]  # not the purged
                log_lines.add(connection, rows)
                break
            else:
                return 0
        # Only now: what did not commit is read again.
        self._through[state.origin] = start + len(entries)
        return len(entries)


def _row(origin: str, entry: StoredEntry) -> Mapping[str, Any]:
    body = orjson.loads(entry.body)
    return {
        "origin": origin,
        "seq": entry.index,
        "entry_id": entry.entry_id,
        "at": datetime.fromisoformat(body["t"]),
        "act": body["act"][:64],
        "res": body["res"],
        "who": body["who"]["id"][:80],
        "case_id": _case_of(entry),
    }


def _case_of(entry: StoredEntry) -> str:
    """Return the id of the case that an entry is about; a purged one still has its stream."""
    if entry.stream.startswith("case:"):
        return entry.stream.removeprefix("case:")
    thing = orjson.loads(entry.body)["obj"] if entry.body else {}
    return str(thing["id"])[:200] if thing.get("type") == "case" else ""


@dataclass
class WebLog:
    """`forms.log_ports.LogBook` over the real stores."""

    finder: Finder
    reach: CaseReach
    queries: Queries
    accounts: Accounts
    vault: SubjectVault
    pseudonym_of: Callable[[str], str]
    zone: str
    now: Callable[[], datetime]
    launch: Callable[[str], None]
    """Starts the process that carries a verification out."""
    _names: dict[str, str] = field(default_factory=dict)

    # --- finding -----------------------------------------------------------------------------

    def search(self, actor: Actor, ip: str, query: LogQuery, names: bool) -> LogPageFound:
        case_id = self._known_case(actor, query.case_no) if query.case_no else ""
        who = self._pseudonyms(query.person) if query.person else None
        if query.is_personal:
            self._note(actor, ip, case_id or "-", who)
        self.finder.catch_up()
        wanted = LineQuery(
            case_id=case_id or "",
            who=[] if query.case_no and case_id is None else who,
            acts=READS if query.reads else (query.act,) if query.act else (),
            result=query.result,
            since=self._midnight(query.since),
            until=self._midnight(query.until, 1),
            before=query.before,
        )
        lines, following = self._page(actor, wanted)
        with reading_all(self.finder.log) as shards:
            size = sum(LogReader(shard).state().size for shard in shards)
        return LogPageFound(
            self._shown(lines, names),
            following,
            size,
            known_person=who is None or bool(who),
            known_case=case_id is not None,
        )

    def _known_case(self, actor: Actor, case_no: str) -> str | None:
        """Return the id of a case whose entries the reader may see; None: there is none."""
        found = self.queries.find_case(case_no)
        return None if found is None or self.reach.hidden(actor, [found], "log") else found

    def _page(self, actor: Actor, wanted: LineQuery) -> tuple[list[Line], int]:
        """Return the lines that the reader may see, and before which number older ones are.

        Whose lines are many and hidden gets a shorter page: how many were passed over is not told.
        """
        lines: list[Line] = []
        more, before = True, wanted.before
        for _ in range(MOST_PASSES):
            with reading(self.finder.web) as connection:
                found, more = log_lines.search(connection, replace(wanted, before=before))
            hidden = self.reach.hidden(actor, {one.case_id for one in found}, "log")
            lines += [one for one in found if one.case_id not in hidden]
            before = found[-1].n if found else before
            if not more or len(lines) >= log_lines.ROWS:
                break
        rest = lines[log_lines.ROWS :]
        lines = lines[: log_lines.ROWS]
        return lines, lines[-1].n if rest else before if more else 0

    def acts(self) -> Sequence[str]:
        with reading(self.finder.web) as connection:
            return log_lines.acts(connection)

    def _note(self, actor: Actor, ip: str, case_id: str, who: Collection[str] | None) -> None:
        """Commit the entry of a search before anything is found: of which case, of whom."""
        draft = EntryDraft(
            id=str(uuid4()),
            stream=STREAM,
            at=self.now(),
            who=who_is(actor, self.pseudonym_of),
            act=SEARCHED,
            obj=What("case", case_id, None if who is None else next(iter(sorted(who)), "-")),
            where=Where(ip=ip or None, svc="web"),
        )
        with self.finder.web.begin() as connection:
            record(connection, draft)

    def _pseudonyms(self, typed: str) -> list[str]:
        if ":" in typed:
            return [typed]
        return [
            self.pseudonym_of(one.id)
            for one in self.accounts.listing()
            if typed == one.name or normal_login(typed) == one.login
        ]

    def _midnight(self, day: Any, later: int = 0) -> datetime | None:
        if day is None:
            return None
        start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))
        return (start + timedelta(days=later)).astimezone(UTC)

    def _shown(self, lines: Sequence[Line], names: bool) -> Sequence[LogLine]:
        bodies = self.finder.bodies(lines)
        numbers = self._case_numbers({one.case_id for one in lines} - {""})
        purposes = self._purposes([one.entry_id for one in lines], bodies) if names else {}
        shown = []
        for one in lines:
            body = bodies.get(one.entry_id, {})
            thing = body.get("obj", {})
            behalf = body.get("who", {}).get("on_behalf", "")
            shown.append(
                LogLine(
                    n=one.n, entry_id=one.entry_id, seq=one.seq, at=one.at, act=one.act,
                    res=one.res, who=one.who, name=self._name(one.who) if names else "",
                    org=body.get("who", {}).get("org", ""),
                    door=body.get("from", {}).get("svc", ""),
                    case_no=numbers.get(one.case_id, ""),
                    object=thing.get("type", ""),
                    behalf=behalf, behalf_name=self._name(behalf) if names else "",
                    purpose=purposes.get(one.entry_id, ""),
                )
            )  # fmt: skip
        return shown

    def _case_numbers(self, ids: Collection[str]) -> Mapping[str, str]:
        query = select(case.c.id, case.c.case_no).where(case.c.id.in_(sorted(ids)))
        with reading(self.reach.engine) as connection:
            return {row.id: row.case_no for row in connection.execute(query)}

    def _purposes(
        self, ids: Sequence[str], bodies: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, str]:
        """Return what was given as reason, checked against what the entry committed to."""
        table = audit_payload.c
        query = select(table.entry_id, table.subject, table.sealed).where(
            table.entry_id.in_(ids), table.name == "reason"
        )
        with reading(self.finder.web) as connection:
            rows = connection.execute(query).all()
        found = {}
        for row in rows:
            if row.entry_id not in bodies:
                continue
            said = next(p for p in bodies[row.entry_id]["pay"] if p["n"] == "reason")
            try:
                text = open_payload(
                    self.vault, row.entry_id, "reason", row.subject, bytes(row.sealed),
                    bytes.fromhex(said["c"]),
                )  # fmt: skip
            except (KeyDestroyed, UnknownSubject):
                found[row.entry_id] = ERASED
            except (SealBroken, PayloadAltered):
                found[row.entry_id] = ""  # `audit verify` names it
            else:
                found[row.entry_id] = text.decode(errors="replace")
        return found

    def _name(self, who: str) -> str:
        if who not in self._names and who.startswith("account:"):
            self._names = {self.pseudonym_of(a.id): a.name for a in self.accounts.listing()}
        return self._names.get(who, "")

    # --- one entry ---------------------------------------------------------------------------

    def entry(self, actor: Actor, entry_id: str, names: bool) -> ShownEntry | None:
        with holding(self.finder.log, entry_id) as connection:
            reader = LogReader(connection)
            found = reader.entry(entry_id)
            if found is None:
                return None
            head = reader.last_checkpoint()
            around = {
                row.stream_seq: row.entry_id
                for row in connection.execute(
                    select(audit_entry.c.stream_seq, audit_entry.c.entry_id).where(
                        audit_entry.c.stream == found.stream,
                        audit_entry.c.stream_seq.in_([found.stream_seq - 1, found.stream_seq + 1]),
                    )
                )
            }
        body = orjson.loads(found.body or b"{}")
        case_id = _case_of(found)
        if case_id and self.reach.hidden(actor, [case_id], "log"):
            return None
        return ShownEntry(
            entry_id=entry_id, seq=found.index, leaf=found.leaf.hex(), body=body,
            text=found.body.decode(),
            name=self._name(body["who"]["id"]) if names and body else "",
            behalf_name=self._name(body["who"].get("on_behalf", "")) if names and body else "",
            case_no=self._case_numbers({case_id}).get(case_id, "") if case_id else "",
            sealed=head is not None and head.size > found.index,
            previous=around.get(found.stream_seq - 1, ""),
            following=around.get(found.stream_seq + 1, ""),
        )  # fmt: skip

    def proof(self, entry_id: str) -> bytes | None:
        try:
            with holding(self.finder.log, entry_id) as connection:
                return prove(connection, entry_id).text.encode()
        except NotSealed:
            return None

    # --- verifying ---------------------------------------------------------------------------

    def verify(self, actor: Actor) -> bool:
        id = str(uuid4())
        try:
            with self.finder.web.begin() as connection:
                verifications.begin(connection, id, actor.id, self.now())
        except AlreadyRunning:
            return False
        self.launch(id)
        return True

    def verifications(self, names: bool) -> Sequence[ShownVerification]:
        with reading(self.finder.web) as connection:
            found = verifications.newest(connection)
        people = self.accounts.names([one.asked_by for one in found]) if names else {}
        return [
            ShownVerification(
                one.id,
                people.get(one.asked_by, ""),
                one.asked_at,
                one.ended_at,
                min(100, one.seen * 100 // one.total) if one.total else 0,
                one.exit_code,
                json.loads(one.report) if one.report else {},
            )
            for one in found
        ]
