"""Keeps what an incident issued, sent and files, on paper: printed once, numbered, sealed, logged.

An act is settled first; its paper follows within seconds. Each is keyed by the order that it
follows from, so that a crash anywhere leaves it to be made again, with the same number, and two
processes make it once. Printed before the transaction: seconds are too long to hold a lock.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from activities.glyphs import GlyphMissing
from activities.incident_papers import NotAnnounceable
from activities.press import PressFailed
from audit.entry import EntryDraft, What, Where, Who, entry_id
from audit.outbox import record
from audit.vault import SubjectVault
from cases import numbers, paper_rows
from cases.database import StoreUnwritable, open_engine, reading
from cases.incidents.messages import OBJECT, incident_subject
from cases.numbers import Number, NumberLost, announcement_series
from cases.paper_rows import Due, KeptPaper
from cases.standing import Standings
from catalogue.load import Catalogue
from yichuang import joining
from yichuang.incident_papers import IncidentPapers, NoSuchPaper, body_opener, where_of
from yichuang.settings import Settings
from yichuang.web_supervision import LazyPress, Press

STREAM: Final = "paper:"
KEPT: Final = "paper_kept"
ISSUER: Final = "gov"
"""第七十二条: it is the government that starts a response."""
PORTION: Final = 50
EVERY_SECONDS: Final = 5.0
AWAY = (SQLAlchemyError, StoreUnwritable, PressFailed, NumberLost)
"""What may be away: the next look goes on from there."""

_log = logging.getLogger("yichuang.papers")


@dataclass
class PaperKeeper:
    """Looks what has been ordered since its last look, and makes what is missing of it."""

    cases: Engine
    papers: IncidentPapers
    press: Press
    vault: SubjectVault
    catalogue: Callable[[], Catalogue]
    zone: str
    now: Callable[[], datetime]
    _seen: int = field(default=0, init=False)
    """Number of the newest change of which every paper is made. At a start it looks at all."""

    def look(self) -> int:
        """Make the papers that are missing; return how many. Raises `AWAY`."""
        made = 0
        while True:
            with reading(self.cases) as connection:
                found = paper_rows.changes(connection, self._seen, PORTION)
            if not found:
                return made
            for seq, incident_id in found:
                made += self._of(incident_id)
                self._seen = seq

    def _of(self, incident_id: str) -> int:
        with reading(self.cases) as connection:
            wanted = paper_rows.due(connection, incident_id)
        return sum(self._make(one) for one in wanted)

    def _make(self, one: Due) -> bool:
        numbered = self._numbers(one)
        number = numbered[0].text if numbered else ""
        try:
            html = self.papers.kept_html(one.incident_id, one.kind, one.source, number)
        except (NoSuchPaper, NotAnnounceable) as nothing:
            _log.warning("no %s of incident %s: %s", one.kind, one.incident_id, nothing)
            return False
        try:
            content = self.press.print_html(html)
        except GlyphMissing as missing:
            # A paper with holes never leaves; one with a sign that no font has holds up no other.
            _log.error("no %s of incident %s: %s", one.kind, one.incident_id, missing)
            return False
        now = self.now()
        kept = KeptPaper(
            one.id, one.incident_id, one.source, one.kind, number,
            hashlib.sha256(content).hexdigest(), one.act_at, now, entry_id(one.id, KEPT),
        )  # fmt: skip
        sealed = self.vault.seal(incident_subject(one.incident_id), content, where_of(kept))
        try:
            with self.cases.begin() as connection:
                after = paper_rows.put(connection, kept, sealed)
                numbers.use(connection, one.source, numbered, now)
                record(connection, _entry(kept, after))
        except IntegrityError:
            _log.info("another process has kept %s of %s", one.kind, one.incident_id)
            return False
        return True

    def _numbers(self, one: Due) -> list[Number]:
        if one.kind != "announcement":
            return []
        on = one.act_at.astimezone(ZoneInfo(self.zone)).date()
        prefix = self.catalogue().city.department(ISSUER).number_prefix
        series = announcement_series(ISSUER, prefix, on)
        return numbers.reserve(self.cases, one.source, one.incident_id, [series], self.now())


def _entry(kept: KeptPaper, after: str) -> EntryDraft:
    return EntryDraft(
        id=kept.entry_id,
        stream=f"{STREAM}{kept.id}",
        at=kept.made_at,
        who=Who("system", "system"),
        act=KEPT,
        obj=What(OBJECT, kept.incident_id, doc=kept.digest),
        why=kept.kind,
        where=Where(svc="worker"),
        after=after,
    )


def keeper_of(settings: Settings) -> PaperKeeper:
    """Return the keeper over the real stores. Raises `KeyMissing`, `SettingMissing`."""
    cases = open_engine(settings.store_url("cases"))
    released = joining.released_of(settings, cases)
    vault = joining.vault_of(settings)
    standings = Standings(open_engine(settings.store_url("web"), read_only=True))
    papers = IncidentPapers(
        cases, released.catalogue, body_opener(vault), standings.names, settings.zone, _now
    )
    return PaperKeeper(
        cases, papers, LazyPress(released.catalogue), vault, released.catalogue, settings.zone, _now
    )


async def carry_on(settings: Settings) -> None:
    """Look every few seconds until cancelled. Raises `KeyMissing`, `SettingMissing` at once."""
    keeper = keeper_of(settings)
    while True:
        try:
            await asyncio.to_thread(keeper.look)
        except AWAY as away:
            _log.warning("papers are not made now, soon again: %s", away)
        await asyncio.sleep(EVERY_SECONDS)


def _now() -> datetime:
    return datetime.now(UTC)
