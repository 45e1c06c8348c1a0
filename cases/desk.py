"""What people keep at their desk in the web store: begun forms and files handed in, all sealed.

Sealing and opening is the caller's: here stand only bytes, digests and owners.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cases.attached import sealed_under
from cases.database import reading
from cases.web_tables import draft, upload

MOST_DRAFTS = 50
"""Begun forms that one person may keep, so that nobody fills the disk with them."""


class TooManyDrafts(Exception):
    """The owner keeps as many drafts as one may; remove one first."""


class DraftMoved(Exception):
    """The draft is not in the version that was seen: it was saved since, or removed."""


@dataclass(frozen=True)
class Draft:
    id: str
    matter: str
    sealed: bytes
    saved_at: datetime
    version: int = 1
    """How often it was saved."""


@dataclass(frozen=True)
class Upload:
    """A kept file without its bytes."""

    id: str
    owner: str
    digest: str
    """SHA-256 (hex) of the bytes as they came."""
    size: int
    media_type: str
    name_sealed: bytes
    created_at: datetime
    case_id: str
    """The case that has it; empty: none yet."""
    is_held: bool = False
    """In quarantine: nobody gets it."""
    finding: str | None = None
    """What the scanner found; None: it has not looked, empty: nothing."""
    thing: str = ""
    """To what an order brings it (`cases.attached.thing_key`); empty: a case's material."""
    is_used: bool = False
    """An order to the thing names it."""

    def subject(self, pseudonym_of: Callable[[str], str]) -> str:
        """Return under whose key it is sealed: its thing's, else its owner's."""
        return sealed_under(self.thing) if self.thing else pseudonym_of(self.owner)


