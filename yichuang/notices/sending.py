"""The two halves of the way out: whom a notice goes to, and each channel's tries for itself.

A notice is looked up once and never twice. A try is claimed before it is made and written down
after; whoever dies in between leaves it to be tried again under the same key, by which its receiver
knows it. No channel waits for another: each has tasks and threads of its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError, OperationalError

from activities.notice_wording import MAIL, SUBJECT
from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from cases import deliveries, digests, duty, notices_out
from cases.database import StoreUnwritable, reading
from cases.deliveries import OFFICE, Delivery, State
from cases.notices_out import KeptNotice
from yichuang.notices.channels import Channel, Outgoing, Went
from yichuang.notices.finding import Lookup

STREAM = "sys:notices"
"""The stream of what became of notices. Only the web store has it."""
LOOK_SECONDS = 0.5
AT_ONCE = 8
"""Tries of one channel at the same time, so that one slow receiver does not hold up the others."""
SETTLED = timedelta(minutes=10)
"""After so long no transaction is open that could still commit a notice with a lower number."""
BEHIND = 1_000
"""How far behind the highest looked-up number is begun after a start, for the same reason."""

_log = logging.getLogger("yichuang.notifier")


def entry(
    notice_id: str,
    step: str,
    act: str,
    at: datetime,
    *,
    about: str = "",
    ok: bool = True,
    why: str = "",
) -> EntryDraft:
    """Return the entry of what became of a notice; the same step twice is the same entry."""
    return EntryDraft(
        id=entry_id(UUID(notice_id), step),
        stream=STREAM,
        at=at,
        who=Who("system", "system"),
        act=act,
        obj=What("notice", notice_id, about or None),
        res="ok" if ok else "error",
        why=why or None,
        where=Where(svc="notifier"),
    )


@dataclass
class Finding:
    """Looks notices up and writes whom they go to."""

    cases: Engine
    web: Engine
    lookup: Lookup
    now: Callable[[], datetime]
    _below: int | None = field(default=None, init=False)

    def look(self) -> int:
        """Look up what is new, urgent ones first; return how many."""
        if self._below is None:
            with reading(self.web) as connection:
                self._below = max(0, deliveries.newest(connection) - BEHIND)
        with reading(self.cases) as connection:
            told = notices_out.after(connection, self._below)
        if not told:
            return 0
        with reading(self.web) as connection:
            known = deliveries.known(connection, [one.id for one in told])
        fresh = sorted(
            (one for one in told if one.id not in known), key=lambda one: (not one.urgent, one.n)
        )
        for one in fresh:
            self._find(one)
        self._move(told)
        return len(fresh)

    def _find(self, notice: KeptNotice) -> None:
        at = self.now()
        try:
            with self.web.begin() as connection:
                whom = self.lookup.whom(connection, notice, at)
                ways = self.lookup.ways(connection, notice, whom)
                deliveries.found(connection, notice, ways, at, whom.nobody)
                why = f"nobody:{whom.nobody}" if whom.nobody else ""
                if not whom.people:
                    why = "nobody:*"
                about = notice.incident_id
                record(
                    connection,
                    entry(notice.id, "found", "notice_found", at, about=about,
                          ok=bool(whom.people), why=why),
                )  # fmt: skip
        except IntegrityError:  # another notifier was faster
            _log.info("notice %s was looked up elsewhere", notice.id)

    def _move(self, told: Sequence[KeptNotice]) -> None:
        """Begin after what is old enough that nothing before it can still be committed."""
        settled = self.now() - SETTLED
        for one in told:
            if one.told_at >= settled:
                break
            self._below = one.n


@dataclass(frozen=True)
class Sending:
    """Tries what waits, channel by channel."""

    cases: Engine
    web: Engine
    channels: Mapping[deliveries.Channel, Channel]
    address: Callable[[Connection, Delivery], str | None]
    """Where a delivery goes, opened for this one try; None: the person has taken it back."""
    words: Callable[[KeptNotice, str], str]
    """Notice and channel → what is said."""
    link: Callable[[KeptNotice], str]
    now: Callable[[], datetime]

    def due(self, channel: deliveries.Channel) -> list[Delivery]:
        """Return what this channel has to try now."""
        with reading(self.web) as connection:
            return list(deliveries.due(connection, channel, self.now()))

    def attempt(self, one: Delivery) -> Went | None:
        """Make one try and write what came of it; None when another has it."""
        at = self.now()
        with self.web.begin() as connection:
            if not deliveries.claim(connection, one, at):
                return None
            address = self.address(connection, one)
            own = digests.as_notice(connection, one.notice_id)
        with reading(self.cases) as connection:
            found = [own] if own else notices_out.with_ids(connection, [one.notice_id])
        if address is None or not found:
            went = Went("failed", "收件人没有这一渠道的地址" if found else "没有这一通知")
        else:
            went = self.channels[one.channel].carry(self._outgoing(one, found[0], address))
        self.note(one, went.state, went.reason)
        return went

    def note(self, one: Delivery, state: State, reason: str) -> None:
        """Write what became of a delivery, with its entry once that is final."""
        at = self.now()
        with self.web.begin() as connection:
            before = deliveries.one(connection, one.notice_id, one.person, one.channel)
            if before is None or before.state == state != "queued":
                return  # said twice
            if not deliveries.went(connection, one, state, at, reason):
                return
            now = deliveries.one(connection, one.notice_id, one.person, one.channel)
            if now is None or now.state == "queued":
                return
            record(
                connection,
                entry(one.notice_id, f"{key_of(one)}:{now.state}", f"notice_{now.state}", at,
                      about=one.channel, ok=now.state != "failed", why=now.reason),
            )  # fmt: skip

    def _outgoing(self, one: Delivery, notice: KeptNotice, address: str) -> Outgoing:
        return Outgoing(
            key=key_of(one),
            notice_id=notice.id,
            incident_id=notice.incident_id,
            kind=notice.kind,
            text=self.words(notice, one.channel),
            link=self.link(notice),
            address=address,
            urgent=notice.urgent,
            told_at=notice.told_at,
            subject=self.words(notice, SUBJECT) if one.channel == MAIL else "",
        )


def key_of(one: Delivery) -> str:
    """Return the key of a delivery: the same at every try; it names neither person nor address."""
    who = hashlib.sha256(f"{one.person}\n{one.channel}".encode()).hexdigest()[:16]
    return f"{one.notice_id}.{one.channel}.{who}"


def delivery_of(web: Engine, key: str) -> Delivery | None:
    """Return the delivery of a key, None for what is none."""
    notice_id, _, _ = key.partition(".")
    with reading(web) as connection:
        rows = deliveries.of_notices(connection, [notice_id]).get(notice_id, ())
    return next((one for one in rows if key_of(one) == key), None)


def address_of(
    open_sealed: Callable[[str, str, bytes], str],
) -> Callable[[Connection, Delivery], str | None]:
    """Return what finds a delivery's address. `open_sealed`: person, channel, sealed → address."""

    def find(connection: Connection, one: Delivery) -> str | None:
        if one.channel == "webhook":
            return one.person.removeprefix(OFFICE)
        sealed = duty.contacts(connection, [one.person]).get((one.person, one.channel))
        return None if sealed is None else open_sealed(one.person, one.channel, sealed)

    return find


