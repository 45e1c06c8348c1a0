"""Accounts for the pages, each change an entry of stream `sys:auth`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from audit.entry import EntryDraft, What, Who
from audit.entry import Where as EntryWhere
from audit.outbox import record
from cases.accounts import Account, AccountRefused, Accounts, Happening, Recorder
from cases.messages import Actor
from forms.account_ports import AccountRow
from forms.entrance_ports import SignInRefused, Visitor

AUTH_STREAM = "sys:auth"

Kinds = Literal["human", "service"]


def recorder(pseudonym_of: Callable[[str], str], new_id: Callable[[], str]) -> Recorder:
    """Return what writes a happening into the open transaction of the web store.

    `pseudonym_of` names an account in the log; `new_id` makes an entry id (a sign-in has no
    command that could be retried).
    """

    def write(connection: Connection, happening: Happening) -> None:
        who = Who(pseudonym_of(happening.by), "human") if happening.by else Who("unknown", "human")
        record(
            connection,
            EntryDraft(
                id=new_id(),
                stream=AUTH_STREAM,
                at=happening.at,
                who=who,
                act=happening.act,
                obj=What("account", pseudonym_of(happening.account) if happening.account else "-"),
                res="ok" if happening.ok else "deny",
                why=happening.why or None,
                where=EntryWhere(ip=happening.place.address or None, svc="web"),
            ),
        )

    return write


@dataclass(frozen=True)
class WebAccounts:
    """`forms.account_ports.Accounts` over the web store."""

    accounts: Accounts
    now: Callable[[], datetime]

    def service(self, token: str) -> Actor | None:
        return self.accounts.service(token, self.now())

    def rotate(self, by: Visitor, account: str) -> str | SignInRefused:
        def rotate() -> str:
            return self.accounts.rotate_token(account, by.actor.id, self.now())

        return self._made(rotate, by, "token_rotated", account)

    def set_key(self, by: Visitor, account: str, key: str) -> SignInRefused | None:
        def register() -> None:
            self.accounts.set_key(account, key, by.actor.id, self.now())

        return self._done(register, by, "service_key", account)

    def listing(self) -> Sequence[AccountRow]:
        return [_row(one) for one in self.accounts.listing() if one.kind != "citizen"]

    def row(self, account: str) -> AccountRow | None:
        found = self.accounts.find(account)
        return None if found is None or found.kind == "citizen" else _row(found)

    def create(
        self, by: Visitor, login: str, name: str, department: str, kind: str
    ) -> str | SignInRefused:
        chosen: Kinds = "service" if kind == "service" else "human"

        def make() -> str:
            return self.accounts.create_account(
                login, name, department, at=self.now(), by=by.actor.id, kind=chosen
            )[1]

        return self._made(make, by, "account_create", "")

    def renew(self, by: Visitor, account: str) -> str | SignInRefused:
        def renew() -> str:
            return self.accounts.renew(account, by.actor.id, self.now())

        return self._made(renew, by, "account_renew", account)

    def close(self, by: Visitor, account: str) -> SignInRefused | None:
        def close() -> None:
            self.accounts.close(account, by.actor.id, self.now())

        return self._done(close, by, "account_close", account)

    def _made(
        self, change: Callable[[], str], by: Visitor, act: str, account: str
    ) -> str | SignInRefused:
        try:
            return change()
        except AccountRefused as refused:
            # Of an account that is not there nothing is said: its name came out of an address.
            known = account if self.accounts.find(account) else ""
            self.accounts.note_refusal(act, known, by.actor.id, self.now(), refused.code)
            return SignInRefused(refused.reason)

    def _done(
        self, change: Callable[[], None], by: Visitor, act: str, account: str
    ) -> SignInRefused | None:
        def changed() -> str:
            change()
            return ""

        found = self._made(changed, by, act, account)
        return found if isinstance(found, SignInRefused) else None


def _row(one: Account) -> AccountRow:
    return AccountRow(
        id=one.id,
        login=one.login,
        name=one.name,
        department=one.department,
        grants=one.grants,
        kind="service" if one.kind == "service" else "human",
        state=_state(one),
        last_sign_in=one.last_sign_in_at,
        clearance=one.clearance,
        compartments=one.compartments,
        created_at=one.created_at,
        valid_until=one.valid_until,
        nkey=one.nkey,
        token_until=one.token_until,
    )


def _state(one: Account) -> Literal["enrolment", "active", "closed", "expired", "asleep"]:
    if one.disabled_at is None:
        return "active" if one.enrolled else "enrolment"
    if one.disabled_why == "expired":
        return "expired"
    return "asleep" if one.disabled_why == "asleep" else "closed"
