"""Releases: the one way by which a version of a matter, pack, policy, template or calendar counts.

A proposal carries its text and what the gate found; another person signs it with the instant from
which it is in force; the rows themselves refuse one person on both sides and a failed gate. The
text of a release never changes, and neither does a signature. The caller owns the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import uuid5

import orjson
from sqlalchemy import Connection, func, insert, or_, select, update

from cases.messages import NAMESPACE
from cases.projection import json_text
from cases.release_tables import release

Kind = Literal["matter", "rules", "policy", "template", "calendar"]

LOADED: tuple[Kind, ...] = ("matter", "rules", "policy", "calendar", "template")
"""Kinds that count as soon as they are in force. The one template is the words of notices."""

SEED_AUTHOR = "seed:author"
SEED_SIGNER = "seed:release"
"""Whom a shipped version names: no person of this city, and it says so. It came with the program
and its gate was the build's."""


class ReleaseRefused(Exception):
    """A proposal or a signature that cannot be: final. `reason` is a Chinese sentence."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate."""

    name: str
    passed: bool
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version that somebody proposes: `content` is the whole text, canonical for its kind."""

    kind: Kind
    name: str
    version: str
    content: str
    gate: tuple[Check, ...] = field(default=())
    needs_dossier: bool = False
    """It may not count before it was tried over the past."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the text."""
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Release:
    """A version as it stands in the register."""

    id: str
    kind: str
    name: str
    version: str
    digest: str
    content: str
    proposed_by: str
    proposed_at: datetime
    gate: tuple[Check, ...]
    signed_by: str = ""
    signed_at: datetime | None = None
    in_force_from: datetime | None = None
    in_force_until: datetime | None = None
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None
    revoke_asked_by: str = ""
    revoke_asked_at: datetime | None = None
    revoke_reason: str = ""
    revoked_by: str = ""
    revoked_at: datetime | None = None
    needs_dossier: bool = False
    endorsed_by: str = ""
    """Who signed the dossier first: its proposer."""
    endorsed_at: datetime | None = None
    dossier: str = ""
    """Digest of the dossier that was signed."""

    @property
    def state(self) -> Literal["proposed", "blocked", "active", "withdrawn", "revoked"]:
        """Where it stands. Active says signed: whether it counts now, its instants say."""
        if self.withdrawn_by:
            return "withdrawn"
        if self.revoked_by:
            return "revoked"
        if self.signed_by:
            return "active"
        return "proposed" if self.passed else "blocked"

    @property
    def findings(self) -> tuple[str, ...]:
        """What the gate found, each with file, line and remedy."""
        return tuple(text for check in self.gate for text in check.findings)

    @property
    def row_digest(self) -> str:
        """SHA-256 (hex) over everything that the register says of it; its entries carry it."""
        said: dict[str, object] = {
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "gate": [_gate_json(check) for check in self.gate],
            "proposed": [self.proposed_by, _text(self.proposed_at)],
            "signed": [self.signed_by, _text(self.signed_at)],
            "in_force": [_text(self.in_force_from), _text(self.in_force_until)],
            "withdrawn": [self.withdrawn_by, _text(self.withdrawn_at)],
        }
        if self.revoke_asked_by:  # said only then: the entries of older versions stay true
            said["revoke_asked"] = [
                self.revoke_asked_by, _text(self.revoke_asked_at), self.revoke_reason,
            ]  # fmt: skip
            said["revoked"] = [self.revoked_by, _text(self.revoked_at)]
        if self.needs_dossier:
            said["dossier"] = [self.dossier, self.endorsed_by, _text(self.endorsed_at)]
        return hashlib.sha256(json_text(said).encode()).hexdigest()

    @property
    def passed(self) -> bool:
        """Whether every check of the gate passed."""
        return all(check.passed for check in self.gate)


def release_id(kind: str, name: str, version: str) -> str:
    """Return the id that this version has in every register."""
    return str(uuid5(NAMESPACE, f"release\n{kind}\n{name}\n{version}"))


