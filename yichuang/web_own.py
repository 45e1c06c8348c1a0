"""What concerns oneself, over the real stores: `forms.own_ports`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from audit.logstore import LogMissing
from cases import digests, duty, log_lines
from cases.database import reading
from cases.log_lines import Line, LineQuery
from cases.messages import Actor
from forms.own_ports import OwnNotice, SignInLine
from yichuang.web_log import Finder
from yichuang.web_ports import WebReader

UNREAD_FOR = timedelta(days=30)
"""After so long a notice counts as read: what was left for a month is history."""

MOST_UNREAD = 100

SHOWN = 50
"""Lines of the history of sign-ins."""

SIGN_IN_ACTS = (
    "sign_in", "sign_out", "password_change", "enrol", "factor_add", "factor_remove",
    "session_revoke", "codes_made",
)  # fmt: skip
"""Acts of the log that the history of an account shows."""

FAILED_PAGES = 3
"""Pages of failed sign-ins of the whole city that are looked through for those at one account:
whoever fails has proved nothing, so the lines do not name them."""

STRANGER = "unknown"


@dataclass(frozen=True)
class WebOwn:
    """`forms.own_ports.Own`."""

    web: Engine
    reader: WebReader
    finder: Finder
    pseudonym_of: Callable[[str], str]
    now: Callable[[], datetime]

    # --- notices -----------------------------------------------------------------------------

    def notices(self, actor: Actor) -> Sequence[OwnNotice]:
        at = self.now()
        of_cases = self.reader.notices(actor)
        with reading(self.web) as connection:
            mornings = digests.of_person(connection, actor.id, at)
            ids = [*(one.id for one in of_cases), *(one.id for one in mornings)]
            read = duty.read_marks(connection, actor.id, ids)
        lines = [
            OwnNotice(one.id, one.at, self._is_read(one.id, one.at, read, at), notice=one)
            for one in of_cases
        ]
        lines += [
            OwnNotice(
                one.id,
                one.made_at,
                self._is_read(one.id, one.made_at, read, at),
                digest=one.counts,
            )
            for one in mornings
        ]
        return sorted(lines, key=lambda one: one.at, reverse=True)

    def _is_read(self, notice: str, told_at: datetime, read: set[str], at: datetime) -> bool:
        return notice in read or told_at < at - UNREAD_FOR

    def unread(self, actor: Actor) -> int:
        since = self.now() - UNREAD_FOR
        ids = list(self.reader.notice_ids(actor, since, MOST_UNREAD))
        with reading(self.web) as connection:
            ids += [one.id for one in digests.of_person(connection, actor.id, self.now())]
            read = duty.read_marks(connection, actor.id, ids)
        return min(MOST_UNREAD, len(set(ids) - read))

    def mark(self, actor: Actor, notices: Sequence[str]) -> None:
        theirs = {one.id for one in self.notices(actor)}
        for notice in notices:
            if notice not in theirs:
                continue
            try:
                with self.web.begin() as connection:
                    duty.mark_read(connection, actor.id, notice, self.now())
            except IntegrityError:
                continue  # marked in another tab at the same moment

    # --- sign-ins ----------------------------------------------------------------------------

    def sign_ins(self, actor: Actor) -> Sequence[SignInLine]:
        me = self.pseudonym_of(actor.id)
        try:
            self.finder.catch_up()
        except LogMissing:
            return ()  # a city that has no log yet has no history either
        with reading(self.web) as connection:
            own, _ = log_lines.search(connection, LineQuery(who=[me], acts=SIGN_IN_ACTS))
            failed: list[Line] = []
            before, more = 0, True
            for _ in range(FAILED_PAGES):
                if not more:
                    break
                query = LineQuery(who=[STRANGER], acts=SIGN_IN_ACTS, result="deny", before=before)
                found, more = log_lines.search(connection, query)
                failed += found
                before = found[-1].n if found else 0
        bodies = self.finder.bodies([*own, *failed])
        lines = [*own, *(one for one in failed if _about(bodies.get(one.entry_id)) == me)]
        lines.sort(key=lambda one: (one.at, one.n), reverse=True)
        return [_line(one, bodies.get(one.entry_id, {})) for one in lines[:SHOWN]]


def _about(body: Mapping[str, Any] | None) -> str:
    return "" if body is None else str(body.get("obj", {}).get("id", ""))


def _line(line: Line, body: Mapping[str, Any]) -> SignInLine:
    return SignInLine(
        at=line.at,
        act=line.act,
        ok=line.res == "ok",
        why=str(body.get("why") or ""),
        address=str(body.get("from", {}).get("ip") or ""),
        entry=line.entry_id,
    )
