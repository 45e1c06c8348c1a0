"""Rights of accounts for the pages, over the register of changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cases.accounts import Account, AccountRefused, Accounts
from cases.grant_changes import GrantChange, GrantChanges, Rights
from catalogue.city import City
from forms.account_ports import Change, Holding
from forms.entrance_ports import Visitor
from policies.policy import Policy
from yichuang.grant_gate import judged


@dataclass(frozen=True)
class WebGrants:
    """`forms.account_ports.Granting` over the web store."""

    changes: GrantChanges
    accounts: Accounts
    city: Callable[[], City]
    policy: Callable[[], Policy | None]
    now: Callable[[], datetime]

    def compartments(self) -> Mapping[str, str]:
        return {one.code: one.name for one in self.city().compartments}

    def holding(self, account: str) -> Holding | None:
        found = self.accounts.find(account)
        return None if found is None else _holding(Rights.of(found))

    def propose(self, by: Visitor, account: str, after: Holding, reason: str) -> str:
        wanted = Rights(after.grants, after.clearance, after.compartments)

        def propose() -> None:
            self.changes.propose(account, wanted, reason, by.actor.id, self.now())

        return self._done(propose, by, "grant_proposed", account)

    def approve(self, by: Visitor, change: str) -> str:
        def approve() -> None:
            self.changes.approve(change, by.actor.id, self.now())

        return self._done(approve, by, "account_grant", self._about(change))

    def refuse(self, by: Visitor, change: str, reason: str) -> str:
        def refuse() -> None:
            self.changes.refuse(change, reason, by.actor.id, self.now())

        return self._done(refuse, by, "grant_refused", self._about(change))

    def withdraw(self, by: Visitor, change: str) -> str:
        def withdraw() -> None:
            self.changes.withdraw(change, by.actor.id, self.now())

        return self._done(withdraw, by, "grant_withdrawn", self._about(change))

    def find(self, change: str) -> Change | None:
        found = self.changes.find(change)
        return None if found is None else self._shown([found])[0]

    def waiting(self) -> Sequence[Change]:
        return self._shown(self.changes.waiting())

    def settled(self) -> Sequence[Change]:
        return self._shown(self.changes.settled())

    def history(self, account: str) -> Sequence[Change]:
        return self._shown(self.changes.of_account(account))

    def _about(self, change: str) -> str:
        found = self.changes.find(change)
        return "" if found is None else found.account

    def _done(self, change: Callable[[], None], by: Visitor, act: str, account: str) -> str:
        try:
            if by.actor.on_behalf:
                raise AccountRefused("as_deputy", "代理人不得办理权限变更，请以本人身份办理")
            change()
        except AccountRefused as refused:
            # Of an account that is not there nothing is said: its name came out of an address.
            known = account if self.accounts.find(account) else ""
            self.accounts.note_refusal(act, known, by.actor.id, self.now(), refused.code)
            return refused.reason
        return ""

    def _shown(self, found: Sequence[GrantChange]) -> Sequence[Change]:
        people = {who for one in found for who in (one.proposed_by, one.settled_by) if who}
        names = self.accounts.names(sorted(people))
        holders = {key: self.accounts.find(key) for key in {one.account for one in found}}
        return [self._one(one, names, holders[one.account]) for one in found]

    def _one(self, one: GrantChange, names: Mapping[str, str], holder: Account | None) -> Change:
        assert holder is not None  # an account is never deleted
        faults: tuple[str, ...] = ()
        notes: tuple[str, ...] = ()
        if one.state == "proposed":
            faults = tuple(self.changes.gate(holder, one.after))
            told = judged(holder, one.after, self.policy())
            notes = tuple(fault.sentence for fault in told if not fault.blocking)
        return Change(
            id=one.id,
            account=one.account,
            login=holder.login,
            name=holder.name,
            department=holder.department,
            kind="service" if holder.kind == "service" else "human",
            before=_holding(one.before),
            after=_holding(one.after),
            reason=one.reason,
            state=one.state,
            proposed_by=names.get(one.proposed_by, ""),
            proposer=one.proposed_by,
            proposed_at=one.proposed_at,
            settled_by=names.get(one.settled_by, ""),
            settled_at=one.settled_at,
            settled_reason=one.settled_reason,
            faults=faults,
            notes=notes,
        )


def _holding(rights: Rights) -> Holding:
    return Holding(rights.grants, rights.clearance, rights.compartments)