def propose(connection: Connection, proposal: Proposal, by: str, at: datetime) -> Release:
    """Put a version into the register, not in force. The same text proposed again is found.

    Raises `ReleaseRefused` where the version's name stands for another text.
    """
    known = _find(connection, proposal.kind, proposal.name, proposal.version)
    if known is not None:
        if known.digest == proposal.digest:
            return known
        raise ReleaseRefused(
            "version_taken",
            f"{proposal.name} 的 {proposal.version} 版已经登记过另一文本；请换一个版本号",
        )
    row = {
        "id": release_id(proposal.kind, proposal.name, proposal.version),
        "kind": proposal.kind,
        "name": proposal.name,
        "version": proposal.version,
        "digest": proposal.digest,
        "content": proposal.content,
        "proposed_by": by,
        "proposed_at": at,
        "gate": json_text([_gate_json(check) for check in proposal.gate]),
        "passed": all(check.passed for check in proposal.gate),
        "needs_dossier": proposal.needs_dossier,
    }
    connection.execute(insert(release), row)
    return find(connection, str(row["id"]))


def sign(
    connection: Connection,
    release_id: str,
    by: str,
    at: datetime,
    in_force_from: datetime,
    in_force_until: datetime | None = None,
) -> Release:
    """Activate a release by a second person's signature; it counts from `in_force_from` on.

    Raises `ReleaseRefused`: by its proposer, with a failed gate, signed before, text altered.
    """
    known = find(connection, release_id)
    _check_signable(known, by)
    if in_force_until is not None and in_force_until <= in_force_from:
        raise ReleaseRefused("never_in_force", "失效时刻须晚于生效时刻")
    signed = connection.execute(
        update(release)
        .where(
            release.c.id == release_id,
            release.c.signed_by.is_(None),
            release.c.withdrawn_by.is_(None),
        )
        .values(
            signed_by=by,
            signed_at=at,
            in_force_from=in_force_from,
            in_force_until=in_force_until,
        )
    )
    if signed.rowcount != 1:
        raise ReleaseRefused("signed", "这个版本刚刚已由他人签署")
    return find(connection, release_id)


def endorse(
    connection: Connection, release_id: str, by: str, at: datetime, dossier: str
) -> Release:
    """Let a version's proposer sign its dossier; another person may then activate it.

    Signed again with a newer dossier the older one no longer counts. Raises `ReleaseRefused`:
    signed or withdrawn before, or nothing to be tried.
    """
    known = find(connection, release_id)
    if not known.needs_dossier:
        raise ReleaseRefused("no_dossier_needed", "这个版本不需要卷宗，可直接由他人签署")
    if known.state != "proposed":
        raise ReleaseRefused("not_proposed", "只有待签署的提案可以签署卷宗")
    changed = connection.execute(
        update(release)
        .where(
            release.c.id == release_id,
            release.c.signed_by.is_(None),
            release.c.withdrawn_by.is_(None),
        )
        .values(endorsed_by=by, endorsed_at=at, dossier=dossier)
    )
    if changed.rowcount != 1:
        raise ReleaseRefused("signed", "这个版本刚刚已由他人处理")
    return find(connection, release_id)


def withdraw(connection: Connection, release_id: str, by: str, at: datetime) -> Release:
    """Take a proposal back before anybody has signed it; it stays in the register, said so.

    Raises `ReleaseRefused`: signed or withdrawn before.
    """
    known = find(connection, release_id)
    if known.signed_by:
        raise ReleaseRefused("signed", "这个版本已经签署生效，不能撤回；请另提新版本")
    changed = connection.execute(
        update(release)
        .where(
            release.c.id == release_id,
            release.c.signed_by.is_(None),
            release.c.withdrawn_by.is_(None),
        )
        .values(withdrawn_by=by, withdrawn_at=at)
    )
    if changed.rowcount != 1:
        raise ReleaseRefused("withdrawn", "这个提案已经撤回或刚刚已由他人处理")
    return find(connection, release_id)


def ask_revocation(
    connection: Connection, release_id: str, by: str, at: datetime, reason: str
) -> Release:
    """Ask that a signed version cease to count; nothing changes until another person agrees.

    Raises `ReleaseRefused`: not signed, asked before, or no version that would count instead.
    """
    known = find(connection, release_id)
    if known.state != "active":
        raise ReleaseRefused("not_active", "只有已经签署的版本可以申请撤销")
    if known.revoke_asked_by:
        raise ReleaseRefused("revoke_asked", "已有人申请撤销这个版本，等待另一人签署")
    _insist_on_another(connection, known, at)
    changed = connection.execute(
        update(release)
        .where(release.c.id == release_id, release.c.revoke_asked_by.is_(None))
        .values(revoke_asked_by=by, revoke_asked_at=at, revoke_reason=reason)
    )
    if changed.rowcount != 1:
        raise ReleaseRefused("revoke_asked", "刚刚已有人申请撤销这个版本")
    return find(connection, release_id)


