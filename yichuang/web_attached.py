"""`forms.attached_ports.AttachedFiles` over the web store; and their end with the thing's own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import Engine

from audit.entry import EntryDraft, What
from audit.entry import Where as EntryWhere
from audit.outbox import record
from audit.vault import KeyDestroyed, SubjectVault, UnknownSubject
from cases.attached import Attached, sealed_under, thing_key
from cases.database import reading
from cases.desk import Desk, Upload
from cases.incident_ends import is_done
from cases.messages import Actor
from forms.access_ports import Thing
from forms.attached_ports import Offered
from forms.entrance_ports import Visitor, Where
from forms.reader_ports import File
from yichuang.web_ports import READ_STREAM, who_is

READ: Final = "attached_read"
_log = logging.getLogger("yichuang.attached")


@dataclass(frozen=True)
class WebAttached:
    """Files sealed under a key that is the thing's alone, in the web's own store."""

    desk: Desk
    vault: SubjectVault
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]
    arrived: Callable[[], None] | None = None
    """Called when a file waits for the scanner; None: there is no scanner, nothing is held."""

    def keep(self, actor: Actor, thing: Thing, name: str, media: str, content: bytes) -> Attached:
        upload, key = self.desk.new_upload_id(), thing_key(thing.type, thing.id)
        digest = hashlib.sha256(content).hexdigest()
        same = self.desk.kept_for(actor.id, key, digest)
        if same is not None:
            return self._attached(same)
        place = f"upload:{upload}".encode()
        subject = sealed_under(key)
        sealed, sealed_name = self.vault.seal_many(
            [(subject, content, place), (subject, name.encode(), _named(upload))]
        )
        kept = Upload(
            upload, actor.id, digest, len(content), media, sealed_name, self.now(), "",
            is_held=self.arrived is not None, thing=key,
        )  # fmt: skip
        self.desk.keep_upload(kept, sealed)
        if self.arrived is not None:
            self.arrived()
        return Attached(upload=upload, sha256=digest, name=name, media=media, size=len(content))

    def offered(self, actor: Actor, thing: Thing, upload: str) -> Offered | None:
        found = self._found(thing, upload)
        if found is None or found.owner != actor.id:
            return None
        return Offered(self._attached(found), found.finding or "")

    def take(self, thing: Thing, files: Sequence[Attached]) -> None:
        if files:
            self.desk.attach([one.upload for one in files], thing_key(thing.type, thing.id))

    def of(self, thing: Thing) -> Sequence[Attached]:
        found = self.desk.attached_to(thing_key(thing.type, thing.id))
        try:
            return [self._attached(one) for one in found]
        except (KeyDestroyed, UnknownSubject):
            return []  # its end is under way: the rows go next

    def held(self, thing: Thing, upload: str) -> Literal["", "waiting", "infected"]:
        found = self._found(thing, upload)
        if found is None or not found.is_held:
            return ""
        return "infected" if found.finding else "waiting"

    def hand_out(self, visitor: Visitor, where: Where, thing: Thing, upload: str) -> File | None:
        found, sealed = self._found(thing, upload), self.desk.read_upload(upload)
        if found is None or sealed is None or not found.is_used:
            return None
        try:
            content = self.vault.open(
                sealed_under(found.thing), sealed, f"upload:{upload}".encode()
            )
            name = self._attached(found).name
        except (KeyDestroyed, UnknownSubject):
            return None
        draft = EntryDraft(
            id=str(uuid4()),
            stream=READ_STREAM,
            at=self.now(),
            who=who_is(visitor.actor, self.pseudonym_of),
            act=READ,
            obj=What(thing.type, thing.id, doc=found.digest),
            where=EntryWhere(ip=where.ip or None, svc="web"),
        )
        with self.desk.engine.begin() as connection:
            record(connection, draft)
        return File(name, found.media_type, content)

    def _found(self, thing: Thing, upload: str) -> Upload | None:
        found = self.desk.find_upload(upload)
        return found if found and found.thing == thing_key(thing.type, thing.id) else None

    def _attached(self, found: Upload) -> Attached:
        name = self.vault.open(sealed_under(found.thing), found.name_sealed, _named(found.id))
        return Attached(
            upload=found.id, sha256=found.digest, name=name.decode(), media=found.media_type,
            size=found.size,
        )  # fmt: skip


def _named(upload: str) -> bytes:
    return f"upload:{upload}:name".encode()


@dataclass(frozen=True)
class AttachedEnds:
    """Destroys an incident's files once its people's data has ended (突发事件应对法第八十五条):
    a photograph shows people. What was attached stays proved by its digest in the log."""

    cases: Engine
    """Read: whether an end is carried through, whose entry the log has."""
    desk: Desk
    vault: SubjectVault

    def look(self) -> int:
        """Return how many files went. A crash in between is gone on from by the next look."""
        gone = 0
        for incident in self.desk.things("incident"):
            with reading(self.cases) as connection:
                over = is_done(connection, incident)
            if over:
                key = thing_key("incident", incident)
                # The key first: what a backup keeps of the rows opens no more either.
                self.vault.destroy(sealed_under(key))
                gone += self.desk.forget_thing(key)
        if gone:
            _log.info("随突发事件的个人信息销毁附件 %d 份", gone)
        return gone
