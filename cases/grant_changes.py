"""What accounts may do: one security administrator proposes, another approves.

The only way to an account's roles, clearance and compartments once the account is there; the store
refuses any other (cases/grant_tables.py). Every step is told to `record` in its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from cases.accounts import (
    Account,
    AccountRefused,
    Happening,
    Recorder,
    account_of,
    check_grants,
    one_at_a_time,
    packed,
    short_sentence,
    too_few_administrators,
)
from cases.database import reading
from cases.grant_tables import grant_change
from cases.messages import Grant
from cases.web_tables import account

State = Literal["proposed", "approved", "refused", "withdrawn", "lapsed"]
LISTED = 200
"""Settled changes listed at once, the newest first."""
LONGEST_REASON = 500
"""Characters of a reason; as much as a field of a page takes."""


@dataclass(frozen=True)
class Rights:
    """What an account holds: roles with where, clearance (1 to 4), compartments."""

    grants: tuple[Grant, ...]
    clearance: int = 1
    compartments: tuple[str, ...] = ()

    @classmethod
    def of(cls, one: Account) -> Rights:
        return cls(one.grants, one.clearance, one.compartments)


@dataclass(frozen=True)
class GrantChange:
    """One change. Who proposed and who settled are accounts, never the same but to withdraw."""

    n: int
    id: str
    account: str
    before: Rights
    after: Rights
    reason: str
    state: State
    proposed_by: str
    proposed_at: datetime
    settled_by: str
    settled_at: datetime | None
    settled_reason: str

    @property
    def added(self) -> tuple[Grant, ...]:
        return tuple(one for one in self.after.grants if one not in self.before.grants)

    @property
    def removed(self) -> tuple[Grant, ...]:
        return tuple(one for one in self.before.grants if one not in self.after.grants)


Gate = Callable[[Account, Rights], Sequence[str]]
"""Says what is wrong with what an account would hold: Chinese sentences, none when nothing is."""


@dataclass(frozen=True)
class GrantChanges:
    """The register of changes. Blocking; safe to share between threads."""

    engine: Engine
    record: Recorder
    gate: Gate

    # --- changing ----------------------------------------------------------------------

    def propose(self, user: str, after: Rights, reason: str, by: str, at: datetime) -> str:
        """Write down what an account shall hold; return the change's id.

        Raises `AccountRefused`: own account, nothing changes, the gate says no, another change
        waits, no such open account, the proposer is no security administrator.
        """
        after = Rights(
            tuple(Grant(role=role, department=where) for role, where in packed(after.grants)),
            after.clearance,
            tuple(sorted(set(after.compartments))),
        )
        reason = reason.strip()
        if user == by:
            raise AccountRefused("own_account", "不能变更自己的权限")
        if not reason:
            raise AccountRefused("no_reason", "请写明理由")
        if len(reason) > LONGEST_REASON:
            raise AccountRefused("long_reason", f"理由最多 {LONGEST_REASON} 字")
        with self.engine.begin() as connection:
            one_at_a_time(connection)
            _must_keep_security(connection, by)
            found = _open_account(connection, user)
            before = Rights.of(found)
            if before == after:
                raise AccountRefused("no_change", "与现有权限相同，没有变更")
            self._pass(found, after)
            key = str(uuid4())
            try:
                with connection.begin_nested():
                    connection.execute(
                        insert(grant_change).values(
                            _row(key, user, before, after)
                            | {"reason": reason, "proposed_by": by, "proposed_at": at}
                        )
                    )
            except IntegrityError as doubled:
                raise AccountRefused(
                    "change_waits", "该账号已有一项待批准的变更，请先处理"
                ) from doubled
            self._say(connection, "grant_proposed", user, by, at, difference(before, after), key)
        return key

    def approve(self, change: str, by: str, at: datetime) -> None:
        """Let what another proposed come true; the next page of any session sees it.

        Raises `AccountRefused`: settled already (by whom it says), own proposal, own account, the
        account or the proposer is not what it was, the gate says no, too few administrators stay.
        """
        with self.engine.begin() as connection:
            one_at_a_time(connection)
            found = self._waiting(connection, change)
            if found.proposed_by == by:
                raise AccountRefused("own_proposal", "提出人不得批准自己提出的变更")
            if found.account == by:
                raise AccountRefused("own_account", "不能批准自己的权限变更")
            _must_keep_security(connection, by)
            if not _keeps_security(connection, found.proposed_by):
                raise AccountRefused("proposer_gone", "提出人已不是安全管理员，请不批准后另行提出")
            holder = _open_account(connection, found.account)
            if Rights.of(holder) != found.before:
                raise AccountRefused("stale", "提出之后该账号的权限已变，请不批准后另行提出")
            self._pass(holder, found.after)
            self._settle(connection, change, "approved", by, at, "")
            connection.execute(
                update(account)
                .where(account.c.id == found.account)
                .values(
                    grants=packed(found.after.grants),
                    clearance=found.after.clearance,
                    compartments=list(found.after.compartments),
                )
            )
            short = too_few_administrators(connection)
            if short and any(one.role in short for one in found.removed):
                raise AccountRefused("last_administrator", short_sentence(short))
            self._told(connection, found, by, at)

    def refuse(self, change: str, reason: str, by: str, at: datetime) -> None:
        """Say no to what another proposed, with a reason. Raises `AccountRefused`."""
        if not reason.strip():
            raise AccountRefused("no_reason", "请写明不批准的理由")
        with self.engine.begin() as connection:
            found = self._waiting(connection, change)
            if found.proposed_by == by:
                raise AccountRefused("own_proposal", "自己提出的变更请撤回")
            if found.account == by:
                raise AccountRefused("own_account", "不能处理自己的权限变更")
            _must_keep_security(connection, by)
            self._settle(connection, change, "refused", by, at, reason.strip()[:LONGEST_REASON])
            self._say(connection, "grant_refused", found.account, by, at, "", change)

    def withdraw(self, change: str, by: str, at: datetime) -> None:
        """Take one's own proposal back. Raises `AccountRefused`."""
        with self.engine.begin() as connection:
            found = self._waiting(connection, change)
            if found.proposed_by != by:
                raise AccountRefused("not_own", "只有提出人可以撤回")
            self._settle(connection, change, "withdrawn", by, at, "")
            self._say(connection, "grant_withdrawn", found.account, by, at, "", change)

    # --- reading -----------------------------------------------------------------------

    def find(self, change: str) -> GrantChange | None:
        """Return one change."""
        with reading(self.engine) as connection:
            return _find(connection, change)

    def waiting(self) -> tuple[GrantChange, ...]:
        """Return the changes that wait for somebody, the oldest first."""
        chosen = select(grant_change).where(grant_change.c.state == "proposed")
        return self._read(chosen.order_by(grant_change.c.n))

    def settled(self) -> tuple[GrantChange, ...]:
        """Return the newest changes that have been settled."""
        chosen = select(grant_change).where(grant_change.c.state != "proposed")
        return self._read(chosen.order_by(grant_change.c.n.desc()).limit(LISTED))

    def of_account(self, user: str) -> tuple[GrantChange, ...]:
        """Return every change of an account, the newest first."""
        chosen = select(grant_change).where(grant_change.c.account_id == user)
        return self._read(chosen.order_by(grant_change.c.n.desc()))

    def since(self) -> Mapping[tuple[str, Grant], datetime]:
        """Return since when each account has what it was given: (account, grant) → approval."""
        chosen = select(grant_change).where(grant_change.c.state == "approved")
        given: dict[tuple[str, Grant], datetime] = {}
        for one in self._read(chosen.order_by(grant_change.c.n)):
            for grant in one.added:
                given[one.account, grant] = one.settled_at or one.proposed_at
        return given

    def faults(self, change: GrantChange) -> Sequence[str]:
        """Return what the gate says of a change now."""
        with reading(self.engine) as connection:
            row = connection.execute(select(account).where(account.c.id == change.account)).first()
        return () if row is None else self.gate(account_of(row._mapping), change.after)

    # --- within ------------------------------------------------------------------------

    def _pass(self, holder: Account, after: Rights) -> None:
        check_grants(after.grants)
        faults = self.gate(holder, after)
        if faults:
            raise AccountRefused("gate", "；".join(faults))

    def _waiting(self, connection: Connection, change: str) -> GrantChange:
        found = _find(connection, change)
        if found is None:
            raise AccountRefused("no_such_change", "没有这项变更")
        if found.state != "proposed":
            raise AccountRefused("settled", settled_sentence(connection, found))
        return found

    def _settle(
        self, connection: Connection, change: str, state: State, by: str, at: datetime, why: str
    ) -> None:
        moved = connection.execute(
            update(grant_change)
            .where(grant_change.c.id == change, grant_change.c.state == "proposed")
            .values(state=state, settled_by=by, settled_at=at, settled_reason=why)
        )
        if moved.rowcount != 1:  # another transaction was faster and this one waited for it
            found = _find(connection, change)
            assert found is not None
            raise AccountRefused("settled", settled_sentence(connection, found))

    def _told(self, connection: Connection, found: GrantChange, by: str, at: datetime) -> None:
        before, after = found.before, found.after
        if before.grants != after.grants:
            held = " ".join(f"{grant.role}@{grant.department}" for grant in after.grants)
            self._say(connection, "account_grant", found.account, by, at, held, found.id)
        if (before.clearance, before.compartments) != (after.clearance, after.compartments):
            label = f"{after.clearance} {' '.join(after.compartments)}".strip()
            self._say(connection, "account_label", found.account, by, at, label, found.id)

    def _say(
        self,
        connection: Connection,
        act: str,
        user: str,
        by: str,
        at: datetime,
        what: str,
        change: str,
    ) -> None:
        why = f"{what} change:{change}".strip()
        self.record(connection, Happening(act, at, user, by, True, why))

    def _read(self, chosen: Any) -> tuple[GrantChange, ...]:
        with reading(self.engine) as connection:
            return tuple(_change_of(row) for row in connection.execute(chosen))