def revoke(connection: Connection, release_id: str, by: str, at: datetime) -> Release:
    """Let a signed version cease to count from `at` on; the one before it counts again.

    Raises `ReleaseRefused`: nobody has asked, the same person asked, or nothing would count.
    """
    known = find(connection, release_id)
    if known.state != "active" or not known.revoke_asked_by:
        raise ReleaseRefused("revoke_not_asked", "没有人申请撤销这个版本，或已经撤销")
    if known.revoke_asked_by == by:
        raise ReleaseRefused("same_person", "申请人不能自己签署撤销，请由他人签署")
    _insist_on_another(connection, known, at)
    changed = connection.execute(
        update(release)
        .where(release.c.id == release_id, release.c.revoked_by.is_(None))
        .values(revoked_by=by, revoked_at=at)
    )
    if changed.rowcount != 1:
        raise ReleaseRefused("revoked", "这个版本刚刚已经撤销")
    return find(connection, release_id)


def _insist_on_another(connection: Connection, known: Release, at: datetime) -> None:
    others = (one for one in signed(connection, cast(Kind, known.kind)) if one.id != known.id)
    if not any(one.name == known.name for one in counting(others, at)):
        raise ReleaseRefused("nothing_else", "撤销后没有可用的版本；请先另提新版本")


def _check_signable(known: Release, by: str) -> None:
    if known.signed_by:
        raise ReleaseRefused("signed", "这个版本已经签署，不能再签")
    if known.withdrawn_by:
        raise ReleaseRefused("withdrawn", "这个提案已经撤回，不能签署")
    if known.proposed_by == by:
        raise ReleaseRefused("same_person", "提出人不能签署自己提出的版本，请由他人签署")
    if not known.passed:
        failed = "、".join(check.name for check in known.gate if not check.passed)
        raise ReleaseRefused("gate_failed", f"未通过检查：{failed}；请改正后另提版本")
    if known.needs_dossier and not known.endorsed_by:
        raise ReleaseRefused("not_endorsed", "提出人还没有签署卷宗，不能启用；请先由提出人签署")
    if known.endorsed_by == by:
        raise ReleaseRefused("same_person", "已签署卷宗的人不能再签署启用，请由他人签署")
    if hashlib.sha256(known.content.encode()).hexdigest() != known.digest:
        raise ReleaseRefused("altered", "登记的文本与其摘要不符，疑被改动；不得签署")


def seed(
    connection: Connection,
    proposal: Proposal,
    at: datetime,
    in_force_from: datetime,
    in_force_until: datetime | None = None,
) -> bool:
    """Activate a version that came with the program; return whether it was new.

    What a person has proposed waits for people: the program does not sign in their stead.
    Raises `ReleaseRefused` (`version_taken`) where the register holds another text under its name.
    """
    known = propose(connection, proposal, SEED_AUTHOR, at)
    if known.signed_by or known.proposed_by != SEED_AUTHOR:
        return False
    sign(connection, known.id, SEED_SIGNER, at, in_force_from, in_force_until)
    return True


def find(connection: Connection, release_id: str) -> Release:
    """Return a release. Raises `ReleaseRefused` for an unknown id."""
    row = connection.execute(select(release).where(release.c.id == release_id)).one_or_none()
    if row is None:
        raise ReleaseRefused("unknown", "没有这个版本")
    return _release(row)


