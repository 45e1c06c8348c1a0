"""Versions for the pages: proposed here, checked by the worker's gate, signed by a second person.

The web only reads the register; every order goes through `ReleaseDoor` to the worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import uuid4

from pydantic import ValidationError
from sqlalchemy import Engine

from cases import dossier_rows, releases
from cases.database import reading
from cases.messages import Source
from cases.reception import NotNow
from cases.releasing import Propose, ProposedKind, ReleaseAnswer, Revoke, Sign
from cases.retiming import Direction
from forms.dossier_ports import ShownDossier
from forms.entrance_ports import Visitor
from forms.release_ports import Release
from yichuang.release_door import ReleaseDoor

State = Literal["proposed", "blocked", "active", "rejected", "superseded", "revoked"]

WAIT_S = 60.0
"""Longer than the door itself waits: it says why there is no answer."""


@dataclass(frozen=True)
class WebReleases:
    """`forms.release_ports.Releases` over the register and the door to it."""

    engine: Engine
    """The cases store, which is only read here."""
    door: ReleaseDoor
    loop: asyncio.AbstractEventLoop
    """Where the door lives. The pages call this port from threads of their own."""
    now: Callable[[], datetime]

    def listing(self) -> Sequence[Release]:
        with reading(self.engine) as connection:
            rows = releases.listing(connection)
            signed = [one for kind in releases.LOADED for one in releases.signed(connection, kind)]
        counting = frozenset(one.id for one in releases.counting(signed, self.now()))
        return [_shown(one, counting, self.now()) for one in rows]

    def propose(self, visitor: Visitor, kind: str, text: str) -> Release | str:
        try:
            body = Propose(kind=cast(ProposedKind, kind), text=text)
        except ValidationError:
            return "这一类版本不能在这里提交，或文本过长"
        source = _source(visitor)
        answer = self._wait(self.door.propose(visitor.actor, source, str(uuid4()), body))
        if answer.status == "refused":
            return "\n".join(answer.findings) or answer.reason
        with reading(self.engine) as connection:
            kept = releases.find(connection, answer.release)
        return _shown(kept, frozenset(), self.now())

    def sign(
        self,
        visitor: Visitor,
        release: str,
        preview: str = "",
        dossier: str = "",
        since: datetime | None = None,
    ) -> str:
        source = _source(visitor)
        body = Sign(preview=preview, dossier=dossier, in_force_from=since)
        return self._said(self.door.sign(visitor.actor, source, str(uuid4()), release, body))

    def look_ahead(self, visitor: Visitor, release: str, direction: Direction) -> str:
        who, source = visitor.actor, _source(visitor)
        return self._said(self.door.look_ahead(who, source, str(uuid4()), release, direction))

    def simulate(self, visitor: Visitor, release: str, months: int) -> str:
        """Have the dossier made anew; empty, or a Chinese sentence why not."""
        who, source = visitor.actor, _source(visitor)
        return self._said(self.door.simulate(who, source, str(uuid4()), release, months))

    def endorse(self, visitor: Visitor, release: str, dossier: str) -> str:
        """Sign the dossier of one's own proposal; empty, or a Chinese sentence why not."""
        who, source = visitor.actor, _source(visitor)
        return self._said(self.door.endorse(who, source, str(uuid4()), release, dossier))

    def dossier(self, release: str) -> ShownDossier | None:
        """Return the newest dossier of a version's text; None: there is none yet."""
        with reading(self.engine) as connection:
            known = releases.find(connection, release)
            row = dossier_rows.newest(connection, known.id, known.digest)
            whole = None if row is None else dossier_rows.content(connection, row.id)
        return None if row is None or whole is None else ShownDossier(row, whole)

    def ask_revocation(self, visitor: Visitor, release: str, reason: str) -> str:
        who, source = visitor.actor, _source(visitor)
        return self._said(self.door.ask_revocation(who, source, str(uuid4()), release, reason))

    def revoke(self, visitor: Visitor, release: str, preview: str) -> str:
        who, source, body = visitor.actor, _source(visitor), Revoke(preview=preview)
        return self._said(self.door.revoke(who, source, str(uuid4()), release, body))

    def withdraw(self, visitor: Visitor, release: str) -> str:
        """Take one's own proposal back; empty, or a Chinese sentence why not."""
        source = _source(visitor)
        return self._said(self.door.withdraw(visitor.actor, source, str(uuid4()), release))

    def _said(self, order: Coroutine[None, None, ReleaseAnswer]) -> str:
        answer = self._wait(order)
        return answer.reason if answer.status == "refused" else ""

    def _wait(self, order: Coroutine[None, None, ReleaseAnswer]) -> ReleaseAnswer:
        """Return the answer, from a thread that is not the door's. Raises `NotNow`."""
        try:
            return asyncio.run_coroutine_threadsafe(order, self.loop).result(WAIT_S)
        except TimeoutError as late:
            raise NotNow("暂时没有答复，请稍后在版本列表中查看") from late


def _source(visitor: Visitor) -> Source:
    return Source(door="web", session=visitor.session)


def _state(one: releases.Release, counting: frozenset[str], now: datetime) -> State:
    if one.state == "withdrawn":
        return "rejected"
    if one.state == "active" and one.id not in counting:
        assert one.in_force_from is not None  # the rows insist
        return "active" if one.in_force_from > now else "superseded"
    return one.state


def _shown(one: releases.Release, counting: frozenset[str], now: datetime) -> Release:
    return Release(
        id=one.id,
        kind=one.kind,
        name=one.name,
        version=one.version,
        digest=one.digest,
        state=_state(one, counting, now),
        proposed_by=one.proposed_by,
        proposed_at=one.proposed_at,
        in_force_from=one.in_force_from,
        signed_by=one.signed_by,
        findings=one.findings,
        revoke_asked_by=one.revoke_asked_by,
        needs_dossier=one.needs_dossier,
        endorsed_by=one.endorsed_by,
        dossier=one.dossier,
    )