def difference(before: Rights, after: Rights) -> str:
    """Return what changes, in the codes of the policy: `+role@department -role@department 2>3`."""
    parts = [f"+{g.role}@{g.department}" for g in after.grants if g not in before.grants]
    parts += [f"-{g.role}@{g.department}" for g in before.grants if g not in after.grants]
    if before.clearance != after.clearance:
        parts.append(f"{before.clearance}>{after.clearance}")
    parts += [f"+{one}" for one in after.compartments if one not in before.compartments]
    parts += [f"-{one}" for one in before.compartments if one not in after.compartments]
    return " ".join(parts)


def settled_sentence(connection: Connection, found: GrantChange) -> str:
    """Say what somebody else has done with a change."""
    done = {"approved": "批准", "refused": "不批准", "withdrawn": "撤回", "lapsed": "终止"}
    who = connection.execute(
        select(account.c.name).where(account.c.id == found.settled_by)
    ).scalar_one_or_none()
    return f"这项变更已由{who or '系统'}{done.get(found.state, '处理')}，请刷新后查看"


def _find(connection: Connection, change: str) -> GrantChange | None:
    row = connection.execute(select(grant_change).where(grant_change.c.id == change)).first()
    return None if row is None else _change_of(row)


def _change_of(row: Row[Any]) -> GrantChange:
    def rights(when: str) -> Rights:
        held = getattr(row, f"grants_{when}")
        return Rights(
            tuple(Grant(role=role, department=where) for role, where in held),
            getattr(row, f"clearance_{when}"),
            tuple(getattr(row, f"compartments_{when}")),
        )

    return GrantChange(
        row.n, row.id, row.account_id, rights("before"), rights("after"), row.reason, row.state,
        row.proposed_by, row.proposed_at, row.settled_by, row.settled_at, row.settled_reason,
    )  # fmt: skip