def active(connection: Connection, kind: Kind, name: str, at: datetime) -> Release | None:
    """Return the version in force at an instant: of several, the one that came into force last."""
    row = connection.execute(
        select(release)
        .where(
            release.c.kind == kind,
            release.c.name == name,
            release.c.signed_by.is_not(None),
            release.c.in_force_from <= at,
            or_(release.c.in_force_until.is_(None), release.c.in_force_until > at),
            or_(release.c.revoked_at.is_(None), release.c.revoked_at > at),
        )
        .order_by(release.c.in_force_from.desc(), release.c.signed_at.desc(), release.c.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else _release(row)


def hold(connection: Connection, kind: Kind, name: str) -> None:
    """Let no other transaction change a version of this name until this one has ended."""
    query = select(release.c.id).where(release.c.kind == kind, release.c.name == name)
    connection.execute(query.order_by(release.c.id).with_for_update()).all()


def of_digest(connection: Connection, kind: Kind, digest: str) -> Release | None:
    """Return the activated version whose text has this digest."""
    row = connection.execute(
        select(release)
        .where(release.c.kind == kind, release.c.digest == digest, release.c.signed_by.is_not(None))
        .limit(1)
    ).one_or_none()
    return None if row is None else _release(row)


def stamp(connection: Connection) -> tuple[int, int, str]:
    """Return what changes whenever a version is activated or revoked: how many, and the newest."""
    newest = (
        select(release.c.id)
        .where(release.c.signed_by.is_not(None))
        .order_by(release.c.signed_at.desc(), release.c.id)
        .limit(1)
    )
    counted = select(func.count(), func.count(release.c.revoked_by)).where(
        release.c.signed_by.is_not(None)
    )
    signatures, revoked = connection.execute(counted).one()
    return signatures, revoked, connection.execute(newest).scalar() or ""


def names(connection: Connection, kind: Kind) -> frozenset[str]:
    """Return the names of which any version was ever activated."""
    query = select(release.c.name).where(release.c.kind == kind, release.c.signed_by.is_not(None))
    return frozenset(connection.execute(query.distinct()).scalars())


def exists(connection: Connection, release_id: str) -> bool:
    """Tell whether the register has a version of this id."""
    query = select(release.c.id).where(release.c.id == release_id)
    return connection.execute(query).first() is not None


def is_in_force(one: Release, at: datetime) -> bool:
    """Tell whether a signed version's period holds that instant; another may have come later."""
    since, ends = one.in_force_from, (one.in_force_until, one.revoked_at)
    return since is not None and since <= at and all(end is None or at < end for end in ends)


def came_later(known: Release, other: Release) -> bool:
    """Tell whether, of two signed versions of one name, the other counts before the known one."""
    assert known.in_force_from and known.signed_at and other.in_force_from and other.signed_at
    return (known.in_force_from, known.signed_at) <= (other.in_force_from, other.signed_at)


def counting(rows: Iterable[Release], at: datetime) -> Iterator[Release]:
    """Yield the version that counts at an instant, one per kind and name.

    Of several in force, the one that came into force last.
    """
    newest: dict[tuple[str, str], Release] = {}
    for one in rows:
        if not is_in_force(one, at):
            continue
        known = newest.get((one.kind, one.name))
        if known is None or came_later(known, one):
            newest[one.kind, one.name] = one
    yield from newest.values()


def signed(connection: Connection, kind: Kind) -> list[Release]:
    """Return every activated version of a kind, past and future ones too, by name and instant."""
    query = select(release).where(release.c.kind == kind, release.c.signed_by.is_not(None))
    ordered = query.order_by(release.c.name, release.c.in_force_from, release.c.version)
    return [_release(row) for row in connection.execute(ordered)]


def listing(connection: Connection, limit: int = 200) -> list[Release]:
    """Return the register, what was proposed last on top."""
    query = select(release).order_by(release.c.proposed_at.desc(), release.c.id).limit(limit)
    return [_release(row) for row in connection.execute(query)]


def everything(connection: Connection) -> Iterator[Release]:
    """Yield the whole register, one version at a time."""
    for row in connection.execute(select(release).order_by(release.c.id)):
        yield _release(row)


def _find(connection: Connection, kind: str, name: str, version: str) -> Release | None:
    row = connection.execute(
        select(release).where(
            release.c.kind == kind, release.c.name == name, release.c.version == version
        )
    ).one_or_none()
    return None if row is None else _release(row)


def _release(row: Any) -> Release:
    return Release(
        id=row.id,
        kind=row.kind,
        name=row.name,
        version=row.version,
        digest=row.digest,
        content=row.content,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        gate=tuple(_check(check) for check in orjson.loads(row.gate)),
        signed_by=row.signed_by or "",
        signed_at=row.signed_at,
        in_force_from=row.in_force_from,
        in_force_until=row.in_force_until,
        withdrawn_by=row.withdrawn_by or "",
        withdrawn_at=row.withdrawn_at,
        revoke_asked_by=row.revoke_asked_by or "",
        revoke_asked_at=row.revoke_asked_at,
        revoke_reason=row.revoke_reason or "",
        revoked_by=row.revoked_by or "",
        revoked_at=row.revoked_at,
        needs_dossier=row.needs_dossier,
        endorsed_by=row.endorsed_by or "",
        endorsed_at=row.endorsed_at,
        dossier=row.dossier or "",
    )


def _text(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat()


def _gate_json(check: Check) -> dict[str, object]:
    return {"name": check.name, "passed": check.passed, "findings": list(check.findings)}


def _check(said: Mapping[str, Any]) -> Check:
    findings: Sequence[str] = said["findings"]
    return Check(said["name"], said["passed"], tuple(findings))
