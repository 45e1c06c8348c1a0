"""Delegations for the pages over the web store, each change and refusal an entry of `sys:auth`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, select, update

from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from cases import delegations
from cases.accounts import Account, Accounts, account_of
from cases.database import reading
from cases.delegations import NotOpen
from cases.deputies import Delegation, Deputyship, Why
from cases.messages import Actor, Grant
from cases.web_tables import account, session
from forms.deputy_ports import Colleague, Findings, InName, Proposal, ShownDelegation
from policies.delegation import PERSONAL, Fault, delegation_faults
from policies.vocabulary import ROLES
from yichuang.web_accounts import AUTH_STREAM

GONE = "没有这一项代理，或者已经处理"
Preflight = Callable[[Delegation, Account, Account], Findings]


@dataclass(frozen=True)
class WebDeputies:
    """`forms.deputy_ports.Deputies` over the web store."""

    engine: Engine
    accounts: Accounts
    departments: Callable[[], Mapping[str, str]]
    pseudonym_of: Callable[[str], str]
    preflight: Preflight
    now: Callable[[], datetime]
    zone: str = "Asia/Shanghai"

    # --- in whose name -------------------------------------------------------------------

    def whose(self, own: Actor, session_id: str) -> InName | None:
        at = self.now()
        with reading(self.engine) as connection:
            chosen = connection.execute(
                select(session.c.delegation).where(session.c.id == session_id)
            ).scalar()
            if not chosen:
                return None
            found = delegations.find(connection, chosen)
            if found is None or found.deputy != own.id:
                return None
            counts = delegations.deputyship(connection, chosen, own.id, at)
            other = _account(connection, found.delegator)
        return self._in_name(own, found, counts, other)

    def _in_name(
        self, own: Actor, found: Delegation, counts: Deputyship | None, other: Account | None
    ) -> InName:
        department = other.department if other is not None else ""
        return InName(
            delegation=found.id,
            delegator=found.delegator,
            name=other.name if other is not None else found.delegator,
            department_name=self.departments().get(department, department),
            until=found.ends_at,
            actor=None if counts is None else counts.actor(own, department),
        )

    def names(self, own: Actor) -> Sequence[tuple[str, str]]:
        with reading(self.engine) as connection:
            rows = delegations.of_person(connection, own.id)
        received = [one for one in rows if one.deputy == own.id]
        named = self.accounts.names([one.delegator for one in received])
        return [(one.id, named.get(one.delegator, one.delegator)) for one in received]

    def act(self, own: Actor, ip: str, session_id: str, delegation: str) -> str:
        at = self.now()
        with self.engine.begin() as connection:
            before = connection.execute(
                select(session.c.delegation)
                .where(session.c.id == session_id, session.c.account_id == own.id)
                .where(session.c.revoked_at.is_(None))
            ).scalar()
            if before is None:
                return "登录已经结束，请重新登录"
            fault = ""
            if delegation and delegations.deputyship(connection, delegation, own.id, at) is None:
                fault = "您现在不能以此名义办理：代理未开始、已终止，或者不是给您的"
            else:
                connection.execute(
                    update(session).where(session.c.id == session_id).values(delegation=delegation)
                )
            act = "deputy_begin" if delegation else "deputy_stop"
            if fault or before != delegation:
                about = _known(connection, delegation or before, own)
                self._say(connection, act, own, about, ip, "not_deputy" if fault else "")
        return fault

    # --- delegations ---------------------------------------------------------------------

    def listing(self, own: Actor) -> Sequence[ShownDelegation]:
        at = self.now()
        with reading(self.engine) as connection:
            rows = delegations.of_person(connection, own.id)
            counting = {one.id for one in delegations.deputyships(connection, own.id, at)}
            over = {one.id: why for one, why in delegations.lapsed(connection, at)}
            people = _accounts(connection, {one.delegator for one in rows} | {
                one.deputy for one in rows})  # fmt: skip
        return [self._shown(own, one, people, counting, over, at) for one in rows]

    def find(self, own: Actor, delegation: str) -> ShownDelegation | None:
        at = self.now()
        with reading(self.engine) as connection:
            one = delegations.find(connection, delegation)
            if one is None or own.id not in (one.delegator, one.deputy):
                return None
            counting = {each.id for each in delegations.deputyships(connection, own.id, at)}
            over = {each.id: why for each, why in delegations.lapsed(connection, at)}
            people = _accounts(connection, {one.delegator, one.deputy})
        findings = None
        if one.id not in over and one.phase(at) != "ended":
            findings = self.preflight(one, people[one.delegator], people[one.deputy])
        return self._shown(own, one, people, counting, over, at, findings)

    def _shown(
        self,
        own: Actor,
        one: Delegation,
        people: Mapping[str, Account],
        counting: Collection[str],
        over: Mapping[str, Why],
        at: datetime,
        findings: Findings | None = None,
    ) -> ShownDelegation:
        gave = one.delegator == own.id
        other = people.get(one.deputy if gave else one.delegator)
        why = one.why or over.get(one.id, "")
        return ShownDelegation(
            id=one.id,
            gave=gave,
            other=other.name if other else "",
            other_department=other.department if other else "",
            grants=one.grants,
            reason=one.reason,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            phase="ended" if why else one.phase(at),
            why=why,
            counts=one.id in counting,
            findings=findings,
        )

    def colleagues(self, own: Actor) -> Sequence[Colleague]:
        with reading(self.engine) as connection:
            me = _account(connection, own.id)
            if me is None:
                return ()
            near = {me.department, *(grant.department for grant in me.grants)} - {"", "*"}
            rows = connection.execute(
                select(account)
                .where(account.c.kind == "human", account.c.disabled_at.is_(None))
                .where(account.c.department.in_(sorted(near)), account.c.id != own.id)
                .order_by(account.c.department != me.department, account.c.name)
            ).all()
        return [
            Colleague(one.id, one.name, one.department, one.grants)
            for one in (account_of(row._mapping) for row in rows)
            if not {grant.role for grant in one.grants} & _ALONE
        ]

    def delegable(self, own: Actor) -> Sequence[Grant]:
        with reading(self.engine) as connection:
            me = _account(connection, own.id)
        held = () if me is None else me.grants
        return [
            one
            for one in held
            if one.role not in PERSONAL and one.role in ROLES and "human" in ROLES[one.role].kinds
        ]

    def propose(self, own: Actor, ip: str, asked: Proposal) -> Sequence[str]:
        zone, at = ZoneInfo(self.zone), self.now()
        starts = datetime.combine(asked.first, time(), zone)
        ends = datetime.combine(asked.last + timedelta(days=1), time(), zone)
        new = Delegation(
            str(uuid4()), own.id, asked.deputy, asked.grants, asked.reason, starts, ends, at
        )
        with self.engine.begin() as connection:
            me, other = _account(connection, own.id), _account(connection, asked.deputy)
            faults = self._faults(new, me, other, at)
            if asked.first < at.astimezone(zone).date():
                faults = (*faults, Fault("past", "起日不得早于今天"))
            if not faults:
                delegations.propose(connection, new)
            known = new if other is not None else None
            code = faults[0].code if faults else ""
            self._say(connection, "deputy_propose", own, known, ip, code)
        return [f"{one.reason}（{one.basis}）" if one.basis else one.reason for one in faults]

    def _faults(
        self, one: Delegation, delegator: Account | None, deputy: Account | None, at: datetime
    ) -> tuple[Fault, ...]:
        people = (delegator, deputy)
        if any(who is None or who.disabled_at or who.kind != "human" for who in people):
            return (Fault("no_such_person", "没有这个人，或者账号已经停用"),)
        assert delegator is not None and deputy is not None
        return delegation_faults(
            one.delegator, one.deputy, one.grants, delegator.grants, deputy.grants,
            one.starts_at, one.ends_at, at,
        )  # fmt: skip

    def accept(self, own: Actor, ip: str, delegation: str) -> str:
        at = self.now()
        with self.engine.begin() as connection:
            one = delegations.find(connection, delegation)
            if one is None or one.deputy != own.id:
                self._say(connection, "deputy_accept", own, None, ip, "not_open")
                return GONE
            people = _accounts(connection, {one.delegator, one.deputy})
            faults = self._faults(one, people.get(one.delegator), people.get(one.deputy), at)
            code, fault = "", ""
            if faults:
                code, fault = faults[0].code, "；".join(each.reason for each in faults)
            else:
                try:
                    delegations.accept(connection, delegation, own.id, at)
                except NotOpen:
                    code, fault = "not_open", GONE
            self._say(connection, "deputy_accept", own, one, ip, code)
        return fault

    def end(self, own: Actor, ip: str, delegation: str) -> str:
        at = self.now()
        with self.engine.begin() as connection:
            one = delegations.find(connection, delegation)
            if one is None or own.id not in (one.delegator, one.deputy):
                self._say(connection, "deputy_end", own, None, ip, "not_open")
                return GONE
            gave, accepted = one.delegator == own.id, one.accepted_at is not None
            why: Why = "ended" if accepted else "withdrawn" if gave else "refused"
            code = ""
            try:
                delegations.end(connection, delegation, own.id, at, why)
            except NotOpen:
                code = "not_open"
            self._say(connection, "deputy_end", own, one, ip, code, said=why)
        return GONE if code else ""

    def close_lapsed(self) -> int:
        """End, with an entry each, what time, an account or a grant has ended already."""
        at = self.now()
        with self.engine.begin() as connection:
            found = delegations.lapsed(connection, at)
            for one, why in found:
                delegations.end(connection, one.id, "system", at, why)
                self._write(connection, "deputy_end", Who("system", "system"), one, "", "", why)
        return len(found)

    # --- the log -------------------------------------------------------------------------

    def _say(
        self,
        connection: Connection,
        act: str,
        own: Actor,
        about: Delegation | None,
        ip: str,
        denied: str,
        said: str = "",
    ) -> None:
        behalf = about.delegator if about is not None and about.deputy == own.id else ""
        who = Who(
            self.pseudonym_of(own.id),
            "human",
            org=own.department or None,
            on_behalf=self.pseudonym_of(behalf) if behalf else None,
        )
        self._write(connection, act, who, about, ip, denied, said)

    def _write(
        self,
        connection: Connection,
        act: str,
        who: Who,
        about: Delegation | None,
        ip: str,
        denied: str,
        said: str,
    ) -> None:
        record(
            connection,
            EntryDraft(
                id=str(uuid4()),
                stream=AUTH_STREAM,
                at=self.now(),
                who=who,
                act=act,
                obj=What("delegation", about.id if about is not None else "-", _what(about)),
                res="deny" if denied else "ok",
                why=denied or said or None,
                where=EntryWhere(ip=ip or None, svc="web"),
            ),
        )


_ALONE = frozenset({"sysadmin", "secadmin", "auditadmin"})


def _what(about: Delegation | None) -> str | None:
    """Return what a delegation gives, as its entries say it: roles, first and last moment."""
    if about is None:
        return None
    held = " ".join(sorted(f"{one.role}@{one.department}" for one in about.grants))
    return f"{held} {about.starts_at.isoformat()}/{about.ends_at.isoformat()}"


def _known(connection: Connection, id: str, own: Actor) -> Delegation | None:
    """Return a delegation that is the person's; of another's nothing is said in the log."""
    one = delegations.find(connection, id)
    return one if one is not None and own.id in (one.delegator, one.deputy) else None


def _account(connection: Connection, user: str) -> Account | None:
    return _accounts(connection, {user}).get(user)


def _accounts(connection: Connection, users: Collection[str]) -> dict[str, Account]:
    rows = connection.execute(select(account).where(account.c.id.in_(sorted(users)))).all()
    return {one.id: one for one in (account_of(row._mapping) for row in rows)}