async def keep_finding(finding: Finding, threads: Executor) -> None:
    """Look notices up until cancelled; a store that is away is asked again."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            await loop.run_in_executor(threads, finding.look)
        except (OperationalError, StoreUnwritable) as away:
            _log.warning("notices are not looked up now: %s", away)
        await asyncio.sleep(LOOK_SECONDS)


async def keep_sending(sending: Sending, channel: deliveries.Channel, threads: Executor) -> None:
    """Try what waits for one channel until cancelled, at most `AT_ONCE` at a time."""
    loop = asyncio.get_running_loop()
    running: set[asyncio.Future[Went | None]] = set()
    tried: set[str] = set()

    def done(key: str) -> Callable[[object], None]:
        return lambda _ended: tried.discard(key)

    while True:
        try:
            waiting = await loop.run_in_executor(threads, sending.due, channel)
        except (OperationalError, StoreUnwritable) as away:
            _log.warning("deliveries by %s wait: %s", channel, away)
            waiting = []
        for one in waiting:
            if len(running) >= AT_ONCE:
                break
            if key_of(one) in tried:
                continue
            tried.add(key_of(one))
            task = loop.run_in_executor(threads, sending.attempt, one)
            task.add_done_callback(done(key_of(one)))
            running.add(task)
        running = _ended(running, channel)
        await asyncio.sleep(LOOK_SECONDS)


def _ended(
    running: set[asyncio.Future[Went | None]], channel: str
) -> set[asyncio.Future[Went | None]]:
    """Return what still runs; what a store refused comes again when its claim is over."""
    left = set()
    for task in running:
        if not task.done():
            left.add(task)
            continue
        error = task.exception()
        if error is None:
            continue
        if not isinstance(error, (OperationalError, StoreUnwritable)):
            raise error
        _log.warning("a delivery by %s could not be written: %s", channel, error)
    return left
