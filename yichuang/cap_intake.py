"""CAP messages: judged, kept with what they replace, and handed on as signals.

1. A message is read; what is hostile, of no schema, of an unknown sender or speaks of others'
   messages is refused, with an entry of the refusal.
2. Its links, its signals and the entry are one transaction. A crash before it leaves nothing.
3. The signals go into stream SIG, and the row is marked. After a crash or without JetStream the
   sender hears "not now", sends the same message again, and the same signals go out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4, uuid5

from sqlalchemy import Engine

from audit.entry import EntryDraft, What
from audit.entry import Where as EntryWhere
from audit.outbox import record
from cases import cap_rows
from cases.cap_rows import KeptAlert
from cases.incidents.cap import Alert, CapRefused, read_alert
from cases.incidents.cap_chain import check, named, step
from cases.incidents.cap_signal import follow
from cases.incidents.signal import Signal, SignalReceipt
from cases.messages import NAMESPACE, Actor
from catalogue.cap_sources import CapSource, CapSources
from catalogue.load import Catalogue
from forms.entrance_ports import Where
from forms.intake_ports import CapAnswer
from yichuang.cap_signature import signed_part
from yichuang.web_ports import who_is

STREAM: Final = "sys:alerts"
TAKEN: Final = "alert_taken"


@dataclass(frozen=True)
class CapIntake:
    """Takes messages one by one; the entry's stream makes those that come at once wait."""

    web: Engine
    sources: CapSources
    catalogue: Callable[[], Catalogue]
    submit: Callable[[Signal], Awaitable[SignalReceipt]]
    aside: Callable[[Callable[[], KeptAlert]], Awaitable[KeptAlert]]
    """Runs what blocks in a thread of its own."""
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    async def take(self, actor: Actor, where: Where, body: bytes, only: str = "") -> CapAnswer:
        """Return what came of a message. Raises `NotNow`: the same message again.

        `only`: the one sender whose messages are expected here; empty: any that is known.
        """
        try:
            alert = read_alert(body)
            source = self._source(alert)
            if source.certificate:
                # From here on nothing counts but what the sender has signed.
                alert = read_alert(signed_part(body, source.certificate))
                if alert.sender != source.sender:
                    raise CapRefused(f"签名的报文是另一发布者的：{alert.sender[:80]}")
            if only and alert.sender != only:
                raise CapRefused(f"{only} 的订阅里有别人的消息：{alert.sender[:80]}")
            check(alert)
        except CapRefused as no:
            self._refused(actor, where, body)
            return CapAnswer("", "refused", code="invalid", faults=no.faults)
        digest = hashlib.sha256(body).hexdigest()
        try:
            kept = await self.aside(lambda: self._kept(actor, where, alert, source, digest))
        except _Other:
            self._refused(actor, where, body)
            fault = "同一发布者、编号、时间的消息已经收过，内容不同"
            return CapAnswer("", "refused", code="other_content", faults=(fault,))
        receipts = [await self.submit(one) for one in kept.signals]
        if not kept.is_out:
            await self.aside(lambda: self._out(kept))
        return CapAnswer(
            kept.key, kept.what, kept.why,  # type: ignore[arg-type] # as it was written
            tuple(one.id for one in receipts), repeated=kept.is_out and bool(kept.signals),
        )  # fmt: skip

    def _source(self, alert: Alert) -> CapSource:
        source = self.sources.by_sender.get(alert.sender)
        if source is None:
            raise CapRefused(f"没有登记发布者 {alert.sender[:80]}（catalogue/cap_sources.yaml）")
        return source

    def _kept(
        self, actor: Actor, where: Where, alert: Alert, source: CapSource, digest: str
    ) -> KeptAlert:
        """Write a message, or return it as it was written. Raises `_Other`."""
        key, at, catalogue = str(alert.reference), self.now(), self.catalogue()
        draft = self._draft(actor, where, str(uuid5(NAMESPACE, f"cap\n{key}\n{digest}")), key, at)
        with self.web.begin() as connection:
            # The entry first: its stream is locked, so that links are read as they will stay.
            before = cap_rows.find(connection, key)
            if before is None:
                record(connection, draft)
                before = cap_rows.find(connection, key)
            if before is not None:
                if before.digest != digest:
                    raise _Other
                return before
            known = cap_rows.links(connection, named(alert))
            taken = step(alert, known, at)
            taken, signals = follow(
                alert, taken, source, catalogue.incident_types, catalogue.grid
            )  # fmt: skip
            cap_rows.keep(connection, taken, digest, signals, actor.id, at)
            return KeptAlert(key, digest, taken.what, taken.why, signals, is_out=not signals)

    def _out(self, kept: KeptAlert) -> KeptAlert:
        with self.web.begin() as connection:
            cap_rows.out(connection, kept.key)
        return kept

    def _refused(self, actor: Actor, where: Where, body: bytes) -> None:
        name = hashlib.sha256(body).hexdigest()
        draft = self._draft(actor, where, str(uuid4()), name, self.now(), "invalid")
        with self.web.begin() as connection:
            record(connection, draft)

    def _draft(
        self, actor: Actor, where: Where, entry: str, key: str, at: datetime, why: str = ""
    ) -> EntryDraft:
        return EntryDraft(
            id=entry, stream=STREAM, at=at, who=who_is(actor, self.pseudonym_of), act=TAKEN,
            obj=What("alert", cap_rows.named(key)), res="deny" if why else "ok", why=why or None,
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )  # fmt: skip


class _Other(Exception):
    """The same message was taken with another content."""