def _row(key: str, user: str, before: Rights, after: Rights) -> dict[str, Any]:
    return {
        "id": key,
        "account_id": user,
        # As it stands, in its order: the store compares it with the account's row.
        "grants_before": [[one.role, one.department] for one in before.grants],
        "grants_after": packed(after.grants),
        "clearance_before": before.clearance,
        "clearance_after": after.clearance,
        "compartments_before": list(before.compartments),
        "compartments_after": list(after.compartments),
        "state": "proposed",
        "settled_by": "",
        "settled_reason": "",
    }


def _keeps_security(connection: Connection, user: str) -> bool:
    row = connection.execute(
        select(account.c.grants).where(account.c.id == user, account.c.disabled_at.is_(None))
    ).first()
    return row is not None and any(role == "secadmin" for role, _ in row.grants)


def _must_keep_security(connection: Connection, user: str) -> None:
    if not _keeps_security(connection, user):
        raise AccountRefused("not_security", "只有安全管理员可以提出和批准权限变更")


def _open_account(connection: Connection, user: str) -> Account:
    row = connection.execute(
        select(account).where(account.c.id == user, account.c.disabled_at.is_(None))
    ).first()
    if row is None:
        raise AccountRefused("no_such_account", "没有这个账号，或账号已停用")
    return account_of(row._mapping)