@dataclass(frozen=True)
class Desk:
    """Drafts and uploads. Blocking; safe to share between threads."""

    engine: Engine

    def save_draft(self, owner: str, kept: Draft, seen: int = 0) -> int:
        """Keep a draft in place of the version that was `seen` (0: none yet); return its version.

        Raises `DraftMoved` when that is not the version there is, `TooManyDrafts`.
        """
        values = {"matter": kept.matter, "sealed": kept.sealed, "saved_at": kept.saved_at}
        ours = (draft.c.owner == owner, draft.c.id == kept.id)
        with self.engine.begin() as connection:
            if seen:
                changed = connection.execute(
                    update(draft).where(*ours, draft.c.version == seen)
                    .values(**values, version=seen + 1)
                )  # fmt: skip
                if not changed.rowcount:
                    raise DraftMoved(kept.id)
                return seen + 1
            others = connection.execute(select(draft.c.id).where(draft.c.owner == owner)).all()
            if any(one.id == kept.id for one in others):
                raise DraftMoved(kept.id)
            if len(others) >= MOST_DRAFTS:
                raise TooManyDrafts(owner)
            try:
                connection.execute(insert(draft).values(owner=owner, id=kept.id, **values))
            except IntegrityError as both:  # from two tabs in the same moment
                raise DraftMoved(kept.id) from both
            return 1

    def drafts(self, owner: str) -> tuple[Draft, ...]:
        """Return the owner's drafts, newest first."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(draft).where(draft.c.owner == owner).order_by(draft.c.saved_at.desc())
            ).all()
        return tuple(
            Draft(row.id, row.matter, row.sealed, row.saved_at, row.version) for row in rows
        )

    def find_draft(self, owner: str, draft_id: str) -> Draft | None:
        """Return a draft of this very owner."""
        return next((kept for kept in self.drafts(owner) if kept.id == draft_id), None)

    def remove_draft(self, owner: str, draft_id: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(draft).where(draft.c.owner == owner, draft.c.id == draft_id))

    def forget_drafts(self, before: datetime) -> int:
        """Delete drafts that nobody has saved since; return how many (个保法第十九条)."""
        with self.engine.begin() as connection:
            gone = connection.execute(delete(draft).where(draft.c.saved_at < before))
        return int(gone.rowcount)

    def new_upload_id(self) -> str:
        """Return an id nobody can guess; needed before sealing, which binds the bytes to it."""
        return secrets.token_hex(16)

    def keep_upload(self, kept: Upload, sealed: bytes) -> None:
        """Keep a sealed file under an id of `new_upload_id`."""
        with self.engine.begin() as connection:
            connection.execute(
                insert(upload).values(
                    id=kept.id,
                    owner=kept.owner,
                    digest=kept.digest,
                    size=kept.size,
                    media_type=kept.media_type,
                    name_sealed=kept.name_sealed,
                    sealed=sealed,
                    created_at=kept.created_at,
                    case_id=kept.case_id,
                    is_held=kept.is_held,
                    finding=kept.finding,
                    thing=kept.thing,
                    is_used=kept.is_used,
                )
            )

    def find_upload(self, upload_id: str) -> Upload | None:
        """Return what is known of an upload, whosever it is."""
        columns = [column for column in upload.c if column.name != "sealed"]
        with reading(self.engine) as connection:
            row = connection.execute(select(*columns).where(upload.c.id == upload_id)).first()
        return None if row is None else _upload(row)

    def read_upload(self, upload_id: str) -> bytes | None:
        """Return the sealed bytes; None when there is none, or it is held in quarantine."""
        with reading(self.engine) as connection:
            return connection.execute(
                select(upload.c.sealed).where(upload.c.id == upload_id, ~upload.c.is_held)
            ).scalar_one_or_none()

    def waiting(self, most: int, but: Sequence[str] = ()) -> tuple[tuple[Upload, bytes], ...]:
        """Return held files that no scanner has looked at, the oldest first, with sealed bytes."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(upload)
                .where(upload.c.is_held, upload.c.finding.is_(None), upload.c.id.not_in(but))
                .order_by(upload.c.created_at, upload.c.id)
                .limit(most)
            ).all()
        return tuple((_upload(row), row.sealed) for row in rows)

    def judge_upload(self, connection: Connection, upload_id: str, finding: str) -> bool:
        """Note what a scanner found; empty sets the file free. False when it was judged before.

        In the caller's transaction, beside the entry that says so.
        """
        changed = connection.execute(
            update(upload)
            .where(upload.c.id == upload_id, upload.c.is_held, upload.c.finding.is_(None))
            .values(finding=finding[:200], is_held=bool(finding))
        )
        return changed.rowcount == 1

    def hand_to_case(self, upload_id: str, owner: str, case_id: str) -> bool:
        """Note that a case has the upload; False when it is not the owner's or another case's."""
        with self.engine.begin() as connection:
            changed = connection.execute(
                update(upload)
                .where(upload.c.id == upload_id, upload.c.owner == owner)
                .where(upload.c.case_id.in_(("", case_id)))
                .values(case_id=case_id)
            )
        return changed.rowcount == 1

    def kept_for(self, owner: str, thing: str, digest: str) -> Upload | None:
        """Return the owner's file of the same bytes for the same thing, unless it is infected: a
        form that is sent twice names the same file."""
        columns = [column for column in upload.c if column.name != "sealed"]
        same = (upload.c.owner == owner, upload.c.thing == thing, upload.c.digest == digest)
        clean = func.coalesce(upload.c.finding, "") == ""
        with reading(self.engine) as connection:
            row = connection.execute(
                select(*columns).where(*same, clean).order_by(upload.c.created_at).limit(1)
            ).first()
        return None if row is None else _upload(row)

    def attach(self, uploads: Sequence[str], thing: str) -> None:
        """Note that an order to the thing names these; a thing's file goes nowhere else."""
        with self.engine.begin() as connection:
            connection.execute(
                update(upload)
                .where(upload.c.id.in_(uploads), upload.c.thing == thing)
                .values(is_used=True)
            )

    def attached_to(self, thing: str) -> tuple[Upload, ...]:
        """Return the files that orders to the thing name, the oldest first."""
        columns = [column for column in upload.c if column.name != "sealed"]
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(*columns)
                .where(upload.c.thing == thing, upload.c.is_used)
                .order_by(upload.c.created_at, upload.c.id)
            ).all()
        return tuple(_upload(row) for row in rows)

    def things(self, type: str) -> tuple[str, ...]:
        """Return the ids of the things of a type for which files are kept."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(upload.c.thing)
                .where(upload.c.thing.startswith(f"{type}:", autoescape=True))
                .distinct()
                .order_by(upload.c.thing)
            )
            return tuple(row.thing.partition(":")[2] for row in rows)

    def forget_thing(self, thing: str) -> int:
        """Delete every file kept for a thing, also what no order names; return how many."""
        with self.engine.begin() as connection:
            gone = connection.execute(delete(upload).where(upload.c.thing == thing))
        return int(gone.rowcount)

    def forget_unused(self, before: datetime) -> int:
        """Delete uploads older than this that neither a case nor an order to a thing has; return
        how many (个保法第十九条)."""
        unused = (upload.c.case_id == "", ~upload.c.is_used, upload.c.created_at < before)
        with self.engine.begin() as connection:
            gone = connection.execute(delete(upload).where(*unused))
        return int(gone.rowcount)


def _upload(row: Row[tuple[object, ...]]) -> Upload:
    return Upload(
        id=row.id,
        owner=row.owner,
        digest=row.digest,
        size=row.size,
        media_type=row.media_type,
        name_sealed=row.name_sealed,
        created_at=row.created_at,
        case_id=row.case_id,
        is_held=row.is_held,
        finding=row.finding,
        thing=row.thing,
        is_used=row.is_used,
    )
