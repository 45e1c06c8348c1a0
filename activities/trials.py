"""What must have been tried over the past before it may count, and which dossier is signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid5

from sqlalchemy import Connection

from audit.entry import EntryDraft, What, entry_id
from cases import dossier_rows, releases
from cases.dossier import GOOD_FOR, MONTHS
from cases.dossier_rows import KeptDossier, SimulationOrder
from cases.messages import NAMESPACE
from cases.releases import Kind, Release, ReleaseRefused


@dataclass(frozen=True, slots=True)
class Trials:
    """The dossiers of one worker."""

    needed_now: Callable[[Release], bool]
    """Whether a version would change rules or limits as things stand now."""
    months: int = MONTHS
    good_for: timedelta = GOOD_FOR

    def order(
        self, command_id: str, one: Release, until: datetime, months: int | None = None
    ) -> SimulationOrder:
        """Return what is to be simulated; the same command gives the same order."""
        return SimulationOrder(
            id=str(uuid5(NAMESPACE, f"dossier\n{command_id}")),
            release=one.id,
            release_digest=one.digest,
            months=months or self.months,
            until=until,
        )

    def insist(
        self, connection: Connection, known: Release, wanted: str, at: datetime
    ) -> KeptDossier:
        """Return the dossier that somebody signs; `wanted` is its digest as that person saw it.

        Raises `ReleaseRefused`: there is none, another is newer, a check failed, it is too old, or
        another version counts meanwhile than the one it was compared with.
        """
        newest = dossier_rows.newest(connection, known.id, known.digest)
        if newest is None:
            raise ReleaseRefused("no_dossier", "这个版本还没有卷宗：须先在过去的办件上重放")
        if newest.digest != wanted:
            raise ReleaseRefused(
                "dossier_stale", "签署前须先看卷宗：所看的卷宗不是最新的，请重新查看"
            )
        if not newest.passed:
            raise ReleaseRefused("dossier_failed", "卷宗有未通过的检查，不得签署；请改正后另提版本")
        if at - newest.until > self.good_for:
            raise ReleaseRefused(
                "dossier_stale", f"卷宗已超过 {self.good_for.days} 天，请重新重放后再签"
            )
        if _current(connection, known, at) != newest.current_digest:
            raise ReleaseRefused("dossier_stale", "卷宗作成之后现行版本已经变了，请重新重放后再签")
        return newest

    def insist_endorsed(
        self, connection: Connection, known: Release, wanted: str, at: datetime
    ) -> KeptDossier | None:
        """Return the dossier that both people have signed; None where none is needed."""
        if not known.needs_dossier:
            if self.needed_now(known):
                raise ReleaseRefused(
                    "no_dossier", "提出之后现行版本已经变了，现在启用会改动期限；请另提新版本"
                )
            return None
        found = self.insist(connection, known, wanted, at)
        if known.dossier != found.digest:
            raise ReleaseRefused(
                "not_endorsed", "提出人还没有签署这份卷宗，不能启用；请先由提出人签署"
            )
        return found


def _current(connection: Connection, known: Release, at: datetime) -> str:
    """Return the digest of what counts now; nobody signs another version of the name meanwhile."""
    kind: Kind = known.kind  # type: ignore[assignment]  # the register holds no other
    releases.hold(connection, kind, known.name)
    current = releases.active(connection, kind, known.name, at)
    return "" if current is None else current.digest


def signed_on(draft: EntryDraft, command_id: str, kept: Release, on: KeptDossier) -> EntryDraft:
    """Return the entry beside a signature: which dossier was signed, by digest and in words."""
    return replace(
        draft,
        id=entry_id(command_id, "dossier"),
        act="release_dossier_signed",
        obj=What("dossier", on.id, kept.version, on.digest),
        why=on.words,
        before=None,
        after=None,
    )
